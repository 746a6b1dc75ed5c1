"""What the Hub's double holds and what goes wrong there: repositories with their commits, and faults on request."""

import hashlib
import random
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Fault:
    """What goes wrong at the next request of a kind ("commit", "preupload", "tree", "resolve", "create", "any").

    status: answer this instead. stall: wait so many seconds first. drop_after: do it, then cut the connection without
    an answer. drop_before: cut it and do nothing.
    """

    kind: str
    status: int = 0
    stall: float = 0.0
    drop_after: bool = False
    drop_before: bool = False


@dataclass
class Repo:
    """One repository: its files, and every commit with the files it left."""

    kind: str
    name: str
    files: dict[str, bytes] = field(default_factory=dict)
    lfs: set[str] = field(default_factory=set)
    commits: list[dict[str, Any]] = field(default_factory=list)

    @property
    def head(self) -> str:
        """The last commit's id."""
        return self.commits[-1]["oid"] if self.commits else "0" * 40

    def commit(self, message: str) -> str:
        """Note the files as they are."""
        oid = hashlib.sha1(f"{self.head}{message}{time.time_ns()}{random.random()}".encode()).hexdigest()
        self.commits.append({"oid": oid, "message": message, "files": dict(self.files), "at": time.time()})
        return oid

    def entry(self, path: str) -> dict[str, Any]:
        """A file as `tree` and `paths-info` list it."""
        data = self.files[path]
        row: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": blob_id(data)}
        if path in self.lfs:
            row["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
        return row


def blob_id(data: bytes) -> str:
    """The git blob sha1."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
