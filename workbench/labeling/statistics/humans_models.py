"""Humans beside recognisers on the same pairs: who tells same from different better, for whom, and where they part.

The analysis of Dooley et al. 2021 ("Comparing Human and Machine Bias in Face Recognition") and Liang et al. 2023
("Benchmarking Algorithmic Bias in Face Recognition"): AUC and error rates against true identity and against what people
say, per group. Scores reach this module as columns of a table, higher meaning more alike; where they come from it does
not know.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.errors import StudyError
from workbench.labeling.statistics.aggregate import majority, probability_same
from workbench.labeling.statistics.judgements import one_task
from workbench.metrics import roc as metrics
from workbench.metrics.calibration import Calibration, Reliability, calibrate, out_of_fold, reliability

HUMANS = "humans"
TRUTH, PEOPLE = "truth", "majority"
FARS = (0.01, 0.1)


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Pairs that people judged and recognisers scored, one row each.

    table: index item; same (1, 0, NaN unknown), majority (1, 0, NaN tied), humans (mean answer, −3…+3 or the scale's),
    chance (people's P(same)), votes, group, and a column per recogniser. recognisers: their names. left_out: why pairs
    are not in the table → how many.
    """

    table: pd.DataFrame
    recognisers: tuple[str, ...]
    left_out: dict[str, int]

    @property
    def who(self) -> tuple[str, ...]:
        """Humans first, then every recogniser."""
        return (HUMANS, *self.recognisers)

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups there are, sorted; empty when pairs have none."""
        return tuple(sorted({str(name) for name in self.table["group"] if str(name)}))

    def known(self, against: str) -> pd.DataFrame:
        """The rows whose outcome is known. against: "truth" (identity) or "majority" (what most people said)."""
        if against not in (TRUTH, PEOPLE):
            raise StudyError(f"Comparison: expected truth or majority, got {against!r}.")
        return self.table[self.table["same" if against == TRUTH else PEOPLE].notna()]


def compare(rows: pd.DataFrame, items: pd.DataFrame, scores: pd.DataFrame) -> Comparison:
    """Put judgements, truth and scores side by side.

    rows: counted judgements of a same/different or similarity study. items: columns item, same (True, False or None)
    and group.
    scores: column item and one per recogniser; NaN where it found no face. Pairs without a judgement or without every
    score are left out, and counted in `left_out`, so that everybody is measured on the same pairs. Raises StudyError
    when nothing is left.
    """
    recognisers = tuple(str(name) for name in scores.columns if name != "item")
    if set(recognisers) & {"same", PEOPLE, HUMANS, "chance", "votes", "group"}:
        raise StudyError("Comparison: a recogniser may not be called same, majority, humans, chance, votes or group.")
    people = _people(rows)
    facts = items.assign(item=items["item"].astype(str)).drop_duplicates("item").set_index("item")
    table = people.join(
        pd.DataFrame({"same": facts["same"].map(_number), "group": facts["group"].astype(str)}), how="inner"
    )
    scored = table.join(scores.assign(item=scores["item"].astype(str)).drop_duplicates("item").set_index("item"))
    lost = {name: int(scored[name].isna().sum()) for name in recognisers if scored[name].isna().any()}
    complete = scored[scored[list(recognisers)].notna().all(axis=1)]
    left_out = {"no judgement": int((~facts.index.isin(people.index)).sum())} | {
        f"no score of {name}": count for name, count in lost.items()
    }
    if not len(complete):
        raise StudyError(
            f"Comparison: no pair has judgements, an item row and every score; {len(people)} pairs were judged."
        )
    return Comparison(
        complete.astype(dict.fromkeys(recognisers, float)), recognisers, {why: n for why, n in left_out.items() if n}
    )


def _people(rows: pd.DataFrame) -> pd.DataFrame:
    by_item = rows.assign(item=rows["item"].astype(str)).groupby("item")
    table = pd.DataFrame({HUMANS: by_item["value"].mean(), "votes": by_item.size()})
    if one_task(rows) != "same_different":
        return table.assign(**{PEOPLE: np.nan, "chance": np.nan})
    label = majority(rows)["label"].map({"same": 1.0, "different": 0.0}).astype(float)
    return table.assign(**{PEOPLE: label, "chance": probability_same(rows)["by_votes"]})


def _number(same: object) -> float:
    return float("nan") if same is None or same != same else float(bool(same))


def performance(
    comparison: Comparison, against: str = TRUTH, fars: Sequence[float] = FARS, rounds: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """One row per judge and group ("all" first): who, group, same, different, auc, low, high, eer, and tar at every FAR
    of `fars`.

    A group without both kinds has NaN figures. Against the majority, humans are not listed: they made it.
    """
    table = comparison.known(against)
    outcome = table["same" if against == TRUTH else PEOPLE].to_numpy(dtype=bool)
    rows = []
    for who in comparison.who if against == TRUTH else comparison.recognisers:
        for group in ("all", *comparison.groups):
            inside = np.full(len(table), True) if group == "all" else (table["group"] == group).to_numpy()
            figures = _figures(table[who].to_numpy()[inside], outcome[inside], fars, rounds, seed)
            rows.append(
                {
                    "who": who,
                    "group": group,
                    "same": int(outcome[inside].sum()),
                    "different": int((~outcome[inside]).sum()),
                    **figures,
                }
            )
    return pd.DataFrame(rows)


def _figures(scores: np.ndarray, same: np.ndarray, fars: Sequence[float], rounds: int, seed: int) -> dict[str, float]:
    names = ["auc", "low", "high", "eer", *(f"tar@{far:g}" for far in fars)]
    if same.all() or not same.any():
        return dict.fromkeys(names, float("nan"))
    found = metrics.auc_interval(scores, same, rounds, seed)
    tars = [metrics.tar_at_far(scores, same, far) for far in fars]
    return dict(zip(names, [found.value, found.low, found.high, metrics.eer(scores, same), *tars], strict=True))


def gaps(comparison: Comparison, against: str = TRUTH, rounds: int = 1000, seed: int = 0) -> pd.DataFrame:
    """How much better each judge does on one group than on the rest: who, group, rest, gap, low, high, beyond,
    beyond_low, beyond_high.

    gap: AUC in the group minus AUC in the rest (for two groups, the other one). beyond: the judge's gap minus the
    humans' gap. All judges see the same bootstrap draws (within group and kind), so `beyond` is a paired comparison;
    NaN for humans and against the majority.
    """
    table = comparison.known(against)
    outcome = table["same" if against == TRUTH else PEOPLE].to_numpy(dtype=bool)
    groups = table["group"].astype(str).to_numpy()
    counts = metrics.resample(
        len(table), rounds, seed, strata=np.char.add(groups.astype(str), np.where(outcome, "+", "-"))
    )
    people: dict[str, np.ndarray] = {}
    rows = []
    for who in comparison.who if against == TRUTH else comparison.recognisers:
        for group in comparison.groups[:1] if len(comparison.groups) == 2 else comparison.groups:
            drawn = _gap_draws(table[who].to_numpy(), outcome, groups == group, counts)
            if who == HUMANS:
                people[group] = drawn
            gap = metrics.interval(drawn[0], drawn[1:])
            beyond = drawn - people[group] if who != HUMANS and group in people else np.full(len(drawn), np.nan)
            more = metrics.interval(beyond[0], beyond[1:])
            rest = comparison.groups[1] if len(comparison.groups) == 2 else "rest"
            rows.append((who, group, rest, gap.value, gap.low, gap.high, more.value, more.low, more.high))
    return pd.DataFrame(
        rows, columns=["who", "group", "rest", "gap", "low", "high", "beyond", "beyond_low", "beyond_high"]
    )


def _gap_draws(scores: np.ndarray, outcome: np.ndarray, inside: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """(1 + rounds,) the gap itself, then of every round; all NaN when a side lacks a kind."""
    whole = np.vstack([np.ones((1, len(scores)), dtype=counts.dtype), counts])
    sides = []
    for side in (inside, ~inside):
        if not outcome[side].any() or outcome[side].all():
            return np.full(len(whole), np.nan)
        sides.append(metrics.auc_replicates(scores[side], outcome[side], whole[:, side]))
    return np.asarray(sides[0] - sides[1])


def errors_by_group(comparison: Comparison, far: float = 0.01) -> pd.DataFrame:
    """False accepts and false rejects per group when everyone is held to one threshold: who, group, threshold, far, frr
    and their bounds.

    Recognisers: the threshold that keeps `far` over all pairs of known identity. Humans: "same" is a mean answer above
    0 (on the −3…+3 scale). Bounds are 95 % Wilson intervals; a threshold that is fair on average may not be fair to
    each group.
    """
    table = comparison.known(TRUTH)
    outcome = table["same"].to_numpy(dtype=bool)
    rows = []
    for who in comparison.who:
        scores = table[who].to_numpy()
        threshold = np.nextafter(0, 1) if who == HUMANS else metrics.threshold_at_far(scores, outcome, far)
        for group in ("all", *comparison.groups):
            inside = np.full(len(table), True) if group == "all" else (table["group"] == group).to_numpy()
            accepted, same = scores[inside] >= threshold, outcome[inside]
            false_accept = metrics.wilson(int((accepted & ~same).sum()), int((~same).sum()))
            false_reject = metrics.wilson(int((~accepted & same).sum()), int(same.sum()))
            bounds = [bound for share in (false_accept, false_reject) for bound in (share.value, share.low, share.high)]
            rows.append((who, group, float(threshold), *bounds))
    columns = ["who", "group", "threshold", "far", "far_low", "far_high", "frr", "frr_low", "frr_high"]
    return pd.DataFrame(rows, columns=columns)


def likeness(comparison: Comparison) -> pd.DataFrame:
    """Spearman correlation of each recogniser with people's mean answer: who, all, within_same, within_different.

    Within one kind the easy contrast of same and different is gone; what is left is whether both find the same pairs
    hard.
    """
    table = comparison.table
    parts = {"all": table["humans"].notna(), "within_same": table["same"] == 1, "within_different": table["same"] == 0}
    rows = [
        {"who": who} | {name: _spearman(table[part], who) for name, part in parts.items()}
        for who in comparison.recognisers
    ]
    return pd.DataFrame(rows, columns=["who", *parts])


def _spearman(table: pd.DataFrame, who: str) -> float:
    x, y = metrics.ranks(table[who].to_numpy()), metrics.ranks(table[HUMANS].to_numpy(dtype=float))
    return float(np.corrcoef(x, y)[0, 1]) if len(x) > 2 and x.std() > 0 and y.std() > 0 else float("nan")


def calibration(
    comparison: Comparison, who: str, against: str = TRUTH, method: str = "isotonic"
) -> tuple[Calibration, Reliability]:
    """The map from a judge's score to P(same), and how reliable it is on pairs it was not fitted on (five folds).

    against truth: same is identity; against majority: the share of people's votes for same, a number between 0 and 1.
    """
    table = comparison.known(against)
    outcome = table["same"] if against == TRUTH else table["chance"]
    scores, aims = table[who].to_numpy(dtype=float), outcome.to_numpy(dtype=float)
    return calibrate(scores, aims, method), reliability(out_of_fold(scores, aims, method), aims)


def disagreements(comparison: Comparison, who: str, most: int = 12, method: str = "isotonic") -> pd.DataFrame:
    """The pairs on which a recogniser and people differ most, for a gallery: half where it says same, half where people
    do.

    Columns: item, group, same, votes, score, model (its P(same), calibrated on truth where known, else on people),
    people (their P(same)), gap (model − people), right ("model", "people" or "" when identity is unknown or both lean
    one way).
    """
    table = comparison.table[comparison.table["chance"].notna()]
    known = comparison.known(TRUTH)["same"].nunique() == 2
    chance, _ = calibration(comparison, who, TRUTH if known else PEOPLE, method)
    found = table[["group", "same", "votes"]].assign(
        score=table[who], model=chance(table[who].to_numpy()), people=table["chance"]
    )
    found["gap"] = found["model"] - found["people"]
    leans = (found["model"] > 0.5) != (found["people"] > 0.5)
    model_right = (found["model"] > 0.5) == (found["same"] == 1)
    found["right"] = np.where(found["same"].isna() | ~leans, "", np.where(model_right, "model", "people"))
    order = found.sort_values("gap", kind="stable")
    ends = pd.concat(
        [order[order["gap"] > 0].tail((most + 1) // 2).iloc[::-1], order[order["gap"] < 0].head(most // 2)]
    )
    return ends.reset_index()
