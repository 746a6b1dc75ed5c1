"""Long work beside the screen: it runs in a thread of its own, tells how far it is, and stops when the person presses
Cancel or leaves.

Gradio stops a cancelled event by closing its generator; closing this one raises the flag that the work looks at between
batches. The thread holds the caller's place until it has ended, so that cancelled work never adds to running work.
"""

import atexit
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from workbench.places import HELD
from workbench.ui.common.visitor import VISITOR, visitor
from workbench.watch import CURRENT, Watch

T = TypeVar("T")
TICK = 0.15
"""Seconds between two looks at the work."""


class _Running:
    """Works that go on now, so that a process that ends can stop them first."""

    def __init__(self) -> None:
        self._flags: weakref.WeakKeyDictionary[threading.Thread, threading.Event] = weakref.WeakKeyDictionary()
        self._guard = threading.Lock()

    def add(self, thread: threading.Thread, stop: threading.Event) -> None:
        with self._guard:
            self._flags[thread] = stop

    def count(self) -> int:
        """How many have not ended."""
        return len(self._alive())

    def stop(self, seconds: float) -> None:
        """Ask all to stop, and wait for them this long together."""
        running, until = self._alive(), time.monotonic() + seconds
        for _, flag in running:
            flag.set()
        for thread, _ in running:
            thread.join(max(0.0, until - time.monotonic()))

    def _alive(self) -> list[tuple[threading.Thread, threading.Event]]:
        with self._guard:
            return [(thread, flag) for thread, flag in self._flags.items() if thread.is_alive()]


def in_background(work: Callable[[Watch], T], progress: Any) -> Iterator[T | None]:
    """Yields None while `work` runs, then its result. progress: Gradio's. What `work` raises is raised here.

    When the generator is closed, `work` gets Cancelled at its next look, and nothing of it is kept.
    """
    stop, told = threading.Event(), [(0.0, "")]
    outcome: list[tuple[Any, BaseException | None]] = []
    place, who = HELD.get(), visitor()

    def tell(share: float, word: str) -> None:
        told[0] = (share, word)

    def run() -> None:
        watch = Watch(tell, stop.is_set)
        CURRENT.set(watch)
        VISITOR.set(who)
        try:
            outcome.append((work(watch), None))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
            outcome.append((None, error))
        finally:
            if place is not None:
                place.leave()

    if place is not None:
        place.share()
    thread = threading.Thread(target=run, name="work", daemon=True)
    RUNNING.add(thread, stop)
    thread.start()
    try:
        while thread.is_alive():
            progress(told[0][0], desc=told[0][1])
            yield None
            thread.join(TICK)
    finally:
        stop.set()
    thread.join()
    result, error = outcome[0]
    if error is not None:
        raise error
    yield result


RUNNING = _Running()
"""All works of this process."""
atexit.register(RUNNING.stop, 2.0)
