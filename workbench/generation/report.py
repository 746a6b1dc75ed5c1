"""The figures beside every sheet: like whom, by which recogniser, how unlike each other, and are they faces at all.

Similarity is told by the recogniser whose vectors the model was given, which flatters it, and by one that took no part.
Both are read against strangers (`impostors`) and against the threshold that one of a hundred pairs of strangers passes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workbench.errors import BadRequest, WorkbenchError
from workbench.generation.impostors import strangers
from workbench.tasks.detection import find_faces
from workbench.tasks.face_search import FaceFinder
from workbench.tasks.quality import assess
from workbench.tasks.recognition import FaceRecogniser, embed, similarities
from workbench.thresholds import Metric
from workbench.values import Face, Quality
from workbench.watch import Watch

TITLES = {"sface": "SFace", "dlib": "dlib", "mobilefacenet": "MobileFaceNet", "faceres": "FaceRes"}
"""Short names of recognisers for captions; others go by their id."""


def title_of(recogniser: str) -> str:
    """A recogniser's short name for captions, its id where it has none."""
    return TITLES.get(recogniser, recogniser)


BAR = 8
"""Pieces of the bar beside a picture."""
JUDGE = "sface"
"""The recogniser that takes no part in any drawing."""

GUIDE = "mobilefacenet"
"""The recogniser through which the embedded model looks at a photo, beside the one whose vector it is told."""


def judges(here: Iterable[str], conditioner: str) -> list[str]:
    """Of the recognisers that are here, those whose vectors the model was not told; the usual judge first, and last
    the one that may have guided the drawing."""
    return sorted((name for name in here if name != conditioner), key=lambda name: (name != JUDGE, name == GUIDE))


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """Whom pictures should be like. vectors: per recogniser (d,) for all pictures, (n, d) for one each, or (m, d) with
    `nearest`.

    nearest: of several people the one each picture is most like counts: for a gallery nobody should be like.
    """

    name: str
    vectors: Mapping[str, np.ndarray]
    nearest: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """How like `to` each picture is, by one recogniser.

    conditioned: whether the model was told this recogniser's vectors. scores: (n,) cosine or distance, NaN where no
    face was found.
    threshold: in that unit, at FAR 1 %; None when not calibrated. by_chance: (n,) share of pairs of strangers at least
    as alike, NaN where not known.
    """

    recogniser: str
    to: str
    conditioned: bool
    metric: Metric
    threshold: float | None
    scores: np.ndarray
    by_chance: np.ndarray

    @property
    def title(self) -> str:
        """The recogniser's short name."""
        return title_of(self.recogniser)

    @property
    def passes(self) -> np.ndarray:
        """(n,) bool: taken for one person."""
        if self.threshold is None:
            return np.zeros(len(self.scores), bool)
        return np.asarray(self.metric.matches(self.scores, self.threshold))

    def words(self) -> str:
        """The mean over the pictures with a face, its place among strangers, and how many pass."""
        seen = np.isfinite(self.scores)
        role = "the model was told its vectors" if self.conditioned else "took no part in drawing"
        if not seen.any():
            return f"{self.title} ({role}): no face to compare with {self.to}."
        sentence = f"{self.title} ({role}): mean {self.metric.word} to {self.to} {self.scores[seen].mean():.2f}"
        if self.threshold is not None:
            bound = f"{self.metric.bound} {self.threshold:.2f}"
            sentence += (
                f"; {int(self.passes.sum())} of {int(seen.sum())} count as one person ({bound}, where 1 % of "
                f"strangers do)"
            )
        if np.isfinite(self.by_chance[seen]).any():
            sentence += f"; strangers are as alike in {np.nanmedian(self.by_chance[seen]):.1%} of pairs (median)"
        return sentence + "."


@dataclass(frozen=True, slots=True)
class Diversity:
    """How unlike pictures are, by one recogniser: mean distance (1 − cosine, or l2) of two pictures of one identity, of
    two identities.

    strangers: the same for photos of two people; None where not measured. mistaken: share of pairs of two identities
    taken for one.
    """

    recogniser: str
    within: float | None
    across: float | None
    strangers: float | None
    mistaken: float | None

    def words(self) -> str:
        """As a sentence; empty when there are no two pictures to compare."""
        pairs = (
            ("two pictures of one identity", self.within),
            ("two identities", self.across),
            ("strangers", self.strangers),
        )
        told = [f"{who} {value:.2f}" for who, value in pairs if value is not None]
        if self.within is None and self.across is None:
            return ""
        mistaken = (
            "" if self.mistaken is None else f"; {self.mistaken:.0%} of pairs of identities are taken for one person"
        )
        return f"Diversity by {title_of(self.recogniser)}, mean distance: {', '.join(told)}{mistaken}."


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """Everything that stands beside a sheet. faces, qualities: per picture, None where no face was found.

    vectors: per recogniser (n, d) float32, a row of NaN where there is none. notes: more sentences. together: several
    people are in every picture, each compared with a face of their own; a picture is then as good as its least alike.
    """

    faces: tuple[Face | None, ...]
    qualities: tuple[Quality | None, ...]
    likenesses: tuple[Likeness, ...]
    diversities: tuple[Diversity, ...]
    vectors: Mapping[str, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    together: bool = False

    def __post_init__(self) -> None:
        counts = {len(self.faces), len(self.qualities), *(len(likeness.scores) for likeness in self.likenesses)}
        if len(counts) != 1:
            raise BadRequest(
                f"Report: expected figures for the same number of pictures everywhere, got {sorted(counts)}."
            )

    @property
    def missing(self) -> tuple[int, ...]:
        """Places, from 0, of the pictures in which no face was found."""
        return tuple(number for number, face in enumerate(self.faces) if face is None)

    def sign(self, number: int) -> str:
        """One picture in a tick or cross and a bar, by the recogniser that took no part in drawing: half of the bar is
        the threshold. number: from 0."""
        judged = self._judged(number)
        score = float("nan") if judged is None else float(judged.scores[number])
        if judged is None or judged.threshold is None or not np.isfinite(score):
            return f"{number + 1} · not judged"
        share = score / (2 * judged.threshold)
        share = share if judged.metric.word == "cosine" else 1 - share
        full = round(BAR * min(max(share, 0), 1))
        return f"{number + 1} {'✓' if judged.passes[number] else '✗'} {'█' * full}{'░' * (BAR - full)}"

    def _judged(self, number: int) -> Likeness | None:
        """The likeness that a picture's sign tells: of several people in it, the least, or one without a face."""
        rows = sorted(self.likenesses, key=lambda row: row.conditioned)
        if not self.together or not rows:
            return rows[0] if rows else None
        same = [row for row in rows if row.recogniser == rows[0].recogniser]
        unseen = [row for row in same if not np.isfinite(row.scores[number])]
        return unseen[0] if unseen else min(same, key=lambda row: row.metric.similarity(row.scores[number]))

    def caption(self, number: int) -> str:
        """One picture's figures in a line. A tick: taken for one person. number: from 0."""
        if self.faces[number] is None:
            return f"{number + 1}: no face found"
        told = []
        for likeness in sorted(self.likenesses, key=lambda row: row.conditioned):
            score, chance = likeness.scores[number], likeness.by_chance[number]
            if np.isfinite(score):
                share = f" (strangers {_percent(chance)})" if np.isfinite(chance) and not likeness.conditioned else ""
                to = "" if len({row.to for row in self.likenesses}) == 1 else f" to {likeness.to}"
                told.append(f"{likeness.title}{to} {score:.2f}{' ✓' if likeness.passes[number] else ''}{share}")
        quality = self.qualities[number]
        return f"{number + 1}: " + " · ".join([*told, f"quality {quality.verdict}" if quality else ""]).rstrip(" ·")

    def words(self) -> str:
        """The whole report as Markdown."""
        found = len(self.faces) - len(self.missing)
        lines = [f"A face was found in {found} of {len(self.faces)} pictures."]
        if self.missing:
            lines[0] += f" None in {', '.join(str(number + 1) for number in self.missing)}: these have no figures."
        lines += [likeness.words() for likeness in sorted(self.likenesses, key=lambda row: row.conditioned)]
        lines += self.notes
        lines += [text for diversity in self.diversities if (text := diversity.words())]
        verdicts = [quality.verdict for quality in self.qualities if quality]
        lines.append(
            "Face quality: "
            + ", ".join(f"{verdicts.count(word)} {word}" for word in ("good", "fair", "poor") if word in verdicts)
            + "."
        )
        return "\n".join(f"- {line}" for line in lines if line != "Face quality: .")

    def rows(self) -> list[dict[str, Any]]:
        """One row of figures per picture, for a table or JSON; None where there is no face."""
        rows = []
        for number, quality in enumerate(self.qualities):
            row: dict[str, Any] = {"picture": number + 1, "face": self.faces[number] is not None}
            for likeness in self.likenesses:
                key = f"{likeness.recogniser} to {likeness.to}"
                row[key], row[f"{key}, strangers"] = (
                    _number(likeness.scores[number]),
                    _number(likeness.by_chance[number]),
                )
                row[f"{key}, one person"] = (
                    bool(likeness.passes[number]) if np.isfinite(likeness.scores[number]) else None
                )
            rows.append(
                row
                | {
                    "quality": quality.verdict if quality else None,
                    "quality score": _number(quality.score) if quality else None,
                }
            )
        return rows

    def figures(self) -> dict[str, Any]:
        """Everything as plain numbers, for JSON."""
        names = ("recogniser", "within", "across", "strangers", "mistaken")
        told = [{name: getattr(row, name) for name in names} for row in self.diversities]
        roles = [
            {
                "recogniser": row.recogniser,
                "to": row.to,
                "conditioned": row.conditioned,
                "metric": row.metric,
                "threshold": row.threshold,
            }
            for row in self.likenesses
        ]
        return {"pictures": self.rows(), "likeness": roles, "diversity": told}


def measure(
    pictures: Sequence[np.ndarray],
    groups: Sequence[int],
    targets: Sequence[Target],
    finder: FaceFinder,
    recognisers: Mapping[str, FaceRecogniser],
    conditioner: str,
    watch: Watch | None = None,
) -> Report:
    """The report of some pictures. groups: which identity each is of. conditioner: id of the recogniser the model was
    told vectors of.

    Of several faces in a picture the largest counts. Raises Cancelled.
    """
    watch = watch or Watch()
    faces: list[Face | None] = []
    vectors: dict[str, list[np.ndarray | None]] = {model_id: [] for model_id in recognisers}
    for number, picture in enumerate(pictures):
        watch.tell(number / max(len(pictures), 1), "measuring")
        found = find_faces(picture, finder)
        faces.append(found[0] if found else None)
        for model_id, model in recognisers.items():
            vectors[model_id].append(vector_of(picture, faces[-1], model))
    likenesses = tuple(
        likeness_of(target, model_id, vectors[model_id], model, model_id == conditioner)
        for target in targets
        for model_id, model in recognisers.items()
        if model_id in target.vectors
    )
    diversities = tuple(
        diversity_of(model_id, vectors[model_id], groups, model) for model_id, model in recognisers.items()
    )
    qualities = tuple(map(quality_of, pictures, faces))
    return Report(
        tuple(faces), qualities, likenesses, diversities, {name: _stacked(rows) for name, rows in vectors.items()}
    )


def vector_of(picture: np.ndarray, face: Face | None, model: FaceRecogniser) -> np.ndarray | None:
    """A face's vector by one recogniser; None where there is no face, or it cannot be aligned."""
    try:
        return None if face is None else embed(picture, face, model).vector
    except (
        WorkbenchError
    ):  # too small, or without the landmarks this recogniser aligns by: no figure, and the caption shows none
        return None


def _stacked(rows: Sequence[np.ndarray | None]) -> np.ndarray:
    size = next((len(row) for row in rows if row is not None), 0)
    return np.stack([np.full(size, np.nan, np.float32) if row is None else row for row in rows])


def quality_of(picture: np.ndarray, face: Face | None) -> Quality | None:
    """How good a face's picture is; None where there is no face, or it cannot be told."""
    try:
        return None if face is None else assess(picture, face)
    except WorkbenchError:
        return None


def likeness_of(
    target: Target, model_id: str, vectors: Sequence[np.ndarray | None], model: FaceRecogniser, conditioned: bool
) -> Likeness:
    """How like a target each picture's face is, by one recogniser. vectors: of the faces, None where there is none."""
    asked = np.atleast_2d(np.asarray(target.vectors[model_id], np.float64))
    table = strangers(model_id)
    scores, chances = np.full(len(vectors), np.nan), np.full(len(vectors), np.nan)
    for number, vector in enumerate(vectors):
        if vector is None:
            continue
        these = asked if target.nearest or len(asked) == 1 else asked[number : number + 1]
        similarity = float(similarities(np.repeat(vector[None], len(these), axis=0), these, model.metric).max())
        scores[number] = model.metric.similarity(similarity)
        chances[number] = table.share_above(similarity) if table else np.nan
    return Likeness(model_id, target.name, conditioned, model.metric, model.threshold, scores, chances)


def diversity_of(
    model_id: str, vectors: Sequence[np.ndarray | None], groups: Sequence[int], model: FaceRecogniser
) -> Diversity:
    """How unlike faces are, by one recogniser. vectors: None where there is none. groups: whose each is."""
    seen = [number for number, vector in enumerate(vectors) if vector is not None]
    table = strangers(model_id)
    apart = None if table is None else (model.metric.distance(model.metric.similarity(table.mean_different)))
    if len(seen) < 2:
        return Diversity(model_id, None, None, apart, None)
    rows, owners = (
        np.stack([np.asarray(vectors[number]) for number in seen]),
        np.array([groups[number] for number in seen]),
    )
    first, second = np.triu_indices(len(rows), 1)
    alike = similarities(rows[first], rows[second], model.metric)
    distance = model.metric.distance(model.metric.similarity(alike))
    same = owners[first] == owners[second]
    bound = None if model.threshold is None else model.metric.similarity(model.threshold)
    mistaken = float((alike[~same] >= bound).mean()) if bound is not None and (~same).any() else None
    return Diversity(model_id, _mean(distance[same]), _mean(distance[~same]), apart, mistaken)


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def _number(value: float) -> float | None:
    return round(float(value), 5) if np.isfinite(value) else None


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.0005 else "< 0.1%"
