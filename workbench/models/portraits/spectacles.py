"""Glasses drawn in the mean frame, where the eyes always are: rims, bridge and the shafts' beginnings. After nobody's.

Knows points and arrays only.
"""

import cv2
import numpy as np

from workbench.models.portraits.frame import SIDE

FINER = 4
"""How much larger they are drawn, before they are made smaller softly."""

RIMS = {"round": (0.30, 0.27, 2.0), "square": (0.345, 0.235, 4.5)}
"""Half a lens's width and height, in distances between the pupils, and the exponent of its rim (2: an ellipse)."""

COLOURS = ((40, 36, 35), (74, 52, 38), (92, 92, 94))
"""Black, tortoise, metal."""

THICK = (1.8, 1.9, 1.2)
"""Pixels of the frame of a rim of each colour."""

EYES = ((33, 133), (362, 263))
"""Corners of the eyes in the mesh, the image's left first."""


def spectacles(mean: np.ndarray, shape: str, number: int) -> np.ndarray:
    """(4, 256, 256) float32: colours in -1..1 and how much they cover, 0..1. mean: (468, 2), the frame's points.
    shape: of
    `RIMS`. number: any; it chooses the colour.
    """
    eyes = np.array([mean[list(pair)].mean(0) for pair in EYES])
    unit = float(np.linalg.norm(eyes[1] - eyes[0]))
    kind = number % len(COLOURS)
    half, high, power = RIMS[shape]
    turn = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    around = np.stack([np.cos(turn), np.sin(turn)], 1)
    rim = np.sign(around) * np.abs(around) ** (2 / power) * (half * unit, high * unit)
    rims = [rim + eye + (0, 0.045 * unit) for eye in eyes]
    cover = np.zeros((SIDE * FINER, SIDE * FINER), np.uint8)
    width = max(1, round(THICK[kind] * FINER))
    for each in rims:
        cv2.polylines(cover, [_fixed(each)], True, 255, width, cv2.LINE_AA, 4)
    for line in _bars(rims, mean):
        cv2.polylines(cover, [_fixed(line)], False, 255, max(1, round(0.8 * width)), cv2.LINE_AA, 4)
    solid = cv2.resize(cover, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    shadow = cv2.GaussianBlur(np.roll(solid, 3, 0), (0, 0), 2.2) * 0.28
    share = np.maximum(solid, shadow)
    colour = np.array(COLOURS[kind], np.float32) / 127.5 - 1
    return np.concatenate([np.broadcast_to(colour[:, None, None], (3, SIDE, SIDE)), share[None]]).astype(np.float32)


def _bars(rims: list[np.ndarray], mean: np.ndarray) -> list[np.ndarray]:
    """The bridge over the nose, and from each rim outward to the face's edge."""
    left, right = rims
    high = left[:, 1].min() + 0.35 * np.ptp(left[:, 1])
    inner = np.array(
        [(left[:, 0].max(), high), ((left[:, 0].max() + right[:, 0].min()) / 2, high - 3), (right[:, 0].min(), high)]
    )
    shafts = [
        np.array([(rim, high), (edge, high + 1.0)])
        for rim, edge in ((left[:, 0].min(), mean[127, 0]), (right[:, 0].max(), mean[356, 0]))
    ]
    return [inner, *shafts]


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.round((points * FINER + (FINER - 1) / 2) * 16).astype(np.int32)
