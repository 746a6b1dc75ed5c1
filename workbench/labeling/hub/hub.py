"""Where judgements go for good: a data set on the Hugging Face Hub, or a folder that behaves like one for work without
a network.

Both are written only by whole commits of whole files, and both can say which files they hold, byte for byte: that, not
a status code, decides whether a commit happened.
"""

import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeVar

from filelock import FileLock

from workbench.errors import SourceUnreachable, StudyError, first_line
from workbench.labeling.hub.limited import limited

T = TypeVar("T")
_SCRATCH = ".part-"
_AT_ONCE = 64
"""Files of the Hub that are held in memory together."""


class HeadMoved(SourceUnreachable):
    """Somebody else committed in between: look again and try again, at once."""


class Hub(Protocol):
    """What an outbox needs of a place to keep judgements. Every method raises SourceUnreachable when it did not work
    (yet)."""

    name: str

    @property
    def place(self) -> str:
        """The same at two servers only if they push to the same place."""

    def ensure(self) -> None:
        """Make the place if it is not there."""

    def holds(self, files: Mapping[str, bytes]) -> set[str]:
        """Which of these paths are there with exactly these bytes."""

    def listing(self, folder: str) -> list[str]:
        """All paths below a folder; empty when there is none."""

    def read(self, folder: str, paths: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """These files of a folder."""

    def look(self) -> tuple[str, list[str]]:
        """The id of the last commit and all paths as they are in it (or later)."""

    def commit(self, add: Mapping[str, bytes], delete: Sequence[str], message: str, parent: str) -> str:
        """Add and delete files in one step, only if `parent` is still the last commit ("": in any case); returns the
        new one's id."""

    def squash(self, message: str) -> None:
        """Forget every earlier state, so that what was deleted is gone from the history too."""


def blob_id(data: bytes) -> str:
    """The name git gives these bytes."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


class LocalHub:
    """A folder as a Hub: shipped, for work without a network and for a mounted bucket."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made on first use."""
        self.folder = folder
        self.name = str(folder)

    @property
    def place(self) -> str:
        """A random name that lies in the folder: whoever reads the same one shares it, over volumes and mounts too."""
        note = self.folder / ".place"

        def work() -> str:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / ".lock"):
                if not note.is_file():
                    note.write_text(secrets.token_hex(8), encoding="utf-8")
                return note.read_text(encoding="utf-8")

        return self._try(work)

    def ensure(self) -> None:
        """Make the folder, and clear away what a killed process had half written."""

        def work() -> None:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / ".lock"):
                for scratch in self.folder.rglob(f"{_SCRATCH}*"):
                    scratch.unlink(missing_ok=True)

        self._try(work)

    def holds(self, files: Mapping[str, bytes]) -> set[str]:
        """Which of these files are there with these bytes."""
        return {
            path for path, data in files.items() if self._file(path).is_file() and self._file(path).read_bytes() == data
        }

    def listing(self, folder: str) -> list[str]:
        """Paths below a folder."""
        found = (self.folder / folder).rglob("*") if (self.folder / folder).is_dir() else []
        return sorted(
            path.relative_to(self.folder).as_posix()
            for path in found
            if path.is_file() and not path.name.startswith(".")
        )

    def read(self, folder: str, paths: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """These files of a folder."""
        for path in sorted(paths):
            yield path, self._try(self._file(path).read_bytes)

    def look(self) -> tuple[str, list[str]]:
        """A digest over the list of commits, and the paths there are."""
        return self._head(), self.listing(".")

    def _head(self) -> str:
        path = self.folder / ".commits"
        return hashlib.sha1(path.read_bytes() if path.is_file() else b"", usedforsecurity=False).hexdigest()

    def commit(self, add: Mapping[str, bytes], delete: Sequence[str], message: str, parent: str) -> str:
        """Write each file in one rename, then delete, then note the commit."""

        def work() -> str:
            with FileLock(self.folder / ".lock"):
                if parent and parent != self._head():
                    raise HeadMoved(f"{self.folder} changed meanwhile; trying again.")
                for path, data in add.items():
                    write_whole(self._file(path), data)
                for path in delete:
                    self._file(path).unlink(missing_ok=True)
                with (self.folder / ".commits").open("a", encoding="utf-8") as stream:
                    line = {"parent": parent, "message": message, "add": sorted(add), "delete": sorted(delete)}
                    stream.write(json.dumps(line) + "\n")
                return self._head()

        return self._try(work)

    def squash(self, message: str) -> None:
        """Empty the list of commits."""
        self._try(lambda: write_whole(self.folder / ".commits", (json.dumps({"message": message}) + "\n").encode()))

    def _file(self, path: str) -> Path:
        return self.folder / path

    def _try(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except OSError as error:
            raise SourceUnreachable(f"{self.folder} cannot be written: {error.strerror}.") from error


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is either there whole, also after a power cut, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=_SCRATCH)
    with os.fdopen(handle, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(scratch, path)


class HuggingFaceHub:
    """A data set on the Hugging Face Hub."""

    def __init__(
        self, dataset: str, token: str, *, endpoint: str = "", seconds: float = 45.0, private: bool = True
    ) -> None:
        """dataset: "owner/name". token: one that may write to it. seconds: a call that takes longer counts as failed.

        Raises StudyError when there is no token or the name is not owner/name.
        """
        if dataset.count("/") != 1 or not token:
            raise StudyError(
                "Pushing judgements needs WORKBENCH_HUB_DATASET=owner/name and a token in HF_TOKEN that may write to it."  # noqa: E501
            )
        from huggingface_hub import HfApi

        self.name = self.place = dataset
        self._api = HfApi(endpoint=endpoint or None, token=token)
        self._seconds, self._private = seconds, private

    def ensure(self) -> None:
        """Create the data set (private) unless it exists."""
        self._call(
            "create",
            lambda: self._api.create_repo(self.name, repo_type="dataset", private=self._private, exist_ok=True),
        )

    def holds(self, files: Mapping[str, bytes]) -> set[str]:
        """Which of these files the Hub lists with these bytes' hash."""
        found = (
            self._call("list", lambda: self._api.get_paths_info(self.name, list(files), repo_type="dataset"))
            if files
            else []
        )
        listed: list[Any] = [entry for entry in found if hasattr(entry, "blob_id")]
        digests = {entry.path: entry.lfs.sha256 if entry.lfs else entry.blob_id for entry in listed}
        return {
            path
            for path, data in files.items()
            if digests.get(path) in (blob_id(data), hashlib.sha256(data).hexdigest())
        }

    def listing(self, folder: str) -> list[str]:
        """Paths below a folder."""
        from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError

        def work() -> list[str]:
            try:
                tree = self._api.list_repo_tree(self.name, folder, recursive=True, repo_type="dataset")
                return sorted(entry.path for entry in tree if hasattr(entry, "blob_id"))
            except (EntryNotFoundError, RepositoryNotFoundError):
                return []

        return self._call("list", work)

    def read(self, folder: str, paths: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """These files of a folder, brought here several at a time and into memory only: a process that is killed while
        it reads leaves no judgement on the disk."""
        wanted = sorted(paths)
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]

            def pull(some: list[str] = some) -> list[bytes]:
                with ThreadPoolExecutor(4, thread_name_prefix="labeling-hub-read") as pool:
                    return list(pool.map(self._bytes, some))

            yield from zip(some, self._call("download", pull, 10 * self._seconds), strict=True)

    def _bytes(self, path: str) -> bytes:
        """One file as it is on the Hub now."""
        from huggingface_hub import hf_hub_url
        from huggingface_hub.utils import (  # type: ignore[attr-defined]
            build_hf_headers,
            hf_raise_for_status,
            http_backoff,
        )

        address = hf_hub_url(self.name, path, repo_type="dataset", endpoint=self._api.endpoint)
        headers = build_hf_headers(token=self._api.token)
        answer = http_backoff("GET", address, headers=headers, timeout=self._seconds, follow_redirects=True)
        hf_raise_for_status(answer)
        data: bytes = answer.content
        return data

    def look(self) -> tuple[str, list[str]]:
        """The sha of the last commit and its paths, in one request."""
        found: Any = self._call("look", lambda: self._api.repo_info(self.name, repo_type="dataset"))
        return str(found.sha), sorted(file.rfilename for file in found.siblings or [])

    def commit(self, add: Mapping[str, bytes], delete: Sequence[str], message: str, parent: str) -> str:
        """One commit; files that are there already with these bytes are left out by the client."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        operations: list[Any] = [CommitOperationAdd(path, data) for path, data in add.items()]
        operations += [CommitOperationDelete(path) for path in delete]
        create = self._api.create_commit
        done = self._call(
            "commit",
            lambda: create(
                self.name, operations, commit_message=message, repo_type="dataset", parent_commit=parent or None
            ),
        )
        return str(done.oid)

    def squash(self, message: str) -> None:
        """Squash the history, then delete the large files that no remaining file points to."""
        self._call(
            "squash", lambda: self._api.super_squash_history(self.name, repo_type="dataset", commit_message=message)
        )

        def purge() -> None:
            tree = self._api.list_repo_tree(self.name, recursive=True, repo_type="dataset")
            large: list[Any] = [getattr(entry, "lfs", None) for entry in tree]
            kept = {file.sha256 for file in large if file is not None}
            gone = [
                file for file in self._api.list_lfs_files(self.name, repo_type="dataset") if file.file_oid not in kept
            ]
            if gone:
                self._api.permanently_delete_lfs_files(self.name, gone, rewrite_history=False, repo_type="dataset")

        self._call("purge", purge)

    def _call(self, what: str, work: Callable[[], T], seconds: float = 0.0) -> T:
        """`work()` with a time limit (the client has none of its own), its failures told in a sentence."""
        seconds = seconds or self._seconds
        late = f"The Hub did not answer ({what}, {self.name}) within {seconds:g} s."
        return limited(work, seconds, f"labeling-hub-{what}", late, lambda error: self._told(what, error))

    def _told(self, what: str, error: BaseException) -> SourceUnreachable:
        status = getattr(getattr(error, "response", None), "status_code", None)
        hint = {
            401: "The token is not valid.",
            403: "The token may not write to this data set.",
            404: "There is no such data set.",
        }
        detail = hint.get(status or 0) or getattr(error, "server_message", None) or first_line(error)
        kind = HeadMoved if status in (409, 412) else SourceUnreachable
        return kind(f"The Hub refused ({what}, {self.name}{f', status {status}' if status else ''}): {detail}")
