"""Files that are whole or absent, one writer at a time, and a disk that cannot be written, said in words."""

import errno
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from workbench.errors import BadRequest, CannotWrite

_STOPPING = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}
"""What the next photo would meet as well: the run ends. A name that is too long is the fault of one photo."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a disk that is full, read-only or broken into CannotWrite, which ends a run; other faults pass as they
    are."""
    try:
        yield
    except OSError as error:
        if error.errno in _STOPPING:
            raise CannotWrite(
                f"{shown(path)} cannot be written: {(error.strerror or str(error)).lower()}. What was finished is "
                "kept; make room or choose another --out, and the same command goes on."
            ) from error
        raise


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a killed run leaves either all of it or nothing, and a failed one no part of it.

    Raises CannotWrite when the disk is full or read-only.
    """
    part = path.with_name(f".{uuid.uuid4().hex}.part")  # several machines may write into one folder
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(data)
            os.replace(part, path)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise


def make_folder(path: Path) -> None:
    """Make a folder for results, one with a dot in its name too: what is not there cannot be told from a file. Raises
    CannotWrite."""
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Be the only run that writes `path`, a file or a folder. Raises BadRequest when another one does."""
    place = lock_of(path)
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(place, timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise BadRequest(
                f"Another run is writing into {shown(path)}. Wait until it ends, or choose another --out."
            ) from error
    try:
        yield
    finally:
        lock.release()


def lock_of(path: Path) -> Path:
    """The lock beside what it guards: inside a folder, next to a file."""
    return path / ".lock" if path.is_dir() or not path.suffix else path.with_name(f".{path.name}.lock")


def shown(path: Path | str) -> str:
    """A path as it can be printed on any terminal: bytes that are no UTF-8 as \\xNN."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


class Steady:
    """A file that is only appended to, flushed at each write and put on the disk at most once in `every` seconds."""

    def __init__(self, path: Path, every: float = 1.0) -> None:
        """path: made when it is not there."""
        self._path, self._every, self._guard, self._synced = path, every, threading.Lock(), 0.0
        with writing(path):
            self._stream = path.open("ab", buffering=0)

    def add(self, data: bytes) -> None:
        """Append all of it, or, where the disk is full, nothing. Raises CannotWrite."""
        with self._guard, writing(self._path):
            start = os.fstat(self._stream.fileno()).st_size
            try:
                done = 0
                while done < len(data):
                    done += self._stream.write(data[done:]) or 0
            except OSError:
                self._stream.truncate(start)
                raise
            if time.monotonic() - self._synced > self._every:
                os.fsync(self._stream.fileno())
                self._synced = time.monotonic()

    def close(self) -> None:
        """Put everything on the disk."""
        with suppress(OSError):
            os.fsync(self._stream.fileno())
        self._stream.close()
