"""Judgements in an object store or any place that fsspec can write to: S3, a bucket of the Hub, memory for trials.

Such a place has no commits. Its files are written whole and never again, so what the outbox needs holds all the same:
a file is there with its bytes or it is not, and doing a step again changes nothing. Only the parent of a commit is
checked a moment before it, not together with it; a row that two writers bring at once is then there twice under one
label, and every reader of ours takes it once.
"""

import hashlib
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from workbench.errors import SourceUnreachable, StudyError, first_line
from workbench.labeling.hub.hub import HeadMoved, Hub, LocalHub
from workbench.labeling.hub.limited import limited

T = TypeVar("T")
_PLACE = ".place"


def place_at(address: str, *, token: str = "", seconds: float = 60.0) -> Hub:
    """The place at an address: file:///folder, s3://bucket/folder, hf://buckets/owner/name, memory://name, or whatever
    else fsspec has a module for. Raises StudyError for an address that is none.

    S3 goes through pyarrow, with the credentials and the endpoint of the environment (AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL). token: for hf://.
    """
    split = urlsplit(address)
    if split.scheme == "file":
        return LocalHub(Path(unquote(split.path)))
    if not split.scheme or not (split.netloc or split.path.strip("/")):
        raise StudyError(
            f"WORKBENCH_LABELS_URL: expected an address as s3://bucket/folder or file:///folder, got {address[:80]!r}."
        )
    return StoreHub(*_opened(address, token), f"{split.scheme}://{split.hostname or ''}{split.path}", seconds)


def _opened(address: str, token: str) -> tuple[Any, str]:
    """(fsspec file system, folder in it)."""
    import fsspec

    scheme = urlsplit(address).scheme
    try:
        if scheme == "s3":
            from fsspec.implementations.arrow import ArrowFSWrapper
            from pyarrow.fs import FileSystem

            inner, folder = FileSystem.from_uri(address)
            return ArrowFSWrapper(inner), folder
        options = {"token": token or None} if scheme == "hf" else {}
        filesystem, folder = fsspec.core.url_to_fs(address, **options)
    except (ValueError, ImportError, OSError) as error:
        told = first_line(error, 160)
        raise StudyError(f"WORKBENCH_LABELS_URL: {scheme}:// cannot be opened here: {told}.") from error
    return filesystem, folder


class StoreHub:
    """A folder of an fsspec file system as a Hub."""

    def __init__(self, filesystem: Any, folder: str, name: str, seconds: float = 60.0) -> None:
        """name: its address without secrets. seconds: a call that takes longer counts as failed."""
        self._files, self._folder, self.name, self._seconds = filesystem, folder.rstrip("/"), name, seconds

    @property
    def place(self) -> str:
        """A random name that lies there: whoever reads the same one shares it."""

        def work() -> str:
            if not self._there(_PLACE):
                self._write(_PLACE, secrets.token_hex(8).encode())
            return bytes(self._files.cat_file(self._path(_PLACE))).decode()

        return self._call("place", work)

    def ensure(self) -> None:
        """See that it answers. Buckets are made by their owner; folders need no making."""
        self._call("open", lambda: self._there(_PLACE))

    def holds(self, files: Mapping[str, bytes]) -> set[str]:
        """Which of these files are there with these bytes, read back."""

        def work() -> set[str]:
            self._files.invalidate_cache()
            return {path for path, data in files.items() if self._read(path) == data}

        return self._call("read back", work)

    def listing(self, folder: str) -> list[str]:
        """Paths below a folder."""
        return sorted(path for path in self._sizes(folder.strip("./")))

    def read(self, folder: str, paths: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """These files of a folder, one after the other."""
        for path in sorted(paths):
            data = self._call("read", lambda path=path: self._read(path))  # type: ignore[misc]
            if data is None:
                raise SourceUnreachable(f"{path} is not on {self.name} any more.")
            yield path, data

    def look(self) -> tuple[str, list[str]]:
        """A digest over the paths and sizes there are, and the paths."""
        sizes = self._sizes("")
        return hashlib.sha1(repr(sorted(sizes.items())).encode(), usedforsecurity=False).hexdigest(), sorted(sizes)

    def commit(self, add: Mapping[str, bytes], delete: Sequence[str], message: str, parent: str) -> str:
        """Write each file whole, then delete; a retry writes the same files again."""
        if parent and parent != self.look()[0]:
            raise HeadMoved(f"{self.name} changed meanwhile; trying again.")

        def work() -> None:
            for path, data in add.items():
                self._write(path, data)
            for path in delete:
                if self._there(path):
                    self._files.rm_file(self._path(path))

        self._call("write", work)
        return self.look()[0]

    def squash(self, message: str) -> None:
        """There is no history here, unless the bucket keeps versions; that is its owner's to turn off."""

    def _sizes(self, folder: str) -> dict[str, int]:
        """Path → size of every file below a folder, hidden ones left out."""

        def work() -> dict[str, int]:
            self._files.invalidate_cache()
            root = self._path(folder)
            try:
                found: dict[str, Any] = self._files.find(root, detail=True)
            except FileNotFoundError:
                return {}
            start = len(self._folder) + 1
            files = {name: entry for name, entry in found.items() if entry.get("type") == "file"}
            named = {str(name)[start:]: int(entry.get("size") or 0) for name, entry in files.items()}
            return {path: size for path, size in named.items() if not path.rsplit("/", 1)[-1].startswith(".")}

        return self._call("list", work)

    def _path(self, path: str) -> str:
        return f"{self._folder}/{path}" if path else self._folder

    def _there(self, path: str) -> bool:
        return bool(self._files.exists(self._path(path)))

    def _read(self, path: str) -> bytes | None:
        try:
            return bytes(self._files.cat_file(self._path(path)))
        except FileNotFoundError:
            return None

    def _write(self, path: str, data: bytes) -> None:
        place = self._path(path)
        try:
            self._files.pipe_file(place, data)
        except FileNotFoundError:  # unlike an object store, it has folders that must be made
            self._files.makedirs(place.rsplit("/", 1)[0], exist_ok=True)
            self._files.pipe_file(place, data)

    def _call(self, what: str, work: Callable[[], T]) -> T:
        """`work()` with a time limit, whatever its module raises told in a sentence."""
        late = f"{self.name} did not answer ({what}) within {self._seconds:g} s."

        def told(error: BaseException) -> SourceUnreachable:
            return SourceUnreachable(f"{self.name} refused ({what}): {first_line(error)}.")

        return limited(work, self._seconds, f"labeling-store-{what}", late, told)
