"""Which photo a row was made from: its size, its times and its content, so that a replaced photo is done again."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import BadRequest


@dataclass(frozen=True, slots=True)
class Stamp:
    """A photo as it was when its rows were made, and how many rows those are.

    changed: times of the last change of content and of the file's entry, nanoseconds. digest: the first 16 hex digits
    of the content's sha256, "" when it could not be read.
    """

    size: int
    changed: str
    digest: str
    rows: int = 1

    @classmethod
    def read(cls, text: str) -> "Stamp":
        """From its cell. Raises BadRequest."""
        words = text.split(" ")
        if len(words) != 4 or not words[0].isdecimal() or not words[3].isdecimal():
            raise BadRequest(f"Expected a stamp of four words, got {text[:60]!r}.")
        return cls(int(words[0]), words[1], "" if words[2] == "-" else words[2], int(words[3]))

    def __str__(self) -> str:
        return f"{self.size} {self.changed} {self.digest or '-'} {self.rows}"

    def fits(self, path: Path) -> bool:
        """Whether the file is still that photo: size and times are equal, or else size and content."""
        size, changed = looks(path)
        if (size, changed) == (self.size, self.changed):
            return True
        return bool(self.digest) and size == self.size and digest_of(path) == self.digest


def looks(path: Path) -> tuple[int, str]:
    """Size and times of a file; (0, "0-0") when it is gone."""
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        return 0, "0-0"
    return state.st_size, f"{state.st_mtime_ns:x}-{state.st_ctime_ns:x}"


def digest(data: bytes) -> str:
    """The first 16 hex digits of sha256."""
    return hashlib.sha256(data).hexdigest()[:16]


def digest_of(path: Path) -> str:
    """The same of a file; "" when it cannot be read."""
    try:
        with path.open("rb") as stream:
            found = hashlib.sha256()
            while chunk := stream.read(1 << 20):
                found.update(chunk)
            return found.hexdigest()[:16]
    except OSError:
        return ""
