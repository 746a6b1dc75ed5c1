"""How well a score tells same from different: ROC, AUC, equal error rate, acceptance at a false-accept rate, bootstrap.

A pair is accepted as *same* when its score is at least the threshold. FAR is the share of different pairs accepted
(false positive rate, false match rate), TAR the share of same pairs accepted (true positive rate), FRR = 1 − TAR.
All rates are the measured ones of ISO/IEC 19795-1, section 9 (counts over counts, no smoothing). Knows NumPy and
SciPy's ranks, and nothing else: not faces, raters or models.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from workbench.errors import BadRequest

CHUNK = 4_000_000
"""Bootstrap weights held in memory at once (numbers, not bytes)."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A measured value and the range that holds it at `level` (0.95: 95 %). low or high NaN: could not be found."""

    value: float
    low: float
    high: float
    level: float = 0.95

    def __str__(self) -> str:
        """As written in a table: `0.912 [0.900, 0.924]`; the value alone where no range could be found."""
        if self.low != self.low or self.high != self.high:
            return f"{self.value:.3f}"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, slots=True, eq=False)
class Roc:
    """The curve a falling threshold draws.

    thresholds: (m,) float64, falling, the first +inf (nothing accepted). far, tar: (m,) float64 in 0..1, both rising
    from 0 to 1. Scores that tie share one point.
    """

    thresholds: np.ndarray
    far: np.ndarray
    tar: np.ndarray


def check_scores(scores: np.ndarray, same: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two as (n,) float64 and (n,) bool, if they can be judged.

    Raises BadRequest when lengths differ, a score is NaN or infinite, `same` holds anything but 0 and 1, or one of the
    two kinds is absent.
    """
    values = np.asarray(scores, dtype=np.float64)
    truth = np.asarray(same)
    if values.ndim != 1 or truth.shape != values.shape:
        raise BadRequest(f"scores and same: expected two lists of one length, got {values.shape} and {truth.shape}.")
    if not np.isfinite(values).all():
        raise BadRequest(
            f"scores: expected finite numbers, got {int((~np.isfinite(values)).sum())} NaN or infinite of "
            f"{len(values)}."
        )
    if not np.isin(truth, (0, 1)).all():
        raise BadRequest("same: expected only True and False (or 1 and 0).")
    truth = truth.astype(bool)
    if truth.all() or not truth.any():
        raise BadRequest(
            f"Expected same and different pairs, got {int(truth.sum())} same and {int((~truth).sum())} different."
        )
    return values, truth


def roc(scores: np.ndarray, same: np.ndarray) -> Roc:
    """The ROC of scores (n,) against truth (n,): one point per distinct score, and (0, 0) first."""
    values, truth = check_scores(scores, same)
    order = np.argsort(-values, kind="stable")
    values, truth = values[order], truth[order]
    last = np.append(values[1:] != values[:-1], True)
    accepted_same = np.cumsum(truth)[last]
    accepted_different = np.cumsum(~truth)[last]
    return Roc(
        np.append(np.inf, values[last]),
        np.append(0.0, accepted_different / accepted_different[-1]),
        np.append(0.0, accepted_same / accepted_same[-1]),
    )


def ranks(values: np.ndarray) -> np.ndarray:
    """(n,) float64: 1 for the smallest; values that tie share the mean of their places."""
    from scipy.stats import rankdata  # a second to import, and needed only when something is ranked

    mean: np.ndarray = rankdata(values)
    return mean


def auc(scores: np.ndarray, same: np.ndarray) -> float:
    """The chance that a same pair outscores a different one, a tie counting half; 0..1, 0.5 is guessing.

    Computed from ranks (Mann–Whitney U; Hanley and McNeil 1982), so it equals the area under `roc` exactly.
    """
    values, truth = check_scores(scores, same)
    positives = int(truth.sum())
    negatives = len(truth) - positives
    above = ranks(values)[truth].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def eer(scores: np.ndarray, same: np.ndarray) -> float:
    """The error rate at which FAR = FRR, 0..1; between two points of the ROC the straight line is followed."""
    curve = roc(scores, same)
    gap = curve.far - (1 - curve.tar)
    after = int(np.argmax(gap >= 0))
    share = -gap[after - 1] / (gap[after] - gap[after - 1])
    return float(curve.far[after - 1] + share * (curve.far[after] - curve.far[after - 1]))


def threshold_at_eer(scores: np.ndarray, same: np.ndarray) -> float:
    """The measured score at which FAR and FRR lie closest; of several, the highest."""
    curve = roc(scores, same)
    return float(curve.thresholds[1:][np.argmin(np.abs(curve.far - (1 - curve.tar))[1:])])


def threshold_at_far(scores: np.ndarray, same: np.ndarray, far: float) -> float:
    """The lowest measured score whose FAR is at most `far`; accepting from there on keeps the promise on these pairs.

    When even the highest score accepts too many different pairs, the next number above it (which accepts nothing).
    Raises BadRequest unless 0 ≤ far ≤ 1.
    """
    curve = roc(scores, same)
    last = _last_within(curve, far)
    return float(np.nextafter(curve.thresholds[1], np.inf) if last == 0 else curve.thresholds[last])


def tar_at_far(scores: np.ndarray, same: np.ndarray, far: float) -> float:
    """The share of same pairs accepted at `threshold_at_far`, 0..1. No line is drawn between points.

    Below one over the number of different pairs, `far` means: no false accept at all.
    """
    curve = roc(scores, same)
    return float(curve.tar[_last_within(curve, far)])


def rates_at(scores: np.ndarray, same: np.ndarray, threshold: float) -> tuple[float, float]:
    """(FAR, TAR) when pairs of at least `threshold` are accepted."""
    values, truth = check_scores(scores, same)
    accepted = values >= threshold
    return float(accepted[~truth].mean()), float(accepted[truth].mean())


def _last_within(curve: Roc, far: float) -> int:
    if not 0 <= far <= 1:
        raise BadRequest(f"far: expected a rate from 0 to 1, got {far}.")
    return int(np.searchsorted(curve.far, far, side="right")) - 1


def resample(
    n: int, rounds: int, seed: int, strata: np.ndarray | None = None, clusters: np.ndarray | None = None
) -> np.ndarray:
    """(rounds, n) int32: how often each of n rows is drawn, with replacement, in each round of a bootstrap.

    strata: (n,) keys; each stratum keeps its size in every round (no round without a different pair).
    clusters: (n,) keys; rows of one cluster are drawn together (pairs of one person are not independent). Not both.
    Use one result for everything that is compared: the comparison is then paired.
    """
    if strata is not None and clusters is not None:
        raise BadRequest("Bootstrap: expected strata or clusters, got both.")
    rng = np.random.default_rng(seed)
    if clusters is not None:
        keys, member = np.unique(clusters, return_inverse=True)
        return _draw(len(keys), rounds, rng)[:, member]
    if strata is None:
        return _draw(n, rounds, rng)
    counts = np.zeros((rounds, n), dtype=np.int32)
    _, member = np.unique(strata, return_inverse=True)
    for stratum in range(int(member.max(initial=-1)) + 1):
        rows = np.flatnonzero(member == stratum)
        counts[:, rows] = _draw(len(rows), rounds, rng)
    return counts


def _draw(n: int, rounds: int, rng: np.random.Generator) -> np.ndarray:
    counts = np.empty((rounds, n), dtype=np.int32)
    for row in counts:
        row[:] = np.bincount(rng.integers(0, n, n), minlength=n)
    return counts


def interval(value: float, replicates: np.ndarray, level: float = 0.95) -> Interval:
    """The percentile interval of bootstrap replicates (Efron and Tibshirani 1993, section 13.3); NaN rounds are left
    out.

    Fewer than half the rounds usable: low and high are NaN, so that nobody reads a range that was not found.
    """
    usable = replicates[np.isfinite(replicates)]
    if 2 * len(usable) < max(len(replicates), 1):
        return Interval(float(value), float("nan"), float("nan"), level)
    low, high = np.quantile(usable, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(value), float(low), float(high), level)


def wilson(successes: int, n: int, level: float = 0.95) -> Interval:
    """A share and its Wilson score interval (Wilson 1927; Brown, Cai and DasGupta 2001, section 3.1.1); all NaN for n =
    0.

    Unlike the textbook interval it stays in 0..1 and is honest for few trials and for shares near 0 and 1. Equal to
    scipy's `binomtest(…).proportion_ci(method="wilson")` (a test compares them), which also works out an exact p-value
    and takes some 800 times as long: too long for six checks of every rater.
    """
    if not 0 <= successes <= n:
        raise BadRequest(f"Wilson interval: expected 0 to {n} successes, got {successes}.")
    if n == 0:
        return Interval(float("nan"), float("nan"), float("nan"), level)
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    return Interval(share, centre - reach if successes else 0.0, centre + reach if successes < n else 1.0, level)


def bootstrap(
    statistic: Callable[[np.ndarray], float],
    n: int,
    rounds: int = 1000,
    seed: int = 0,
    strata: np.ndarray | None = None,
    clusters: np.ndarray | None = None,
    level: float = 0.95,
) -> Interval:
    """The interval of any statistic of n rows; `statistic` receives row numbers (with repeats) and returns a number.

    For AUC use `auc_replicates`, which draws no row twice and is far faster.
    """
    rows = np.arange(n)
    counts = resample(n, rounds, seed, strata, clusters)
    replicates = np.array([statistic(np.repeat(rows, weight)) for weight in counts])
    return interval(statistic(rows), replicates, level)


def auc_replicates(scores: np.ndarray, same: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """(rounds,) float64: the AUC of every row of `counts` (rounds, n) from `resample`; NaN where a kind was not
    drawn."""
    values, truth = check_scores(scores, same)
    order = np.argsort(values, kind="stable")
    truth = truth[order]
    starts = np.flatnonzero(np.append(True, np.diff(values[order]) != 0))
    rounds = max(1, CHUNK // len(values))
    parts = [_weighted_auc(counts[i : i + rounds][:, order], truth, starts) for i in range(0, len(counts), rounds)]
    return np.concatenate(parts) if parts else np.empty(0)


def _weighted_auc(counts: np.ndarray, truth: np.ndarray, starts: np.ndarray) -> np.ndarray:
    same = np.add.reduceat(counts * truth, starts, axis=1).astype(np.float64)
    different = np.add.reduceat(counts * ~truth, starts, axis=1).astype(np.float64)
    below = np.cumsum(different, axis=1) - different / 2
    pairs = same.sum(axis=1) * different.sum(axis=1)
    wins = (same * below).sum(axis=1)
    replicates: np.ndarray = np.divide(wins, pairs, out=np.full(len(wins), np.nan), where=pairs > 0)
    return replicates


def auc_interval(
    scores: np.ndarray, same: np.ndarray, rounds: int = 1000, seed: int = 0, level: float = 0.95
) -> Interval:
    """The AUC and its bootstrap interval; same and different pairs are drawn apart."""
    values, truth = check_scores(scores, same)
    counts = resample(len(values), rounds, seed, strata=truth)
    return interval(auc(values, truth), auc_replicates(values, truth, counts), level)


def auc_gap(
    first: np.ndarray, second: np.ndarray, same: np.ndarray, rounds: int = 1000, seed: int = 0, level: float = 0.95
) -> Interval:
    """AUC of `first` minus AUC of `second`, two scores of the same pairs (n,); the bootstrap is paired: both see one
    draw."""
    one, truth = check_scores(first, same)
    two, _ = check_scores(second, same)
    counts = resample(len(one), rounds, seed, strata=truth)
    replicates = auc_replicates(one, truth, counts) - auc_replicates(two, truth, counts)
    return interval(auc(one, truth) - auc(two, truth), replicates, level)
