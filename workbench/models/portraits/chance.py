"""A drawn face's own noise: a function of seed, row and attempt, so that the same numbers give the same picture."""

from dataclasses import dataclass

import numpy as np

from workbench.models.portraits import canvas, combing, hair
from workbench.models.portraits.appearance import Appearance
from workbench.models.portraits.frame import SIDE


@dataclass(frozen=True, slots=True, eq=False)
class Chance:
    """A picture's own noise. coefficients: (k,). outlines: (o,), of the choice among them. tufts: (3, 64, 64), added to
    the one chosen.
    detail: (1, 128, 128), of skin; strands: (256, 256) and bend: (64, 64), of hair. moves: (steps, 2), of the search's
    crops. grain: (256, 256).
    wall: (3, 256, 256) in −1..1. number: of what else there is to choose.
    """

    coefficients: np.ndarray
    outlines: np.ndarray
    tufts: np.ndarray
    detail: np.ndarray
    strands: np.ndarray
    bend: np.ndarray
    moves: np.ndarray
    grain: np.ndarray
    wall: np.ndarray
    number: int

    @classmethod
    def of(cls, seed: int, row: int, attempt: int, model: Appearance, steps: int, background: str = "") -> "Chance":
        """A function of its arguments alone. background: of the words a wish may say."""
        rng = np.random.default_rng([seed, row, attempt])
        return cls(
            coefficients=np.clip(rng.standard_normal(model.count), -2, 2),
            outlines=rng.gumbel(size=len(model.outlines)),
            tufts=hair.tufts(rng),
            detail=rng.standard_normal((1, SIDE // 2, SIDE // 2)),
            strands=combing.noise(rng),
            bend=hair.bend(rng),
            wall=canvas.wall(rng, background),
            grain=canvas.grain(rng),
            moves=rng.standard_normal((steps, 2)),
            number=int(rng.integers(2**31)),
        )
