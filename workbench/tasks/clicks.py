"""One part of one face mended by clicks: what a click adds to it, what it takes away, and what is there instead."""

from collections.abc import Sequence
from typing import Any, Protocol

import cv2
import numpy as np

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest
from workbench.geometry import compose
from workbench.parts import INDEX
from workbench.values import Face, FaceFeatures, check_image

MOST = 40
"""Clicks on one part."""

Click = tuple[int, int, int]
"""x and y in pixels of the photo, and 1 for "belongs to the part" or -1 for "does not"."""


class ClickModel(Protocol):
    """What `refine` needs of a model."""

    spec: ModelSpec

    def look(self, image: np.ndarray, face: Face) -> FaceFeatures:
        """What is computed once per face."""

    def __call__(
        self, image: np.ndarray, features: FaceFeatures, part: str, mask: np.ndarray, clicks: Sequence[Click]
    ) -> np.ndarray:
        """(H, W) bool: the part after the clicks, the last one newest."""


def refine(
    image: np.ndarray,
    model: ClickModel,
    features: FaceFeatures,
    part: str,
    mask: np.ndarray,
    clicks: Sequence[Click],
) -> tuple[np.ndarray, np.ndarray]:
    """What clicks change about a part: (H, W) uint8 the new part of every pixel, and (H, W) bool where it is new.

    mask: (H, W) bool, the part as it is. What a click takes from it becomes the likeliest other part. Raises BadRequest
    for a part, a mask or clicks that are none.
    """
    shape = check_image(image).shape[:2]
    if part not in INDEX or part == "background":
        raise BadRequest(f"Expected a part of a face, got {str(part)[:40]!r}.")
    if mask.shape != shape or mask.dtype != np.bool_:
        raise BadRequest(f"mask: expected {shape} of bool, got {mask.shape} of {mask.dtype}.")
    new = model(image, features, part, mask, checked(clicks, shape))
    changed = new != mask
    labels = np.where(new & changed, np.uint8(INDEX[part]), np.uint8(0))
    gone = mask & ~new
    if gone.any():
        labels[gone] = _instead(features, INDEX[part], gone)
    return labels, changed


def checked(clicks: Any, shape: Sequence[int]) -> list[Click]:
    """The clicks, if they are some and lie in the photo. Raises BadRequest."""
    rows = clicks if isinstance(clicks, (list, tuple)) else []
    fine = [
        (row[0], row[1], row[2])
        for row in rows
        if isinstance(row, (list, tuple))
        and len(row) == 3
        and all(isinstance(value, int) for value in row)
        and 0 <= row[0] < shape[1]
        and 0 <= row[1] < shape[0]
        and row[2] in (1, -1)
    ]
    if not fine or len(fine) != len(rows) or len(fine) > MOST:
        raise BadRequest(f"Expected 1 to {MOST} clicks of x, y inside the photo and 1 or -1.")
    return fine


def _instead(features: FaceFeatures, part: int, gone: np.ndarray) -> np.ndarray:
    """(n,) uint8: the likeliest other part at each pixel of a mask."""
    rows, columns = np.flatnonzero(gone.any(axis=1)), np.flatnonzero(gone.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    size = (int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top)
    matrix = compose(features.scores.matrix.astype(np.float64), np.array([[1.0, 0, left], [0, 1, top]]))
    best, found = np.full(size[::-1], -1.0, np.float32), np.zeros(size[::-1], np.uint8)
    for index, scores in enumerate(features.scores.scores):
        if index != part:
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            plane = cv2.warpAffine(scores, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
            higher = plane > best
            best[higher], found[higher] = plane[higher], index
    instead: np.ndarray = found[gone[top : top + size[1], left : left + size[0]]]
    return instead
