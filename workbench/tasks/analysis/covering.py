"""How much of a face is hidden, and by what: the parser's labels inside the mesh's outline."""

import numpy as np

from workbench.mesh import OVAL, polygon
from workbench.parts import PARTS, title
from workbench.tasks.quality import graded
from workbench.values import Face, Finding

BARE = (
    "skin",
    "nose",
    "image_right_eye",
    "image_left_eye",
    "image_right_brow",
    "image_left_brow",
    "mouth",
    "upper_lip",
    "lower_lip",
    "image_right_ear",
    "image_left_ear",
    "neck",
)
"""What a face shows where nothing covers it; ears and neck where a mesh is a little too wide."""

BROWS = (105, 334)
"""Hair on the forehead covers nothing: what counts begins at the brows."""


def covered(labels: np.ndarray, face: Face) -> Finding | None:
    """The share of the face from its brows to its chin that is under hair, a hat, glasses, a hand or cloth.

    labels: (H, W) uint8 part indices of the photo. None without landmarks, or where nothing of the face is in it.
    """
    if face.mesh is None:
        return None
    left, top = np.clip(np.floor(face.box[:2]).astype(int), 0, np.array(labels.shape[::-1]))
    right, bottom = np.clip(np.ceil(face.box[2:]).astype(int) + 1, 0, np.array(labels.shape[::-1]))
    if right <= left or bottom <= top:
        return None
    seen = labels[top:bottom, left:right]
    points = face.mesh[:, :2] - np.array([left, top])
    inside = polygon(points, _lower(face.mesh), seen.shape) > 127
    counts = np.bincount(seen[inside], minlength=len(PARTS))
    total = int(counts.sum())
    if not total:
        return None
    over = {part: int(counts[index]) for index, part in enumerate(PARTS) if part not in BARE}
    share, most = sum(over.values()) / total, max(over, key=lambda part: over[part])
    what = "something that is no part of a face" if most == "background" else title(most).lower()
    words = f"{share:.0%} of the face is covered, mostly by {what}."
    return graded("covered", share, "of the face", -share, (-0.5, -0.15), words)


def _lower(mesh: np.ndarray) -> tuple[int, ...]:
    """The outline from temple to temple by the chin, closed along the brows."""
    turned = OVAL.index(356), OVAL.index(127)
    return (*OVAL[turned[0] : turned[1] + 1], 70, 105, 107, 336, 334, 300)
