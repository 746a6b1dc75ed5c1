"""Maps that know nothing of the model, for a heatmap to beat: random ones of its own smoothness, edges, a blob in the
middle."""

import numpy as np
from scipy.ndimage import gaussian_filter, sobel


def random_like(heat: np.ndarray, count: int, seed: int) -> np.ndarray:
    """(count, S, S) float32: random maps with the power spectrum of `heat`, so exactly as smooth, hot anywhere.

    The map is mirrored over its borders, its Fourier phases are replaced by those of white noise, and a random corner
    is cut out. Source: phase-randomised surrogates, Theiler et al., "Testing for nonlinearity in time series" (1992).
    """
    random = np.random.default_rng(seed)
    size = heat.shape[0]
    tiled = np.block([[heat, heat[:, ::-1]], [heat[::-1], heat[::-1, ::-1]]]).astype(np.float64)
    strength = np.abs(np.fft.rfft2(tiled - tiled.mean()))
    phases = np.angle(np.fft.rfft2(random.standard_normal((count, 2 * size, 2 * size))))
    maps = np.fft.irfft2(strength * np.exp(1j * phases), s=(2 * size, 2 * size))
    return maps[:, :size, :size].astype(np.float32)


def edges(pixels: np.ndarray) -> np.ndarray:
    """(S, S) float32: how strongly brightness changes around each pixel (Sobel), slightly blurred. pixels: (S, S,
    3)."""
    grey = pixels.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    strength = np.hypot(sobel(grey, axis=0), sobel(grey, axis=1))
    return gaussian_filter(strength, pixels.shape[0] / 64).astype(np.float32)


def middle(size: int) -> np.ndarray:
    """(S, S) float32: a Gaussian blob in the middle, a quarter of the chip wide: “somewhere on the face”."""
    steps = (np.arange(size) - (size - 1) / 2) / (size / 4)
    bell = np.exp(-0.5 * steps**2)
    return np.outer(bell, bell).astype(np.float32)
