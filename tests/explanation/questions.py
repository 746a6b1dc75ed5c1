"""Questions about the toys, as the tests of every method ask them."""

from dataclasses import replace

import numpy as np

from tests.explanation import toys
from workbench.explanation.anatomy import anatomy
from workbench.explanation.methods import METHODS, methods_for
from workbench.explanation.question import Question
from workbench.explanation.targets import class_score, similarity
from workbench.watch import Watch

SMALL = {
    "rise": {"masks": 400, "grid": 5},
    "signed_holes": {"masks": 400, "grid": 5},
    "occlusion": {"window": 8, "stride": 4},
    "integrated_gradients": {"steps": 16},
    "smooth_grad": {"samples": 8},
    "sparse_holes": {"masks": 60},
}
"""Knobs, by method, that keep a test short."""


def ask(toy, chip, *, scale="logit", regions=None, watch=None, batch=64, label=None):
    """Why a toy gives this label, its first one by itself, to the chip."""
    return Question(
        class_score(toy, label or toy.labels[0], scale),
        chip,
        regions,
        anatomy(toy).places or "grid",
        batch,
        watch=watch or Watch(),
    )


def quarters(size: int) -> np.ndarray:
    """(size, size) regions: skin, nose, hair and background, a quarter each."""
    regions = np.zeros((size, size), np.uint8)
    regions[: size // 2, : size // 2], regions[: size // 2, size // 2 :], regions[size // 2 :, : size // 2] = 1, 2, 13
    return regions


def posed(method, question):
    """The same question about the likeness to another face, for the methods that compare two."""
    pair = "pair" in METHODS[method].needs
    model = question.target.model
    return replace(question, target=similarity(model, toys.chip(question.size, 1))) if pair else question


def every(toy, pair=True):
    """Ids of the methods a toy is offered."""
    return [row.id for row in methods_for(toys.abilities(toy), pair=pair)]
