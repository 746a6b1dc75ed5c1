"""How many may work at once, and with how much memory: places to wait for. Imports nothing heavy."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from workbench.errors import Busy

PATIENCE = 60.0
"""Seconds that somebody waits for a place."""
LOOK = 0.1
BUSY = "The server is busy with other people's photos"


class Places:
    """A number of places and an amount of memory; whoever works holds one place and its share."""

    def __init__(self, places: int, memory: int) -> None:
        """places: how many may work at once. memory: bytes they may take together; a single larger work is let in
        alone."""
        self._free, self._memory, self._left = places, memory, memory
        self._turn = threading.Condition()
        self._line = 0

    def take(self, size: int = 0, works: bool = True, patience: float = PATIENCE) -> "Place":
        """Wait for a place with `size` bytes; not `works`: for the bytes only. Raises Busy after `patience` seconds."""
        until = time.monotonic() + patience
        with self.in_line():
            while (place := self.try_to_take(size, works)) is None:
                self.check_patience(until)
                with self._turn:
                    self._turn.wait(LOOK)
        return place

    @contextmanager
    def in_line(self) -> Iterator[None]:
        """Whoever is inside waits for a place, and is counted."""
        with self._turn:
            self._line += 1
        try:
            yield
        finally:
            with self._turn:
                self._line -= 1

    def check_patience(self, until: float) -> None:
        """Raises Busy, with how many wait, from `until` on (seconds of `time.monotonic`)."""
        if time.monotonic() > until:
            raise Busy(
                f"{BUSY}: about {self._line} {'is' if self._line == 1 else 'are'} waiting. Try again in a minute."
            )

    def try_to_take(self, size: int = 0, works: bool = True) -> "Place | None":
        """A place, if there is one now."""
        count, size = int(works), min(size, self._memory)
        with self._turn:
            if self._free < count or self._left < size:
                return None
            self._free -= count
            self._left -= size
        return Place(lambda: self._back(count, size))

    def free(self) -> int:
        """How many places nobody holds."""
        return self._free

    def _back(self, count: int, size: int) -> None:
        with self._turn:
            self._free += count
            self._left += size
            self._turn.notify_all()


class Place:
    """One held place. It is given back once, by whoever comes last to its end."""

    def __init__(self, back: Callable[[], None]) -> None:
        """back: gives it back."""
        self._back = back
        self._guard = threading.Lock()
        self._holders = 1

    def share(self) -> None:
        """Somebody more works under this place, such as a thread that may outlive its caller."""
        with self._guard:
            self._holders += 1

    def leave(self) -> None:
        """The caller works no more; the last one gives the place back."""
        with self._guard:
            self._holders -= 1
            last = self._holders == 0
        if last:
            self._back()


HELD: ContextVar[Place | None] = ContextVar("held", default=None)
"""The place under which this call works, so that a thread it starts can hold it to its own end."""
