"""The mesh's points in the orders other programs use: 68 (300-W, dlib, OpenFace), 98 (WFLW) and 5.

The 68 are the index map that is passed on among users of the MediaPipe mesh (google/mediapipe, thread 1615). Of the 98,
eyes, lips, nose and brows are mesh points too; the contour's 33 points are spaced evenly along the mesh's outline, from
which the mesh has 25 points. A mesh point is where that mesh puts it: a jaw in a beard or a turned cheek lies elsewhere
than in a photo annotated by hand.
"""

import numpy as np

from workbench.errors import BadRequest

# fmt: off
JAW_68 = (162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389)
BROWS_68 = (71, 63, 105, 66, 107, 336, 296, 334, 293, 301)
NOSE_68 = (168, 197, 5, 4, 75, 97, 2, 326, 305)
EYES_68 = (33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380)
LIPS = (61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87)
MAP_68 = (*JAW_68, *BROWS_68, *NOSE_68, *EYES_68, *LIPS)

OUTLINE = (162, 127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 356, 389)  # noqa: E501
_BROWS_98 = (70, 63, 105, 66, 107, 55, 65, 52, 53, 336, 296, 334, 293, 300, 283, 282, 295, 285)
_EYES_98 = (33, 160, 159, 158, 133, 153, 145, 144, 362, 385, 386, 387, 263, 373, 374, 380)
_IRISES = (468, 473)
INNER_98 = (*_BROWS_98, *NOSE_68, *_EYES_98, *LIPS, *_IRISES)
FIVE = (468, 473, 1, 61, 291)
# fmt: on
CONTOUR_98 = 33

GROUPS_68 = (
    ("jaw", 17),
    ("brow (image left)", 5), ("brow (image right)", 5), ("bridge of the nose", 4), ("base of the nose", 5),
    ("eye (image left)", 6), ("eye (image right)", 6), ("outer lips", 12), ("inner lips", 8),
)  # fmt: skip
"""The 68 points' parts in order, and how many points each has."""

NAMES = {"mesh": 478, "68": 68, "98": 98, "5": 5}
"""Layouts by name, and how many points each has."""


def points_of(mesh: np.ndarray, layout: str) -> np.ndarray:
    """(n, 3) float32: the mesh (478, 3) in another order. layout: one of `NAMES`. Raises BadRequest for another."""
    if layout == "mesh":
        return mesh.astype(np.float32)
    if layout == "68":
        return mesh[list(MAP_68)].astype(np.float32)
    if layout == "5":
        return mesh[list(FIVE)].astype(np.float32)
    if layout == "98":
        return np.concatenate([_evenly(mesh[list(OUTLINE)], CONTOUR_98), mesh[list(INNER_98)]]).astype(np.float32)
    raise BadRequest(f"There is no layout {layout!r} of points; expected one of {', '.join(NAMES)}.")


def _evenly(path: np.ndarray, count: int) -> np.ndarray:
    """(count, 3): points at equal distances along a path (n, 3), both ends and the chin in the middle among them."""
    middle = len(path) // 2
    halves = path[: middle + 1], path[middle:]
    spaced = [_spaced(half, count // 2 + 1) for half in halves]
    return np.concatenate([spaced[0], spaced[1][1:]])


def _spaced(path: np.ndarray, count: int) -> np.ndarray:
    along = np.concatenate([[0.0], np.linalg.norm(np.diff(path, axis=0), axis=1).cumsum()])
    wanted = np.linspace(0, along[-1], count)
    return np.stack([np.interp(wanted, along, path[:, axis]) for axis in range(path.shape[1])], axis=1)
