"""How many may work at once, and with how much memory: places to wait for. Imports nothing heavy."""

import threading
import time
from collections.abc import Callable
from contextvars import ContextVar

from workbench.errors import Busy

PATIENCE = 60.0
"""Seconds that somebody waits for a place."""
LOOK = 0.1


class Places:
    """A number of places and an amount of memory; whoever works holds one place and its share."""

    def __init__(self, places: int, memory: int) -> None:
        """places: how many may work at once. memory: bytes they may take together; a single larger work is let in
        alone."""
        self._free, self._memory, self._left = places, memory, memory
        self._turn = threading.Condition()

    def take(self, size: int = 0, stopped: Callable[[], bool] = lambda: False, patience: float = PATIENCE) -> "Place":
        """Wait for a place with `size` bytes. Raises Busy after `patience` seconds, or when `stopped` says so."""
        size, until = min(size, self._memory), time.monotonic() + patience
        with self._turn:
            while not self._free or size > self._left:
                if stopped() or time.monotonic() > until:
                    raise Busy("The server is busy with other people's photos. Try again in a minute.")
                self._turn.wait(LOOK)
            self._free -= 1
            self._left -= size
        return Place(self, size)

    def free(self) -> int:
        """How many places nobody holds."""
        return self._free

    def _back(self, size: int) -> None:
        with self._turn:
            self._free += 1
            self._left += size
            self._turn.notify_all()


class Place:
    """One held place. It is given back once, by whoever comes last to its end."""

    def __init__(self, places: Places, size: int) -> None:
        self._places, self._size = places, size
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
            self._places._back(self._size)


HELD: ContextVar[Place | None] = ContextVar("held", default=None)
"""The place under which this call works, so that a thread it starts can hold it to its own end."""
