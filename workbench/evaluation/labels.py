"""A classifier's answers against true labels: accuracy, balanced accuracy, confusion, calibration, coverage against
risk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from workbench.evaluation.weighing import Draws, Statistic
from workbench.metrics.roc import Interval

BINS = 15
"""Of the calibration error (Guo et al. 2017, section 2)."""
ENOUGH = 10
"""Classes with fewer cases are left out of the balanced accuracy."""


@dataclass(frozen=True, slots=True, eq=False)
class Classified:
    """One model's answers. truth: (n,) indices into labels. scores: (n, k) probabilities summing to 1."""

    ids: tuple[str, ...]
    labels: tuple[str, ...]
    truth: np.ndarray
    scores: np.ndarray

    @property
    def said(self) -> np.ndarray:
        """(n,): the likeliest label."""
        return np.asarray(self.scores.argmax(1))

    @property
    def right(self) -> np.ndarray:
        """(n,) bool."""
        return np.asarray(self.said == self.truth)

    @property
    def counted(self) -> tuple[int, ...]:
        """Classes with enough cases for the balanced accuracy."""
        return tuple(c for c in range(len(self.labels)) if (self.truth == c).sum() >= ENOUGH)

    def statistics(self) -> dict[str, Statistic]:
        """What is reported, by name."""
        right, sure = self.right.astype(np.float64), self.scores.max(1)

        def accuracy(weights: np.ndarray) -> np.ndarray:
            return _ratio(weights @ right, weights.sum(1))

        def balanced(weights: np.ndarray) -> np.ndarray:
            if not self.counted:
                return np.full(len(weights), np.nan)
            recalls = [
                _ratio(weights @ (right * (self.truth == c)), weights @ (self.truth == c).astype(np.float64))
                for c in self.counted
            ]
            seen = ~np.isnan(recalls)
            return _ratio(np.where(seen, recalls, 0).sum(0), seen.sum(0))

        def calibration(weights: np.ndarray) -> np.ndarray:
            bins = np.minimum((sure * BINS).astype(int), BINS - 1)
            gaps = [np.abs(weights @ ((right - sure) * (bins == b))) for b in range(BINS)]
            return _ratio(np.sum(gaps, axis=0), weights.sum(1))

        return {"accuracy": accuracy, "balanced accuracy": balanced, "calibration error": calibration}

    def classes(self, draws: Draws) -> dict[str, dict[str, Interval | int]]:
        """Label → cases, recall and precision with intervals; labels that neither occur nor are said are left out."""
        found: dict[str, dict[str, Interval | int]] = {}
        for c, label in enumerate(self.labels):
            true, said = (self.truth == c).astype(np.float64), (self.said == c).astype(np.float64)
            if true.any() or said.any():
                found[label] = {
                    "cases": int(true.sum()),
                    "recall": draws.of(_share(true * said, true)),
                    "precision": draws.of(_share(true * said, said)),
                }
        return found

    def confusion(self) -> np.ndarray:
        """(k, k) int: cases by true label (row) and answer (column)."""
        k = len(self.labels)
        return np.bincount(self.truth * k + self.said, minlength=k * k).reshape(k, k)

    def reliability(self) -> list[tuple[float, float, int]]:
        """(mean confidence, share that was right, cases) of every bin that holds some."""
        sure = self.scores.max(1)
        bins = np.minimum((sure * BINS).astype(int), BINS - 1)
        return [
            (float(sure[bins == b].mean()), float(self.right[bins == b].mean()), int((bins == b).sum()))
            for b in range(BINS)
            if (bins == b).any()
        ]

    def risk(self) -> tuple[np.ndarray, np.ndarray]:
        """Coverage and the share of wrong answers among the surest so many (El-Yaniv and Wiener 2010), (n,) each."""
        order = np.argsort(-self.scores.max(1), kind="stable")
        n = np.arange(1, len(order) + 1)
        return n / len(order), np.cumsum(~self.right[order]) / n

    def surest_mistakes(self, count: int = 20) -> list[tuple[str, str, str, float]]:
        """(id, true label, answer, confidence) of the wrong answers given most surely."""
        wrong = np.flatnonzero(~self.right)
        order = wrong[np.argsort(-self.scores[wrong].max(1), kind="stable")][:count]
        return [
            (self.ids[i], self.labels[self.truth[i]], self.labels[self.said[i]], float(self.scores[i].max()))
            for i in order
        ]


def mcnemar(first: Classified, second: Classified) -> tuple[int, int, float]:
    """How often only the first was right, only the second, and the exact two-sided p of no difference (McNemar 1947,
    binomial form)."""
    from scipy.stats import binomtest

    only_first = int((first.right & ~second.right).sum())
    only_second = int((second.right & ~first.right).sum())
    apart = only_first + only_second
    return only_first, only_second, float(binomtest(only_first, apart).pvalue) if apart else 1.0


def as_rows(found: Classified) -> list[Mapping[str, object]]:
    """A line per photo."""
    return [
        {
            "file": found.ids[i],
            "label": found.labels[found.truth[i]],
            "answer": found.labels[found.said[i]],
            "confidence": round(float(found.scores[i].max()), 4),
            "right": bool(found.right[i]),
        }
        for i in range(len(found.ids))
    ]


def usable(labels: Sequence[str], wanted: Sequence[str]) -> np.ndarray:
    """(n,) bool: cases whose true label the model can say."""
    return np.isin(np.array(wanted, dtype=object).astype(str), np.array(labels, dtype=object).astype(str))


def _share(above: np.ndarray, below: np.ndarray) -> Statistic:
    return lambda weights: _ratio(weights @ above, weights @ below)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(np.shape(below), np.nan), where=np.asarray(below) > 0)
