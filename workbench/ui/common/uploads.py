"""Photos people upload live in one folder and are deleted an hour later, also those of a process that was killed.

Knows nothing of what is in them.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from workbench import memory
from workbench.settings import Settings

log = logging.getLogger("workbench")


def folder(settings: Settings) -> Path:
    """Where uploads and results wait to be shown or downloaded; made private to this user."""
    path = settings.cache / "uploads"
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def sweep(path: Path, lifetime: float, now: Callable[[], float] = time.time) -> tuple[int, int]:
    """Delete what lies below `path` and was last written more than `lifetime` seconds ago; a folder only when nothing
    is in it. Returns how many files went and how many bytes stay.

    Whatever vanishes or refuses meanwhile is left for the next time.
    """
    limit, gone, stay = now() - lifetime, 0, 0
    written: dict[str, float] = {}
    for root, folders, files in os.walk(path, topdown=False):
        written[root] = _written(root)  # before its files go, which counts as writing
        for name in files:
            went, size = _drop_file(os.path.join(root, name), limit)
            gone, stay = gone + went, stay + size
        for name in folders:
            inner = os.path.join(root, name)
            if written.get(inner, limit) < limit:
                _drop_folder(inner)
    return gone, stay


def _written(path: str) -> float:
    try:
        return os.lstat(path).st_mtime
    except OSError:
        return float("inf")


def _drop_file(path: str, limit: float) -> tuple[int, int]:
    """(files deleted, bytes kept) of one file."""
    try:
        state = os.lstat(path)
        if state.st_mtime >= limit:
            return 0, state.st_size
        os.unlink(path)
    except OSError:
        return 0, 0
    return 1, 0


def _drop_folder(path: str) -> None:
    try:
        os.rmdir(path)  # never a tree: a file may have arrived since it was looked at
    except OSError:
        return


class Sweeper:
    """Keeps a folder swept in a daemon thread, and says when it last did and how full the folder is."""

    def __init__(self, path: Path, lifetime: float, every: float = 60.0) -> None:
        """path: the folder. lifetime: seconds a file may stay. every: seconds between two sweeps."""
        self._path, self._lifetime, self.every = path, lifetime, min(every, lifetime / 4)
        self._guard = threading.Lock()
        self._held, self._beat = 0, time.monotonic()

    def start(self) -> "Sweeper":
        """Sweep now and then until the process ends."""
        threading.Thread(target=self._loop, name="sweep-uploads", daemon=True).start()
        return self

    def age(self) -> float:
        """Seconds since the last sweep that came to its end."""
        return time.monotonic() - self._beat

    def alive(self) -> bool:
        """Whether sweeps still come to their end; one may be late."""
        return self.age() < 3 * self.every + 30

    def held(self) -> int:
        """Bytes in the folder: measured at the last sweep, plus what arrived since."""
        return self._held

    def arrived(self, size: int) -> None:
        """Count an upload that the next sweep will measure."""
        with self._guard:
            self._held += size

    def once(self) -> None:
        """One sweep. An error is logged by its type, so that one folder never ends the sweeping."""
        try:
            stay = sweep(self._path, self._lifetime)[1]
        except Exception as error:  # noqa: BLE001 - photos must go an hour later, whatever happened to one of them
            log.error("sweeping the uploads failed: %s", type(error).__name__)
            return
        with self._guard:
            self._held, self._beat = stay, time.monotonic()

    def _loop(self) -> None:
        while True:
            self.once()
            memory.trim()
            time.sleep(self.every)


def keep_swept(settings: Settings, every: float = 60.0) -> Sweeper:
    """A sweeper of the uploads, at work until the process ends."""
    return Sweeper(folder(settings), settings.photo_lifetime, every).start()
