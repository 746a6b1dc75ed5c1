"""A crop under other light and through another camera. Every draw comes from the generator that is passed."""

import cv2
import numpy as np
from numpy.random import Generator


def relight(image: np.ndarray, rng: Generator) -> np.ndarray:
    """The crop under other light and through another camera: tone, colour, shade, blur, noise, compression."""
    curves = _curves(rng)
    out: np.ndarray = cv2.LUT(image, curves)
    if rng.random() < 0.5:
        grey = cv2.cvtColor(out, cv2.COLOR_RGB2GRAY)[..., None]
        amount = 0.0 if rng.random() < 0.12 else rng.uniform(0.5, 1.4)
        out = cv2.addWeighted(out, amount, np.repeat(grey, 3, axis=2), 1 - amount, 0)
    if rng.random() < 0.2:
        out = _shade(out, rng)
    draw = rng.random()
    if draw < 0.1:
        out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.5, 1.8))
    elif draw < 0.2:
        small = cv2.resize(out, None, fx=(f := rng.uniform(0.3, 0.8)), fy=f, interpolation=cv2.INTER_AREA)
        out = cv2.resize(small, out.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.12:
        packed = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 85))])[1]
        out = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR))
    if rng.random() < 0.12:
        noise = rng.normal(0, rng.uniform(2, 12), out.shape[:2]).astype(np.float32)[..., None]
        out = np.clip(out + noise, 0, 255).astype(np.uint8)
    return out


def _curves(rng: Generator) -> np.ndarray:
    """(1, 256, 3) uint8: brightness, contrast, gamma and the gain of each channel as one table."""
    levels = np.linspace(0, 1, 256)[:, None] ** np.exp(rng.uniform(-0.35, 0.35))
    gains = np.exp(rng.normal(0, 0.08, 3)) * np.exp(rng.uniform(-0.2, 0.2))
    contrast = np.exp(rng.uniform(-0.3, 0.3))
    curves = ((levels * gains - 0.5) * contrast + 0.5 + rng.uniform(-0.1, 0.1)) * 255
    return np.clip(curves, 0, 255).astype(np.uint8)[None]


def _shade(image: np.ndarray, rng: Generator) -> np.ndarray:
    """Darker towards one side, softly or behind an edge."""
    side = image.shape[0]
    angle, soft = rng.uniform(0, 2 * np.pi), rng.uniform(1.5, 12)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j].astype(np.float32)
    ramp = 1 / (1 + np.exp(-soft * (np.cos(angle) * x + np.sin(angle) * y + rng.uniform(-0.5, 0.5))))
    return (image * (1 - rng.uniform(0.2, 0.65) * ramp[..., None])).astype(np.uint8)
