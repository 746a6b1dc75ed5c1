"""Figures of a recogniser on pairs of faces, with intervals that know that one person is in many pairs.

Knows scores and names, not models. A pair scores more the more alike its faces are.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.errors import BadRequest
from workbench.metrics.roc import Interval, auc, check_scores, eer, interval, rates_at, tar_at_far


@dataclass(frozen=True, slots=True)
class Report:
    """What `measure` found. far, tar: at the threshold that was fixed beforehand; None when there was none."""

    same: int
    different: int
    people: int
    auc: Interval
    eer: Interval
    tar_at_far_1: Interval
    far: Interval | None = None
    tar: Interval | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON: every interval as [value, low, high], rounded to five digits."""
        rows = {name: getattr(self, name) for name in ("same", "different", "people")}
        for name in ("auc", "eer", "tar_at_far_1", "far", "tar"):
            found = getattr(self, name)
            rows[name] = None if found is None else [round(float(x), 5) for x in (found.value, found.low, found.high)]
        return rows


def pairs(names: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs of photos whose people have these names: indices (n,), indices (n,), and whether the person is one,
    (n,) bool."""
    _, person = np.unique(names, return_inverse=True)
    first, second = np.triu_indices(len(names), 1)
    return first, second, person[first] == person[second]


def measure(
    scores: np.ndarray,
    same: np.ndarray,
    people: tuple[list[str], list[str]],
    threshold: float | None = None,
    rounds: int = 1000,
    seed: int = 0,
) -> Report:
    """AUC, EER and TAR at FAR 1 % of pairs, and FAR and TAR at a threshold fixed beforehand, each with a 95 % interval.

    people: who is on either side of each pair. The bootstrap draws people, with all their photos: a pair of two people
    counts as often as both were drawn, a pair of one person as often as that one (Efron and Tibshirani 1993, section
    13.3, over clusters; after Bolle et al., "The relation between the ROC curve and the CMC", 2005, on subset
    bootstraps).
    """
    values, truth = check_scores(scores, same)
    if len(people[0]) != len(values) or len(people[1]) != len(values):
        raise BadRequest(
            f"people: expected {len(values)} names for either side, got {len(people[0])} and {len(people[1])}."
        )
    names, ids = np.unique([*people[0], *people[1]], return_inverse=True)
    first, second = ids[: len(values)], ids[len(values) :]
    curve = _Weighted(values, truth, first, second, threshold)
    rng = np.random.default_rng(seed)
    draws = [np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names)) for _ in range(rounds)]
    replicates = np.array([curve.figures(drawn) for drawn in draws]).reshape(rounds, 5)
    exact = [auc(values, truth), eer(values, truth), tar_at_far(values, truth, 0.01)]
    intervals = [interval(value, replicates[:, column]) for column, value in enumerate(exact)]
    fixed = (
        [None, None]
        if threshold is None
        else [interval(v, replicates[:, 3 + c]) for c, v in enumerate(rates_at(values, truth, threshold))]
    )
    return Report(int(truth.sum()), int((~truth).sum()), len(names), *intervals, *fixed)


class _Weighted:
    """AUC, EER, TAR at FAR 1 %, FAR and TAR at a threshold, of pairs that count several times or not at all."""

    def __init__(
        self, values: np.ndarray, truth: np.ndarray, first: np.ndarray, second: np.ndarray, threshold: float | None
    ) -> None:
        order = np.argsort(-values, kind="stable")
        self.truth, self.first, self.second = truth[order], first[order], second[order]
        self.ends = np.flatnonzero(np.append(np.diff(values[order]) != 0, True))
        self.accepted = 0 if threshold is None else int((values >= threshold).sum())

    def figures(self, drawn: np.ndarray) -> tuple[float, float, float, float, float]:
        """The five, NaN where no pair of a kind was drawn. drawn: how often each person was."""
        weight = np.where(self.truth, drawn[self.first], drawn[self.first] * drawn[self.second]).astype(np.float64)
        same, different = np.cumsum(weight * self.truth), np.cumsum(weight * ~self.truth)
        if not same[-1] or not different[-1]:
            return (float("nan"),) * 5
        at = max(self.accepted - 1, 0)
        rates = (float(different[at] / different[-1]), float(same[at] / same[-1])) if self.accepted else (0.0, 0.0)
        tar, far = np.append(0.0, same[self.ends] / same[-1]), np.append(0.0, different[self.ends] / different[-1])
        area = float(np.trapezoid(tar, far))
        gap = far - (1 - tar)
        after = int(np.argmax(gap >= 0))
        share = gap[after - 1] / (gap[after - 1] - gap[after])
        crossing = float(far[after - 1] + share * (far[after] - far[after - 1]))
        return area, crossing, float(tar[np.searchsorted(far, 0.01, side="right") - 1]), *rates


def person(file: str) -> str:
    """Whose photo it is: `Ann_Lee_0002.jpg` is of Ann_Lee."""
    return file.rpartition("_")[0]


def even(name: str) -> bool:
    """Whether a person belongs to the half that choices are made on."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % 2 == 0
