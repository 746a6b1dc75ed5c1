"""Tells which expression faces show."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from torch import Tensor

from workbench.errors import FaceTooSmall
from workbench.values import Face, Scores, check_image

SMALLEST = 20.0
"""Faces smaller than this many pixels are not judged: less than a third of the smallest chip would be left to guess
from."""


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

    def forward(self, chips: Tensor) -> Tensor:
        """(N, n) logits, with gradients."""

    def values(self, chips: Tensor) -> Tensor:
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


def check_size(face: Face) -> None:
    """Raises FaceTooSmall for a face of which too few pixels are left to judge."""
    if face.size < SMALLEST:
        raise FaceTooSmall(
            f"The face is {face.size:.0f} pixels large; at least {SMALLEST:.0f} are needed. Use a larger photo.",
            pixels=face.size,
            least=SMALLEST,
        )
