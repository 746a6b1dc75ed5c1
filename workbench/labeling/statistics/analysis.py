"""Everything that can be said of a study's judgements, computed once: verdicts, agreement, aggregates, humans beside
recognisers.

The report, the tab and the command line read it; none of them computes a figure of its own.
"""

from dataclasses import dataclass, field

import pandas as pd

from workbench.errors import StudyError
from workbench.labeling.statistics import aggregate, agreement, crowds, humans_models, labels_models, quality
from workbench.labeling.statistics.ability import Ability, ability
from workbench.labeling.statistics.adjudication import Adjudicated, adjudicate
from workbench.labeling.statistics.agreement import Ceiling, SplitHalf
from workbench.labeling.statistics.editions import account, outdated
from workbench.labeling.statistics.forms import Formed, Layer, formed
from workbench.labeling.statistics.humans_models import PEOPLE, TRUTH, Comparison
from workbench.labeling.statistics.judgements import check_table, counted, given, latest
from workbench.labeling.statistics.labels_models import Labelled
from workbench.labeling.statistics.preference import Ranking, by_strength, rank
from workbench.labeling.statistics.quality import Verdict
from workbench.labeling.statistics.realness import taken_for_real
from workbench.labeling.statistics.sessions import Course, Paid, course, paid
from workbench.labeling.statistics.weighting import shares
from workbench.labeling.study.study import Study
from workbench.labeling.study.tasktypes import SKIP
from workbench.metrics.calibration import Reliability
from workbench.metrics.roc import Interval, wilson

ENOUGH = 20
"""Fewer pairs of known identity, or of either kind, than this are not compared with recognisers."""


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """What was found. judgements: the table given. rows: those that aggregate. Fields that need more than there is are
    None or empty.

    formed: what answers that say more than a class come to. fooled: which made pictures pass for real.
    course, paid: how sessions went and how long they took. shares: of answers, weighted where items were chosen
    adaptively. ability: GLAD and MACE, where asked for. adjudicated: disputed items and what was decided about them.
    editions: of a study that was edited, which answers belong to which.
    accuracy: aggregation methods against what is known of the items. versus: a Versus when recognisers' scores were
    given.
    missing: sentences on what could not be computed, and why.
    """

    study: Study
    judgements: pd.DataFrame
    items: pd.DataFrame
    rows: pd.DataFrame
    verdicts: list[Verdict]
    alphas: dict[str, Interval] = field(default_factory=dict)
    raw: Interval | None = None
    ceiling: Ceiling | None = None
    halves: SplitHalf | None = None
    majority: pd.DataFrame = field(default_factory=pd.DataFrame)
    same: pd.DataFrame = field(default_factory=pd.DataFrame)
    accuracy: pd.DataFrame = field(default_factory=pd.DataFrame)
    strengths: pd.DataFrame = field(default_factory=pd.DataFrame)
    demographics: pd.DataFrame = field(default_factory=pd.DataFrame)
    ranking: Ranking | None = None
    labelled: Labelled | None = None
    versus: "Versus | None" = None
    formed: Formed | None = None
    fooled: pd.DataFrame = field(default_factory=pd.DataFrame)
    course: Course | None = None
    paid: Paid | None = None
    shares: pd.DataFrame = field(default_factory=pd.DataFrame)
    ability: Ability | None = None
    adjudicated: Adjudicated | None = None
    editions: pd.DataFrame = field(default_factory=pd.DataFrame)
    missing: tuple[str, ...] = ()

    @property
    def excluded(self) -> frozenset[str]:
        """Raters whose answers do not aggregate."""
        return quality.excluded(self.verdicts)

    @property
    def counts(self) -> dict[str, int]:
        """judgements, skips, void (picture broken or person known), gold, repeats, raters, excluded, items, complete,
        aggregated."""
        current, said = latest(self.judgements), given(self.judgements)
        per_item = counted(self.judgements).groupby("item").size()
        ordinary = self.items[~self.items["is_gold"].astype(bool)]["item"].astype(str)
        done = per_item.reindex(ordinary).fillna(0) >= self.study.assigning.raters_per_item
        if self.study.assigning.certain and "is_open" in self.items.columns:
            closed = self.items.assign(item=self.items["item"].astype(str)).set_index("item")["is_open"].astype(bool)
            done |= ~closed.reindex(ordinary)
        skips = int((current["answer"] == SKIP).sum())
        return {
            "judgements": len(said),
            "skips": skips,
            "void": len(current) - len(said) - skips,
            "gold": int(said["is_gold"].astype(bool).sum()),
            "repeats": int(said["is_repeat"].astype(bool).sum()),
            "raters": int(current["rater"].nunique()),
            "excluded": len(self.excluded),
            "items": len(ordinary),
            "complete": int(done.sum()),
            "aggregated": len(self.rows),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Versus:
    """Humans beside recognisers. performance, gaps: against → table. calibration: recogniser → reliability, out of
    fold, against truth.

    disagreements: recogniser → table. sizes, ceiling, alone: how good people are together, as predictors of people, and
    each.
    """

    comparison: Comparison
    performance: dict[str, pd.DataFrame]
    gaps: dict[str, pd.DataFrame]
    errors: pd.DataFrame
    likeness: pd.DataFrame
    calibration: dict[str, Reliability]
    disagreements: dict[str, pd.DataFrame]
    sizes: pd.DataFrame
    ceiling: Interval
    alone: pd.DataFrame


def analyse(
    study: Study,
    judgements: pd.DataFrame,
    items: pd.DataFrame,
    scores: pd.DataFrame | None = None,
    raters: pd.DataFrame | None = None,
    rounds: int = 1000,
    seed: int = 0,
    predictions: pd.DataFrame | None = None,
    layer: Layer | None = None,
    deep: bool = False,
    decisions: pd.DataFrame | None = None,
    editions: pd.DataFrame | None = None,
) -> Analysis:
    """Analyse a study.

    judgements: see `judgements.COLUMNS`. items: columns item, group, truth ("" unknown) and is_gold; gold and pictures
    are not read.
    scores: column item and one per recogniser, higher is more alike. raters: column rater and one per demographic
    question.
    predictions: models' labels, as `labels_models.compare` takes them. layer: the masks or maps that items bring
    along. deep: GLAD and MACE too. decisions: about disputed items, as judgements.
    editions: as `Store.editions` gives them; answers about an item as it was before it was edited are left out.
    rounds: bootstrap rounds behind every interval. Raises StudyError when the table is not one of judgements.
    """
    every = check_table(judgements)
    table, told = every[~outdated(every, items, editions)], account(every, items, editions)
    if decisions is not None:
        decisions = decisions[~outdated(decisions, items, editions)]
    verdicts = quality.assess(table, study.exclusion)
    rows = counted(table, quality.excluded(verdicts))
    if not len(rows):
        return Analysis(study, table, items, rows, verdicts, editions=told, missing=(_nothing(verdicts),))
    missing: list[str] = []
    several = bool(rows.groupby("item").size().max() > 1)
    if not several:
        missing.append("No item was judged twice, so agreement is unknown.")
    several = several and study.classes > 1
    is_pair = study.task.name == "same_different"
    truth = items.assign(item=items["item"].astype(str)).set_index("item")["truth"].astype(str)
    return Analysis(
        study,
        table,
        items,
        rows,
        verdicts,
        {level: agreement.alpha(rows, level, rounds, seed) for level in _levels(study)} if several else {},
        agreement.raw_agreement(rows, rounds, seed) if several else None,
        agreement.noise_ceiling(rows, rounds, seed) if several else None,
        agreement.split_half(rows, seed=seed) if several else None,
        aggregate.majority(rows) if study.classes > 1 else pd.DataFrame(),
        aggregate.probability_same(rows) if is_pair else pd.DataFrame(),
        accuracy(rows, truth),
        _strengths(study, rows, items, missing),
        _demographics(study, rows, items, raters, rounds, seed),
        _ranking(study, rows, items, rounds, seed, missing),
        None if predictions is None else labels_models.compare(rows, items, predictions, rounds, seed),
        _versus(rows, facts(items), scores, rounds, seed, missing),
        formed(rows, items, study.asked, layer, min(rounds, 300)),
        taken_for_real(rows, items, min(rounds, 300)),
        course(rows, study.classes > 1, min(rounds, 200)),
        paid(table, study.crowd.reward, min(rounds, 300)),
        shares(rows, study.assigning.explore, min(rounds, 300)),
        _ability(rows, missing) if deep else None,
        adjudicate(study, table, quality.excluded(verdicts), table[:0] if decisions is None else decisions, items),
        told,
        tuple(missing),
    )


def _ability(rows: pd.DataFrame, missing: list[str]) -> Ability | None:
    try:
        return ability(rows)
    except StudyError as error:
        missing.append(str(error))
        return None


def _nothing(verdicts: list[Verdict]) -> str:
    out = len(quality.excluded(verdicts))
    why = f" {out} of {len(verdicts)} raters are excluded; their answers are there." if out else ""
    return f"No judgement counts yet, so there is nothing to aggregate.{why}"


def facts(items: pd.DataFrame) -> pd.DataFrame:
    """Columns item, same (True, False or None) and group, from items whose truth is "same", "different" or anything
    else."""
    same = items["truth"].map({"same": True, "different": False}).astype(object)
    return pd.DataFrame(
        {
            "item": items["item"].astype(str),
            "same": same.where(same.notna(), None),
            "group": items["group"].fillna("").astype(str),
        }
    )


def accuracy(rows: pd.DataFrame, truth: pd.Series) -> pd.DataFrame:
    """How often each way of aggregating meets what is known of the items (item → class, "" unknown).

    Columns: method, items, right, tied, accuracy, low, high. A tied majority counts as half right. Empty when nothing
    is known.
    """
    cast = aggregate.votes(rows)
    known = truth.reindex(cast.items)
    known = known[known.notna() & (known != "")]
    if not len(known) or not set(known) & set(cast.classes):
        return pd.DataFrame()
    found = {
        "majority": aggregate.majority(rows)["label"],
        "one-coin": aggregate.one_coin(cast).labels(),
        "Dawid–Skene": aggregate.dawid_skene(cast).labels(),
    }
    if set(cast.classes) <= {"same", "different"}:
        found["Dawid–Skene with confidence"] = (
            aggregate.probability_same(rows)["by_raters"].gt(0.5).map({True: "same", False: "different"})
        )
    table = []
    for method, labels in found.items():
        label = labels.reindex(known.index)
        right, tied = int((label == known).sum()), int(label.isna().sum())
        bounds = wilson(right + tied // 2, len(known))
        table.append((method, len(known), right, tied, (right + tied / 2) / len(known), bounds.low, bounds.high))
    return pd.DataFrame(table, columns=["method", "items", "right", "tied", "accuracy", "low", "high"])


def _levels(study: Study) -> tuple[str, ...]:
    return agreement.LEVELS if study.task.ordinal else ("nominal",)


def _strengths(study: Study, rows: pd.DataFrame, items: pd.DataFrame, missing: list[str]) -> pd.DataFrame:
    if study.task.name not in ("triplet", "odd_one_out"):
        return pd.DataFrame()
    if "pictures" not in items.columns:
        missing.append("Bradley–Terry needs to know the pictures of every item; they were not given.")
        return pd.DataFrame()
    members = {
        str(item): tuple(picture[0] if isinstance(picture, tuple | list) else str(picture) for picture in pictures)
        for item, pictures in zip(items["item"], items["pictures"], strict=True)
    }
    table = aggregate.bradley_terry(rows, members)  # type: ignore[arg-type]
    names = [f"{one} {two}" for one, two in zip(table["first"], table["second"], strict=True)]
    order = by_strength(table["strength"].to_numpy(), names)
    return table.iloc[order].sort_values("component", kind="stable", ignore_index=True)


def _ranking(
    study: Study, rows: pd.DataFrame, items: pd.DataFrame, rounds: int, seed: int, missing: list[str]
) -> Ranking | None:
    if not study.task.ranks:
        return None
    if "pictures" not in items.columns:
        missing.append("A ranking needs to know the pictures of every item; they were not given.")
        return None
    try:
        return rank(rows, items, min(rounds, 300), seed)
    except StudyError as error:
        missing.append(str(error))
        return None


def _demographics(
    study: Study, rows: pd.DataFrame, items: pd.DataFrame, raters: pd.DataFrame | None, rounds: int, seed: int
) -> pd.DataFrame:
    asked = [question for question in study.demographics if raters is not None and question in raters.columns]
    if raters is None or not asked or study.task.name != "same_different":
        return pd.DataFrame()
    return crowds.accuracy_by(rows, facts(items), raters[["rater", *asked]], min(rounds, 500), seed)


def _versus(
    rows: pd.DataFrame, known: pd.DataFrame, scores: pd.DataFrame | None, rounds: int, seed: int, missing: list[str]
) -> Versus | None:
    if scores is None or rows["value"].isna().any():
        missing.append(
            "Humans were not compared with recognisers: "
            + ("no scores were given." if scores is None else "answers have no scale.")
        )
        return None
    try:
        comparison = humans_models.compare(rows, known, scores)
    except StudyError as error:
        missing.append(f"Humans were not compared with recognisers: {error}")
        return None
    measures = []
    for against, column in ((TRUTH, "same"), (PEOPLE, PEOPLE)):
        kinds = comparison.table[column].value_counts()
        if len(kinds) == 2 and kinds.min() >= ENOUGH // 2 and kinds.sum() >= ENOUGH:
            measures.append(against)
        else:
            missing.append(
                f"Recognisers were not measured against {against}: expected {ENOUGH // 2} pairs of each kind, got "
                f"{kinds.to_dict()}."
            )
    truth_known = TRUTH in measures
    return Versus(
        comparison,
        {against: humans_models.performance(comparison, against, rounds=rounds, seed=seed) for against in measures},
        {against: humans_models.gaps(comparison, against, rounds, seed) for against in measures if comparison.groups},
        humans_models.errors_by_group(comparison) if truth_known else pd.DataFrame(),
        humans_models.likeness(comparison),
        {who: humans_models.calibration(comparison, who)[1] for who in comparison.recognisers} if truth_known else {},
        {who: humans_models.disagreements(comparison, who) for who in comparison.recognisers} if measures else {},
        crowds.crowd_sizes(rows, known, seed=seed) if truth_known else pd.DataFrame(),
        crowds.ceiling(rows, seed=seed) if PEOPLE in measures else Interval(float("nan"), float("nan"), float("nan")),
        crowds.rater_aucs(rows, known) if truth_known else pd.DataFrame(),
    )
