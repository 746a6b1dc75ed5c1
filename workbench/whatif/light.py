"""Light and colour of a photo of a face: brightness, contrast, warmth, a lamp at the side, no colour, no sharpness.

Pixels and points only.
"""

import cv2
import numpy as np

from workbench.mesh import place
from workbench.whatif.changes import Change

GAMMA = 2.2
"""sRGB is taken for a power law here: a slider needs no more."""
SIDE = 1.0
"""Stops between the middle of the face and a cheek, at full side light."""
WARM = 0.45
"""Stops that red gains and blue loses, at full warmth."""
SOFT = 0.16
"""Distance between the eyes of which the blur's sigma is this share, at its most."""

NAMES = ("brightness", "contrast", "warmth", "side_light", "grey", "blur")


def lit(image: np.ndarray, mesh: np.ndarray, change: Change) -> np.ndarray:
    """The photo in another light; itself where none of `NAMES` is moved. image: (H, W, 3) uint8; mesh: (478, 3)."""
    if not any(change.value(name) for name in NAMES):
        return image
    found = image
    if change.value("blur"):
        unit = float(np.linalg.norm(mesh[263, :2] - mesh[33, :2]))
        found = cv2.GaussianBlur(found, (0, 0), max(SOFT * unit * change.value("blur"), 0.05))
    seen = found.astype(np.float32) / 255
    stops = _stops(seen.shape, mesh, change)
    if np.any(stops):
        seen = seen * np.exp2(stops / GAMMA).astype(np.float32)
    if change.value("contrast"):
        seen = (seen - 0.5) * np.float32(2 ** change.value("contrast")) + 0.5
    if change.value("grey"):
        grey = seen @ np.array([0.299, 0.587, 0.114], np.float32)
        seen = seen + np.float32(change.value("grey")) * (grey[..., None] - seen)
    result: np.ndarray = np.round(np.clip(seen, 0, 1) * 255).astype(np.uint8)
    return result


def _stops(shape: tuple[int, ...], mesh: np.ndarray, change: Change) -> np.ndarray:
    """(h, w, 3) or (3,): how many times the light of every place and colour is doubled."""
    warm = WARM * change.value("warmth")
    stops = np.array([change.value("brightness") + warm, change.value("brightness"), change.value("brightness") - warm])
    if not change.value("side_light"):
        return stops
    across = np.clip(place(mesh, (shape[0], shape[1]))[0], -1.2, 1.2)
    found: np.ndarray = stops + SIDE * change.value("side_light") * across[..., None]
    return found
