"""From a score to a probability: isotonic and logistic calibration, and how well a probability keeps its word.

Knows NumPy and SciPy and nothing else: not faces, raters or models.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from workbench.errors import BadRequest

METHODS = ("isotonic", "logistic")


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """A rising map from score to probability.

    method: isotonic or logistic. scores, chances: (k,) float64, the corners of the map; between them a straight line is
    followed, beyond them the ends are kept. slope, intercept: of the logistic map, NaN for isotonic.
    """

    method: str
    scores: np.ndarray
    chances: np.ndarray
    slope: float = float("nan")
    intercept: float = float("nan")

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """(n,) probabilities 0..1 of scores (n,)."""
        values = np.asarray(scores, dtype=np.float64)
        if self.method == "logistic":
            return _sigmoid(self.slope * values + self.intercept)
        return np.asarray(np.interp(values, self.scores, self.chances))


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """How well probabilities keep their word, in bins of equally many cases.

    said, happened, count: (bins,) mean probability, share that came true, cases. error: expected calibration error, the
    mean distance of the two weighted by cases, 0..1. brier: mean squared error, 0..1, 0.25 for always saying one half.
    """

    said: np.ndarray
    happened: np.ndarray
    count: np.ndarray
    error: float
    brier: float


def calibrate(scores: np.ndarray, outcome: np.ndarray, method: str = "isotonic") -> Calibration:
    """Fit a map from scores (n,) to outcome (n,): 0, 1, or a share between (how many people said "same").

    isotonic: the rising step map of least squares (pool adjacent violators; Zadrozny and Elkan 2002), for some hundred
    cases and more.
    logistic: Platt 1999, section 2, with his shrunk targets, for fewer. Raises BadRequest for bad input.
    """
    values, targets = _checked(scores, outcome)
    if method == "isotonic":
        return _isotonic(values, targets)
    if method == "logistic":
        return _logistic(values, targets)
    raise BadRequest(f"Calibration: expected a method among {', '.join(METHODS)}, got {method!r}.")


def out_of_fold(
    scores: np.ndarray, outcome: np.ndarray, method: str = "isotonic", folds: int = 5, seed: int = 0
) -> np.ndarray:
    """(n,) probabilities, each from a map fitted without that case, so that their reliability is not flattered."""
    values, targets = _checked(scores, outcome)
    if len(values) < 2 * folds:
        raise BadRequest(f"Calibration: expected at least {2 * folds} cases for {folds} folds, got {len(values)}.")
    fold = np.random.default_rng(seed).permutation(np.arange(len(values)) % folds)
    found = np.empty(len(values))
    for k in range(folds):
        found[fold == k] = calibrate(values[fold != k], targets[fold != k], method)(values[fold == k])
    return found


def reliability(probability: np.ndarray, outcome: np.ndarray, bins: int = 10) -> Reliability:
    """Bin probabilities (n,) by rank and compare each bin's mean with what happened (n,), 0, 1 or a share."""
    said, happened = _checked(probability, outcome)
    parts = [part for part in np.array_split(np.argsort(said, kind="stable"), bins) if len(part)]
    means = np.array([[said[part].mean(), happened[part].mean(), len(part)] for part in parts]).T
    error = float((np.abs(means[0] - means[1]) * means[2]).sum() / len(said))
    return Reliability(means[0], means[1], means[2].astype(int), error, float(((said - happened) ** 2).mean()))


def _checked(scores: np.ndarray, outcome: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values, targets = np.asarray(scores, dtype=np.float64), np.asarray(outcome, dtype=np.float64)
    if values.ndim != 1 or targets.shape != values.shape or not len(values):
        raise BadRequest(
            f"Calibration: expected two lists of one length above 0, got {values.shape} and {targets.shape}."
        )
    if not np.isfinite(values).all() or not ((targets >= 0) & (targets <= 1)).all():
        raise BadRequest("Calibration: expected finite scores and outcomes from 0 to 1.")
    return values, targets


def _isotonic(values: np.ndarray, targets: np.ndarray) -> Calibration:
    scores, member = np.unique(values, return_inverse=True)
    weight = np.bincount(member).astype(np.float64)
    fitted = isotonic_regression(np.bincount(member, weights=targets) / weight, weights=weight).x
    edge = np.append(True, np.diff(fitted) != 0)
    corner = edge | np.append(edge[1:], True)
    return Calibration("isotonic", scores[corner], np.clip(fitted[corner], 0, 1))


def _logistic(values: np.ndarray, targets: np.ndarray) -> Calibration:
    positive, negative = targets.sum(), (1 - targets).sum()
    aims = targets * (positive + 1) / (positive + 2) + (1 - targets) / (negative + 2)
    centre, spread = values.mean(), values.std() or 1.0
    design = np.stack([(values - centre) / spread, np.ones(len(values))], axis=1)
    weights = np.array([0.0, np.log((positive + 1) / (negative + 1))])
    for _ in range(100):
        chance = _sigmoid(design @ weights)
        bend = design.T @ (design * np.maximum(chance * (1 - chance), 1e-12)[:, None]) + 1e-9 * np.eye(2)
        step = np.linalg.solve(bend, design.T @ (aims - chance))
        weights = weights + step * min(1.0, 5 / max(float(np.abs(step).max()), 1e-12))
        if float(np.abs(step).max()) < 1e-10:
            break
    slope, intercept = float(weights[0] / spread), float(weights[1] - weights[0] * centre / spread)
    corners = np.linspace(values.min(), values.max(), 50)
    return Calibration("logistic", corners, _sigmoid(slope * corners + intercept), slope, intercept)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))
