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
