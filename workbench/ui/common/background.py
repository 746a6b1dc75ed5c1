"""Long work beside the screen: it runs in a thread of its own, tells how far it is, and stops when the person presses
Cancel.

Gradio stops a cancelled event by closing its generator; closing this one raises the flag that the work looks at between
batches.
"""

import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from workbench.watch import Watch

T = TypeVar("T")
TICK = 0.15
"""Seconds between two looks at the work."""


def in_background(work: Callable[[Watch], T], progress: Any) -> Iterator[T | None]:
    """Yields None while `work` runs, then its result. progress: Gradio's. What `work` raises is raised here.

    When the generator is closed, `work` gets Cancelled at its next look, and nothing of it is kept.
    """
    stop, told = threading.Event(), [(0.0, "")]
    outcome: list[tuple[Any, BaseException | None]] = []

    def tell(share: float, word: str) -> None:
        told[0] = (share, word)

    def run() -> None:
        try:
            outcome.append((work(Watch(tell, stop.is_set)), None))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
            outcome.append((None, error))

    thread = threading.Thread(target=run, name="explanation", daemon=True)
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
