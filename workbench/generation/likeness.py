"""How like their references pictures are that were made anywhere: drawn, edited, restored, swapped, protected or
anonymised.

Every recogniser that is here speaks; none of them is known to have taken no part elsewhere, so several are shown. Each
likeness is read against strangers and against all the other references: a picture may be more like somebody else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench import marks
from workbench.batch import shown
from workbench.decoding import content, decode
from workbench.errors import BadRequest, WorkbenchError
from workbench.generation.likeness_cases import Case, Cases
from workbench.generation.likeness_changes import Change, changes
from workbench.generation.report import Report, Target, measure
from workbench.metrics.roc import Interval, auc, interval
from workbench.settings import Settings
from workbench.tasks.detection import find_faces
from workbench.tasks.face_search import FaceFinder
from workbench.tasks.recognition import FaceRecogniser, embed, similarities
from workbench.values import Face
from workbench.watch import Watch

ROUNDS = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Rated:
    """A picture and all that is said of it. alike: by recogniser, the cosine or distance to its own reference.
    chance: the share of strangers at least as alike; NaN where not known. same: whether they count as one person.
    nearest: whose reference is most like it by most recognisers, "" without a face. quality: 0..1; NaN. changed: by
    part.
    """

    case: Case
    alike: Mapping[str, float]
    chance: Mapping[str, float]
    same: Mapping[str, bool]
    nearest: str
    quality: float
    verdict: str
    changed: Mapping[str, Change]
    marks: marks.Marks

    @property
    def face(self) -> bool:
        """Whether a face was found."""
        return bool(self.alike)

    @property
    def lost(self) -> bool:
        """Whether it is more like somebody else."""
        return self.face and self.nearest != self.case.person

    def row(self) -> dict[str, Any]:
        """Plain values for a table."""
        found: dict[str, Any] = {"picture": self.case.name, "person": self.case.person, "tool": self.case.tool}
        for name, value in self.alike.items():
            found |= {name: round(value, 4), f"{name}, strangers": _rounded(self.chance[name])}
            found[f"{name}, one person"] = self.same[name]
        found |= {"nearest": self.nearest, "more like another": self.lost if self.face else None}
        found |= {"quality": self.verdict, "quality score": _rounded(self.quality)}
        for name, change in self.changed.items():
            found |= {f"{name} moved": round(change.moved, 4), f"{name} colour": _rounded(change.colour)}
        return found | {"file says": self.marks.words()}


@dataclass(frozen=True, slots=True, eq=False)
class Ratings:
    """Rated pictures. report: the figures of all of them together. matrices: by recogniser, (n, people) similarities,
    more being more alike. people: whose columns. notes: sentences on what was left out."""

    rated: tuple[Rated, ...]
    report: Report
    people: tuple[str, ...]
    matrices: Mapping[str, np.ndarray]
    notes: tuple[str, ...]

    @property
    def tools(self) -> tuple[str, ...]:
        """What made the pictures, in order."""
        return tuple(dict.fromkeys(row.case.tool for row in self.rated))


def rate(
    cases: Cases,
    finder: FaceFinder,
    recognisers: Mapping[str, FaceRecogniser],
    settings: Settings,
    watch: Watch | None = None,
) -> Ratings:
    """Everything about every picture. Raises BadRequest when no reference shows a face, Cancelled.

    Of several faces in a photo the largest counts. A picture that cannot be read is left out and named.
    """
    watch = watch or Watch()
    known, faces, notes = _references(cases, finder, recognisers, settings, watch.part(0, 0.15))
    kept, pictures = [], []
    for case in cases.cases:
        if case.person not in known:
            continue
        try:
            pictures.append(decode(case.picture, settings))
            kept.append(case)
        except WorkbenchError as error:
            notes.append(f"{case.name}: {error}")
    if not kept:
        raise BadRequest("No picture could be read: " + "; ".join(notes)[:500])
    people = tuple(known)
    own = {name: np.stack([known[case.person][name] for case in kept]) for name in recognisers}
    groups = [people.index(case.person) for case in kept]
    report = measure(pictures, groups, [Target("its reference", own)], finder, recognisers, "", watch.part(0.15, 0.9))
    matrices = {
        name: _matrix(report.vectors[name], np.stack([known[person][name] for person in people]), model)
        for name, model in recognisers.items()
    }
    rated = tuple(
        _rated(case, number, report, people, matrices, pictures[number], faces[case.person], settings)
        for number, case in enumerate(kept)
    )
    if cases.left_out:
        notes.append(f"{len(cases.left_out)} pictures have no reference: {', '.join(cases.left_out[:5])} …")
    watch.tell(1.0, "measured")
    return Ratings(rated, report, people, matrices, tuple(notes))


def _references(
    cases: Cases, finder: FaceFinder, recognisers: Mapping[str, FaceRecogniser], settings: Settings, watch: Watch
) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, tuple[np.ndarray, Face]], list[str]]:
    known: dict[str, dict[str, np.ndarray]] = {}
    seen: dict[str, tuple[np.ndarray, Face]] = {}
    notes = []
    for number, (person, path) in enumerate(cases.people.items()):
        watch.tell(number / len(cases.people), "reading references")
        try:
            photo = decode(path, settings)
            found = find_faces(photo, finder, limit=1)
            if not found:
                raise BadRequest("no face was found")
            known[person] = {name: embed(photo, found[0], model).vector for name, model in recognisers.items()}
            seen[person] = photo, found[0]
        except WorkbenchError as error:
            notes.append(f"The reference {shown(path.name)}: {error}. Its pictures are left out.")
    if not known:
        raise BadRequest("No reference shows a face that can be read. " + " ".join(notes)[:500])
    return known, seen, notes


def _matrix(vectors: np.ndarray, references: np.ndarray, model: FaceRecogniser) -> np.ndarray:
    found = np.full((len(vectors), len(references)), np.nan)
    for row in np.flatnonzero(np.isfinite(vectors).all(1)) if vectors.shape[1] else ():
        found[row] = similarities(np.repeat(vectors[row][None], len(references), 0), references, model.metric)
    return found


def _rated(
    case: Case,
    number: int,
    report: Report,
    people: Sequence[str],
    matrices: Mapping[str, np.ndarray],
    picture: np.ndarray,
    reference: tuple[np.ndarray, Face],
    settings: Settings,
) -> Rated:
    here = [row for row in report.likenesses if np.isfinite(row.scores[number])]
    votes = [people[int(matrix[number].argmax())] for matrix in matrices.values() if np.isfinite(matrix[number]).all()]
    quality, face = report.qualities[number], report.faces[number]
    return Rated(
        case,
        {row.recogniser: float(row.scores[number]) for row in here},
        {row.recogniser: float(row.by_chance[number]) for row in here},
        {row.recogniser: bool(row.passes[number]) for row in here},
        max(votes, key=lambda name: (votes.count(name), name == case.person)) if votes else "",
        quality.score if quality else float("nan"),
        quality.verdict if quality else "",
        {} if face is None else changes(*reference, picture, face),
        marks.read(content(case.picture, settings)),
    )


def best(ratings: Ratings, count: int) -> list[Rated]:
    """Per person and tool the `count` pictures most like their reference: by mean rank over recognisers, those
    without a
    face or more like somebody else last."""
    found = []
    for tool in ratings.tools:
        for person in ratings.people:
            rows = [n for n, row in enumerate(ratings.rated) if (row.case.tool, row.case.person) == (tool, person)]
            column = ratings.people.index(person)
            ranks = dict.fromkeys(rows, 0.0)
            for matrix in ratings.matrices.values():
                for place, n in enumerate(sorted(rows, key=lambda n: -np.nan_to_num(matrix[n, column], nan=-1e9))):
                    ranks[n] += place
            order = sorted(rows, key=lambda n: (not ratings.rated[n].face, ratings.rated[n].lost, ranks[n]))
            found += [ratings.rated[n] for n in order[:count]]
    return found


def summary(ratings: Ratings, tool: str) -> dict[str, Interval]:
    """A tool's figures with 95 % intervals, people drawn anew."""
    rows = np.array([row.case.tool == tool for row in ratings.rated])
    found = {name: _averaged(values[rows], _owners(ratings)[rows]) for name, values in columns(ratings).items()}
    for name, matrix in ratings.matrices.items():
        value = _area(matrix[rows], _owners(ratings)[rows])
        if np.isfinite(value):
            found[f"{name}: AUC, own against other references"] = _areas(matrix[rows], _owners(ratings)[rows], value)
    return found


def columns(ratings: Ratings) -> dict[str, np.ndarray]:
    """What is averaged, by name: (n,) numbers, NaN where there is no face."""
    owners = _owners(ratings)
    found = {"with a face": np.array([float(row.face) for row in ratings.rated])}
    for name, matrix in ratings.matrices.items():
        found[f"{name}: likeness"] = matrix[np.arange(len(owners)), owners]
        found[f"{name}: one person"] = np.array([float(row.same.get(name, False)) for row in ratings.rated])
    found["more like another"] = np.array([float(row.lost) if row.face else np.nan for row in ratings.rated])
    found["quality"] = np.array([row.quality for row in ratings.rated])
    return found


def against(ratings: Ratings, first: str, second: str) -> dict[str, Interval]:
    """What `first` has more than `second`, on average over the people both have pictures of, with 95 % intervals of
    these
    people drawn anew. Raises BadRequest when they share none."""
    owners, tools = _owners(ratings), np.array([row.case.tool for row in ratings.rated])
    shared = sorted(set(owners[tools == first].tolist()) & set(owners[tools == second].tolist()))
    if not shared:
        raise BadRequest(f"{first} and {second} have no person in common, so they cannot be compared.")
    found = {}
    for name, values in columns(ratings).items():
        gaps = np.array(
            [
                _mean(values[(tools == first) & (owners == who)]) - _mean(values[(tools == second) & (owners == who)])
                for who in shared
            ]
        )
        found[name] = _averaged(gaps, np.arange(len(gaps)))
    return found


def _owners(ratings: Ratings) -> np.ndarray:
    return np.array([ratings.people.index(row.case.person) for row in ratings.rated])


def _averaged(values: np.ndarray, owners: np.ndarray) -> Interval:
    """The mean over people of their means, and its interval."""
    means = np.array([_mean(values[owners == who]) for who in np.unique(owners)])
    means = means[np.isfinite(means)]
    if not len(means):
        return Interval(float("nan"), float("nan"), float("nan"), 0.95)
    rng = np.random.default_rng(0)
    rounds = means[rng.integers(0, len(means), (ROUNDS, len(means)))].mean(1) if len(means) > 1 else np.empty(0)
    return interval(float(means.mean()), rounds)


def _areas(matrix: np.ndarray, owners: np.ndarray, value: float) -> Interval:
    """The AUC's interval: people drawn anew, a hundred times."""
    rng, who = np.random.default_rng(0), np.unique(owners)
    rounds = []
    for _ in range(100):
        rows = np.concatenate([np.flatnonzero(owners == one) for one in rng.choice(who, len(who))])
        rounds.append(_area(matrix[rows], owners[rows]))
    return interval(value, np.array(rounds))


def _area(matrix: np.ndarray, owners: np.ndarray) -> float:
    seen = np.isfinite(matrix).all(1)
    same = np.zeros(matrix.shape, bool)
    same[np.arange(len(owners)), owners] = True
    if not seen.any() or matrix.shape[1] < 2:
        return float("nan")
    return auc(matrix[seen].ravel(), same[seen].ravel().astype(float))


def _mean(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else float("nan")


def _rounded(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None
