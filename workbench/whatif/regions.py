"""Parts of a face blurred, filled from around, or swapped with another face's, where a parser says they are.

Pixels, masks and points only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from workbench.errors import BadRequest
from workbench.geometry import similarity
from workbench.images import warp
from workbench.parts import INDEX
from workbench.values import Face
from workbench.whatif.changes import check_region, check_way

BLUR, EDGE, GROWN = 0.22, 0.02, 0.03
"""In distances between the eyes: sigma of the blur, softness of a part's edge, how far a part is grown before."""
NEAR = 0.4
"""Mesh points so near to a part (in the same unit) say how another face's part is laid on it."""
LEAST = 0.0008
"""A region of fewer of the picture's pixels than this share is not there."""
SMALL = 2
"""Filling works on a picture so many times smaller: what it makes is smooth."""
TINT = 0.35
"""How far a swapped part takes on the tint of the face, beside its light: teeth and eyes would turn blue with all."""
COLOURED = ("eyes", "brows", "nose", "mouth", "skin", "ears")
"""Parts whose colour is brought near to the face they are laid on."""


@dataclass(frozen=True, slots=True, eq=False)
class Half:
    """A face close up with its parts. labels: (H, W) uint8, `parts.PARTS`; other people's are background."""

    image: np.ndarray
    face: Face
    labels: np.ndarray

    @property
    def unit(self) -> float:
        """Between the outer corners of the eyes, in pixels."""
        return float(np.linalg.norm(self.mesh[263, :2] - self.mesh[33, :2]))

    @property
    def mesh(self) -> np.ndarray:
        """(478, 3). Raises BadRequest for a face without landmarks."""
        if self.face.mesh is None:
            raise BadRequest("This face has no landmarks to follow. Use a sharper or less turned face.")
        return self.face.mesh

    def mask(self, regions: Sequence[str]) -> np.ndarray:
        """(H, W) bool: where these regions are."""
        wanted = [INDEX[part] for region in regions for part in check_region(region)]
        return np.isin(self.labels, wanted)

    def has(self, region: str) -> bool:
        """Whether enough of a region is seen to be changed."""
        return bool(self.mask([region]).mean() >= LEAST)


def altered(half: Half, regions: Sequence[str], way: str, other: Half | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The picture with these regions changed wholly, and how much of every pixel is the change, (H, W) float32 0..1.

    way: of `changes.WAYS`. other: the face whose parts are laid on, for "swap". Raises BadRequest for "swap" without
    one, and where neither face shows the regions.
    """
    mask = half.mask(regions)
    if check_way(way) == "swap":
        if other is None:
            raise BadRequest("To swap parts, give a second photo: the face whose parts are laid on this one.")
        return _swapped(half, other, regions, mask)
    if not mask.any():
        raise BadRequest(f"This face shows no {' or '.join(regions)}, as it was parsed.")
    share = soft(mask, half.unit)
    if way == "blur":
        return cv2.GaussianBlur(half.image, (0, 0), BLUR * half.unit), share
    return _filled(half, mask), share


def soft(mask: np.ndarray, unit: float) -> np.ndarray:
    """(H, W) float32 0..1: the mask, grown a little, with a soft edge."""
    reach = 2 * max(1, round(GROWN * unit)) + 1
    grown = cv2.dilate(mask.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    return cv2.GaussianBlur(grown.astype(np.float32), (0, 0), max(EDGE * unit, 0.6))


def _filled(half: Half, mask: np.ndarray) -> np.ndarray:
    """Telea's filling (J. Graphics Tools 2004), from what is around."""
    height, width = mask.shape
    reach = 2 * max(1, round(2 * GROWN * half.unit)) + 1
    hole = cv2.dilate(mask.astype(np.uint8), np.ones((reach, reach), np.uint8))
    size = max(1, width // SMALL), max(1, height // SMALL)
    small = cv2.resize(half.image, size, interpolation=cv2.INTER_AREA)
    closed = cv2.resize(hole, size, interpolation=cv2.INTER_NEAREST)
    found = cv2.inpaint(small, closed, 4, cv2.INPAINT_TELEA) if not closed.all() else small
    return cv2.resize(found, (width, height), interpolation=cv2.INTER_CUBIC)


def _swapped(half: Half, other: Half, regions: Sequence[str], mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    theirs = other.mask(regions)
    if not mask.any() and not theirs.any():
        raise BadRequest(f"Neither face shows {' or '.join(regions)}, as they were parsed.")
    matrix = _laid(half, other, mask)
    size = half.image.shape[1], half.image.shape[0]
    moved = warp(other.image, matrix, size)
    seen = warp(theirs.astype(np.float32), matrix, size, "black") > 0.5
    both = mask | seen
    share = soft(both, half.unit)
    if set(regions) & set(COLOURED):
        moved = _coloured(moved, half, both)
    return moved, share


def _laid(half: Half, other: Half, mask: np.ndarray) -> np.ndarray:
    """(2, 3): the other face's picture onto this one, best around the part."""
    mine, theirs = half.mesh[:468, :2].astype(np.float64), other.mesh[:468, :2].astype(np.float64)
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3) if mask.any() else None
    near = np.ones(468, bool)
    if distance is not None:
        rows, columns = np.clip(np.round(mine).astype(int), 0, np.array(mask.shape[::-1]) - 1).T[::-1]
        close = distance[rows, columns] < NEAR * half.unit
        near = close if close.sum() >= 30 else near
    return similarity(theirs[near], mine[near])


def _coloured(moved: np.ndarray, half: Half, mask: np.ndarray) -> np.ndarray:
    """The other face's picture in this face's light: the mean colour around the part is made the same."""
    reach = 2 * max(2, round(0.18 * half.unit)) + 1
    ring = cv2.dilate(mask.astype(np.uint8), np.ones((reach, reach), np.uint8)).astype(bool) & ~mask
    ring &= half.mask(["skin"]) if (half.mask(["skin"]) & ring).sum() > 50 else True
    if not ring.any():
        return moved
    gain = np.clip((half.image[ring].mean(axis=0) + 8) / (moved[ring].mean(axis=0) + 8), 0.4, 2.5)
    light = gain.mean()
    tinted = light * (gain / light) ** TINT
    return np.clip(np.round(moved * tinted), 0, 255).astype(np.uint8)
