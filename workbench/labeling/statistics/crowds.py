"""How good people are alone and together: each rater's AUC, crowds of growing size, and one half of the people
predicting the other."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from workbench.labeling.statistics.agreement import halve
from workbench.labeling.statistics.judgements import kinds
from workbench.metrics import roc as metrics
from workbench.metrics.roc import Interval


def rater_aucs(rows: pd.DataFrame, items: pd.DataFrame, least: int = 5) -> pd.DataFrame:
    """Each rater's own AUC against true identity (as in Phillips et al. 2018): rater, judged, auc; best first.

    rows: counted judgements with values. items: columns item and same. Raters with fewer than `least` same or different
    pairs are left out.
    """
    truth = _truth(rows, items)
    known = truth.notna().to_numpy()
    found = []
    for rater, place in rows[known].groupby("rater").indices.items():
        same = truth[known].to_numpy(dtype=bool)[place]
        if min(same.sum(), (~same).sum()) >= least:
            found.append((rater, len(place), metrics.auc(rows[known]["value"].to_numpy()[place], same)))
    return pd.DataFrame(found, columns=["rater", "judged", "auc"]).sort_values(
        "auc", ascending=False, ignore_index=True
    )


def crowd_sizes(rows: pd.DataFrame, items: pd.DataFrame, draws: int = 40, seed: int = 0) -> pd.DataFrame:
    """The AUC of the mean answer of 1, 2, … raters against true identity: raters, auc, low, high (95 % of the draws),
    pairs.

    For every size, raters are drawn at random within each pair that has as many; goes up to the size that half of the
    pairs have.
    """
    truth = _truth(rows, items)
    rows = rows[truth.notna().to_numpy()]
    item = np.unique(rows["item"].astype(str), return_inverse=True)[1]
    same = np.zeros(int(item.max(initial=-1)) + 1, dtype=bool)
    same[item] = truth.dropna().to_numpy(dtype=bool)
    if same.all() or not same.any():
        return pd.DataFrame(columns=["raters", "auc", "low", "high", "pairs"])
    value, size, rng = rows["value"].to_numpy(dtype=float), np.bincount(item), np.random.default_rng(seed)
    found = []
    for raters in range(1, int(np.median(size)) + 1):
        enough = size >= raters
        if not enough.any() or same[enough].all() or not same[enough].any():
            break
        aucs = [metrics.auc(_mean_of(raters, value, item, size, rng)[enough], same[enough]) for _ in range(draws)]
        found.append((raters, float(np.mean(aucs)), *np.quantile(aucs, [0.025, 0.975]), int(enough.sum())))
    return pd.DataFrame(found, columns=["raters", "auc", "low", "high", "pairs"])


def ceiling(rows: pd.DataFrame, splits: int = 100, seed: int = 0) -> Interval:
    """The human–human ceiling: AUC of one random half of each pair's raters (mean answer) against the majority of the
    other half.

    No recogniser can be expected to predict people better than people do. Same/different studies only; ties of the
    second half are left out. The interval is the range of 95 % of the splits; all NaN without pairs that two people
    judged.
    """
    item = np.unique(rows["item"].astype(str), return_inverse=True)[1]
    keep = np.bincount(item)[item] >= 2
    item = np.unique(item[keep], return_inverse=True)[1]
    value = rows["value"].to_numpy(dtype=float)[keep]
    vote = np.where((kinds(rows) == "same").to_numpy()[keep], 1.0, -1.0)
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(splits if len(item) else 0):
        first = halve(item, rng)
        score = np.bincount(item[first], weights=value[first]) / np.bincount(item[first])
        lead = np.bincount(item[~first], weights=vote[~first])
        decided = lead != 0
        if (lead > 0).any() and (lead < 0).any():
            found.append(metrics.auc(score[decided], lead[decided] > 0))
    return metrics.interval(float(np.mean(found)) if found else float("nan"), np.array(found))


def accuracy_by(
    rows: pd.DataFrame, items: pd.DataFrame, raters: pd.DataFrame, rounds: int = 500, seed: int = 0
) -> pd.DataFrame:
    """How often raters of each demographic answer were right, over all pairs and per group of them (own-group effects;
    Dooley et al. 2021).

    rows: counted judgements of a same/different study. items: item, same, group. raters: column rater and one column
    per question. Columns: question, answer, group, raters, judged, accuracy, low, high; the interval draws raters,
    whose answers are not independent.
    """
    truth = _truth(rows, items)
    groups = items.assign(item=items["item"].astype(str)).drop_duplicates("item").set_index("item")["group"].astype(str)
    facts = pd.DataFrame(
        {"rater": rows["rater"].astype(str), "right": ((kinds(rows) == "same") == (truth == 1)).astype(float)}
    )
    facts["group"] = rows["item"].astype(str).map(groups)
    people = raters.assign(rater=raters["rater"].astype(str)).set_index("rater")
    facts = facts[truth.notna() & facts["rater"].isin(people.index)]
    found = []
    for question in people.columns:  # looked up, not joined: a question may be called "group" or "right"
        for (answer, group), part in _crossed(facts, facts["rater"].map(people[question])):
            right, who = part["right"].to_numpy(), part["rater"].to_numpy()
            share = _share(right, who, rounds, seed)
            found.append((question, answer, group, len(np.unique(who)), len(part), share.value, share.low, share.high))
    return pd.DataFrame(found, columns=["question", "answer", "group", "raters", "judged", "accuracy", "low", "high"])


def _share(right: np.ndarray, who: np.ndarray, rounds: int, seed: int) -> Interval:
    return metrics.bootstrap(lambda places: float(right[places].mean()), len(right), rounds, seed, clusters=who)


def _crossed(facts: pd.DataFrame, answers: pd.Series) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    there = answers.notna()
    for answer, part in facts[there].groupby(answers[there]):
        yield (str(answer), "all"), part
        for group, inner in part[part["group"] != ""].groupby("group"):
            yield (str(answer), str(group)), inner


def _truth(rows: pd.DataFrame, items: pd.DataFrame) -> pd.Series:
    facts = items.assign(item=items["item"].astype(str)).drop_duplicates("item").set_index("item")["same"]
    return (
        rows["item"]
        .astype(str)
        .map(facts.map(lambda same: float("nan") if same is None or same != same else float(bool(same))))
    )


def _mean_of(
    raters: int, value: np.ndarray, item: np.ndarray, size: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """(items,) mean answer of `raters` random raters of each item; NaN where there are fewer."""
    order = np.lexsort((rng.random(len(item)), item))
    place = np.arange(len(item)) - np.repeat(np.cumsum(size) - size, size)
    chosen = order[place < raters]
    total = np.bincount(item[chosen], weights=value[chosen], minlength=len(size))
    return np.where(size >= raters, total / raters, np.nan)
