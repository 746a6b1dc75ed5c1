"""Inputs anybody can make again from a seed: a picture with structure at every scale, and a tensor like normalised
pixels."""

import numpy as np


def photo(seed: int, height: int, width: int) -> np.ndarray:
    """An RGB uint8 picture of soft blobs and fine grain, (height, width, 3)."""
    draw = np.random.Generator(np.random.PCG64(seed))
    rows, columns = np.mgrid[0:height, 0:width] / max(height, width)
    picture = np.zeros((height, width, 3))
    for _ in range(12):
        x, y, size = draw.uniform(0, 1, 3)
        blob = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (0.002 + 0.05 * size))
        picture += blob[..., None] * draw.uniform(-1, 1, 3)
    picture += 0.15 * draw.standard_normal(picture.shape)
    return np.clip(127 + 90 * picture, 0, 255).astype(np.uint8)


def tensor(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """A float32 input in the range of normalised pixels."""
    return np.random.Generator(np.random.PCG64(seed)).standard_normal(shape, dtype=np.float32)
