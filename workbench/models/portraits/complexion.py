"""The colour of drawn skin: one hue that skin has, without patches that no skin has.

A search through colours leaves foreheads orange and cheeks grey, or all of a face green; light and dark stay as they
are. The bounds are a little within what nine tenths of the training photos' faces show. Knows arrays only.
"""

import cv2
import numpy as np

from workbench.mesh import LIPS_OUTER, OVAL, REGIONS, polygon

HUE, CHROMA = (45.0, 62.0), (13.0, 27.0)
"""Degrees from red towards yellow of a face's mean colour in CIELAB, and how far it is from grey."""

PATCHES, BROAD = 1.5, 12.0
"""How far colours differ within a face that is broadly looked at, at most, over so many pixels; in photos 2.2 at the
median."""


def plain(mean: np.ndarray, side: int) -> np.ndarray:
    """(side, side) float32: 1 where a frame with these points (468, 2) shows skin and no eye, brow or lip."""
    found = polygon(mean, OVAL, (side, side))
    for path in (LIPS_OUTER, *(REGIONS[name] for name in REGIONS if "eye" in name or "brow" in name)):
        found = np.where(cv2.dilate(polygon(mean, path, (side, side)), np.ones((9, 9), np.uint8)) > 0, 0, found)
    return (found > 127).astype(np.float32)


def even(colours: np.ndarray, skin: np.ndarray, within: np.ndarray) -> np.ndarray:
    """(h, w, 3) float32 in 0..1, sRGB: skin of a natural colour. skin: (h, w) 0..1, what is changed; within: `plain`,
    what is measured."""
    lab = cv2.cvtColor(np.clip(colours, 0, 1).astype(np.float32), cv2.COLOR_RGB2LAB)
    there = within * (skin > 0.9)
    if there.sum() < 50:
        return colours
    chroma = lab[..., 1:]
    broad, sure = broadly(chroma, there)
    mean = chroma[there > 0].mean(0)
    patches = broad - mean
    spread = float(patches[there > 0].std(0).mean())
    calm = 1 - min(1.0, PATCHES / max(spread, 1e-6))
    change = natural(mean) - mean - calm * sure[..., None] * patches
    lab[..., 1:] += skin[..., None] * change
    return np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1)


def broadly(values: np.ndarray, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values (h, w) or (h, w, n) as they are on average over `BROAD` pixels of what is `there`, (h, w) 0..1; and (h, w)
    0..1, how sure that is. float32."""
    weight = cv2.GaussianBlur(there, (0, 0), BROAD)
    each = (..., None) if values.ndim == 3 else ...
    mean = cv2.GaussianBlur(values * there[each], (0, 0), BROAD) / np.maximum(weight, 1e-3)[each]
    return mean, np.clip(4 * weight, 0, 1)


def natural(mean: np.ndarray) -> np.ndarray:
    """(2,): the nearest hue and chroma that skin has, of a and b of CIELAB."""
    hue = np.clip(np.degrees(np.arctan2(mean[1], mean[0])), *HUE)
    chroma = np.clip(np.hypot(*mean), *CHROMA)
    return np.asarray(chroma * np.array([np.cos(np.radians(hue)), np.sin(np.radians(hue))]), np.float32)
