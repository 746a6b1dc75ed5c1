"""Boxes of faces against true boxes: recall and precision at an overlap of one half, with intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from workbench.detections import overlap
from workbench.evaluation.landmarks import ratio
from workbench.evaluation.weighing import Statistic

ENOUGH = 0.5
"""Intersection over union from which a box is a true one's."""


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """One photo. truth: (n, 4). found: (m, 4), surest first, without those on a crowd. hits: (m,) bool."""

    id: str
    truth: np.ndarray
    found: np.ndarray
    hits: np.ndarray

    @property
    def wrong(self) -> int:
        """Faces missed and boxes on nothing."""
        return len(self.truth) + len(self.found) - 2 * int(self.hits.sum())


def locate(id: str, truth: np.ndarray, crowd: np.ndarray | None, answer: Sequence[Sequence[float]]) -> Located:
    """Compare one photo. answer: rows of left, top, right, bottom, score.

    Each true box is found once, by the surest box that overlaps it by a half; of several the best overlapped. A box on
    a crowd counts neither way (Lin et al., COCO, section 5 of its evaluation).
    """
    rows = np.array(answer, np.float64).reshape(-1, 5)
    rows = rows[np.argsort(-rows[:, 4], kind="stable")]
    free = np.ones(len(truth), bool)
    kept, hits = [], []
    for box in rows[:, :4]:
        shared = np.where(free, overlap(box, truth), 0.0) if len(truth) else np.zeros(0)
        hit = bool(len(shared) and shared.max() >= ENOUGH)
        if hit:
            free[int(np.argmax(shared))] = False
        elif crowd is not None and len(crowd) and _covered(box, crowd) >= ENOUGH:
            continue
        kept.append(box)
        hits.append(hit)
    return Located(id, np.asarray(truth, np.float64), np.array(kept).reshape(-1, 4), np.array(hits, bool))


def _covered(box: np.ndarray, crowd: np.ndarray) -> float:
    """The largest share of the box that lies in one of the crowd's."""
    sides = np.clip(np.minimum(box[2:], crowd[:, 2:]) - np.maximum(box[:2], crowd[:, :2]), 0, None)
    return float((sides.prod(axis=1) / max(float((box[2:] - box[:2]).prod()), 1e-9)).max())


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """All photos of one finder, in the order of the cases."""

    photos: tuple[Located, ...]

    def statistics(self) -> dict[str, Statistic]:
        """Recall, precision and their harmonic mean over all faces of all photos."""
        hits = np.array([photo.hits.sum() for photo in self.photos], np.float64)
        true = np.array([len(photo.truth) for photo in self.photos], np.float64)
        said = np.array([len(photo.found) for photo in self.photos], np.float64)
        return {
            "recall at IoU 0.5": ratio(hits, true),
            "precision at IoU 0.5": ratio(hits, said),
            "F1 at IoU 0.5": ratio(2 * hits, true + said),
        }

    def worst(self, count: int = 20) -> list[Located]:
        """The photos with most faces missed or boxes on nothing."""
        return sorted(self.photos, key=lambda photo: photo.wrong, reverse=True)[:count]


def as_row(photo: Located) -> Mapping[str, object]:
    """A line of the table per photo."""
    hits = int(photo.hits.sum())
    return {"file": photo.id, "faces": len(photo.truth), "boxes": len(photo.found), "right": hits}
