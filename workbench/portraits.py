"""What every identity-conditioned generator looks like to the rest, whether it is small and embedded or an official
one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from workbench.values import Face
from workbench.watch import Watch

Preview = Callable[[list[np.ndarray]], None]
"""Told now and then how the pictures look so far: RGB uint8, one per picture."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a sheet is drawn. seed: the same seed gives the same pictures. steps, guidance: 0 means the model's own
    default.

    prompt: read only by models with `reads_prompt`.
    """

    seed: int = 0
    steps: int = 0
    guidance: float = 0.0
    prompt: str = ""


class FaceGenerator(Protocol):
    """Draws faces of nobody from a number."""

    def __call__(self, n: int, seed: int = 0) -> list[np.ndarray]:
        """`n` RGB pictures, uint8; the same seed gives the same ones."""


class PortraitModel(Protocol):
    """Draws faces from a recogniser's vectors.

    recogniser: catalogue id of the recogniser whose vectors it takes. reads_prompt: whether words matter. photo: "" for
    one that never looks at a photo; "may" or "must" for a `LookingModel`. Both as its row says. steps, guidance: its
    defaults, with the range the screen offers. side: of the pictures, in pixels.
    """

    recogniser: str
    reads_prompt: bool
    photo: str
    side: int
    steps: tuple[int, int, int]
    """default, least, most"""
    guidance: tuple[float, float, float]
    """default, least, most"""

    def __call__(
        self, vectors: np.ndarray, recipe: Recipe, watch: Watch | None = None, preview: Preview | None = None
    ) -> list[np.ndarray]:
        """One picture, side × side × 3 uint8 RGB, per row of (n, d) float32 vectors of `recogniser`, as its metric
        wants them.

        Row i is drawn with its own noise, a function of (seed, i) alone. Raises BadRequest for another shape,
        Cancelled.
        """


class LookingModel(PortraitModel, Protocol):
    """Draws closer to a photo of the face, besides its vector."""

    def shown(self, photo: np.ndarray, face: Face) -> PortraitModel:
        """The same model with this face of this photo in view; networks are shared."""
