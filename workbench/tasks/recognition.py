"""Turns faces into vectors and says whether two of them are one person's, against a calibrated threshold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from workbench.errors import BadRequest
from workbench.tasks.expression import check_size
from workbench.thresholds import Metric
from workbench.values import Embedding, Face, check_image
from workbench.watch import look

if TYPE_CHECKING:
    from torch import Tensor

CLOSE = 0.1
"""A margin nearer to zero than this is called close: another photo may well tip it."""


class FaceRecogniser(Protocol):
    """What `embed` and the explanations need of a recogniser; chips are RGB, 0..255, (N, 3, S, S).

    metric: how two of its vectors are compared. threshold: in that unit, at FAR 1 %; None: not
    calibrated.
    """

    metric: Metric
    threshold: float | None
    size: int

    def window(self, face: Face, shape: Sequence[int] = ()) -> tuple[np.ndarray, int]:
        """The (2, 3) matrix from photo to chip, and the chip's side."""

    def align(self, image: np.ndarray, face: Face) -> np.ndarray:
        """The chip by the model's own template, (S, S, 3) uint8."""

    def forward(self, chips: "Tensor") -> "Tensor":
        """(N, d) vectors as the metric wants them, with gradients."""

    def batch(self, chips: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
        """(N, d) float32 vectors of chips (N, S, S, 3) uint8."""

    def embed(self, image: np.ndarray, face: Face) -> Embedding:
        """One face's vector."""


@dataclass(frozen=True, slots=True)
class Match:
    """What one recogniser says of two faces.

    score: cosine, or distance for l2. threshold: in the same unit, None when not calibrated. similarity: more is always
    more alike (the cosine, or minus the distance). margin: 1 for identical vectors, 0 at the threshold, below 0 on the
    other side.
    """

    model: str
    metric: Metric
    score: float
    threshold: float | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "metric", Metric.of(self.metric))

    @property
    def similarity(self) -> float:
        """The score turned so that more is more alike."""
        return float(self.metric.similarity(self.score))

    @property
    def margin(self) -> float | None:
        """Share of the way from the threshold to identity; None without a threshold."""
        return None if self.threshold is None else float(self.metric.margin(self.score, self.threshold))

    @property
    def same(self) -> bool | None:
        """Whether the recogniser takes the two for one person; None without a threshold."""
        return None if self.margin is None else self.margin >= 0

    def words(self) -> str:
        """The verdict as a sentence."""
        what = f"{self.model}: {self.metric.word} {self.score:.2f}"
        if self.threshold is None or self.margin is None:
            return f"{what}; this model has no calibrated threshold."
        bound = f"{self.metric.bound} {self.threshold:.2f}"
        verdict = "one person" if self.same else "two people"
        close = ", but it is close" if abs(self.margin) < CLOSE else ""
        return f"{what}, {bound} counts as one person: taken for {verdict}{close}."


def embed(image: np.ndarray, face: Face, model: FaceRecogniser) -> Embedding:
    """One face's vector. Raises FaceTooSmall, BadRequest for no photo, a face without landmarks or numbers that are not
    finite."""
    check_image(image)
    check_size(face)
    embedding = model.embed(image, face)
    if not np.isfinite(embedding.vector).all():
        raise BadRequest(f"{embedding.model} gave numbers that are not finite for this face; try another photo.")
    return embedding


def score(first: Embedding, second: Embedding) -> float:
    """The cosine of two vectors, or their distance where the metric is l2. Raises BadRequest for vectors of different
    models."""
    if (first.model, first.metric, first.vector.shape) != (second.model, second.metric, second.vector.shape):
        raise BadRequest(
            f"Expected two vectors of one model, got {first.model} ({first.metric}) and {second.model} "
            f"({second.metric})."
        )
    a, b = first.vector.astype(np.float64), second.vector.astype(np.float64)
    return (
        float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
        if first.metric is Metric.COSINE
        else float(np.linalg.norm(a - b))
    )


def similarity(first: Embedding, second: Embedding) -> float:
    """How alike two faces are, more always meaning more: the cosine, or minus the distance."""
    return float(first.metric.similarity(score(first, second)))


def match(first: Embedding, second: Embedding, model: FaceRecogniser) -> Match:
    """The recogniser's verdict on two vectors it made."""
    return Match(first.model, first.metric, score(first, second), model.threshold)


def verify(first: np.ndarray, first_face: Face, second: np.ndarray, second_face: Face, model: FaceRecogniser) -> Match:
    """The recogniser's verdict on two faces, in one photo or two."""
    look()
    return match(embed(first, first_face, model), embed(second, second_face, model), model)


def similarities(first: np.ndarray, second: np.ndarray, metric: str) -> np.ndarray:
    """(n,) float64: `similarity` of row i of (n, d) with row i of (n, d). Raises BadRequest for an unknown metric."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if Metric.of(metric) is Metric.COSINE:
        return (a * b).sum(1) / np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-12)
    return -np.linalg.norm(a - b, axis=1)
