"""From a folder's truth and the models' answers to figures: overall, per group, and model against model.

Nothing here runs a model: answers are read from disk, so figures can be made again at any time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from workbench.errors import BadRequest, WorkbenchError
from workbench.evaluation import boxes, landmarks, parsing, recognition
from workbench.evaluation import labels as classes
from workbench.evaluation.answers import Answers, unpack
from workbench.evaluation.layouts import read_mask
from workbench.evaluation.truth import Case, Truth
from workbench.evaluation.weighing import LEAST, Draws, Gap, Statistic, holm, memberships
from workbench.metrics.roc import Interval
from workbench.thresholds import Metric
from workbench.watch import Watch

Photos = parsing.Parsed | landmarks.Landmarks | boxes.Boxes
Found = Photos | classes.Classified | recognition.Verified


@dataclass(frozen=True, slots=True, eq=False)
class GroupFigures:
    """One group under one model. inside: the headline's value there. gap: group minus the rest.

    recall: of boxes, the share of the group's faces that are found (FACET, Gustafson et al. 2023); None of other kinds.
    """

    cases: int
    inside: Interval
    gap: Gap
    recall: Interval | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One model's figures. headline: name of the figure that groups and comparisons use.

    left_out: (photo, why) without an answer or without a mask that can be read. withheld: groups too small to speak of.
    """

    model: str
    found: Found
    figures: Mapping[str, Interval]
    headline: str
    groups: Mapping[str, GroupFigures] = field(default_factory=dict)
    withheld: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    identified: recognition.Identified | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Everything a report says. against: (first, second, overall gap, gap per group), first minus second."""

    truth: Truth
    models: tuple[Measured, ...]
    against: tuple[tuple[str, str, Gap, Mapping[str, Gap]], ...] = ()
    least: int = LEAST


def measure(
    truth: Truth,
    answers: Mapping[str, Answers],
    labels: Mapping[str, Sequence[str]],
    recognisers: Mapping[str, tuple[str, float | None]],
    *,
    rounds: int = 1000,
    least: int = LEAST,
    watch: Watch | None = None,
) -> Evaluation:
    """Figures of all models. answers: by model id. labels: of classifiers. recognisers: metric and threshold.

    Models are compared on the cases that all of them answered. Raises BadRequest when nothing can be judged.
    """
    watch = watch or Watch()
    if truth.kind == "pairs":
        return _verify(truth, answers, recognisers, rounds, least)
    counted = {
        model: _classified(truth, kept, labels[model]) if truth.kind == "labels" else _judged(truth, kept, watch)
        for model, kept in answers.items()
    }
    shared = set.intersection(*(set(ids) for ids, _, _ in counted.values()))
    cases = tuple(case for case in truth.cases if case.id in shared)
    if not cases:
        why = next((reason for _, _, left in counted.values() for _, reason in left), "")
        raise BadRequest(f"No photo could be judged. {why}".strip())
    draws = Draws.over([case.person for case in cases], rounds)
    groups = memberships([case.groups for case in cases])
    models = tuple(
        _figures(model, _only(found, [case.id for case in cases]), left, draws, groups, least)
        for model, (_, found, left) in counted.items()
    )
    return Evaluation(truth, models, _against(models, draws, groups, least), least)


def _judged(truth: Truth, kept: Answers, watch: Watch) -> tuple[list[str], Photos, list[tuple[str, str]]]:
    """What each photo counts, photo by photo; those that cannot be compared with the reason."""
    one: Callable[[Truth, Answers, Case], Any] = {"parsing": _picture, "landmarks": _traced, "boxes": _located}[
        truth.kind
    ]
    photos, left = [], []
    for number, case in enumerate(truth.cases):
        watch.tell(number / len(truth.cases), f"comparing {case.id}")
        try:
            photos.append(one(truth, kept, case))
        except WorkbenchError as error:
            left.append((case.id, str(error)))
    return [photo.id for photo in photos], _KEEPERS[truth.kind](tuple(photos)), left


_KEEPERS: dict[str, Callable[[tuple[Any, ...]], Photos]] = {
    "parsing": parsing.Parsed, "landmarks": landmarks.Landmarks, "boxes": boxes.Boxes,
}  # fmt: skip


def _picture(truth: Truth, kept: Answers, case: Case) -> parsing.Picture:
    return parsing.judge(case.id, read_mask(case, truth.parts), _map(kept, case), truth.parts)


def _traced(truth: Truth, kept: Answers, case: Case) -> landmarks.Traced:
    if case.points is None:
        raise BadRequest(f"{case.id}: no points.")
    return landmarks.trace(case.id, case.points, _value(kept, case))


def _located(truth: Truth, kept: Answers, case: Case) -> boxes.Located:
    if case.boxes is None:
        raise BadRequest(f"{case.id}: no boxes.")
    return boxes.locate(case.id, case.boxes, case.crowd, _value(kept, case))


def _value(kept: Answers, case: Case) -> Any:
    row = kept.row(case)
    if row["error"]:
        raise BadRequest(row["error"])
    return row["value"]


def _map(kept: Answers, case: Case) -> np.ndarray:
    _value(kept, case)
    with Image.open(kept.map_of(case)) as picture:
        return np.array(picture, np.uint8)


def _classified(
    truth: Truth, kept: Answers, names: Sequence[str]
) -> tuple[list[str], classes.Classified, list[tuple[str, str]]]:
    ids, wanted, rows, left = [], [], [], []
    for case in truth.cases:
        row = kept.row(case)
        if row["error"] or case.label not in names:
            left.append((case.id, row["error"] or f"the model does not know the label {case.label!r}"))
            continue
        scores = np.array(row["value"], np.float64)
        if len(scores) != len(names) or not np.isfinite(scores).all():
            left.append((case.id, "the model's answer holds NaN, or a number of labels that is not its own"))
            continue
        ids.append(case.id)
        wanted.append(list(names).index(case.label))
        rows.append(scores / max(scores.sum(), 1e-12))
    table = np.stack(rows) if rows else np.zeros((0, len(names)))
    return ids, classes.Classified(tuple(ids), tuple(names), np.array(wanted, int), table), left


def _only(found: Found, ids: Sequence[str]) -> Found:
    """The same over these cases, in this order."""
    if isinstance(found, parsing.Parsed | landmarks.Landmarks | boxes.Boxes):
        every: Sequence[Any] = found.pictures if isinstance(found, parsing.Parsed) else found.photos
        by_id = {photo.id: photo for photo in every}
        return type(found)(tuple(by_id[id_] for id_ in ids))
    assert isinstance(found, classes.Classified)
    places = {id_: place for place, id_ in enumerate(found.ids)}
    rows = [places[id_] for id_ in ids]
    return classes.Classified(tuple(ids), found.labels, found.truth[rows], found.scores[rows])


HEADLINES = {
    parsing.Parsed: "F1 per picture", classes.Classified: "accuracy", recognition.Verified: "AUC",
    landmarks.Landmarks: "NME", boxes.Boxes: "F1 at IoU 0.5",
}  # fmt: skip
RECALL = "recall at IoU 0.5"
LOWER = ("NME",)
"""Headlines of which less is better."""


def better(headline: str, first: str, second: str, gap: Gap) -> str:
    """The model that is better by the gap, first minus second; "" where it shows nothing."""
    if not gap.clear:
        return ""
    return first if (gap.difference.value > 0) != (headline in LOWER) else second


def statistics(found: Found) -> dict[str, Statistic]:
    """What a kind of evaluation reports, by name."""
    assert not isinstance(found, recognition.Verified)
    return found.statistics()


def _figures(
    model: str,
    found: Found,
    left: list[tuple[str, str]],
    draws: Draws,
    groups: Mapping[str, np.ndarray],
    least: int,
) -> Measured:
    stats, headline = statistics(found), HEADLINES[type(found)]
    figures = {name: draws.of(statistic) for name, statistic in stats.items()}
    large = {name: rows for name, rows in groups.items() if rows.sum() >= least and (~rows).sum() >= least}
    gaps = holm({name: draws.apart(stats[headline], rows) for name, rows in large.items()})
    recall = stats.get(RECALL)
    inside = {
        name: GroupFigures(
            int(rows.sum()), draws.of(stats[headline], rows), gaps[name], recall and draws.of(recall, rows)
        )
        for name, rows in large.items()
    }
    withheld = tuple(f"{name} ({int(rows.sum())})" for name, rows in groups.items() if name not in large)
    return Measured(model, found, figures, headline, inside, withheld, tuple(left))


def _against(
    models: tuple[Measured, ...], draws: Draws, groups: Mapping[str, np.ndarray], least: int
) -> tuple[tuple[str, str, Gap, Mapping[str, Gap]], ...]:
    found = []
    for place, first in enumerate(models):
        for second in models[place + 1 :]:
            one, two = statistics(first.found)[first.headline], statistics(second.found)[second.headline]
            per_group = {name: draws.gap(one, two, rows) for name, rows in groups.items() if rows.sum() >= least}
            found.append((first.model, second.model, draws.gap(one, two), holm(per_group)))
    return tuple(found)


def _verify(
    truth: Truth,
    answers: Mapping[str, Answers],
    recognisers: Mapping[str, tuple[str, float | None]],
    rounds: int,
    least: int,
) -> Evaluation:
    by_id = {case.id: case for case in truth.cases}
    vectors: dict[str, dict[str, np.ndarray]] = {}
    left: dict[str, list[tuple[str, str]]] = {}
    for model, kept in answers.items():
        rows = {case.id: kept.row(case) for case in truth.cases}
        vectors[model] = {id_: unpack(row["value"]) for id_, row in rows.items() if not row["error"]}
        left[model] = [(id_, row["error"]) for id_, row in rows.items() if row["error"]]
    usable = [p for p in truth.pairs if all(p.first in v and p.second in v for v in vectors.values())]
    if len({pair.same for pair in usable}) < 2:
        raise BadRequest(f"Expected same and different pairs with a face on both photos, got {len(usable)} usable.")
    people = _names(truth, by_id)
    models = []
    for model, found in vectors.items():
        metric, threshold = recognisers[model]
        verified = _verified(usable, found, people, metric, threshold)
        report = verified.report(rounds)
        figures = {"AUC": report.auc, "EER": report.eer, "TAR at FAR 1 %": report.tar_at_far_1}
        if report.far is not None and report.tar is not None:
            figures |= {"FAR at its threshold": report.far, "TAR at its threshold": report.tar}
        identified = recognition.identify(found, {id_: c.person for id_, c in by_id.items()}, metric)
        models.append(Measured(model, verified, figures, "AUC", left_out=tuple(left[model]), identified=identified))
    against = []
    for place, first in enumerate(models):
        for second in models[place + 1 :]:
            assert isinstance(first.found, recognition.Verified)
            assert isinstance(second.found, recognition.Verified)
            gap = recognition.compare(first.found, second.found, rounds)
            against.append((first.model, second.model, gap, dict[str, Gap]()))
    return Evaluation(truth, tuple(models), tuple(against), least)


def _names(truth: Truth, by_id: Mapping[str, Case]) -> dict[str, str]:
    """Who is who: as the truth says, else as far as same pairs join photos."""
    leader = {id_: case.person or id_ for id_, case in by_id.items()}
    if all(case.person for case in by_id.values()):
        return leader
    for pair in truth.pairs:
        if pair.same:
            old, new = leader[pair.second], leader[pair.first]
            leader = {id_: new if name == old else name for id_, name in leader.items()}
    return leader


def _verified(
    pairs: Sequence[object],
    vectors: Mapping[str, np.ndarray],
    people: Mapping[str, str],
    metric: str,
    threshold: float | None,
) -> recognition.Verified:
    from workbench.tasks.recognition import similarities

    rows = [(pair.first, pair.second, pair.same) for pair in pairs]  # type: ignore[attr-defined]
    first, second = (np.stack([vectors[row[side]] for row in rows]) for side in (0, 1))
    names = tuple([people[row[side]] for row in rows] for side in (0, 1))
    bound = None if threshold is None else float(Metric.of(metric).similarity(threshold))
    return recognition.Verified(
        similarities(first, second, metric),
        np.array([row[2] for row in rows], bool),
        tuple((row[0], row[1]) for row in rows),
        (names[0], names[1]),
        bound,
    )
