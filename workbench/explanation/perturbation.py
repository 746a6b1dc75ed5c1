"""Heatmaps from covering parts of the chip and asking again: occlusion (on Captum) and RISE. They need nothing but
scores."""

from collections.abc import Iterator

import numpy as np
import torch
from captum.attr import Occlusion

from workbench.explanation.fills import make_fill
from workbench.explanation.question import ChipMap, Question, finite

EMPTY = 1e-6
"""Score changes below this share of the score are rounding, not evidence."""


def occlusion(question: Question, window: int = 0, stride: int = 0, fill: str = "blur") -> ChipMap:
    """How much the score falls when a square window is covered; a pixel takes the mean over the windows that cover it.

    window, stride: pixels of the chip, 0 for a quarter and a sixteenth of its side; the window grows by a few pixels
    where strides would not end at the border, so that a mirrored face gives the mirrored map.
    Source: Zeiler and Fergus (2014), section 4.2, by Captum.
    """
    shown = make_fill(fill, question.chip)
    window, stride = window or round(question.size / 4), stride or max(round(question.size / 16), 1)
    side = fitted_window(question.size, window, stride)
    total = ((question.size - side) // stride + 1) ** 2
    seen = 0

    def score(chips: torch.Tensor) -> torch.Tensor:
        nonlocal seen
        seen += len(chips)
        question.watch.tell(seen / (total + 1), "occlusion")
        return finite(shown.read(question.target, chips))

    with torch.no_grad():
        values = Occlusion(score).attribute(
            question.chip,
            sliding_window_shapes=(3, side, side),
            strides=(3, stride, stride),
            baselines=shown.image,
            perturbations_per_eval=question.batch,
        )
    return ChipMap(without_rounding(values[0, 0].cpu().numpy(), question), {"window": side, "stride": stride})


def fitted_window(size: int, window: int, stride: int) -> int:
    """The window from which strides end exactly at the border: at least `window`, at most the chip."""
    window = min(max(window, stride), size)
    return min(window + (size - window) % stride, size)


def rise(question: Question, masks: int = 2000, grid: int = 7, share: float = 0.5, fill: str = "grey") -> ChipMap:
    """Random soft masks; a pixel that tends to be visible when the score is high is warm.

    masks: how many (even). grid: cells a side. share: of the cells that are visible. The mean score is taken off, so
    that a model that does not care gives exactly nothing, and every mask comes with its mirror image.
    Source: Petsiuk et al., "RISE" (2018), section 3.
    """
    shown = make_fill(fill, question.chip)
    blocks: list[np.ndarray] = []

    def kept() -> Iterator[np.ndarray]:
        for block in random_masks(question.size, masks, grid, share, question.seed, question.batch):
            blocks.append(block)
            yield block

    scores = question.masked(kept(), 2 * (masks // 2), shown, "RISE")
    return ChipMap(
        without_rounding(weigh(blocks, scores, share), question), {"masks": len(scores), "mean": float(scores.mean())}
    )


def weigh(blocks: list[np.ndarray], scores: np.ndarray, share: float) -> np.ndarray:
    """(S, S) float32: the sum of masks, each times its score less the mean score, over number times share."""
    centred = (scores - scores.mean()).astype(np.float32)
    size = blocks[0].shape[-1]
    total = np.zeros(size * size, np.float32)
    start = 0
    for block in blocks:
        total += centred[start : start + len(block)] @ block.reshape(len(block), -1)
        start += len(block)
    return total.reshape(size, size) / (len(scores) * share)


def random_masks(size: int, count: int, grid: int, share: float, seed: int, block: int) -> Iterator[np.ndarray]:
    """Blocks (n, S, S) float32 of soft masks: coarse random cells, enlarged, shifted by a random part of a cell; then
    mirrored.

    n is even: each block holds n/2 masks and their n/2 mirror images.
    """
    random = np.random.default_rng(seed)
    cell = -(-size // grid)
    half = max(block // 2, 1)
    enlarge = enlarging((grid + 1) * cell, grid + 1)
    for start in range(0, count // 2, half):
        n = min(half, count // 2 - start)
        cells = (random.random((n, grid + 1, grid + 1)) < share).astype(np.float32)
        shifts = random.integers(0, cell, (n, 2))
        rows = enlarge[shifts[:, :1] + np.arange(size)]  # (n, S, grid + 1): each mask's own piece of the enlargement
        columns = enlarge[shifts[:, 1:] + np.arange(size)]
        masks = rows @ cells @ columns.transpose(0, 2, 1)
        yield np.concatenate([masks, masks[:, :, ::-1]])


def enlarging(size: int, cells: int) -> np.ndarray:
    """(size, cells) float32: the matrix that enlarges `cells` values to `size`, linear between cell centres."""
    place = (np.arange(size) + 0.5) * cells / size - 0.5
    low = np.clip(np.floor(place).astype(int), 0, cells - 1)
    high = np.clip(low + 1, 0, cells - 1)
    part = np.clip(place - low, 0, 1).astype(np.float32)
    matrix = np.zeros((size, cells), np.float32)
    np.add.at(matrix, (np.arange(size), low), 1 - part)
    np.add.at(matrix, (np.arange(size), high), part)
    return matrix


def without_rounding(heat: np.ndarray, question: Question) -> np.ndarray:
    """The map as float32, or all zeros where its largest value is mere rounding of the score."""
    score = float(question.scores(question.chip).abs().max())
    heat = heat.astype(np.float32)
    return np.zeros_like(heat) if np.abs(heat).max(initial=0) <= EMPTY * (1 + score) else heat
