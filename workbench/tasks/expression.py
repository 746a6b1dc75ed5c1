"""Tells which expression faces show."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from workbench.errors import FaceTooSmall
from workbench.values import Face, Scores, check_image

if TYPE_CHECKING:
    from torch import Tensor

SMALLEST = 20.0
"""Faces smaller than this many pixels are not judged: less than a third of the smallest chip would be left to guess
from."""

UNSURE = "unsure"
"""What a verdict says when no expression is said."""


class ExpressionScorer(Protocol):
    """What `classify` and the explanations need of an expression model; chips are RGB, 0..255, (N, 3, S, S).

    labels: in the order of `models.chips.EXPRESSIONS`. size: S.
    """

    labels: tuple[str, ...]
    size: int

    def window(self, face: Face, shape: Sequence[int] = ()) -> tuple[np.ndarray, int]:
        """The (2, 3) matrix from photo to chip, and the chip's side."""

    def crop(self, image: np.ndarray, face: Face) -> np.ndarray:
        """The chip of a face, (S, S, 3) uint8."""

    def forward(self, chips: "Tensor") -> "Tensor":
        """(N, n) logits, with gradients."""

    def values(self, chips: "Tensor") -> "Tensor":
        """(N, n) probabilities, with gradients."""

    def batch(self, chips: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
        """(N, n) float32 probabilities of chips (N, S, S, 3) uint8."""

    def scores(self, image: np.ndarray, face: Face) -> Scores:
        """The probability of every expression of one face."""


def classify(image: np.ndarray, face: Face, model: ExpressionScorer) -> Scores:
    """The probability of every expression the model knows. Raises FaceTooSmall, or BadRequest for an array that is no
    photo."""
    check_image(image)
    check_size(face)
    return model.scores(image, face)


class SureScorer(ExpressionScorer, Protocol):
    """An expression model that also says how sure it is. bar: the certainty below which its answer is not to be
    said."""

    bar: float

    def certainty(self, chips: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
        """(N,) how sure the answers to chips (N, S, S, 3) uint8 are; more is surer."""


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What is said of a face, or that nothing is. certainty: more is surer; below `bar` the answer is "unsure"."""

    scores: Scores
    certainty: float
    bar: float

    @property
    def sure(self) -> bool:
        """Whether the answer may be said."""
        return self.certainty >= self.bar

    @property
    def word(self) -> str:
        """The expression, or "unsure"."""
        return self.scores.top if self.sure else UNSURE


def judge(image: np.ndarray, face: Face, model: SureScorer) -> Verdict:
    """The expression a face shows, or "unsure": then the face shows one the model does not know, or none it can tell.

    Raises what `classify` raises.
    """
    scores = classify(image, face, model)
    return Verdict(scores, float(model.certainty(model.crop(image, face)[None])[0]), model.bar)


def check_size(face: Face) -> None:
    """Raises FaceTooSmall for a face of which too few pixels are left to judge."""
    if face.size < SMALLEST:
        raise FaceTooSmall(
            f"The face is {face.size:.0f} pixels large; at least {SMALLEST:.0f} are needed. Use a larger photo.",
            pixels=face.size,
            least=SMALLEST,
        )
