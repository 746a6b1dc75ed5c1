"""Candidate faces of one photo as values, and their arithmetic: joining passes, overlap, one box per face. Knows no
network."""

from dataclasses import dataclass

import numpy as np

KEYPOINTS = 6
"""Image-left eye, image-right eye, nose tip, mouth centre, image-left ear, image-right ear."""


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Candidate faces of one photo, in photo pixels. boxes: (n, 4) left, top, right, bottom. keypoints: (n, 6, 2).
    scores: (n,)."""

    boxes: np.ndarray
    keypoints: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, index: np.ndarray) -> "Detections":
        """Those that `index` (integers or booleans) picks, in its order."""
        return Detections(self.boxes[index], self.keypoints[index], self.scores[index])

    def moved(self, scale: float, shift: tuple[float, float]) -> "Detections":
        """The same after their picture was scaled, then shifted by (x, y)."""
        offset = np.array(shift, np.float32)
        return Detections(self.boxes * scale + np.tile(offset, 2), self.keypoints * scale + offset, self.scores)


def join(parts: list[Detections]) -> Detections:
    """All candidates of several passes in one."""
    empty = Detections(np.zeros((0, 4), np.float32), np.zeros((0, KEYPOINTS, 2), np.float32), np.zeros(0, np.float32))
    every = [empty, *parts]
    return Detections(
        *(np.concatenate([getattr(part, name) for part in every]) for name in ("boxes", "keypoints", "scores"))
    )


def overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of one box (4,) with each of boxes (n, 4)."""
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    shared = np.clip(sides, 0, None).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return shared / np.maximum((box[2:] - box[:2]).prod() + areas - shared, 1e-9)


def blend(found: Detections, limit: float = 0.3) -> Detections:
    """One detection per face, best first: each best box is replaced by the score-weighted mean of those that overlap it
    by `limit`."""
    rest = found.take(np.argsort(-found.scores, kind="stable"))
    merged = []
    while len(rest):
        same = overlap(rest.boxes[0], rest.boxes) >= limit
        same[0] = True
        weight = rest.scores[same] / rest.scores[same].sum()
        merged.append(
            Detections(
                np.einsum("n,nk->k", weight, rest.boxes[same])[None],
                np.einsum("n,nkd->kd", weight, rest.keypoints[same])[None],
                rest.scores[:1],
            )
        )
        rest = rest.take(~same)
    return join(merged)


def from_five(boxes: np.ndarray, points: np.ndarray, scores: np.ndarray) -> Detections:
    """Detections of a network that knows boxes (n, 4) and five points (n, 5, 2), image left first: eyes, nose, mouth
    corners.

    It knows no ears: they are put where a level, frontal head has them.
    """
    across = points[:, 1] - points[:, 0]
    ears = np.stack([points[:, 0] - 0.6 * across, points[:, 1] + 0.6 * across], axis=1)
    keypoints = np.concatenate([points[:, :3], points[:, 3:].mean(axis=1, keepdims=True), ears], axis=1)
    return Detections(boxes.astype(np.float32), keypoints.astype(np.float32), np.clip(scores, 0, 1).astype(np.float32))


def suppress_whole(boxes: np.ndarray, limit: float) -> np.ndarray:
    """Places of the boxes (n, 4), best first, that no better one overlaps by more than `limit`, counted in whole pixels
    as Fast R-CNN's program counts: a box from 3 to 5 is three wide."""
    whole = boxes.astype(np.float64) + np.array([0, 0, 1, 1])
    order, kept = np.arange(len(boxes)), []
    while len(order):
        kept.append(order[0])
        order = order[1:][overlap(whole[order[0]], whole[order[1:]]) <= limit]
    return np.array(kept, np.int64)
