"""A click answered without a network: the part and what is around it flood a place until they meet at an edge."""

from collections.abc import Sequence

import cv2
import numpy as np

from workbench.values import check_image

EDGE = 2
"""Pixels on either side of the mask's edge that are found anew near a click."""


def grown(image: np.ndarray, mask: np.ndarray, clicks: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """(h, w) bool: the mask after the last click, a watershed about it (Meyer's flooding, as OpenCV has it).

    A person clicks in the middle of what is wrong: the click's distance from the mask's edge tells how large that is.
    So a disc as large (but not larger than half the part) takes the click's side; about it, as far again, the disc, the
    part's inside and its outside grow along the picture's edges until they meet. image: (h, w, 3) uint8. mask: (h, w)
    bool. clicks: x, y in pixels, and 1 for "belongs" or -1 for "does not".
    """
    x, y, sign = clicks[-1]
    most = max(round(np.sqrt(mask.sum()) / 2), min(mask.shape) // 16, 4)
    deep = _depth(mask if sign < 0 else ~mask, x, y, most)
    reach = int(np.ceil(2.5 * deep)) + EDGE
    top, left = max(y - reach, 0), max(x - reach, 0)
    here = (slice(top, y + reach + 1), slice(left, x + reach + 1))
    seeds = _seeds(mask[here].astype(np.uint8), [(cx - left, cy - top, s) for cx, cy, s in clicks], deep)
    cv2.watershed(np.ascontiguousarray(check_image(image)[here]), seeds)
    new = mask.copy()
    new[here] = np.where(seeds == -1, mask[here], seeds == 1)
    new[y, x] = sign > 0
    return new


def _depth(wrong: np.ndarray, x: int, y: int, most: int) -> float:
    """How far a click is from the edge of what is like it; at least 1.5, at most `most`."""
    near = wrong[max(y - most, 0) : y + most + 1, max(x - most, 0) : x + most + 1]
    far = cv2.distanceTransform(np.pad(near, 1).astype(np.uint8), cv2.DIST_L2, 3)
    return min(max(float(far[y - max(y - most, 0) + 1, x - max(x - most, 0) + 1]), 1.5), float(most))


def _seeds(mask: np.ndarray, clicks: Sequence[tuple[int, int, int]], deep: float) -> np.ndarray:
    """(h, w) int32: 1 surely the part, 2 surely not, 0 to be found."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * EDGE + 1, 2 * EDGE + 1))
    seeds = np.zeros(mask.shape, np.int32)
    seeds[cv2.erode(mask, kernel) > 0] = 1
    seeds[cv2.erode(1 - mask, kernel) > 0] = 2
    x, y, sign = clicks[-1]
    mine, other = (1, 2) if sign > 0 else (2, 1)
    opened, dots = np.zeros(mask.shape, np.uint8), np.zeros(mask.shape, np.uint8)
    cv2.circle(opened, (x, y), int(2 * deep), 1, -1)
    seeds[(opened > 0) & (seeds == other)] = 0
    for each in clicks[:-1]:
        cv2.circle(dots, each[:2], 1, 1 if each[2] > 0 else 2, -1)
    cv2.circle(dots, (x, y), max(1, round(deep)), mine, -1)
    seeds[dots > 0] = dots[dots > 0]
    return seeds
