"""No rater needs more than 60 exchanges a second; a script that does waits."""

import threading
from collections import OrderedDict

from workbench.errors import NotAllowed
from workbench.labeling.serving.words import WORDS

_BURST, _PER_SECOND = 120.0, 60.0
_MOST = 10_000


class Pace:
    """A bucket of calls per rater, filled anew with time."""

    def __init__(self) -> None:
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._guard = threading.Lock()

    def take(self, rater: str, now: float) -> None:
        """Count one call. Raises NotAllowed when there were too many."""
        with self._guard:
            left, then = self._left.pop(rater, (_BURST, now))
            left = min(_BURST, left + max(0.0, now - then) * _PER_SECOND) - 1
            self._left[rater] = (max(left, 0.0), now)
            while len(self._left) > _MOST:
                self._left.popitem(last=False)
        if left < 0:
            raise NotAllowed(WORDS["too_fast"])
