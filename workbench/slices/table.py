"""One row per photo of a folder: what it shows, what a model said, why, and how well it can be seen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.errors import BadRequest, Cancelled, NoFace, WorkbenchError
from workbench.evaluation.truth import Case
from workbench.explanation.explain import explained
from workbench.explanation.overview import in_frame, mesh_in_frame
from workbench.explanation.targets import named
from workbench.tasks.detection import find_faces
from workbench.tasks.face_search import FaceFinder
from workbench.tasks.model_id import model_id
from workbench.tasks.quality import assess
from workbench.values import Scores
from workbench.watch import Watch


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One photo. truth: "" when unknown. quality: 0..1, as good as its worst side. heat: (FRAME, FRAME) float32, why
    the model said what it said, in the common frame. vector: (d,) of a recogniser. mesh: (478, 2) in the frame;
    None where there was none."""

    file: str
    truth: str
    scores: Scores
    quality: float
    groups: Mapping[str, str]
    heat: np.ndarray
    vector: np.ndarray
    mesh: np.ndarray | None

    @property
    def said(self) -> str:
        """The model's answer."""
        return self.scores.top

    @property
    def confidence(self) -> float:
        """Of the answer, 0..1."""
        return float(self.scores.values.max())

    @property
    def right(self) -> bool | None:
        """Whether that is the truth; None when that is unknown."""
        return None if not self.truth else self.said == self.truth


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A folder that was asked about. missing: photos left out, with the reason."""

    rows: tuple[Row, ...]
    missing: tuple[tuple[str, str], ...]
    model: str
    method: str


def gather(
    cases: Sequence[Case],
    read: Callable[[Case], np.ndarray],
    finder: FaceFinder,
    model: Any,
    recogniser: Any,
    *,
    method: str = "occlusion",
    knobs: Mapping[str, Any] | None = None,
    seed: int = 0,
    watch: Watch | None = None,
) -> Rows:
    """Ask an expression model about the largest face of every photo, and why it says its answer.

    read: the photo of a case. recogniser: whose vectors the map of photos is made of. method, knobs: of the heatmaps. A
    photo that cannot be read or has no face is listed with its reason. Raises BadRequest when none is left;
    Cancelled.
    """
    watch = watch or Watch()
    rows, missing = [], []
    for place, case in enumerate(cases):
        watch.tell(place / len(cases), f"photo {place + 1} of {len(cases)}")
        try:
            quiet = Watch(cancelled=watch.cancelled)
            rows.append(_row(case, read(case), finder, model, recogniser, method, knobs, seed, quiet))
        except Cancelled:
            raise
        except WorkbenchError as error:
            missing.append((case.id, str(error)))
    if not rows:
        raise BadRequest("No photo could be asked about: " + "; ".join(f"{name}: {why}" for name, why in missing[:3]))
    return Rows(tuple(rows), tuple(missing), model_id(model), method)


def _row(
    case: Case, image: np.ndarray, finder: FaceFinder, model: Any, recogniser: Any, method: str,
    knobs: Mapping[str, Any] | None, seed: int, watch: Watch,
) -> Row:  # fmt: skip
    faces = find_faces(image, finder)
    if not faces:
        raise NoFace("no face was found")
    face = faces[0]
    scores = model.scores(image, face)
    target = named(model, "expression", scores.top)
    found = explained(target, image, face, method, knobs, seed=seed, watch=watch)
    heat = in_frame(found.chip_map.values, found.matrix, face)
    vector = recogniser.batch(recogniser.align(image, face)[None])[0]
    quality = assess(image, face).score
    return Row(case.id, case.label, scores, quality, case.groups, heat, vector, mesh_in_frame(face))


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows to show. group: "column=value", "" for all. right: True, False, or None for both. confidence, quality:
    (least, most), 0..1. said: an answer, "" for all. Raises BadRequest for bounds the wrong way round."""

    group: str = ""
    right: bool | None = None
    confidence: tuple[float, float] = (0.0, 1.0)
    quality: tuple[float, float] = (0.0, 1.0)
    said: str = ""

    def __post_init__(self) -> None:
        for name, (low, high) in (("confidence", self.confidence), ("quality", self.quality)):
            if not 0 <= low <= high <= 1:
                raise BadRequest(f"{name}: expected least and most from 0 to 1, got {low} and {high}.")

    def keeps(self, row: Row) -> bool:
        """Whether a row is shown."""
        column, _, value = self.group.partition("=")
        return (
            (not self.group or row.groups.get(column) == value)
            and (self.right is None or row.right is self.right)
            and self.confidence[0] <= row.confidence <= self.confidence[1]
            and self.quality[0] <= row.quality <= self.quality[1]
            and self.said in ("", row.said)
        )


def groups_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """Every "column=value" there is, sorted."""
    return tuple(sorted({f"{column}={value}" for row in rows for column, value in row.groups.items()}))


def accuracy(rows: Sequence[Row]) -> float:
    """Share of right answers among those whose truth is known; NaN when none is."""
    known = [row.right for row in rows if row.right is not None]
    return float(np.mean(known)) if known else float("nan")
