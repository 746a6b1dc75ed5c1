"""The smallest change that flips a decision: over parts, one after the other, and over as few sliders as do it.

Both searches are greedy and say how many views they tried: what they find flips the decision; that nothing smaller
does is not shown. After the counterfactual explanations of Wachter et al. (Harvard J. of Law & Technology 2018) and,
for parts, of Goyal et al. (ICML 2019, section 3.2).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from workbench.errors import BadRequest, FaceTooSmall
from workbench.watch import Watch
from workbench.whatif.changes import Change, slider
from workbench.whatif.curves import Curve, movable, read
from workbench.whatif.readers import Reader, Reading
from workbench.whatif.stage import Stage, View

MOST_PARTS, MOST_SLIDERS = 5, 3
GRID = 9
"""Positions of a slider that are tried, before the flip is closed in on."""
HALVINGS = 5
"""Times the last stretch before a flip is halved: 1/32 of a grid step is left."""


@dataclass(frozen=True, slots=True, eq=False)
class Smallest:
    """What was found. change: the smallest one tried that flips every reader's decision; the one that came nearest when
    none does. view: the face with it. before, after: what every reader says. keeper: what who watches identity says
    after it, or None. size: share of the close-up changed (parts), or the summed shares of the sliders' ways. tried:
    views looked at."""

    change: Change
    view: View
    before: tuple[Reading, ...]
    after: tuple[Reading, ...]
    keeper: Reading | None
    size: float
    tried: int

    @property
    def flipped(self) -> bool:
        """Whether every reader's decision is another one."""
        return all((b.margin >= 0) != (a.margin >= 0) for b, a in zip(self.before, self.after, strict=True))


class _Search:
    """Asks about changes and counts them. goal: +1 where a decision has to fall, −1 where it has to come about."""

    def __init__(self, stage: Stage, readers: Sequence[Reader], watch: Watch) -> None:
        self.stage, self.readers, self.watch, self.tried = stage, list(readers), watch, 0
        self.before = tuple(row[0] for row in read(stage, [Change()], self.readers))
        self.goal = np.array([1.0 if each.margin >= 0 else -1.0 for each in self.before])
        self.decides = bool(readers) and all(np.isfinite(each.margin) for each in self.before)

    def left(self, changes: Sequence[Change]) -> np.ndarray:
        """(n,) how far each change is from flipping every reader; −1 where all have flipped."""
        self.tried += len(changes)
        return self.far(np.array([[e.margin for e in row] for row in read(self.stage, changes, self.readers)]))

    def far(self, margins: np.ndarray) -> np.ndarray:
        """The same from (readers, n) margins that were read before."""
        flipped = ((margins >= 0) != (self.goal[:, None] > 0)).all(axis=0)
        return np.where(flipped, -1.0, np.maximum((self.goal[:, None] * margins).max(axis=0), 0.0))

    def result(self, change: Change, size: float, keeper: Reader | None) -> Smallest:
        view = self.stage.draw(change)
        after = tuple(reader.read([view])[0] for reader in self.readers)
        kept = keeper.read([view])[0] if keeper else None
        return Smallest(change, view, self.before, after, kept, size, self.tried)


def smallest_parts(
    stage: Stage,
    readers: Sequence[Reader],
    way: str = "blur",
    keeper: Reader | None = None,
    watch: Watch | None = None,
) -> Smallest | None:
    """The fewest parts whose change flips every reader, found greedily: always the part that helps most is added, then
    every part is left out again that is not needed.

    way: of `changes.WAYS`, wholly. None where the face was not parsed or a reader decides nothing. Raises BadRequest
    for "swap" without another face, and Cancelled.
    """
    search = _Search(stage, readers, watch or Watch())
    regions = stage.regions(way)
    if not search.decides or not regions:
        return None
    base = Change({"part": 1.0}, parts=(), way=way)
    chosen: tuple[str, ...] = ()
    while len(chosen) < min(MOST_PARTS, len(regions)):
        search.watch.tell(len(chosen) / MOST_PARTS, "parts")
        others = [(*chosen, name) for name in regions if name not in chosen]
        left = search.left([replace(base, parts=parts) for parts in others])
        if (left < 0).any():
            chosen = min((parts for parts, far in zip(others, left, strict=True) if far < 0), key=stage.area)
            break
        chosen = others[int(left.argmin())]
    chosen = _needed(search, base, chosen)
    return search.result(replace(base, parts=chosen), stage.area(chosen), keeper)


def _needed(search: _Search, base: Change, chosen: tuple[str, ...]) -> tuple[str, ...]:
    for name in chosen[:-1]:
        fewer = tuple(part for part in chosen if part != name)
        if search.left([replace(base, parts=fewer)])[0] < 0:
            chosen = fewer
    return chosen


def smallest_sliders(
    stage: Stage,
    readers: Sequence[Reader],
    names: Sequence[str] = (),
    look: str = "natural",
    keeper: Reader | None = None,
    watch: Watch | None = None,
    curves: Sequence[Curve] = (),
) -> Smallest | None:
    """The fewest sliders that flip every reader, each as little as it can be: a slider that does it alone, by the least
    share of its way; else the best slider at its best place, and others on top.

    names: sliders that may be moved, all when none is named. look: of the makeup. curves: of these readers from rest,
    where they are known already, so that nothing is asked twice. None where a reader decides nothing. Raises BadRequest
    for a slider that does not exist, and Cancelled.
    """
    search = _Search(stage, readers, watch or Watch())
    free = [name for name in movable(stage, names) if _fits(stage, name, look)]
    if not search.decides or not free:
        return None
    change, known = Change({}, look=look), {each.slider.name: each for each in curves}
    for number in range(min(MOST_SLIDERS, len(free))):
        search.watch.tell(number / MOST_SLIDERS, "sliders")
        left_over = [name for name in free if name not in change.values]
        change, done = _one_more(search, change, left_over, {} if number else known)
        if done:
            break
    if done:
        change = _shrunk(search, change)
    size = sum(slider(name).share(value) for name, value in change.values.items())
    return search.result(change, size, keeper)


def _fits(stage: Stage, name: str, look: str) -> bool:
    """Whether a slider can be moved on this face (makeup cannot on a profile or a small face)."""
    try:
        stage.draw(Change({name: slider(name).high}, look=look))
    except (BadRequest, FaceTooSmall):
        return False
    return True


def _one_more(search: _Search, change: Change, names: Sequence[str], known: Mapping[str, Curve]) -> tuple[Change, bool]:
    """The change with one slider more: the shortest way of one that flips, or the nearest to a flip."""
    best: tuple[float, Change] | None = None
    nearest: tuple[float, Change] | None = None
    for name in names:
        curve = known.get(name)
        tried = [change.moved(name, float(value)) for value in (_grid(name) if curve is None else curve.at)]
        left = search.left(tried) if curve is None else search.far(curve.margins)
        for far, other in zip(left, tried, strict=True):
            share = slider(name).share(other.value(name))
            if far < 0 and (best is None or share < best[0]):
                best = share, other
            if nearest is None or far < nearest[0]:
                nearest = float(far), other
    assert nearest is not None
    return (best[1], True) if best else (nearest[1], False)


def _grid(name: str) -> list[float]:
    row = slider(name)
    return [float(value) for value in np.linspace(row.low, row.high, GRID if row.low == 0 else 2 * GRID - 1) if value]


def _shrunk(search: _Search, change: Change) -> Change:
    """The change with every slider brought back as far as the decision stays flipped, one after the other, and back to
    rest where it is not needed at all."""
    for name in sorted(change.values, key=lambda each: slider(each).share(change.value(each))):
        far = change.value(name)
        near = 0.0
        if len(change.values) > 1 and search.left([change.moved(name, 0.0)])[0] < 0:
            change = replace(change, values={key: value for key, value in change.values.items() if key != name})
            continue
        for _ in range(HALVINGS + 3):
            middle = (near + far) / 2
            flipped = search.left([change.moved(name, middle)])[0] < 0
            near, far = (near, middle) if flipped else (middle, far)
        change = change.moved(name, far)
    return change
