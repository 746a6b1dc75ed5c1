"""What a click network learns from: a part, a mask of it with faults, the window around both, and clicks on the faults.

Clicks are simulated as Sofiiuk et al. do (RITM, arXiv 2102.06583): in the middle of the largest fault, and while
training a little beside it. Every draw comes from the generator that is passed.
"""

import cv2
import numpy as np
from numpy.random import Generator

from training.parser_data import SIDE
from workbench.models.parsers.clicks import around

SMALLEST = 30
"""A part of fewer pixels (of 512 × 512) is not asked about."""


def parts_of(labels: np.ndarray, count: int, rng: Generator) -> np.ndarray:
    """(count,) parts that the picture shows, each as likely as another."""
    present = np.flatnonzero(np.bincount(labels.ravel(), minlength=256)[1:255] >= SMALLEST) + 1
    return rng.choice(present, count) if len(present) else np.zeros(0, int)


def faulty(truth: np.ndarray, model: np.ndarray, rng: Generator) -> np.ndarray:
    """(512, 512) bool: a mask to be corrected. Mostly what the parser says; else the truth spoilt, or nothing at all.

    truth, model: (512, 512) bool.
    """
    draw = rng.random()
    if draw < 0.6:
        return model
    if draw < 0.7:
        return np.zeros_like(truth)
    spoilt = truth.astype(np.uint8)
    size = max(int(np.sqrt(truth.sum()) * rng.uniform(0.05, 0.3)), 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size | 1, size | 1))
    spoilt = (cv2.dilate if rng.random() < 0.5 else cv2.erode)(spoilt, kernel)
    y, x = np.nonzero(truth)
    for _ in range(rng.integers(0, 3)):
        at = int(rng.integers(len(y)))
        radius = int(np.sqrt(truth.sum()) * rng.uniform(0.1, 0.45)) + 1
        cv2.circle(spoilt, (int(x[at]), int(y[at])), radius, int(rng.random() < 0.4), -1)
    return spoilt > 0


def window(masks: np.ndarray, side: int, rng: Generator) -> np.ndarray:
    """(2, 3) from the cells of a `side` × `side` window to pixels: around one piece of a mask, somewhat off."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(cv2.dilate(masks.astype(np.uint8), np.ones((9, 9), np.uint8)))
    if count < 2:
        return around(np.array([0.0, 0, SIDE, SIDE]), SIDE, side)
    sizes = np.sqrt(stats[1:, cv2.CC_STAT_AREA])
    left, top, width, height, _ = stats[1 + rng.choice(count - 1, p=sizes / sizes.sum())].astype(np.float64)
    size, off = max(width, height, 8), rng.uniform(-0.1, 0.25, 4)
    box = [left - off[0] * size, top - off[1] * size, left + width + off[2] * size, top + height + off[3] * size]
    return around(np.array(box), SIDE, side)


def next_click(mask: np.ndarray, truth: np.ndarray, rng: Generator | None = None) -> tuple[float, float, float] | None:
    """x, y and sign (1 keeps, -1 takes away) of a click in the largest fault; None for a mask without faults.

    mask, truth: (h, w) bool. Without a generator the point deepest inside; with one, any point at least half as deep.
    """
    deepest, best = None, 0.0
    for sign, fault in ((1.0, truth & ~mask), (-1.0, mask & ~truth)):
        depth = cv2.distanceTransform(np.pad(fault, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
        if depth.max() > best:
            best, deepest = float(depth.max()), (sign, depth)
    if deepest is None:
        return None
    sign, depth = deepest
    if rng is None:
        y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    else:
        ys, xs = np.nonzero(depth >= 0.5 * best)
        at = int(rng.integers(len(ys)))
        y, x = ys[at], xs[at]
    return float(x), float(y), sign
