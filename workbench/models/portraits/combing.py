"""Strands along a flow: noise that is drawn out along the way hair lies, after nobody's hair.

Line integral convolution (Cabral and Leedom, SIGGRAPH 1993). A flow is an angle at each place, given by the cosine and
sine of twice the angle, because hair has no front and back; so flows of many photos may be averaged (Kass and Witkin,
"Analyzing oriented patterns", 1987, section 3). Knows arrays only.
"""

import cv2
import numpy as np

STRIDE, REACH = 1.1, 18
"""Pixels of a step along a line, and how many steps it is followed either way."""

TENSOR = 4.0
"""Pixels over which a photo's structure is gathered."""


def flow(grey: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(2, h, w) float32: cosine and sine of twice the angle along which lines of a picture (h, w) run, times how sure
    that is, 0..1. weight: (h, w), how much each pixel counts."""
    across, down = (cv2.Sobel(grey.astype(np.float32), cv2.CV_32F, *order, ksize=3) for order in ((1, 0), (0, 1)))
    # the gradient's own direction turned by a quarter: its double angle changes sign
    parts = [weight * part for part in (down**2 - across**2, -2 * across * down, across**2 + down**2)]
    real, imaginary, total = (cv2.GaussianBlur(part, (0, 0), TENSOR) for part in parts)
    found: np.ndarray = np.stack([real, imaginary]) / (total + 1e-6)
    return found.astype(np.float32)


def drawn_out(noise: np.ndarray, double: np.ndarray) -> np.ndarray:
    """(h, w) float32: the sum over layers of `noise` (n, h, w) of its mean along the lines of a flow (2, h, w) through
    each pixel; the first layer along lines of `REACH`, the others along half of them."""
    layers = np.ascontiguousarray(noise.transpose(1, 2, 0), np.float32)
    height, width, count = layers.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle = np.arctan2(double[1], double[0]) / 2
    step = np.stack([np.cos(angle), np.sin(angle)]).astype(np.float32)
    reach = np.array([REACH if at == 0 else REACH // 2 for at in range(count)])
    total, weight = layers.copy(), np.ones(count, np.float32)
    for sign in (1.0, -1.0):
        px, py, pace = x, y, sign * step
        for done in range(1, REACH + 1):
            px, py = px + STRIDE * pace[0], py + STRIDE * pace[1]
            share = (1 - done / (reach + 1)).clip(0).astype(np.float32)
            seen = cv2.remap(layers, px, py, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
            total += share * seen.reshape(layers.shape)
            weight += share
            there = np.stack(
                [cv2.remap(part, px, py, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE) for part in step]
            )
            pace = there * np.where((there * pace).sum(0) < 0, -1.0, 1.0).astype(np.float32)
    found: np.ndarray = (total / weight).sum(2)
    return found


LOCKS, STRANDS = ((1.2, 0.7), (3.0, 1.0)), ((0.5, 1.0), (0.8, 1.0), (1.5, 0.8))
"""Pixels over which noise is alike, and how strong it is: of locks of hair, on half the side, and of strands."""


def noise(rng: np.random.Generator, parts: tuple[tuple[float, float], ...], side: int = 256) -> np.ndarray:
    """(1, side, side) float32: what is drawn out to strands, or to locks."""
    found = np.zeros((1, side, side), np.float32)
    for reach, weight in parts:
        part = cv2.GaussianBlur(rng.standard_normal((side, side)).astype(np.float32), (0, 0), reach)
        found[0] += weight * part / part.std()
    return found
