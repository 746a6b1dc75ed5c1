"""People beside models that give labels (expression, attributes): how often a model says what people say, of everybody
and per group, and whether it doubts where people doubt.

After Peterson et al. 2019, "Human uncertainty makes classification more robust" (soft labels), and Nili et al. 2014
(one person against the others as the ceiling).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.errors import StudyError
from workbench.labeling.statistics.judgements import kinds
from workbench.metrics.roc import Interval

PEOPLE = "one more person"
SMALLEST = 10
"""Items below which a group has no figures of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """table: a row per judge (one more person first) and group ("" for all): who, group, items, accuracy, low, high,
    soft, soft_low, soft_high, doubt.

    accuracy: share of items whose majority class the judge gives; a tied majority counts by how many tie. soft: mean
    share of people who gave the judge's class. doubt: rank correlation of the model's own uncertainty with people's
    entropy, NaN where it gives no probabilities. confusion: model → majority class × the model's class, counts.
    left_out: model → items without an answer of it.
    """

    table: pd.DataFrame
    confusion: dict[str, pd.DataFrame]
    left_out: dict[str, int]
    items: int


def compare(
    rows: pd.DataFrame, items: pd.DataFrame, predictions: pd.DataFrame, rounds: int = 1000, seed: int = 0
) -> Labelled:
    """Compare models with people.

    rows: judgements that count. items: columns item and group. predictions: columns item and one per model, the class
    that it gives in the study's words ("" or missing for none); a column "MODEL certainty", 0..1, is how sure it is.
    Intervals: percentile bootstrap over items; every judge sees the same draws. Raises StudyError when a model's
    classes are none of the study's.
    """
    shares = _shares(rows)
    models = [str(name) for name in predictions.columns if name != "item" and not str(name).endswith(" certainty")]
    said = predictions.assign(item=predictions["item"].astype(str)).set_index("item").reindex(shares.index)
    group = items.assign(item=items["item"].astype(str)).set_index("item")["group"].reindex(shares.index).fillna("")
    draws = np.random.default_rng(seed).integers(len(shares), size=(rounds, len(shares)))
    table = [_row(PEOPLE, name, *_person(rows, shares), mask, draws) for name, mask in _groups(group)]
    confusion, left_out = {}, {}
    for model in models:
        given = said[model].fillna("").astype(str)
        if not set(given) & set(shares.columns):
            raise StudyError(
                f"{model} says {', '.join(sorted(set(given) - {''})[:6]) or 'nothing'}; people were asked "
                f"{', '.join(shares.columns[:12])}. Expected the study's own words."
            )
        there = given != ""
        left_out[model] = int((~there).sum())
        right, soft = _judged(given, shares)
        certain = said.get(f"{model} certainty")
        for name, mask in _groups(group):
            doubt = _doubt(certain, shares, mask & there.to_numpy())
            table.append(_row(model, name, right, soft, mask & there.to_numpy(), draws, doubt))
        confusion[model] = pd.crosstab(shares.idxmax(axis=1)[there], given[there])
    found = pd.DataFrame([row for row in table if row is not None])
    return Labelled(found, confusion, left_out, len(shares))


def _shares(rows: pd.DataFrame) -> pd.DataFrame:
    """Item × class: the share of people who gave it."""
    counts = pd.crosstab(rows["item"].astype(str), kinds(rows).astype(str))
    return counts.div(counts.sum(axis=1), axis=0)


def _judged(given: pd.Series, shares: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Per item: whether the class is people's majority (a part of 1 where several tie), and the share who gave it."""
    place = {name: n for n, name in enumerate(shares.columns)}
    at = np.array([place.get(name, -1) for name in given])
    values = shares.to_numpy()
    soft = np.where(at >= 0, values[np.arange(len(at)), np.maximum(at, 0)], 0.0)
    top = values.max(axis=1)
    ties = np.isclose(values, top[:, None]).sum(axis=1)
    return np.where(np.isclose(soft, top), 1 / ties, 0.0), soft


def _person(rows: pd.DataFrame, shares: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The same for one more person: the mean over an item's raters, each against the others; NaN with one rater."""
    counts = pd.crosstab(rows["item"].astype(str), kinds(rows).astype(str)).reindex(shares.index).to_numpy(float)
    total = counts.sum(axis=1)
    right, soft = np.full(len(counts), np.nan), np.full(len(counts), np.nan)
    for n in np.flatnonzero(total > 1):
        hits, part = 0.0, 0.0
        for own in np.flatnonzero(counts[n]):
            others = counts[n].copy()
            others[own] -= 1
            best = others == others.max()
            hits += counts[n, own] * (best[own] / best.sum())
            part += counts[n, own] * others[own] / others.sum()
        right[n], soft[n] = hits / total[n], part / total[n]
    return right, soft


def _groups(group: pd.Series) -> list[tuple[str, np.ndarray]]:
    names = [name for name in sorted(set(group)) if name] if len(set(group)) > 1 else []
    return [("", np.ones(len(group), bool)), *((str(name), (group == name).to_numpy()) for name in names)]


def _row(
    who: str,
    group: str,
    right: np.ndarray,
    soft: np.ndarray,
    mask: np.ndarray,
    draws: np.ndarray,
    doubt: float = float("nan"),
) -> dict[str, object] | None:
    mask = mask & np.isfinite(right)
    if mask.sum() < (SMALLEST if group else 1):
        return None
    accuracy, shared = (_mean(values, mask, draws) for values in (right, soft))
    return {
        "who": who,
        "group": group,
        "items": int(mask.sum()),
        "accuracy": accuracy.value,
        "low": accuracy.low,
        "high": accuracy.high,
        "soft": shared.value,
        "soft_low": shared.low,
        "soft_high": shared.high,
        "doubt": doubt,
    }


def _mean(values: np.ndarray, mask: np.ndarray, draws: np.ndarray) -> Interval:
    """The mean over masked items, with the interval of the draws."""
    weight = mask[draws].sum(axis=1)
    total = np.where(mask, np.nan_to_num(values), 0.0)[draws].sum(axis=1)
    many = total[weight > 0] / weight[weight > 0]
    low, high = np.percentile(many, [2.5, 97.5]) if len(many) else (float("nan"), float("nan"))
    return Interval(float(values[mask].mean()), float(low), float(high))


def _doubt(certain: pd.Series | None, shares: pd.DataFrame, mask: np.ndarray) -> float:
    if certain is None:
        return float("nan")
    values = shares.to_numpy()
    entropy = -(values * np.log(np.maximum(values, 1e-12))).sum(axis=1)
    own = 1 - pd.to_numeric(certain, errors="coerce").to_numpy(float)
    mask = mask & np.isfinite(own)
    if mask.sum() < SMALLEST or np.ptp(entropy[mask]) == 0 or np.ptp(own[mask]) == 0:
        return float("nan")
    from scipy.stats import spearmanr

    return float(spearmanr(own[mask], entropy[mask]).statistic)
