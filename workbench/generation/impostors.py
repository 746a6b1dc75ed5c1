"""How alike strangers look to a recogniser: the scale that a drawn face's similarity is read against.

A small table of quantiles, measured on photos of the odd half of the people (`training.impostors`); it holds no face.
"""

import json
from dataclasses import dataclass
from functools import cache

import numpy as np

from workbench import WEIGHTS

TABLE = WEIGHTS / "impostors.json"

LEVELS = [
    0.0,
    0.001,
    0.01,
    *(round(x / 20, 2) for x in range(1, 20)),
    0.98,
    0.99,
    0.995,
    0.998,
    0.999,
    0.9995,
    0.9999,
    1.0,
]
"""Shares of pairs that are less alike than the quantile; finer where strangers look alike."""


@dataclass(frozen=True, slots=True, eq=False)
class Strangers:
    """Similarities (more is more alike) at `LEVELS`, of pairs of different people and of pairs of photos of one.

    length: mean length of a vector. people: how many were compared.
    """

    different: np.ndarray
    same: np.ndarray
    mean_different: float
    length: float
    people: int

    def share_above(self, similarity: float) -> float:
        """The share of pairs of strangers that look at least this much alike, 0..1."""
        return float(1 - np.interp(similarity, self.different, LEVELS))

    @property
    def usual_same(self) -> float:
        """The median similarity of two photos of one person."""
        return float(self.same[LEVELS.index(0.5)])


@cache
def strangers(model_id: str) -> Strangers | None:
    """The table of one recogniser; None when nobody measured it."""
    if not TABLE.is_file():
        return None
    row = json.loads(TABLE.read_text())["models"].get(model_id)
    if row is None:
        return None
    return Strangers(
        np.array(row["different"]), np.array(row["same"]), row["mean_different"], row["length"], row["people"]
    )
