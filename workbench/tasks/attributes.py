"""Reads attributes off a face: what it looks like to a network, which may be wrong about the person."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from workbench.tasks.expression import check_size
from workbench.values import Face, Scores, check_image

if TYPE_CHECKING:
    from torch import Tensor


class AttributeScorer(Protocol):
    """What `read_attributes` and the explanations need of an attribute model; chips are RGB, 0..255, (N, 3, S, S).

    labels: one per number of `values`. exclusive: the labels share one probability of 1; otherwise each has its own
    unit.
    """

    labels: tuple[str, ...]
    exclusive: bool
    size: int

    def window(self, face: Face, shape: Sequence[int] = ()) -> tuple[np.ndarray, int]:
        """The (2, 3) matrix from photo to chip, and the chip's side."""

    def crop(self, image: np.ndarray, face: Face) -> np.ndarray:
        """The chip of a face, (S, S, 3) uint8."""

    def forward(self, chips: "Tensor") -> "Tensor":
        """(N, k) logits, with gradients."""

    def values(self, chips: "Tensor") -> "Tensor":
        """(N, n) numbers as a person reads them (years, shares), with gradients."""

    def batch(self, chips: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
        """(N, n) float32 values of chips (N, S, S, 3) uint8."""

    def scores(self, image: np.ndarray, face: Face) -> Scores:
        """The value of every label for one face."""


def read_attributes(image: np.ndarray, face: Face, model: AttributeScorer) -> Scores:
    """The value of every label. Raises FaceTooSmall, or BadRequest for an array that is no photo or a face without
    landmarks."""
    check_image(image)
    check_size(face)
    return model.scores(image, face)
