"""Where the action units that define an expression lie on a face, from its mesh; and the regions people are told to
look at.

The codebook: geometry of Belharbi et al., "Guided Interpretable Facial Expression Recognition via Spatial Action Unit
Cues" (2024), drawn for a 224-pixel crop; here every length scales with the face, and lip stretcher and both sides are
made symmetric. The regions: Ekman and Friesen, "Unmasking the Face" (1975), as Gaya-Morey et al. (2024) use them to ask
how human-like a map is.
"""

import cv2
import numpy as np

from workbench.errors import BadRequest

# fmt: off
SIXTY_EIGHT = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)
"""Mesh points that stand for the 68 points of the iBUG scheme (jaw, brows, nose, eyes, outer and inner lips)."""
# fmt: on

UNITS: dict[str, tuple[int, ...]] = {
    "anger": (2, 3, 5, 7, 11, 13, 14, 15, 16),
    "disgust": (3, 6, 11, 15, 16, 19),
    "fear": (0, 1, 2, 3, 12, 15, 16, 18),
    "happy": (4, 8, 15),
    "sad": (0, 2, 4, 10, 11),
    "surprise": (0, 1, 3, 16, 18),
}
"""Expression to action units, in the codebook's own numbering."""

UNIT_NAMES = (
    "inner brow raiser", "outer brow raiser", "brow lowerer", "upper lid raiser", "cheek raiser", "lid tightener", "nose wrinkler",  # noqa: E501
    "upper lip raiser", "lip corner puller", "dimpler", "lip corner depressor", "chin raiser", "lip stretcher", "lip tightener",  # noqa: E501
    "lip pressor", "lips part", "jaw drop", "eyes closed", "mouth stretcher", "lower lip depressor",
)  # fmt: skip

CROP = 224
"""The codebook's lengths are pixels of a crop this wide, of which a face takes FACE."""
FACE = 0.8

Ellipse = tuple[float, float, float, float]
"""Centre x and y, half axes across and down, in pixels of the codebook's crop."""


def units_map(mesh: np.ndarray, size: int, expression: str) -> np.ndarray:
    """(size, size) float32, 0 to 1: where the action units of an expression show on an upright chip.

    mesh: (478, 2 or more) in chip pixels. Raises BadRequest for an expression that no action units define (neutral,
    contempt).
    """
    if expression not in UNITS:
        raise BadRequest(f"No action units define {expression!r}; expected one of: {', '.join(UNITS)}.")
    return np.max([unit_map(mesh, size, unit) for unit in UNITS[expression]], axis=0)


def unit_map(mesh: np.ndarray, size: int, unit: int) -> np.ndarray:
    """(size, size) float32, 0 to 1: one action unit's ellipses, coarsened to a 28 × 28 grid and blurred as in the
    paper."""
    points = mesh[list(SIXTY_EIGHT), :2].astype(np.float64) * (CROP / size)
    drawn = np.zeros((CROP, CROP), np.float32)
    for x, y, across, down in ellipses(points, unit):
        centre, axes = (round(x * 16), round(y * 16)), (max(round(across * 16), 16), max(round(down * 16), 16))
        cv2.ellipse(drawn, centre, axes, 0, 0, 360, 1.0, -1, cv2.LINE_8, 4)
    coarse = cv2.blur(
        cv2.resize(drawn, (28, 28), interpolation=cv2.INTER_AREA), (3, 3), borderType=cv2.BORDER_REPLICATE
    )
    return np.clip(cv2.resize(coarse, (size, size), interpolation=cv2.INTER_LINEAR), 0, 1)


def ellipses(points: np.ndarray, unit: int) -> list[Ellipse]:
    """The ellipses of one action unit. points: (68, 2), upright, in the codebook's crop; lengths scale with the face's
    width."""
    width = float(np.linalg.norm(points[16] - points[0])) / FACE
    px = width / CROP
    r = 20 * px

    def spot(index: int, across: float = r, down: float = r, right: float = 0.0, below: float = 0.0) -> Ellipse:
        return points[index, 0] + right, points[index, 1] + below, across, down

    def between(i: int, j: int, across: float = 0.0, down: float = 0.0) -> Ellipse:
        x, y = (points[i] + points[j]) / 2
        half = np.maximum(np.abs(points[i] - points[j]) / 2, 10 * px)
        return x, y, across or half[0], down or half[1]

    def box(indices: tuple[int, ...], taller: float = 0.0) -> Ellipse:
        low, high = points[list(indices)].min(axis=0), points[list(indices)].max(axis=0)
        half = np.maximum((high - low) / 2, 5 * px)
        return *((low + high) / 2), half[0], half[1] + taller

    def at(x_of: int, y_of: int) -> Ellipse:
        return points[x_of, 0], points[y_of, 1], r, r

    def eyes(taller: float) -> list[Ellipse]:
        return [box((36, 38, 39, 41), taller), box((42, 44, 45, 47), taller)]

    brow = (width / 8, width / 10)
    table: dict[int, list[Ellipse]] = {
        0: [spot(20, *brow), spot(23, *brow)],
        1: [spot(18, *brow), spot(25, *brow)],
        2: [between(19, 24)],
        3: eyes(0.0),
        4: [spot(i, width / 10, width / 10, below=width / 6) for i in (41, 46)],
        5: eyes(10 * px),
        6: [at(31, 29), at(35, 29)],
        7: [at(48, 50), at(54, 52)],
        9: [spot(48, right=-r), spot(54, right=r)],
        11: [between(59, 8), between(55, 8)],
        12: [between(48, 6, r, r), between(54, 10, r, r)],
        15: [spot(i, 25 * px, 10 * px) for i in (51, 57)],
        17: eyes(10 * px),
        19: [spot(59), spot(55)],
    }
    table |= {key: [spot(48), spot(54)] for key in (8, 10)}
    table |= {key: [box((48, 54, 51, 57))] for key in (13, 14, 16, 18)}
    return table[unit]
