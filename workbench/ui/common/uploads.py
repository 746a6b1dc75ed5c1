"""Photos people upload live in one folder and are deleted an hour later, also those of a process that was killed.

Knows nothing of what is in them.
"""

import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from workbench.settings import Settings


def folder(settings: Settings) -> Path:
    """Where uploads and results wait to be shown or downloaded; made private to this user."""
    path = settings.cache / "uploads"
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def sweep(path: Path, lifetime: float, now: Callable[[], float] = time.time) -> int:
    """Delete everything below `path` that was last written more than `lifetime` seconds ago. Returns how many files
    went."""
    limit, gone = now() - lifetime, 0
    for root, folders, files in os.walk(path, topdown=False):
        for name in files:
            file = Path(root) / name
            try:
                if file.lstat().st_mtime < limit:
                    file.unlink()
                    gone += 1
            except FileNotFoundError:
                continue
        for name in folders:
            if not any((Path(root) / name).iterdir()):
                shutil.rmtree(Path(root) / name, ignore_errors=True)
    return gone


def keep_swept(settings: Settings, every: float = 300.0) -> threading.Thread:
    """Sweep now and then every `every` seconds, in a daemon thread, until the process ends."""
    path = folder(settings)

    def loop() -> None:
        while True:
            sweep(path, settings.photo_lifetime)
            time.sleep(min(every, settings.photo_lifetime / 4))

    thread = threading.Thread(target=loop, name="sweep-uploads", daemon=True)
    thread.start()
    return thread
