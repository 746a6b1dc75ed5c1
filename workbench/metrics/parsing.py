"""How well a parsing agrees with the truth: F1 and IoU of every part, pooled over pixels and per picture. Arrays
only."""

from typing import Any

import numpy as np

from workbench.parts import PARTS


class Tally:
    """Counts pictures one by one, then gives the figures."""

    def __init__(self) -> None:
        self._table = np.zeros((len(PARTS), len(PARTS)), np.int64)
        self._pictures: list[float] = []

    def add(self, truth: np.ndarray, predicted: np.ndarray) -> None:
        """Counts one picture. truth, predicted: (H, W) uint8, canonical indices."""
        table = confusion(truth, predicted)
        self._table += table
        self._pictures.append(float(f1(table)[truth_counts(table) > 0].mean()))

    def figures(self) -> dict[str, Any]:
        """pooled_f1, miou: mean over the parts that occur in the truth, background included, of pixels pooled over all
        pictures.

        picture_f1: mean over pictures of the mean F1 over the parts in that picture's truth. pixel_accuracy. f1, iou:
        per part; a part that occurs nowhere is left out. pictures: how many were counted.
        """
        here = truth_counts(self._table) > 0
        scores, unions = f1(self._table), iou(self._table)
        return {
            "pictures": len(self._pictures),
            "pooled_f1": float(scores[here].mean()),
            "picture_f1": float(np.mean(self._pictures)),
            "miou": float(unions[here].mean()),
            "pixel_accuracy": float(np.trace(self._table) / max(self._table.sum(), 1)),
            "f1": {part: float(scores[index]) for index, part in enumerate(PARTS) if here[index]},
            "iou": {part: float(unions[index]) for index, part in enumerate(PARTS) if here[index]},
        }


def confusion(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """(19, 19) int64: pixels by true part (row) and predicted part (column)."""
    count = len(PARTS)
    pairs = truth.astype(np.int64).ravel() * count + predicted.ravel()
    return np.bincount(pairs, minlength=count * count).reshape(count, count)


def truth_counts(table: np.ndarray) -> np.ndarray:
    """(19,): pixels of each part in the truth."""
    counts: np.ndarray = table.sum(axis=1)
    return counts


def f1(table: np.ndarray) -> np.ndarray:
    """(19,): twice the overlap over the sum of both areas; 0 where a part is in neither."""
    both = table.sum(axis=0) + table.sum(axis=1)
    scores: np.ndarray = 2 * np.diag(table) / np.maximum(both, 1)
    return scores


def iou(table: np.ndarray) -> np.ndarray:
    """(19,): the overlap over the union; 0 where a part is in neither."""
    union = table.sum(axis=0) + table.sum(axis=1) - np.diag(table)
    scores: np.ndarray = np.diag(table) / np.maximum(union, 1)
    return scores
