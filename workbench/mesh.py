"""Where each part lies on the face mesh, and the maps that tell a network so.

A region is a closed path of mesh points, chosen by hand on the MediaPipe topology (Kartynnik et al., arXiv 1907.06724):
the lips, lids, brows and oval are its own feature lines, the nose and the gaps between them were traced here. Knows no
photo.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

# fmt: off
OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58,  # noqa: E501
        132, 93, 234, 127, 162, 21, 54, 103, 67, 109)
LIPS_OUTER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
LIPS_INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)

REGIONS: dict[str, tuple[int, ...]] = {
    "image_left_eye": (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
    "image_right_eye": (362, 398, 384, 385, 386, 387, 388, 466, 263, 249, 390, 373, 374, 380, 381, 382),
    "image_left_brow": (46, 70, 63, 105, 66, 107, 55, 65, 52, 53),
    "image_right_brow": (285, 336, 296, 334, 293, 300, 276, 283, 282, 295),
    "nose": (168, 122, 174, 198, 131, 48, 64, 98, 97, 2, 326, 327, 294, 278, 360, 420, 399, 351),
    "mouth": LIPS_INNER,
    "upper_lip": (*LIPS_OUTER[:11], *LIPS_INNER[10::-1]),
    "lower_lip": (*LIPS_OUTER[10:], LIPS_OUTER[0], LIPS_INNER[0], *LIPS_INNER[:9:-1]),
}
"""Part name to the path around it, over mesh point numbers."""
# fmt: on

CHEEKS, BROW_TO_CHIN = (234, 454), (10, 152)
"""The mesh points at both ends of the face's width, from the image's left, and of its height, from the top."""

MAPS = ("oval", "across", "down", *REGIONS, "matte", "mesh_here")
"""What the channels of `maps` are, in order."""

PART_MAPS = tuple(MAPS.index(name) for name in REGIONS)
FLIP = tuple(
    MAPS.index(name.replace("_left_", "_right_") if "_left_" in name else name.replace("_right_", "_left_"))
    for name in MAPS
)
"""Which map takes each map's place when the photo is flipped left to right; `across` is also inverted."""


def polygon(points: np.ndarray, path: Sequence[int], shape: tuple[int, int], value: int = 255) -> np.ndarray:
    """(h, w) uint8: the region inside `path`, drawn in sub-pixel steps. points: (n, 2) in grid pixels."""
    image = np.zeros(shape, np.uint8)
    fixed = np.round(np.clip(points[list(path), :2], -4096, 4096) * 16).astype(np.int32)
    cv2.fillPoly(image, [fixed], value, cv2.LINE_AA, 4)
    return image


def frame(points: np.ndarray) -> np.ndarray:
    """(2, 3) matrix from grid pixels to the face's own frame: cheeks at across -1 and 1, top and chin at down -1 and
    1."""
    low, high = points[list(CHEEKS), :2]
    top, chin = points[list(BROW_TO_CHIN), :2]
    across, down = (high - low) / 2, (chin - top) / 2
    linear = np.linalg.pinv(np.stack([across, down], axis=1))
    return np.concatenate([linear, -linear @ ((low + high + top + chin) / 4)[:, None]], axis=1)


def place(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(2, h, w) float32: where each grid pixel lies in the face's own frame, across and down."""
    matrix = frame(points)
    y, x = (axis.astype(np.float32) for axis in np.ogrid[: shape[0], : shape[1]])
    return np.stack([row[0] * x + row[1] * y + row[2] for row in matrix.astype(np.float32)])


def signed_distance(mask: np.ndarray) -> np.ndarray:
    """(h, w) float32 in pixels: positive inside the mask, negative outside; at most height plus width, where there is
    no edge."""
    inside = (mask > 127).astype(np.uint8)
    distance: np.ndarray = cv2.distanceTransform(inside, cv2.DIST_L2, 3) - cv2.distanceTransform(
        1 - inside, cv2.DIST_L2, 3
    )
    return distance.clip(-sum(mask.shape), sum(mask.shape))


def maps(
    points: np.ndarray | None, matte: np.ndarray | None, shape: tuple[int, int], oval: np.ndarray | None = None
) -> np.ndarray:
    """(len(MAPS), h, w) uint8: what the mesh and the matte say of a crop, for a network to read beside its colours.

    points: (478, 2 or 3) in grid pixels, or None; matte: (h, w) uint8, or None. What is missing is zero throughout.
    oval: (h, w) uint8, if already known: distances count in widths of the face, so it can be taken from another crop.
    `oval` is the signed distance to the face's outline, `across` and `down` the position in the face's frame (-2 to 2).
    """
    out = np.zeros((len(MAPS), *shape), np.uint8)
    if matte is not None:
        out[MAPS.index("matte")] = matte
    if points is None:
        return out
    out[0] = _oval(points, shape) if oval is None else oval
    out[1:3] = np.clip(place(points, shape) * 63.5 + 128, 1, 255)
    for channel, path in zip(PART_MAPS, REGIONS.values(), strict=True):
        out[channel] = polygon(points, path, shape)
    out[MAPS.index("mesh_here")] = 255
    return out


def _oval(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    across = max(float(np.linalg.norm(points[CHEEKS[1], :2] - points[CHEEKS[0], :2])), 1.0)
    outline = signed_distance(polygon(points, OVAL, shape))
    return np.clip(outline / across * 255 + 128, 1, 255).astype(np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """points: (478, 3) float32 in photo pixels, or (468, 3) without irises. score: probability that the crop held a
    face."""

    points: np.ndarray
    score: float
