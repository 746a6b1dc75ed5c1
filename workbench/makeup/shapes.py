"""Where each product lies on a face: soft shapes drawn from the 478 mesh points, on a grid with a known inter-ocular
distance.

Contours are feature lines of the MediaPipe topology (Kartynnik et al., arXiv 1907.06724). Knows no photo and no
parsing.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from workbench.mesh import LIPS_INNER, LIPS_OUTER, OVAL, REGIONS, polygon

UPPER_LIDS = ((33, 246, 161, 160, 159, 158, 157, 173, 133), (263, 466, 388, 387, 386, 385, 384, 398, 362))
"""Upper lid of the image-left and the image-right eye, from the outer to the inner corner."""
LOWER_LIDS = ((33, 7, 163, 144, 145, 153, 154, 155, 133), (263, 249, 390, 373, 374, 380, 381, 382, 362))
BROW_EDGES = ((46, 53, 52, 65, 55), (276, 283, 282, 295, 285))
"""Lower edge of each brow, from its tail to its head."""
BROWS = (REGIONS["image_left_brow"], REGIONS["image_right_brow"])
EYES = (REGIONS["image_left_eye"], REGIONS["image_right_eye"])

APPLES, EARS, MOUTH_CORNERS = (50, 280), (234, 454), (61, 291)
CHEEKBONES = ((117, 111, 143), (346, 340, 372))
"""The top of each cheekbone, from the nose outwards."""
HOLLOWS = ((93, 177, 147, 187), (323, 401, 376, 411))
"""The hollow under each cheekbone, from the ear towards the mouth."""
JAW = (93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323)
TEMPLES = ((21, 54, 103), (251, 284, 332))
NOSE_SIDES = ((122, 196, 236, 198), (351, 419, 456, 420))
NOSE_BRIDGE = (6, 197, 195, 5)
NOSTRILS = ((98, 97), (327, 326))
CUPID = (37, 0, 267)
LIPS_MIDDLE = (13, 14)
"""The middle of the upper and of the lower lip's inner edge."""
CLOSED = 0.04
"""Lips nearer to each other than this, in eye distances, are closed; from twice this on they are open."""

REACH = (0.3, 0.45, 0.6, 0.75, 0.9)
"""How far each of the nested eye shadow shapes goes from the lid to the brow: together they fade upwards."""


def soft(mask: np.ndarray, sigma: float) -> np.ndarray:
    """The mask with an edge of `sigma` pixels; wide edges are made on a grid half as fine, where nobody can tell."""
    if sigma <= 0:
        return mask
    if sigma < 3:
        return cv2.GaussianBlur(mask, (0, 0), sigma)
    small = cv2.resize(mask, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return cv2.resize(cv2.GaussianBlur(small, (0, 0), sigma / 2), mask.shape[::-1], interpolation=cv2.INTER_LINEAR)


def area(points: np.ndarray, path: Sequence[int] | np.ndarray, side: int) -> np.ndarray:
    """(side, side) float32 0..1: the inside of a path, of mesh numbers or of points (n, 2)."""
    if isinstance(path, np.ndarray):
        return polygon(path, range(len(path)), (side, side)).astype(np.float32) / 255
    return polygon(points, path, (side, side)).astype(np.float32) / 255


def stroke(line: np.ndarray, side: int, width: float) -> np.ndarray:
    """(side, side) float32 0..1: a line through points (n, 2), `width` pixels wide."""
    image = np.zeros((side, side), np.uint8)
    fixed = np.round(np.clip(line, -4096, 4096) * 16).astype(np.int32)
    cv2.polylines(image, [fixed], False, 255, max(1, round(width)), cv2.LINE_AA, 4)
    return image.astype(np.float32) / 255


def openings(points: np.ndarray, side: int) -> np.ndarray:
    """The eyes between their lids."""
    return np.maximum(*(area(points, path, side) for path in EYES))


def mouth(points: np.ndarray, side: int, unit: float) -> np.ndarray:
    """What lies between the lips: teeth, tongue, dark. Nothing where they are closed, or their seam would stay bare."""
    gap = float(np.linalg.norm(points[LIPS_MIDDLE[1]] - points[LIPS_MIDDLE[0]])) / unit
    opened: np.ndarray = area(points, LIPS_INNER, side) * np.float32(np.clip((gap - CLOSED) / CLOSED, 0, 1))
    return opened


def nostrils(points: np.ndarray, side: int, unit: float) -> np.ndarray:
    """Two small discs where the nose opens."""
    image = np.zeros((side, side), np.float32)
    for outer, inner in NOSTRILS:
        x, y = 0.45 * points[outer] + 0.55 * points[inner]
        cv2.ellipse(image, ((float(x), float(y - 0.02 * unit)), (0.15 * unit, 0.08 * unit), 0.0), 1.0, -1, cv2.LINE_AA)
    return soft(image, 0.02 * unit)


def oval(points: np.ndarray, side: int, forehead: float) -> np.ndarray:
    """The face from chin to hair line: the mesh's outline with its top raised by `forehead` pixels."""
    line = points[list(OVAL)].copy()
    middle, top, chin = points[[168]][0], points[10], points[152]
    up = (top - chin) / max(float(np.linalg.norm(top - chin)), 1e-6)
    height = (line - middle) @ up
    line += np.clip(height / max(float(height.max()), 1e-6), 0, 1)[:, None] ** 1.5 * forehead * up
    return area(points, line.astype(np.float32), side)


def lips(points: np.ndarray, side: int, unit: float) -> np.ndarray:
    """Both lips without what lies between them."""
    return soft(np.clip(area(points, LIPS_OUTER, side) - mouth(points, side, unit), 0, 1), 0.012 * unit)


def brows(points: np.ndarray, side: int, unit: float) -> tuple[np.ndarray, np.ndarray]:
    """The brow at the image's left and that at its right, fading at the edge, as hair does."""
    left, right = (soft(area(points, path, side), 0.02 * unit) for path in BROWS)
    return left, right


def shadow(points: np.ndarray, side: int, unit: float) -> np.ndarray:
    """From the lashes towards the brow, fading upwards, drawn out a little at the outer corner, with a trace below the
    lower lashes."""
    out = np.zeros((side, side), np.float32)
    for lid, lower, edge in zip(UPPER_LIDS, LOWER_LIDS, BROW_EDGES, strict=True):
        upper, below, brow = points[list(lid)], points[list(lower)], _spread(points[list(edge)], len(lid))
        outwards = (upper[0] - upper[-1]) / max(float(np.linalg.norm(upper[0] - upper[-1])), 1e-6)
        layers = np.zeros((side, side), np.float32)
        for reach in REACH:
            top = upper + reach * (brow - upper)
            top[0] += 0.1 * unit * reach * outwards
            layers += area(points, np.concatenate([upper, top[::-1]]), side) / len(REACH)
        down = below + 0.06 * unit * np.linspace(1, 0.2, len(lid))[:, None] * _down(points)
        trace = area(points, np.concatenate([below, down[::-1]]), side)
        out = np.maximum(out, np.maximum(1.15 * soft(layers, 0.04 * unit), 0.4 * soft(trace, 0.03 * unit)))
    return np.clip(out, 0, 1)


def liner(points: np.ndarray, side: int, unit: float) -> np.ndarray:
    """Along the upper lashes, thicker outwards with a short wing, and faintly along the outer half of the lower
    ones."""
    out = np.zeros((side, side), np.float32)
    for lid, lower, edge in zip(UPPER_LIDS, LOWER_LIDS, BROW_EDGES, strict=True):
        upper, below = points[list(lid)], points[list(lower)]
        wing = upper[0] + 0.13 * (points[edge[0]] - upper[0]) + 0.3 * (upper[0] - upper[1])
        thickness = unit * np.linspace(0.05, 0.012, len(lid))[:, None]
        top = upper - thickness * _down(points)
        shape = area(points, np.concatenate([wing[None], top, upper[::-1]]), side)
        under = below[:5] + unit * np.linspace(0.025, 0.0, 5)[:, None] * _down(points)
        faint = area(points, np.concatenate([below[:5], under[::-1]]), side)
        out = np.maximum(out, np.maximum(soft(shape, 0.015 * unit), 0.5 * soft(faint, 0.015 * unit)))
    return out


def blush(points: np.ndarray, side: int, unit: float) -> np.ndarray:
    """From the apple of each cheek up towards the ear."""
    out = np.zeros((side, side), np.float32)
    for apple, ear in zip(APPLES, EARS, strict=True):
        along = points[ear] - points[apple]
        out = np.maximum(out, _cloud(points[apple] + 0.22 * along, along, 0.26 * unit, 0.15 * unit, side))
    return out


def contour(points: np.ndarray, side: int, unit: float) -> np.ndarray:
    """Under the cheekbones, along the jaw, at the temples and down the sides of the nose."""
    out = np.zeros((side, side), np.float32)
    for hollow, temple, nose in zip(HOLLOWS, TEMPLES, NOSE_SIDES, strict=True):
        line = points[list(hollow)]
        line[0], line[-1] = 0.5 * (line[0] + line[1]), 0.45 * line[-1] + 0.55 * line[-2]
        fading = (
            stroke(line, side, 0.1 * unit) + stroke(line[:3], side, 0.18 * unit) + stroke(line[:2], side, 0.22 * unit)
        )
        out = np.maximum(out, 0.55 * soft(fading, 0.13 * unit))
        out = np.maximum(out, 0.6 * soft(stroke(points[list(temple)], side, 0.3 * unit), 0.14 * unit))
        out = np.maximum(out, 0.45 * soft(stroke(points[list(nose)], side, 0.06 * unit), 0.05 * unit))
    out = np.maximum(out, 0.9 * soft(stroke(points[list(JAW)], side, 0.2 * unit), 0.11 * unit))
    return np.clip(out, 0, 1)


def highlight(points: np.ndarray, side: int, unit: float) -> np.ndarray:
    """On top of the cheekbones, down the bridge of the nose, above the middle of the upper lip and under the brows'
    tails."""
    out = np.zeros((side, side), np.float32)
    for bone, lid, edge in zip(CHEEKBONES, UPPER_LIDS, BROW_EDGES, strict=True):
        out = np.maximum(out, soft(stroke(points[list(bone)], side, 0.12 * unit), 0.08 * unit))
        under = 0.75 * points[list(edge[:3])] + 0.25 * points[[lid[0], lid[1], lid[3]]]
        out = np.maximum(out, 0.6 * soft(stroke(under, side, 0.05 * unit), 0.04 * unit))
    out = np.maximum(out, 0.8 * soft(stroke(points[list(NOSE_BRIDGE)], side, 0.06 * unit), 0.045 * unit))
    cupid = points[list(CUPID)] - 0.03 * unit * _down(points)
    out = np.maximum(out, 0.6 * soft(stroke(cupid, side, 0.03 * unit), 0.025 * unit))
    return np.clip(1.2 * out, 0, 1)


def _down(points: np.ndarray) -> np.ndarray:
    """(2,) unit vector from the forehead to the chin."""
    way = points[152] - points[10]
    return way / max(float(np.linalg.norm(way)), 1e-6)


def _spread(line: np.ndarray, count: int) -> np.ndarray:
    """(count, 2) points evenly along a line through (n, 2)."""
    at = np.linspace(0, len(line) - 1, count)
    return np.stack([np.interp(at, np.arange(len(line)), line[:, axis]) for axis in (0, 1)], axis=1)


def _cloud(centre: np.ndarray, along: np.ndarray, length: float, width: float, side: int) -> np.ndarray:
    """(side, side) float32: a Gaussian, `length` wide along a direction and `width` across it."""
    axis = along / max(float(np.linalg.norm(along)), 1e-6)
    y, x = np.mgrid[:side, :side].astype(np.float32)
    x, y = x - float(centre[0]), y - float(centre[1])
    forth, across = x * float(axis[0]) + y * float(axis[1]), y * float(axis[0]) - x * float(axis[1])
    cloud: np.ndarray = np.exp(-0.5 * ((forth / length) ** 2 + (across / width) ** 2)).astype(np.float32)
    return cloud
