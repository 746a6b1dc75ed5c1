"""Who is told how far a long work is, and who may stop it. Imports nothing heavy, so that the screen can use it."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from workbench.errors import Cancelled

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """Who is told how far the work is (share 0..1 and a word), and who may stop it."""

    progress: Progress = lambda share, word: None
    cancelled: Callable[[], bool] = lambda: False

    def check(self) -> None:
        """Raises Cancelled when the person has asked for it."""
        if self.cancelled():
            raise Cancelled("Cancelled; nothing was kept.")

    def tell(self, share: float, word: str) -> None:
        """Pass on how far the work is, after a look at Cancel."""
        self.check()
        self.progress(min(max(share, 0.0), 1.0), word)

    def part(self, start: float, end: float) -> "Watch":
        """A watch for one stretch of a longer work: its 0..1 becomes `start`..`end` of this one."""
        return Watch(lambda share, word: self.progress(start + (end - start) * share, word), self.cancelled)


CURRENT: ContextVar[Watch] = ContextVar("watch", default=Watch())  # noqa: B039 - a Watch is frozen
"""Who watches the work of this thread: for loops deep inside a task that nobody passes a watch to."""


def look() -> None:
    """Raises Cancelled when the work of this thread is not wanted any more; costs nothing where nobody watches."""
    CURRENT.get().check()
