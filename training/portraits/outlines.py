"""Outlines of heads, hair and clothes to choose from: means of photos that are alike, with the neck and the top that
photos do not show."""

import cv2
import numpy as np

from training.portraits.fitting import components
from workbench.models.portraits.appearance import OUTLINE, REACH
from workbench.models.portraits.frame import SIDE

KINDS, LEAST_ALIKE = {False: 12, True: 16}, 18
"""How many outlines of men and of women there are to choose from at most, and of how many photos each is made."""

NECK, RISE, SLOPE = 11.0, 7.5, 0.3
"""In cells of the outlines: half the neck's width, how far above the chin shoulders may begin, how they fall away."""

STRAIGHT, EVENED = 13.0, 0.35
"""Degrees of yaw up to which a photo's outline is learnt from, and how much of a kept outline is its mirror image."""


def outline_kinds(
    outlines: np.ndarray, inside: np.ndarray, female: np.ndarray, mean: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(o, d) means of outlines (n, d) that are alike (k-means within either apparent sex, seeded, the best of 8
    starts), which each photo's is, (n,), and whether each was made of women, (o,).

    inside: (n, 64, 64), how much of a cell a photo shows: a mean is of those that show it. female: (n,) bool. mean:
    (468, 2) of the frame. A mean of fewer than `LEAST_ALIKE` photos is dropped, and its photos join the nearest.
    """
    _, scores = components(outlines - outlines.mean(0), 24)
    loads = scores.T @ (outlines - outlines.mean(0)) / len(scores)
    scaled = (scores * np.linalg.norm(loads, axis=1)).astype(np.float32)
    shown = np.repeat(inside[:, None], 3, 1).reshape(outlines.shape) + 1e-3
    chosen = np.zeros(len(outlines), int)
    whose: list[np.ndarray] = []
    women: list[bool] = []
    for sex, count in KINDS.items():
        rows = np.flatnonzero(female == sex)
        criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 60, 1e-4)
        cv2.setRNGSeed(0)
        _, labels, centres = cv2.kmeans(scaled[rows], count, None, criteria, 8, cv2.KMEANS_PP_CENTERS)
        kept = np.flatnonzero(np.bincount(labels.ravel(), minlength=count) >= LEAST_ALIKE)
        nearest = np.linalg.norm(scaled[rows][:, None] - centres[kept], axis=2).argmin(1)
        chosen[rows] = len(whose) + nearest
        for kind in range(len(kept)):
            own = rows[nearest == kind]
            whose.append(np.average(outlines[own], 0, shown[own]))
            women.append(sex)
    print("photos per outline:", np.bincount(chosen), "women's:", sum(women))
    count = len(whose)
    found = np.stack(whose)
    flipped = found.reshape(count, 3, OUTLINE, OUTLINE)[..., ::-1].reshape(count, -1)
    evened = ((1 - EVENED) * found + EVENED * flipped).reshape(count, 3, OUTLINE, OUTLINE)
    neck, below = throat(mean)
    for each in evened:
        each[0] = np.maximum(each[0], np.minimum(neck, each[2] + 1))
        each[1] = np.maximum(each[1], each[0])
        each[1:] = np.minimum(each[1:], dome(each[1]))
        each[2] = np.maximum(each[1], np.minimum(np.maximum(each[2], below), below))
    return evened.reshape(count, -1), chosen, np.array(women)


def throat(mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(64, 64) twice: signed distances to a neck below the face's lower half, and to what shoulders may cover.

    Means of many photos' outlines leave no neck where some wear collars, and let collars rise beside the cheeks.
    """
    points = mean / (SIDE / OUTLINE)
    chin, middle = points[152, 1], points[152, 0]
    y, x = np.mgrid[:OUTLINE, :OUTLINE] + 0.0
    away = np.abs(x - middle)
    cells = 2 * REACH / (SIDE / OUTLINE)
    neck = np.minimum(NECK + 0.12 * np.maximum(y - chin, 0) - away, y - (chin - 14))
    line = chin - RISE + SLOPE * np.maximum(away - NECK, 0)
    return np.clip(neck / cells, -1, 1), np.clip((y - line) / cells, -1, 1)


def dome(head: np.ndarray) -> np.ndarray:
    """(64, 64): a signed distance to a round top for a head's outline (64, 64), as wide as the hair is at its widest.

    Many photos end at the hair, and what they would show above is not known.
    """
    widths = (head[:28] > 0).sum(1)
    row = 6 + int(widths[6:26].argmax())
    columns = np.flatnonzero(head[row] > 0)
    top = int((widths > 0.55 * widths[row]).argmax())
    across, up = 1.03 * len(columns) / 2, max((row - top) / 0.83, 5.0)
    y, x = np.mgrid[:OUTLINE, :OUTLINE]
    far = np.hypot((x - columns.mean()) / across, np.minimum(y - row, 0) / up)
    return np.where(y < row, (1 - far) * min(across, up) * SIDE / OUTLINE / (2 * REACH), 1.0)
