"""A call that is waited for so long and no longer, for clients that have no time limit of their own."""

import threading
from collections.abc import Callable
from typing import TypeVar

from workbench.errors import SourceUnreachable

T = TypeVar("T")


def limited(
    work: Callable[[], T], seconds: float, name: str, late: str, told: Callable[[BaseException], SourceUnreachable]
) -> T:
    """What `work` returns, done in a thread of this name, which is left behind when it takes too long.

    late: the sentence for that. told: what to raise for what `work` raised. Raises SourceUnreachable.
    """
    box: list[T] = []
    fault: list[BaseException] = []

    def run() -> None:
        try:
            box.append(work())
        except BaseException as error:  # noqa: BLE001 - handed to the waiting thread below
            fault.append(error)

    thread = threading.Thread(target=run, daemon=True, name=name)
    thread.start()
    thread.join(seconds)
    if box:
        return box[0]
    if fault:
        raise told(fault[0]) from fault[0]
    raise SourceUnreachable(late)
