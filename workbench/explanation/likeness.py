"""Where two faces are alike for a recogniser, and where they are not: random holes in one face, its likeness to the
other.

Plain occlusion of a pair is `perturbation.occlusion` with a similarity target; this is the method of random holes.
"""

from collections.abc import Iterator

import numpy as np

from workbench.explanation.fills import make_fill
from workbench.explanation.perturbation import random_masks, without_rounding
from workbench.explanation.question import ChipMap, Question


def signed_holes(
    question: Question, masks: int = 500, grid: int = 7, share: float = 0.8, fill: str = "blur"
) -> ChipMap:
    """The mean likeness while a pixel shows less the mean likeness while a hole covers it.

    Negative where covering makes the faces *more* alike. masks: how many (even). grid: cells a side. share: of the
    cells that stay. Scaled so that the strongest pixel is 1 or −1. Source: similarity-based saliency maps, Dong et al.,
    "Explainability for Content-Based Image Retrieval" (2019), with two changes: the negative half is kept, and what
    other holes do to the likeness is taken off, so that the sign means what it says.
    """
    shown = make_fill(fill, question.chip)
    blocks: list[np.ndarray] = []

    def kept() -> Iterator[np.ndarray]:
        for block in random_masks(question.size, masks, grid, share, question.seed, question.batch):
            blocks.append(block >= 0.5)
            yield block >= 0.5

    scores = question.masked(kept(), 2 * (masks // 2), shown, "holes")
    covered, while_covered = np.zeros(question.size**2), np.zeros(question.size**2)
    start = 0
    for block in blocks:
        holes = ~block.reshape(len(block), -1)
        covered += holes.sum(axis=0)
        while_covered += scores[start : start + len(block)] @ holes
        start += len(block)
    shows = (scores.sum() - while_covered) / np.maximum(len(scores) - covered, 1)
    heat = np.where((covered > 0) & (covered < len(scores)), shows - while_covered / np.maximum(covered, 1), 0.0)
    heat = without_rounding(heat.reshape(question.size, -1), question)
    strongest = float(np.abs(heat).max())
    return ChipMap(heat / strongest if strongest else heat, {"masks": len(scores), "strongest": strongest})
