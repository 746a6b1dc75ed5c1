"""How far a pass through a clip is, and how long it will still take."""

import time

from workbench.video.clip import length
from workbench.watch import Watch


class Countdown:
    """Tells a watch, at most ten times a second, and looks at Cancel every time."""

    def __init__(self, watch: Watch, word: str, total: int) -> None:
        """total: pictures of this pass."""
        self._watch, self._word, self._total = watch, word, max(total, 1)
        self._begun: tuple[float, float] | None = None
        self._told = 0.0

    def tell(self, done: float) -> None:
        """So many pictures are done; what a run before this one did does not count for the speed. Raises Cancelled."""
        now = time.monotonic()
        if self._begun is None:
            self._begun = (now, done)
        if now - self._told < 0.1:
            self._watch.check()
            return
        self._told = now
        share = min(done / self._total, 1.0)
        self._watch.tell(
            share, f"{self._word}: {min(done, self._total):,.0f} of {self._total:,} pictures{self._left(now, done)}"
        )

    def _left(self, now: float, done: float) -> str:
        assert self._begun is not None
        passed, made = now - self._begun[0], done - self._begun[1]
        if passed < 1 or made <= 0:
            return ""
        return f", {length(max(self._total - done, 0) * passed / made)} left for this pass"
