"""Steady lines on the screen: what is drawn may be smoothed, what is written into a table never is.

The One-Euro filter (Casiez, Roussel and Vogel, CHI 2012): still things are held still, quick ones are followed at once.
"""

from dataclasses import dataclass

import numpy as np

CUTOFF = 1.2
"""Cycles a second below which a resting point may tremble."""
HASTE = 0.08
"""How much the filter opens per face size a second: more follows more closely and trembles more."""


@dataclass(slots=True, eq=False)
class OneEuro:
    """Smooths points as they come. cutoff: in cycles a second. haste: its growth with speed."""

    cutoff: float = CUTOFF
    haste: float = HASTE
    _last: np.ndarray | None = None
    _speed: np.ndarray | None = None
    _time: float = 0.0

    def __call__(self, points: np.ndarray, seconds: float, size: float = 1.0) -> np.ndarray:
        """The points, (n, d) or (d,), as they are to be drawn at this moment. size: of the face, in their pixels."""
        points = np.asarray(points, np.float64)
        if self._last is None or self._speed is None or seconds <= self._time or self._last.shape != points.shape:
            self._last, self._speed, self._time = points, np.zeros_like(points), seconds
            return points
        passed = seconds - self._time
        speed = (points - self._last) / passed
        self._speed = _mixed(self._speed, speed, 1.0, passed)
        cutoff = self.cutoff + self.haste * np.abs(self._speed) * 100 / max(size, 1e-6)
        self._last, self._time = _mixed(self._last, points, cutoff, passed), seconds
        return self._last


def _mixed(before: np.ndarray, now: np.ndarray, cutoff: "float | np.ndarray", passed: float) -> np.ndarray:
    rate = 2 * np.pi * np.asarray(cutoff) * passed
    share = rate / (rate + 1)
    mixed: np.ndarray = before + share * (now - before)
    return mixed
