"""Pictures, and how they are read and compared, for the tests of reading, writing and cropping."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from workbench import images
from workbench.settings import Settings

PLAIN = Settings(cache=Path("cache"), data=Path("data"))


def decode(data: bytes, **changes: Any) -> np.ndarray:
    """A file's pixels under the plain settings, but for some."""
    return images.decode(data, replace(PLAIN, **changes))


def uneven(whole: np.ndarray) -> np.ndarray:
    """A small part of a photo, not square and not symmetric, so that a wrong turn shows."""
    return np.ascontiguousarray(whole[:400:2, 100:400:2])


def near(first: np.ndarray, second: np.ndarray, mean: float) -> bool:
    """Whether two pictures are of one size and differ by less than so many levels on average."""
    return first.shape == second.shape and float(np.abs(first.astype(int) - second).mean()) < mean


def centroid(image: np.ndarray) -> np.ndarray:
    """(x, y) of what is bright."""
    weight = image[..., 0].astype(np.float64)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()


def blob(centre: np.ndarray, radius: float, shape: tuple[int, int]) -> np.ndarray:
    """(h, w, 3) uint8: a soft white spot on black."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    grey = 255 * np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * radius**2))
    return np.repeat(grey.round().astype(np.uint8)[..., None], 3, axis=2)
