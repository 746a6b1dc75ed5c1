"""Where further looks at a face pay: a second at the face without its hair, a third about earrings and necklaces.

Knows grids of probabilities and matrices; the network is asked elsewhere.
"""

import cv2
import numpy as np

from workbench.geometry import apply, compose, invert
from workbench.parts import INDEX

SIDE = 512
"""Pixels that the face's whole square would have in the third look."""

LIKELY = {"earring": 0.3, "necklace": 0.1}
"""A part is likely where its probability is above this in at least `CELLS` cells of the grid."""

CELLS = 6

EARS = tuple(INDEX[part] for part in ("image_left_ear", "image_right_ear", "earring"))

ABOUT_EARS, ABOUT_NECKLACE = 0.1, 0.03
"""Where the probability of an ear with its earring, or of a necklace, is above this, the third look counts."""

AROUND = 48
"""Pixels that the network sees beside what the third look is about."""

ONCE = tuple(INDEX[part] for part in ("background", "hair", "hat", "cloth"))
"""Large parts that one look finds as well as two; where there is nothing else, the second is spared."""

BESIDE, FADE = 24, 8
"""Pixels that the second look sees beside the other parts, and cells over which it fades out."""

STEPS = 32
"""Height and width of the network's input are multiples of this."""


def face_box(scores: np.ndarray, to_look: np.ndarray, side: int) -> tuple[int, int, int, int]:
    """Left, top, width and height of the second look, in pixels of the face's whole square, which has `side` of them.

    scores: (19, h, w), the first look's. to_look: (2, 3) from its grid to these pixels. All of the square where no face
    is seen.
    """
    rest = [part for part in range(len(scores)) if part not in ONCE]
    seen = (scores[rest].max(axis=0) > scores[list(ONCE)].max(axis=0)).view(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(seen)
    if count < 2:
        return 0, 0, side, side
    x, y, width, height = stats[1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()), :4]
    low, high = apply(to_look, np.array([[x, y], [x + width, y + height]]) - 0.5)
    size = np.clip(np.ceil((high - low + 2 * BESIDE) / STEPS) * STEPS, STEPS, side).astype(int)
    left, top = np.clip(np.round((low + high - size) / 4) * 2, 0, side - size).astype(int)  # even: cells stay whole
    return int(left), int(top), int(size[0]), int(size[1])


def fading(cells: int, first: bool, last: bool) -> np.ndarray:
    """(cells,) float32: 1, but rising over the first `FADE` cells and falling over the last ones where asked to."""
    steps = np.minimum((np.arange(cells, dtype=np.float32) + 0.5) / FADE, 1)
    ones = np.ones(cells, np.float32)
    return np.minimum(steps if first else ones, steps[::-1] if last else ones)


def where(scores: np.ndarray) -> np.ndarray | None:
    """(h, w) float32, 0 to 1: how much the third look counts at each place of (19, h, w) probabilities; or None."""
    earring, necklace = ((scores[INDEX[part]] > bar).sum() >= CELLS for part, bar in LIKELY.items())
    if not earring and not necklace:
        return None
    here = np.zeros(scores.shape[1:], bool)
    if earring:
        here |= scores[list(EARS)].sum(axis=0) > ABOUT_EARS
    if necklace:
        here |= scores[INDEX["necklace"]] > ABOUT_NECKLACE
    return cv2.blur(cv2.dilate(here.astype(np.float32), np.ones((7, 7), np.uint8)), (7, 7))


def pointless(matrix: np.ndarray) -> bool:
    """Whether the photo is so small that `matrix`, from its pixels to the third look's, would enlarge it more than
    twice."""
    return abs(float(np.linalg.det(matrix[:, :2]))) > 4


def window(weight: np.ndarray, to_look: np.ndarray, to_grid: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """The (2, 3) matrix from the photo to the third look's crop, and its size (width, height).

    weight: as `where` gives it. to_look, to_grid: from the photo to the whole square at `SIDE`, and to the grid.
    """
    x, y, width, height = cv2.boundingRect((weight > 0).view(np.uint8))
    over = compose(to_look, invert(to_grid))
    low, high = apply(over, np.array([[x, y], [x + width, y + height]]) - 0.5)
    low, high = low - AROUND, high + AROUND
    first, last = apply(over, np.array([[0, 0], weight.shape[::-1]]) - 0.5) + 0.5
    size = np.minimum(np.ceil((high - low) / STEPS), (last - first + 0.01) // STEPS) * STEPS
    corner = np.clip(np.round((low + high - size) / 2 + 0.5), np.ceil(first), np.floor(last - size))
    return to_look - np.concatenate([np.zeros((2, 2)), corner[:, None]], axis=1), (int(size[0]), int(size[1]))


def joined(scores: np.ndarray, seen: np.ndarray, weight: np.ndarray, to_seen: np.ndarray) -> np.ndarray:
    """The mean of what two looks say and of what the third says, as far as that counts. to_seen: (2, 3) from the grid
    to the third's."""
    x, y, width, height = cv2.boundingRect((weight > 0).view(np.uint8))
    here, share = (slice(y, y + height), slice(x, x + width)), weight[y : y + height, x : x + width] / 2
    matrix = compose(to_seen, np.array([[1.0, 0, x], [0, 1, y]]))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    out = scores.copy()
    for plane, third in zip(out[:, here[0], here[1]], seen, strict=True):
        plane += share * (
            cv2.warpAffine(third, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE) - plane
        )
    return out
