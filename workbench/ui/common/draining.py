"""A server that is asked to end says so first, so that nobody is sent to it any more, and lets running work finish."""

import time
from collections.abc import Callable


class Draining:
    """Whether this server is being emptied."""

    def __init__(self, busy: Callable[[], bool], seconds: float) -> None:
        """busy: whether a visitor's work runs or waits. seconds: how long to wait for it at most."""
        self._busy, self._seconds = busy, seconds
        self.begun = False

    def __call__(self) -> None:
        """Begin, and return when nothing runs any more or the time is over."""
        self.begun = True
        end = time.monotonic() + self._seconds
        while time.monotonic() < end and self._busy():
            time.sleep(0.1)
