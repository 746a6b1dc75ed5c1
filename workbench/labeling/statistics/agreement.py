"""How far raters agree: Krippendorff's alpha with intervals, the noise ceiling, split-half reliability.

Every function takes counted judgements (see `judgements.counted`). Intervals come from drawing items, because another
study would show other items.
"""

from dataclasses import dataclass

import krippendorff
import numpy as np
import pandas as pd

from workbench.errors import StudyError
from workbench.labeling.statistics.judgements import kinds, one_task
from workbench.labeling.study.tasktypes import find_task
from workbench.metrics.roc import Interval, interval, resample

LEVELS = ("nominal", "ordinal", "interval")


@dataclass(frozen=True, slots=True)
class Ceiling:
    """How well any model of these answers can do.

    lower: how well one rater is predicted by the others; upper: by everyone including that rater. A model between the
    two is as good as the answers allow; above `upper` it cannot get except by luck. unit: "agreement" (share 0..1) or
    "correlation" (−1..1).
    """

    lower: Interval
    upper: Interval
    unit: str


@dataclass(frozen=True, slots=True)
class SplitHalf:
    """Two random halves of the raters compared.

    halves: the mean over splits, its low and high the range of 95 % of splits. full: stepped up to all raters
    (Spearman–Brown); None when halves agree by label, not by number. unit: as in Ceiling.
    """

    halves: Interval
    full: Interval | None
    unit: str


def is_scale(rows: pd.DataFrame) -> bool:
    """Whether the answers are a scale without coarser classes (similarity, rating), so that correlation is the right
    unit."""
    task = find_task(one_task(rows))
    return task.ordinal and not any(answer.kind for answer in task.answers)


def tally(rows: pd.DataFrame, level: str) -> tuple[np.ndarray, np.ndarray]:
    """(items, values) int votes, and the (values,) themselves: numbers for ordinal and interval, codes of classes for
    nominal."""
    if level not in LEVELS:
        raise StudyError(f"Alpha: expected a level among {', '.join(LEVELS)}, got {level!r}.")
    if level == "nominal":
        _, codes = np.unique(kinds(rows).astype(str), return_inverse=True)
        numbers = codes.astype(np.float64)
    else:
        numbers = rows["value"].to_numpy(dtype=np.float64)
        if np.isnan(numbers).any():
            raise StudyError(f"Alpha: expected answers with a value for level {level}, got some without; use nominal.")
    domain, answer = np.unique(numbers, return_inverse=True)
    items, item = np.unique(rows["item"].astype(str), return_inverse=True)
    counts = np.bincount(item * len(domain) + answer, minlength=len(items) * len(domain))
    return counts.reshape(len(items), len(domain)), domain


def alpha(rows: pd.DataFrame, level: str, rounds: int = 1000, seed: int = 0) -> Interval:
    """Krippendorff's alpha (Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability") and its interval over
    items.

    1: perfect, 0: as if answers were shuffled, below 0: worse. level: "nominal" on classes, "ordinal" or "interval" on
    values. Copes with missing answers; items with one answer say nothing. All NaN when nothing varies or no item has
    two answers: alpha is then undefined.
    """
    counts, domain = tally(rows, level)
    counts = counts[counts.sum(axis=1) >= 2]
    if (counts.sum(axis=0) > 0).sum() < 2:
        return Interval(float("nan"), float("nan"), float("nan"))
    value = krippendorff.alpha(value_counts=counts, value_domain=domain, level_of_measurement=level)
    return interval(value, alpha_replicates(counts, domain, level, resample(len(counts), rounds, seed)))


def alpha_replicates(counts: np.ndarray, domain: np.ndarray, level: str, draws: np.ndarray) -> np.ndarray:
    """(rounds,) alpha for every row of `draws` (rounds, items): how often each item of `counts` (items, values) was
    drawn.

    The coincidences of items add up, so each round is one matrix product. NaN where nothing varies.
    """
    width = counts.shape[1]
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(width, dtype=int)
    share = pairs / (counts.sum(axis=1) - 1)[:, None, None]
    observed = (draws @ share.reshape(len(counts), -1)).reshape(len(draws), width, width)
    totals = observed.sum(axis=2)
    distance = _distances(totals, domain, level)
    disagreement = (observed * distance).sum(axis=(1, 2)) * (totals.sum(axis=1) - 1)
    by_chance = (totals[:, :, None] * totals[:, None, :] * distance).sum(axis=(1, 2))
    return 1 - np.divide(disagreement, by_chance, out=np.full(len(draws), np.nan), where=by_chance > 0)


def _distances(totals: np.ndarray, domain: np.ndarray, level: str) -> np.ndarray:
    if level == "nominal":
        return 1 - np.eye(len(domain))[None]
    marks = domain[None, :] if level == "interval" else np.cumsum(totals, axis=1) - totals / 2
    return np.asarray((marks[:, :, None] - marks[:, None, :]) ** 2)


def raw_agreement(rows: pd.DataFrame, rounds: int = 1000, seed: int = 0) -> Interval:
    """The chance that two raters of one item gave the same class, 0..1, and its interval over items. Not corrected for
    chance."""
    counts, _ = tally(rows, "nominal")
    total = counts.sum(axis=1)
    agreeing = (counts * (counts - 1)).sum(axis=1)
    return _ratio(agreeing, total * (total - 1), rounds, seed)


def others(rows: pd.DataFrame) -> pd.DataFrame:
    """For every judgement, what the item's other raters said.

    agrees: 1 or 0, ½ when this answer ties with another for the most votes, NaN without others. majority: their class,
    None on a tie or without others. mean: of their values.
    """
    cells = pd.DataFrame({"item": rows["item"].astype(str).to_numpy(), "kind": kinds(rows).astype(str).to_numpy()})
    cast = pd.crosstab(cells["item"], cells["kind"])
    item, own = cast.index.get_indexer(cells["item"]), cast.columns.get_indexer(cells["kind"])
    left = cast.to_numpy()[item].astype(np.float64)
    left[np.arange(len(left)), own] -= 1
    value = rows["value"].to_numpy(dtype=np.float64)
    size = np.bincount(item, minlength=len(cast))[item] - 1.0
    total = np.bincount(item, weights=value, minlength=len(cast))[item] - value
    alone = size == 0
    mean = np.divide(total, size, out=np.full(len(rows), np.nan), where=~alone)
    clear = ~alone & ((left == left.max(axis=1, keepdims=True)).sum(axis=1) == 1)
    majority = np.where(clear, cast.columns.to_numpy(dtype=object)[left.argmax(axis=1)], None)
    columns = {
        "agrees": np.where(alone, np.nan, _agrees(left, own)),
        "majority": pd.Series(majority, dtype=object, index=rows.index),
        "mean": mean,
    }
    return pd.DataFrame(columns, index=rows.index)


def _agrees(counts: np.ndarray, own: np.ndarray) -> np.ndarray:
    """(n,) 1 where class `own` has the most votes of its row, 0 where another has, ½ where it ties for first."""
    top = counts == counts.max(axis=1, keepdims=True)
    return np.asarray(np.where(top[np.arange(len(own)), own], np.where(top.sum(axis=1) > 1, 0.5, 1.0), 0.0))


def noise_ceiling(rows: pd.DataFrame, rounds: int = 1000, seed: int = 0) -> Ceiling:
    """The range a perfect model of these raters would fall in (after Nili et al. 2014, "Noise ceiling", with items
    drawn).

    Classes: agreement of single answers with the majority of the others, and with the majority of all. Scales:
    correlation of single answers with the mean of the others, and of all. Items with one rater are left out.
    """
    rest = others(rows)
    seen = rest["agrees"].notna().to_numpy()
    rows, rest = rows[seen], rest[seen]
    item = np.unique(rows["item"].astype(str), return_inverse=True)[1]
    if not is_scale(rows):
        cast = pd.crosstab(rows["item"].astype(str), kinds(rows).astype(str))
        own = cast.columns.get_indexer(kinds(rows).astype(str))
        everyone = _agrees(cast.to_numpy()[item], own)
        size = np.bincount(item)
        low, high = (np.bincount(item, weights=agrees) for agrees in (rest["agrees"].to_numpy(), everyone))
        return Ceiling(_ratio(low, size, rounds, seed), _ratio(high, size, rounds, seed), "agreement")
    value = rows["value"].to_numpy(dtype=np.float64)
    mean = (np.bincount(item, weights=value) / np.bincount(item))[item]
    return Ceiling(
        _correlation(value, rest["mean"].to_numpy(), item, rounds, seed),
        _correlation(value, mean, item, rounds, seed),
        "correlation",
    )


def split_half(rows: pd.DataFrame, splits: int = 200, seed: int = 0) -> SplitHalf:
    """The raters of every item are split in two at random; do the halves say the same?

    Numbers (scales, and same/different by its −3…+3): Pearson correlation of the halves' means over items, stepped up
    by Spearman–Brown 2r / (1 + r) (Spearman 1910; Brown 1910). Labels without values: share of items whose halves'
    majorities agree.
    """
    item = np.unique(rows["item"].astype(str), return_inverse=True)[1]
    rows, item = rows[np.bincount(item)[item] >= 2], item[np.bincount(item)[item] >= 2]
    item = np.unique(item, return_inverse=True)[1]
    rng = np.random.default_rng(seed)
    numbers = not bool(rows["value"].isna().any())
    code = (
        rows["value"].to_numpy(dtype=np.float64)
        if numbers
        else np.unique(kinds(rows).astype(str), return_inverse=True)[1]
    )
    compare = _halves_correlate if numbers else _halves_agree
    found = np.array([compare(code, item, halve(item, rng)) for _ in range(splits)])
    halves = interval(float(np.nanmean(found)) if np.isfinite(found).any() else float("nan"), found)
    if not numbers:
        return SplitHalf(halves, None, "agreement")
    full = np.divide(2 * found, 1 + found, out=np.full(len(found), np.nan), where=found > -1)  # no longer test at −1
    return SplitHalf(
        halves, interval(float(np.nanmean(full)) if np.isfinite(full).any() else float("nan"), full), "correlation"
    )


def halve(item: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n,) bool: in the first half; every item's judgements are halved, an odd one goes either way."""
    order = np.lexsort((rng.random(len(item)), item))
    size = np.bincount(item)
    place = np.arange(len(item)) - np.repeat(np.cumsum(size) - size, size)
    first = np.empty(len(item), dtype=bool)
    first[order] = place < np.repeat((size + rng.integers(0, 2, len(size))) // 2, size)
    return first


def _halves_correlate(value: np.ndarray, item: np.ndarray, first: np.ndarray) -> float:
    means = [np.bincount(item[half], weights=value[half]) / np.bincount(item[half]) for half in (first, ~first)]
    spread = means[0].std() * means[1].std()
    return (
        float(((means[0] - means[0].mean()) * (means[1] - means[1].mean())).mean() / spread)
        if spread > 0
        else float("nan")
    )


def _halves_agree(code: np.ndarray, item: np.ndarray, first: np.ndarray) -> float:
    width = int(code.max()) + 1
    one, two = (
        np.bincount(item[half] * width + code[half], minlength=(item.max() + 1) * width).reshape(-1, width)
        for half in (first, ~first)
    )
    tops = [counts == counts.max(axis=1, keepdims=True) for counts in (one, two)]
    chance = [top / top.sum(axis=1, keepdims=True) for top in tops]
    return float((chance[0] * chance[1]).sum(axis=1).mean())


def _ratio(above: np.ndarray, below: np.ndarray, rounds: int, seed: int) -> Interval:
    draws = resample(len(above), rounds, seed)
    value = above.sum() / below.sum() if below.sum() else float("nan")
    total = draws @ below
    return interval(value, np.divide(draws @ above, total, out=np.full(rounds, np.nan), where=total > 0))


def _correlation(x: np.ndarray, y: np.ndarray, item: np.ndarray, rounds: int, seed: int) -> Interval:
    moments = np.stack(
        [np.bincount(item, weights=part) for part in (np.ones(len(x)), x, y, x * x, y * y, x * y)], axis=1
    )
    draws = np.vstack([np.ones((1, len(moments)), dtype=np.int32), resample(len(moments), rounds, seed)])
    n, sx, sy, sxx, syy, sxy = (draws @ moments).T
    spread = np.sqrt(np.maximum(sxx - sx * sx / n, 0) * np.maximum(syy - sy * sy / n, 0))
    found = np.divide(sxy - sx * sy / n, spread, out=np.full(len(draws), np.nan), where=spread > 1e-12)
    return interval(found[0], found[1:])
