"""What travels between the layers: frozen values that check themselves when made.

NumPy, never tensors. One image rule: RGB, uint8, height × width × 3, upright. Points are (x, y) in pixels of the photo,
with (0, 0) the centre of the top-left pixel. Knows nothing of models, files or screens.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workbench.errors import BadRequest
from workbench.parts import INDEX, PARTS
from workbench.thresholds import Metric

MESH_POINTS = 478
"""468 points of the MediaPipe face mesh, then five for each iris (468–472 image left, 473–477 image right)."""


def _expect(name: str, array: np.ndarray, shape: tuple[int | None, ...], dtype: type) -> None:
    fits = array.ndim == len(shape) and all(want in (None, got) for want, got in zip(shape, array.shape, strict=True))
    if not fits or array.dtype != dtype:
        wanted = " × ".join("any" if n is None else str(n) for n in shape)
        raise BadRequest(
            f"{name}: expected {wanted} of {np.dtype(dtype)}, got {' × '.join(map(str, array.shape))} of {array.dtype}."
        )


def check_image(image: np.ndarray) -> np.ndarray:
    """The image itself, if it follows the one image rule; otherwise BadRequest says what it is instead."""
    if not isinstance(image, np.ndarray):
        raise BadRequest(f"image: expected an RGB array, got {type(image).__name__}.")
    _expect("image", image, (None, None, 3), np.uint8)
    return image


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """Where a head points, in degrees. yaw > 0: towards the image's right; pitch > 0: up; roll > 0: clockwise in the
    image."""

    yaw: float
    pitch: float
    roll: float


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face of a photo.

    box: (4,) float32, left, top, right, bottom. points: (5, 2) float32, image-left eye, image-right eye, nose tip,
    image-left and image-right mouth corner. score: detector's probability. mesh: (478, 3) float32, x and y in photo
    pixels, z in the same unit, smaller is nearer; None when landmarks were not asked for or not found. mesh_score:
    0..1.
    pose: from the mesh. eyes_open: (image left, image right) lid gap over eye width. mouth_open: lip gap over mouth
    width. mtcnn: (4,) float32, MTCNN's own box where MTCNN found the face: what networks trained on its boxes want to
    see.
    """

    box: np.ndarray
    points: np.ndarray
    score: float
    mesh: np.ndarray | None = None
    mesh_score: float = 0.0
    pose: Pose | None = None
    eyes_open: tuple[float, float] | None = None
    mouth_open: float | None = None
    mtcnn: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.mtcnn is not None:
            _expect("Face.mtcnn", self.mtcnn, (4,), np.float32)
        _expect("Face.box", self.box, (4,), np.float32)
        _expect("Face.points", self.points, (5, 2), np.float32)
        if self.mesh is not None:
            _expect("Face.mesh", self.mesh, (MESH_POINTS, 3), np.float32)
        if not self.box[0] < self.box[2] or not self.box[1] < self.box[3]:
            raise BadRequest(f"Face.box: expected left < right and top < bottom, got {self.box.tolist()}.")

    @property
    def size(self) -> float:
        """The longer side of the box in pixels."""
        return float(max(self.box[2] - self.box[0], self.box[3] - self.box[1]))


@dataclass(frozen=True, slots=True, eq=False)
class Parsing:
    """Which part every pixel is, and whose.

    labels: (H, W) uint8, canonical indices of `parts.PARTS`. owners: (H, W) uint8 (uint16 for more
    than 255 faces), 0 nobody, n the n-th of `faces`.
    model: catalogue id.
    """

    labels: np.ndarray
    owners: np.ndarray
    faces: tuple[Face, ...]
    model: str

    def __post_init__(self) -> None:
        _expect("Parsing.labels", self.labels, (None, None), np.uint8)
        _expect("Parsing.owners", self.owners, self.labels.shape, np.uint8 if len(self.faces) < 256 else np.uint16)
        if self.labels.size and int(self.labels.max()) >= len(PARTS):
            raise BadRequest(f"Parsing.labels: expected 0 to {len(PARTS) - 1}, got {int(self.labels.max())}.")
        if self.owners.size and int(self.owners.max()) > len(self.faces):
            raise BadRequest(f"Parsing.owners: expected at most {len(self.faces)} faces, got {int(self.owners.max())}.")

    def mask(self, part: str, face: int = 0) -> np.ndarray:
        """(H, W) bool: the pixels of a part; of one face (counted from 1) or, with 0, of all."""
        if part not in INDEX:
            raise BadRequest(f"Unknown part {part!r}; expected one of {', '.join(PARTS)}.")
        mask: np.ndarray = self.labels == INDEX[part]
        return mask & (self.owners == face) if face else mask


@dataclass(frozen=True, slots=True, eq=False)
class FaceScores:
    """What a parser says of one face and its surroundings.

    scores: (19, h, w) float32, the probability of every part in canonical order, 0..1, summing to 1 at each place of
    the grid.
    matrix: (2, 3) float32, takes photo points (x, y) to grid points; what falls outside the grid is background.
    """

    scores: np.ndarray
    matrix: np.ndarray

    def __post_init__(self) -> None:
        _expect("FaceScores.scores", self.scores, (len(PARTS), None, None), np.float32)
        _expect("FaceScores.matrix", self.matrix, (2, 3), np.float32)
        if not np.isfinite(self.scores).all():
            raise BadRequest("FaceScores.scores: expected finite numbers, got NaN or infinity.")


@dataclass(frozen=True, slots=True, eq=False)
class FaceFeatures:
    """One look of a parser at a face, kept so that clicks need no second one.

    scores: what it says. grid: (c, h, w) float32, what it says it from, at the same places.
    """

    scores: FaceScores
    grid: np.ndarray

    def __post_init__(self) -> None:
        _expect("FaceFeatures.grid", self.grid, (None, *self.scores.scores.shape[1:]), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What a classifier says of one face: a number per label.

    values: (n,) float32, in the order of labels. exclusive: the labels share one probability of 1 (expressions);
    otherwise each stands alone in 0..1 (attributes).
    """

    labels: tuple[str, ...]
    values: np.ndarray
    model: str
    exclusive: bool = True

    def __post_init__(self) -> None:
        _expect("Scores.values", self.values, (len(self.labels),), np.float32)
        if not np.isfinite(self.values).all():
            raise BadRequest("Scores.values: expected finite numbers, got NaN or infinity.")

    @property
    def top(self) -> str:
        """The label with the highest value."""
        return self.labels[int(self.values.argmax())]

    def as_dict(self) -> dict[str, float]:
        """Label to value, highest first."""
        order = np.argsort(-self.values, kind="stable")
        return {self.labels[i]: float(self.values[i]) for i in order}


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """One face as a recogniser sees it. vector: (d,) float32, as the metric wants it ("cosine": unit length; "l2":
    raw)."""

    vector: np.ndarray
    metric: Metric
    model: str

    def __post_init__(self) -> None:
        _expect("Embedding.vector", self.vector, (None,), np.float32)
        object.__setattr__(self, "metric", Metric.of(self.metric))


@dataclass(frozen=True, slots=True, eq=False)
class Heatmap:
    """Why a number came out as it did.

    values: (H, W) float32 over the photo; positive speaks for the target, negative against it; any scale. target: what
    was explained, in words. extra: figures that belong to the method (parts' Shapley values, convergence gap ...).
    """

    values: np.ndarray
    method: str
    target: str
    model: str
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _expect("Heatmap.values", self.values, (None, None), np.float32)
        if not np.isfinite(self.values).all():
            raise BadRequest("Heatmap.values: expected finite numbers, got NaN or infinity.")


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """One thing about a photo that helps or hinders. value: in `unit`. grade: 0 useless to 1 fine. words: a sentence,
    or "" when fine."""

    name: str
    value: float
    unit: str
    grade: float
    words: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.grade <= 1:
            raise BadRequest(f"Finding.grade: expected 0 to 1, got {self.grade}.")


@dataclass(frozen=True, slots=True, eq=False)
class Quality:
    """How well a face can be judged from a photo: the findings, and what a quality network says if one was asked.

    score: 0..1, the lowest grade: a photo is as good as its worst side. model_score: in the network's own unit; None
    when none was asked.
    """

    findings: tuple[Finding, ...]
    model: str = ""
    model_score: float | None = None

    @property
    def score(self) -> float:
        """The lowest grade, 0..1."""
        return min((finding.grade for finding in self.findings), default=1.0)

    @property
    def verdict(self) -> str:
        """ "good", "fair" or "poor"."""
        return "good" if self.score >= 0.75 else "fair" if self.score >= 0.4 else "poor"

    @property
    def words(self) -> str:
        """The verdict and what is behind it, worst first, as sentences."""
        told = [finding.words for finding in sorted(self.findings, key=lambda finding: finding.grade) if finding.words]
        return " ".join([f"A {self.verdict} photo of this face.", *told])


STATES = ("protected", "not protected", "face lost", "not judged", "not needed")
"""What can become of a protection, in `Protection.state`."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What one recogniser reads from a protected photo.

    role: "surrogate" when the search attacked it, "judge" when it never saw it. metric: "cosine" (more is nearer) or
    "l2".
    threshold: at FAR 1 %, in that unit. before: score of the photo as it came. after: score of the saved file.
    survival: score by what was done to the saved file, JPEG 75 among them. A score is None when the face was not found
    again.
    """

    model: str
    role: str
    metric: Metric
    threshold: float
    before: float
    after: float | None
    survival: dict[str, float | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.role not in ("surrogate", "judge"):
            raise BadRequest(f"Reading.role: expected surrogate or judge, got {self.role!r}.")
        object.__setattr__(self, "metric", Metric.of(self.metric))

    def matches(self, score: float) -> bool:
        """Whether this recogniser takes a score for one person."""
        return bool(self.metric.matches(score, self.threshold))

    def beside(self, score: float) -> str:
        """A score with the threshold it is held against, e.g. "0.412, one person from ≥ 0.363 on"."""
        return f"{score:.3f}, one person from {self.metric.sign} {self.threshold:.3f} on"


@dataclass(frozen=True, slots=True, eq=False)
class Protection:
    """A protected photo with its figures; there is no way to have the one without the others.

    photo: the JPEG, without metadata. aim: "dodge" (no longer oneself) or "impersonate" (taken for somebody made up).
    against: what the scores compare with, in words. readings: every recogniser that was asked. ssim, psnr, skin_change
    (ΔE00 of bare skin), skin_tint (its chroma part), patchiness (above 1: patches show): of the saved file. change: (H,
    W) uint8, largest change of a channel. changed: False when the photo was left alone because nobody matches it.
    visibility: of what lies under the makeup, in just noticeable differences at the worst place; nan: not measured.
    level: the visibility that the search allowed itself; nan: none was searched at.
    """

    photo: bytes
    aim: str
    against: str
    readings: tuple[Reading, ...]
    ssim: float
    psnr: float
    skin_change: float
    skin_tint: float
    patchiness: float
    change: np.ndarray
    changed: bool = True
    seconds: float = 0.0
    steps: int = 0
    visibility: float = float("nan")
    level: float = float("nan")

    def __post_init__(self) -> None:
        _expect("Protection.change", self.change, (None, None), np.uint8)
        if self.aim not in ("dodge", "impersonate"):
            raise BadRequest(f"Protection.aim: expected dodge or impersonate, got {self.aim!r}.")

    @property
    def judges(self) -> tuple[Reading, ...]:
        """The recognisers that the search never saw."""
        return tuple(reading for reading in self.readings if reading.role == "judge")

    @property
    def state(self) -> str:
        """One of `STATES`. Only judges, and only after JPEG 75, may say protected."""
        if not self.changed:
            return "not needed"
        if any(reading.after is None or reading.survival["JPEG 75"] is None for reading in self.readings):
            return "face lost"
        if not self.judges:
            return "not judged"
        wanted = self.aim == "impersonate"
        held = [
            reading.matches(score) == wanted
            for reading in self.judges
            if (score := reading.survival["JPEG 75"]) is not None
        ]
        return "protected" if all(held) else "not protected"

    @property
    def word(self) -> str:
        """What a file of it may be called: "protected" where it is, else "not-protected"."""
        return "protected" if self.state == "protected" else "not-protected"

    def _still(self, titles: Mapping[str, str]) -> str:
        """The judges that are not convinced, each with its score and threshold, in words."""
        wanted = self.aim == "impersonate"
        how = "does not take it for them" if wanted else "still matches it"
        kept = [
            f"{titles.get(reading.model, reading.model)} {how} ({reading.beside(score)})"
            for reading in self.judges
            if (score := reading.survival["JPEG 75"]) is not None and reading.matches(score) != wanted
        ]
        others = len(self.judges) - len(kept)
        told = " and ".join(kept)
        return f"{told}; {others} other judge{'' if others == 1 else 's'} no longer" if others and not wanted else told

    @property
    def words(self) -> str:
        """The outcome as sentences a person can act on; recognisers by their ids."""
        return self.said({})

    def said(self, titles: Mapping[str, str]) -> str:
        """As `words`, with recognisers by their titles, where `titles` knows them by id."""
        names = " and ".join(titles.get(reading.model, reading.model) for reading in self.judges)
        told = {
            "protected": f"Protected from {names}, which the search never saw, also after JPEG 75. Other recognisers may differ.",  # noqa: E501
            "not protected": f"Not protected: after JPEG 75 {self._still(titles)}.",
            "face lost": (
                "No figure: the face is no longer found in the saved photo. That is not counted as protection."
            ),
            "not judged": "Every recogniser here was attacked; none is left to judge. Nothing is claimed about others.",
            "not needed": f"Left as it is: no recogniser here matches it with {self.against}.",
        }
        return told[self.state]
