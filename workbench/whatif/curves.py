"""What a slider does to a model's answer on its whole way, and where the decision flips."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from workbench.watch import look
from workbench.whatif.changes import SLIDERS, Change, Slider, slider
from workbench.whatif.readers import Reader, Reading
from workbench.whatif.stage import Stage, View

STEPS = 13
"""Positions of a curve, both ends among them."""
ROUND = 16
"""Views that are drawn, then asked about in one call."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One slider's way while all others stand still.

    at: (n,) positions. scores, margins: (readers, n). kept: (n,) the margin of who watches identity, above 0 the same
    person; NaN where nobody does. names, units: of the readers.
    """

    slider: Slider
    at: np.ndarray
    scores: np.ndarray
    margins: np.ndarray
    kept: np.ndarray
    names: tuple[str, ...]
    units: tuple[str, ...]

    def flips(self, reader: int = 0) -> tuple[float, ...]:
        """Positions where this reader's decision changes, from low to high."""
        return crossings(self.at, self.margins[reader])

    @property
    def lost(self) -> tuple[float, ...]:
        """Positions where it is taken for another person, or for the same again."""
        return crossings(self.at, self.kept)

    def nearest(self, reader: int = 0, here: float = 0.0) -> float | None:
        """The flip nearest to a position."""
        return min(self.flips(reader), key=lambda at: abs(at - here), default=None)

    def words(self, here: float = 0.0) -> str:
        """Where each reader's decision flips, and where identity is lost, as a sentence."""
        told = []
        for number, name in enumerate(self.names):
            at = self.nearest(number, here)
            told.append(f"{name} does not flip" if at is None else f"{name} flips at {at:+.2g}")
        if np.isfinite(self.kept).any():
            lost = min(self.lost, key=lambda at: abs(at - here), default=None)
            told.append("identity is kept" if lost is None else f"identity changes at {lost:+.2g}")
        return f"{self.slider.title}: {'; '.join(told)}."


def crossings(at: np.ndarray, margin: np.ndarray) -> tuple[float, ...]:
    """Where a line through (at, margin) changes its sign, interpolated; 0 counts as above. NaN never crosses."""
    above = margin >= 0
    found = []
    for n in np.flatnonzero((above[1:] != above[:-1]) & np.isfinite(margin[1:]) & np.isfinite(margin[:-1])):
        low, high = margin[n], margin[n + 1]
        found.append(float(at[n] + (at[n + 1] - at[n]) * low / (low - high)))
    return tuple(found)


def curve(
    stage: Stage,
    readers: Sequence[Reader],
    name: str,
    change: Change = Change(),  # noqa: B008 - frozen
    keeper: Reader | None = None,
    steps: int = STEPS,
) -> Curve:
    """A slider's curve for some readers, the other sliders where `change` has them.

    keeper: watches whether it still is the same person. Each model is asked once per round of positions. Raises
    BadRequest for a slider that does not exist or cannot be moved on this face, and Cancelled.
    """
    row = slider(name)
    at = np.linspace(row.low, row.high, steps)
    asked = [*readers, *([keeper] if keeper else [])]
    found = read(stage, [change.moved(name, float(place)) for place in at], asked)
    scores = np.array([[each.score for each in row] for row in found[: len(readers)]]).reshape(len(readers), steps)
    margins = np.array([[each.margin for each in row] for row in found[: len(readers)]]).reshape(len(readers), steps)
    kept = np.array([each.margin for each in found[-1]]) if keeper else np.full(steps, np.nan)
    return Curve(row, at, scores, margins, kept, *_told(readers))


def _told(readers: Sequence[Reader]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(reader.name for reader in readers), tuple(reader.unit for reader in readers)


def read(stage: Stage, changes: Sequence[Change], readers: Sequence[Reader]) -> list[list[Reading]]:
    """What every reader says of every change: [reader][change]. Raises Cancelled."""
    found: list[list[Reading]] = [[] for _ in readers]
    for views in _rounds(stage, changes):
        for row, reader in zip(found, readers, strict=True):
            row.extend(reader.read(views))
    return found


def _rounds(stage: Stage, changes: Sequence[Change]) -> Iterator[list[View]]:
    for start in range(0, len(changes), ROUND):
        look()
        yield [stage.draw(change) for change in changes[start : start + ROUND]]


def movable(stage: Stage, names: Sequence[str] = ()) -> tuple[str, ...]:
    """The sliders a search may move: all, or those named, without the parts, which are searched by themselves."""
    return tuple(name for name in (names or SLIDERS) if slider(name).name != "part")
