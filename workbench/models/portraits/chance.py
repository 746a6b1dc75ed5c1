"""A drawn face's own noise: a function of seed, row and attempt, so that the same numbers give the same picture."""

from dataclasses import dataclass

import numpy as np

from workbench.models.portraits import canvas, hair
from workbench.models.portraits.appearance import Appearance
from workbench.models.portraits.frame import SIDE

TOGETHER = 4
"""Pictures of a sheet, one after another, whose noise is drawn so that they differ from each other as much as they
can."""


@dataclass(frozen=True, slots=True, eq=False)
class Chance:
    """A picture's own noise.

    coefficients: (k,). outlines: (o,), of the choice among them. tufts: (3, 64, 64), added to the one chosen. detail:
    (1, 128, 128), of skin. hair: how it is combed. moves: (steps, 2), of the search's crops. grain: (256, 256). wall:
    (3, 256, 256) in −1..1. number: of what else there is to choose.
    """

    coefficients: np.ndarray
    outlines: np.ndarray
    tufts: np.ndarray
    detail: np.ndarray
    hair: hair.Noise
    moves: np.ndarray
    grain: np.ndarray
    wall: np.ndarray
    number: int

    @property
    def side(self) -> float:
        """−1..1: from which side light comes."""
        return self.number % 9 / 4 - 1

    @classmethod
    def of(cls, seed: int, row: int, attempt: int, model: Appearance, steps: int, background: str = "") -> "Chance":
        """A function of its arguments alone. background: of the words a wish may say."""
        rng = np.random.default_rng([seed, row, attempt])
        return cls(
            coefficients=np.clip(apart(seed, row, attempt, model.count), -2, 2),
            outlines=turned(seed, row, attempt, len(model.outlines)),
            tufts=hair.tufts(rng),
            detail=rng.standard_normal((1, SIDE // 2, SIDE // 2)),
            hair=hair.drawn(rng),
            wall=canvas.wall(rng, background),
            grain=canvas.grain(rng),
            moves=rng.standard_normal((steps, 2)),
            number=int(rng.integers(2**31)),
        )


def _block(seed: int, row: int, attempt: int, which: int) -> tuple[np.random.Generator, int]:
    """The source of what a picture shares with its block, and its place there."""
    block, place = divmod(row, TOGETHER)
    return np.random.default_rng([seed, block, attempt, which]), place


def apart(seed: int, row: int, attempt: int, count: int) -> np.ndarray:
    """(count,) standard normal numbers, of which those of a block sum to 0: their mean squared distance is 4/3 of that
    of independent ones (antithetic variates; Hammersley and Morton, 1956)."""
    rng, place = _block(seed, row, attempt, 0)
    drawn = rng.standard_normal((TOGETHER, count))
    found: np.ndarray = (drawn[place] - drawn.mean(0)) * np.sqrt(TOGETHER / (TOGETHER - 1))
    return found


def turned(seed: int, row: int, attempt: int, count: int) -> np.ndarray:
    """(count,) of Gumbel's distribution, each of a block in another quarter of it (a rotation; Cranley and Patterson,
    1976), so that hair differs."""
    rng, place = _block(seed, row, attempt, 1)
    share = (rng.uniform(size=count) + place / TOGETHER) % 1.0
    found: np.ndarray = -np.log(-np.log(share.clip(1e-9, 1 - 1e-9)))
    return found
