"""Intervals and comparisons that every kind of evaluation shares: cases are drawn anew, together with all photos of one
person.

Knows numbers only. A statistic here takes weights (rounds, n), how often each case was drawn, and gives (rounds,).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from workbench.metrics.roc import Interval, interval, resample

Statistic = Callable[[np.ndarray], np.ndarray]
"""(rounds, n) weights → (rounds,) values; NaN where a round cannot be judged."""
LEAST = 10
"""Fewer cases than this, and a group's figures are withheld."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A difference with its interval. p: two-sided, of no difference, from the bootstrap; NaN when it was not found.

    adjusted: p after Holm's correction for all groups compared at once. n: cases behind it.
    """

    difference: Interval
    p: float
    n: int
    adjusted: float = float("nan")

    @property
    def clear(self) -> bool:
        """Whether the difference stands after correction, at 5 %."""
        return bool((self.adjusted if self.adjusted == self.adjusted else self.p) < 0.05)


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """The bootstrap's draws over n cases. counts: (rounds, n) int32, the same for everything that is compared."""

    counts: np.ndarray

    @classmethod
    def over(cls, people: Sequence[str], rounds: int = 1000, seed: int = 0) -> "Draws":
        """Cases of one person are drawn together; a case without a name ("") is its own person."""
        keys = np.array([name or f"\0{number}" for number, name in enumerate(people)])
        return cls(resample(len(keys), rounds, seed, clusters=keys))

    def of(self, statistic: Statistic, rows: np.ndarray | None = None) -> Interval:
        """The statistic's value and 95 % interval over all cases, or over those of `rows` (n,) bool."""
        value, replicates = self.values(statistic, rows)
        return interval(value, replicates)

    def values(self, statistic: Statistic, rows: np.ndarray | None = None) -> tuple[float, np.ndarray]:
        """The statistic itself and its replicates (rounds,)."""
        n = self.counts.shape[1]
        mask = np.ones(n, np.int32) if rows is None else rows.astype(np.int32)
        return float(statistic(mask[None])[0]), statistic(self.counts * mask)

    def gap(self, first: Statistic, second: Statistic, rows: np.ndarray | None = None) -> Gap:
        """`first` minus `second` on the same cases, paired: both see one draw."""
        (a, many_a), (b, many_b) = self.values(first, rows), self.values(second, rows)
        n = self.counts.shape[1] if rows is None else int(rows.sum())
        return Gap(interval(a - b, many_a - many_b), two_sided(many_a - many_b), n)

    def apart(self, statistic: Statistic, rows: np.ndarray) -> Gap:
        """The statistic inside a group minus outside of it."""
        (a, many_a), (b, many_b) = self.values(statistic, rows), self.values(statistic, ~rows)
        return Gap(interval(a - b, many_a - many_b), two_sided(many_a - many_b), int(rows.sum()))


def two_sided(replicates: np.ndarray) -> float:
    """Twice the share of replicates on the rarer side of 0, at least one over the rounds (Efron and Tibshirani 1993,
    section 15.4)."""
    usable = replicates[np.isfinite(replicates)]
    if len(usable) < max(len(replicates) // 2, 1):
        return float("nan")
    below, above = (usable <= 0).mean(), (usable >= 0).mean()
    return float(min(1.0, max(2 * min(below, above), 1 / len(usable))))


def holm(gaps: Mapping[str, Gap]) -> dict[str, Gap]:
    """The same with `adjusted` filled in: Holm 1979, "A simple sequentially rejective multiple test procedure"."""
    known = sorted((gap.p, name) for name, gap in gaps.items() if gap.p == gap.p)
    adjusted: dict[str, float] = {}
    highest = 0.0
    for place, (p, name) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(known) - place)))
        adjusted[name] = highest
    return {name: Gap(gap.difference, gap.p, gap.n, adjusted.get(name, float("nan"))) for name, gap in gaps.items()}


def memberships(groups: Sequence[Mapping[str, str]]) -> dict[str, np.ndarray]:
    """ "column: value" → (n,) bool, for every value that at least one case has, sorted."""
    found: dict[str, np.ndarray] = {}
    for column in sorted({name for row in groups for name in row}):
        values = np.array([row.get(column, "") for row in groups])
        for value in sorted(set(values.tolist()) - {""}):
            found[f"{column}: {value}"] = values == value
    return found
