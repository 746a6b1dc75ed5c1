"""Who the owner is: a token that is made once, compared in constant time, and cannot be tried without end."""

import hmac
import logging
import math
import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock

from workbench.errors import NotAllowed, StudyError
from workbench.settings import Settings

log = logging.getLogger("workbench")
SHORTEST = 16
"""Fewest characters of an owner's token, of which at least half must differ."""
REFUSAL = (
    "The owner's view needs the owner's token (WORKBENCH_OWNER_TOKEN, or the file owner.token in the data folder)."
)
_FREE, _LONGEST_WAIT, _FORGET = 5, 60.0, 900.0
_MOST_CALLERS = 10_000


def owner_token(settings: Settings) -> str:
    """The owner's token: WORKBENCH_OWNER_TOKEN, else one made once and kept in the data folder, for this user only.

    Raises StudyError when the variable's is too short or too plain, and when the file can neither be read nor written.
    """
    where, token = "WORKBENCH_OWNER_TOKEN", settings.owner_token
    if not token:
        where, token = "owner.token", kept_secret(settings.data / "owner.token", lambda: secrets.token_urlsafe(24))
    if len(token) < SHORTEST or len(set(token)) < SHORTEST // 2:
        raise StudyError(
            f"{where}: expected at least {SHORTEST} characters, {SHORTEST // 2} of them different. Without it a good "
            "one is made."
        )
    return token


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """The text of a file that is made once: written whole beside it, then linked under its name, so that nobody ever
    reads half of it and of several makers the first one's stands. An empty file, left by a full disk, is as none.

    Raises StudyError when it cannot be read or made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if found := _read(path):
            return found
        with FileLock(path.with_name(f".{path.name}.lock")):
            if not _read(path):
                _write_then_link(path, make())
                log.warning("a new secret is in %s", path)
            return _read(path)
    except OSError as error:
        raise StudyError(
            f"{path.name} cannot be kept in the data folder: {error.strerror or type(error).__name__}."
        ) from error


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def _write_then_link(path: Path, text: str) -> None:
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(scratch, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        path.unlink(missing_ok=True)  # an empty one; the lock is held
        try:
            os.link(scratch, path)
        except FileExistsError:
            pass  # on a disk whose locks do not hold, somebody was quicker
        except OSError:
            os.replace(scratch, path)  # a file system without links
    finally:
        scratch.unlink(missing_ok=True)


class Gate:
    """Lets the owner in. Wrong tokens from one address are answered more and more slowly: after five of them each next
    try has to wait, 1 s, 2 s, 4 s … up to a minute, and until then even the right token is not looked at."""

    def __init__(self, token: str, now: Callable[[], float] = time.monotonic) -> None:
        """token: the owner's; with an empty one nobody is let in. now: seconds, for tests."""
        self._token, self._now = token.encode(), now
        self._tries: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, token: Any, caller: str = "", refusal: str = REFUSAL) -> None:
        """Raises NotAllowed with `refusal` unless `token` is the owner's. caller: the address it came from."""
        with self._lock:
            wrong, last = self._tries.get(caller, (0, -math.inf))
            waited = self._now() - last
            wrong = 0 if waited > _FORGET else wrong
            wait = min(_LONGEST_WAIT, 2.0 ** min(wrong - _FREE, 10)) - waited if wrong >= _FREE else 0.0
            if wait > 0:
                raise NotAllowed(f"Too many wrong tokens from this address. Try again in {math.ceil(wait)} s.")
            if self._token and hmac.compare_digest(_bytes(token), self._token):
                self._tries.pop(caller, None)
                return
            self._tries[caller] = (wrong + 1, self._now())
            self._tries.move_to_end(caller)
            while len(self._tries) > _MOST_CALLERS:
                self._tries.popitem(last=False)
        raise NotAllowed(refusal)


def _bytes(token: Any) -> bytes:
    return token.encode("utf-8", "replace") if isinstance(token, str) else b""
