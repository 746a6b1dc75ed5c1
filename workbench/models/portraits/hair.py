"""What keeps hair from looking like a cap: outlines that are not smooth, and strands. Drawn from noise, after nobody's
hair.

Strands run away from a place at the top of the head, as noise that is fine across and long along, a little wavy (after
the line integrals of noise of Cabral and Leedom, SIGGRAPH 1993, here along lines known beforehand). Knows arrays only.
"""

import cv2
import numpy as np

from workbench.models.portraits.appearance import OUTLINE
from workbench.models.portraits.frame import SIDE

TUFTS = ((3.5, 0.02), (1.1, 0.02))
"""Cells over which an outline's noise is alike, and its deviation as a signed distance."""

FRINGE = 0.45
"""Share of the frame's height, from the top, in which the skin's outline, there the hairline, is uneven too."""

FINE = 520
"""Strands around the whole circle."""


def tufts(rng: np.random.Generator) -> np.ndarray:
    """(3, 64, 64) float32 to add to the outlines of skin, head and person: nothing below the hairline, where skin meets
    clothes."""
    found = np.zeros((3, OUTLINE, OUTLINE), np.float32)
    for reach, deviation in TUFTS:
        for layer in (0, 1):
            noise = cv2.GaussianBlur(rng.standard_normal((OUTLINE, OUTLINE)).astype(np.float32), (0, 0), reach)
            found[layer] += deviation * noise / noise.std()
    down = np.linspace(0, 1, OUTLINE, dtype=np.float32)[:, None]
    found[0] *= np.clip((FRINGE - down) / 0.12, 0, 1)
    found[2] = found[1] * np.clip((0.62 - down) / 0.12, 0, 1)
    return found


def strands(rng: np.random.Generator) -> np.ndarray:
    """(1, 256, 256) float32 of mean 0 and deviation 1: light and dark strands from a place near the top of the head."""
    along = 48
    fine = rng.standard_normal((along, FINE)).astype(np.float32)
    fine = cv2.GaussianBlur(fine, (0, 0), sigmaX=0.6, sigmaY=5.0)
    broad = cv2.GaussianBlur(rng.standard_normal((along, FINE)).astype(np.float32), (0, 0), sigmaX=4.0, sigmaY=7.0)
    polar = fine / fine.std() + 0.9 * broad / broad.std()
    start = np.array([SIDE * rng.uniform(0.36, 0.64), SIDE * rng.uniform(-0.3, -0.08)])
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    wave = [cv2.GaussianBlur(rng.standard_normal((SIDE, SIDE)).astype(np.float32), (0, 0), 18) for _ in range(2)]
    x, y = (place + 4.0 * each / each.std() - middle for place, each, middle in zip((x, y), wave, start, strict=True))
    angle = np.arctan2(x, y) / (2 * np.pi) + 0.5
    far = np.hypot(x, y) / (1.5 * SIDE)
    lines = cv2.remap(
        polar, (angle * (FINE - 1)).astype(np.float32), (far * (along - 1)).astype(np.float32), cv2.INTER_LINEAR
    )
    found: np.ndarray = ((lines - lines.mean()) / lines.std())[None].astype(np.float32)
    return found
