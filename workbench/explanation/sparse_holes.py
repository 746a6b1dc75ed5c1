"""A few small holes at a time, where excitation backprop expects them to matter: a black box asked with foresight.

Source: Williford et al., "Explainable Face Recognition" (2020), section 4.3 (DISE), written anew from the paper.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from workbench.errors import BadRequest
from workbench.explanation.excitation_maps import excitation_backprop
from workbench.explanation.fills import Fill, blurred
from workbench.explanation.perturbation import enlarging, without_rounding
from workbench.explanation.question import ChipMap, Question
from workbench.explanation.targets import Target

GRID, BLUR = 19, 0.04
"""Cells a side (12 pixels of 224), and the fill's blur as a share of the side."""


def sparse_holes(question: Question, masks: int = 500, holes: int = 2) -> ChipMap:
    """Where a small hole makes the face less like its mate, and more like other people where the target names some.

    masks: how many. holes: cells that are off in each, drawn where excitation backprop puts at least the median mass.
    Only losses count. The paper takes 6,500 masks. Raises BadRequest without another face.
    """
    if question.target.other is None:
        raise BadRequest("Sparse holes compare two faces: give the other one too.")
    asked = replace(question, target=_unit_distance(question))
    fill = Fill("blur", blurred(question.chip, BLUR * question.size))
    blocks: list[np.ndarray] = []

    def kept() -> Iterator[np.ndarray]:
        for block in masks_of(question, prior_of(question), masks, holes):
            blocks.append(1 - block)
            yield block

    scores = asked.masked(kept(), masks, fill, "sparse holes")
    losses = np.maximum(float(asked.scores(question.chip)[0]) - scores, 0)
    heat = np.tensordot(losses, np.concatenate(blocks), axes=1) / masks
    return ChipMap(without_rounding(heat, asked), {"masks": masks, "largest_loss": float(losses.max())})


def prior_of(question: Question) -> np.ndarray:
    """(GRID, GRID) probabilities that sum to 1: excitation backprop per cell, cells below the median left out.

    Where nothing is excited every cell is as likely as any other.
    """
    heat = torch.from_numpy(excitation_backprop(question, smooth=0).values)
    cells = functional.adaptive_avg_pool2d(heat[None, None], GRID)[0, 0].double().numpy()
    cells = np.where(cells < np.median(cells), 0, cells)
    return cells / cells.sum() if cells.sum() > 0 else np.full((GRID, GRID), 1 / GRID**2)


def masks_of(question: Question, prior: np.ndarray, count: int, holes: int) -> Iterator[np.ndarray]:
    """Blocks (n, S, S) float32, 1 keep and 0 take away, each with `holes` soft holes placed within a cell at random."""
    random = np.random.default_rng(question.seed)
    size = question.size
    cell = -(-size // GRID)
    enlarge = enlarging((GRID + 2) * cell, GRID + 2)
    likely = np.flatnonzero(prior)
    for start in range(0, count, question.batch):
        n = min(question.batch, count - start)
        cells = np.ones((n, (GRID + 2) ** 2), np.float32)
        for each in cells:
            chosen = random.choice(prior.size, min(holes, len(likely)), replace=False, p=prior.ravel())
            each[(chosen // GRID + 1) * (GRID + 2) + chosen % GRID + 1] = 0
        shifts = random.integers(cell // 2, cell // 2 + cell, (n, 2))
        rows = enlarge[shifts[:, :1] + np.arange(size)]
        columns = enlarge[shifts[:, 1:] + np.arange(size)]
        yield rows @ cells.reshape(n, GRID + 2, GRID + 2) @ columns.transpose(0, 2, 1)


def _unit_distance(question: Question) -> Target:
    """1 − half the distance of unit vectors, to the mate less, on average, to the other people."""
    target = question.target
    with torch.no_grad():
        mate = functional.normalize(target.model.forward(target.other), dim=1)
        others = None if target.against is None else functional.normalize(target.model.forward(target.against), dim=1)

    def read(model: Any, chips: Tensor) -> Tensor:
        vectors = functional.normalize(model.forward(chips), dim=1)
        near = 1 - 0.5 * torch.linalg.vector_norm(vectors - mate.mean(dim=0, keepdim=True), dim=1)
        if others is None:
            return near
        return near - (1 - 0.5 * torch.cdist(vectors, others)).mean(dim=1)

    return replace(target, read=read, shown=read)
