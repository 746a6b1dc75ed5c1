"""How the points of a face mesh move when a head turns or its expression changes. Geometry in the head's own frame, no
pixels.

The frame is that of `tasks.head_pose`: x to the image's right, y down, z away from the camera, in widths between the
outer eye corners. Amounts were set by looking at portraits, at about what a mild, natural change shows; they follow the
action units of Ekman and Friesen (Facial Action Coding System, 1978): smile 6 + 12, frown 4 + 15, brows 1 + 2, lids 5
and 43, mouth 26.
"""

from dataclasses import dataclass, fields

import numpy as np

from workbench import checks
from workbench.geometry import pose_of, turn, umeyama
from workbench.mesh import LIPS_INNER, LIPS_OUTER
from workbench.tasks.head_pose import HEAD, INDICES
from workbench.values import Pose

MOST = {"yaw": 18.0, "pitch": 10.0}
"""Degrees either way. Beyond, a photo lacks the skin that would come into view."""

OPENED = 0.07
"""How far a jaw drops at most. Farther, a closed mouth becomes a hole without teeth, and an open one's teeth are
stretched:
a photo holds none to show (at 0.17, 7 of 12 looked at were bad)."""

SMILE_OPENS, PARTED = 0.3, 0.12
"""How far the widest smile opens a closed mouth, in `OPENED`, and the gap between lips, in widths of the mouth, from
which it is open already."""

PIVOT = np.array([0.0, 0.15, 0.55])
"""What a head turns about: between the ears."""

_UPPER_LIDS = ((246, 161, 160, 159, 158, 157, 173), (466, 388, 387, 386, 385, 384, 398))
_ABOVE_LIDS = ((247, 30, 29, 27, 28, 56, 190), (467, 260, 259, 257, 258, 286, 414))
_LOWER_LIDS = ((7, 163, 144, 145, 153, 154, 155), (249, 390, 373, 374, 380, 381, 382))
_CORNERS = ((33, 133), (263, 362))
_UPPER_LIP = (*LIPS_OUTER[1:10], *LIPS_INNER[1:10])
_LOWER_LIP = (*LIPS_OUTER[11:], *LIPS_INNER[11:])


@dataclass(frozen=True, slots=True)
class Edit:
    """What to change in a photo of a face. yaw, pitch: degrees, ±18 towards the image's right and ±10 upward.

    smile, frown, mouth_open, brow_raise: 0..1. eyes: −1 (nearly closed) to 1 (wide open). Raises BadRequest outside
    these.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    smile: float = 0.0
    frown: float = 0.0
    mouth_open: float = 0.0
    brow_raise: float = 0.0
    eyes: float = 0.0

    def __post_init__(self) -> None:
        for name, (low, high) in LIMITS.items():
            checks.number(name, getattr(self, name), low, high)

    def words(self) -> str:
        """What was changed, for a caption or a file: "yaw +10, smile 0.5"; "nothing" when all is 0."""
        told = [f"{name} {value:+g}" for name in LIMITS if (value := round(float(getattr(self, name)), 2))]
        return ", ".join(told).replace("_", " ") or "nothing"


LIMITS = {name.name: (-MOST[name.name], MOST[name.name]) if name.name in MOST else (0.0, 1.0) for name in fields(Edit)}
LIMITS["eyes"] = (-1.0, 1.0)


def moves(mesh: np.ndarray, edit: Edit) -> np.ndarray:
    """(468, 2) pixels: how far each point of a (478, 3) mesh goes. Irises follow their lids' surroundings, so they are
    left out."""
    points = mesh[:468].astype(np.float64)
    scale, rotation, shift = umeyama(HEAD, mesh[list(INDICES)].astype(np.float64))
    head = (points - shift) @ rotation / scale
    pose = pose_of(rotation)
    turned = (
        turn(Pose(pose.yaw + edit.yaw, float(np.clip(pose.pitch + edit.pitch, -80, 80)), pose.roll))
        @ turn(pose).T
        @ rotation
    )
    changed = head + expression(head, edit) - PIVOT
    there = scale * changed @ turned.T + scale * rotation @ PIVOT + shift
    return (there - points)[:, :2]


def expression(head: np.ndarray, edit: Edit) -> np.ndarray:
    """(468, 3) in the head's frame: the movement of an expression."""
    change = np.zeros_like(head)
    change += edit.smile * (_corners(head, (0.075, -0.06), 0.16) + _pair(head, (205, 425), (0.0, -0.03), 0.16))
    change += edit.smile * _lids(head, 0.0, 0.14)
    change += edit.frown * (
        _corners(head, (-0.015, 0.07), 0.14) + _above_lids(head) * _pair(head, (55, 285), (-0.025, 0.045), 0.15)
    )
    # the whole brow as one: raised in the middle alone it is a Vulcan's
    raised = _pair(head, (105, 334), (0.0, -0.05), 0.22) + _pair(head, (107, 336), (0.0, -0.042), 0.15)
    change += edit.brow_raise * np.clip(1.6 * _above_lids(head), 0, 1) * raised
    change += _opened(head, edit) * _jaw(head, OPENED)
    wider, narrower = max(edit.eyes, 0.0), max(-edit.eyes, 0.0)
    return change + wider * _lids(head, 0.3, -0.08) + narrower * _lids(head, -0.55, 0.15)


def _opened(head: np.ndarray, edit: Edit) -> float:
    """How far the mouth opens, in jaws' drops: as asked, and a little by a wide smile of closed lips, which would look
    pressed."""
    width = max(float(head[291, 0] - head[61, 0]), 1e-3)
    gap = float(head[14, 1] - head[13, 1]) / width
    closed = float(np.clip(1 - gap / PARTED, 0, 1))
    return max(edit.mouth_open, SMILE_OPENS * closed * max(0.0, 2 * edit.smile - 1))


def _bump(head: np.ndarray, centre: int, shift: tuple[float, float], reach: float) -> np.ndarray:
    distance = ((head[:, :2] - head[centre, :2]) ** 2).sum(1)
    weight = np.exp(-distance / (2 * reach**2))[:, None]
    return weight * np.array([*shift, 0.0])


def _pair(head: np.ndarray, centres: tuple[int, int], shift: tuple[float, float], reach: float) -> np.ndarray:
    """The same on both sides; shift's x counts away from the middle. Where both reach, they share."""
    outward, down = shift
    return np.asarray(
        _bump(head, centres[0], (-outward, down), reach) + _bump(head, centres[1], (outward, down), reach)
    )


def _corners(head: np.ndarray, shift: tuple[float, float], reach: float) -> np.ndarray:
    return _pair(head, (61, 291), shift, reach)


def _above_lids(head: np.ndarray) -> np.ndarray:
    """(468, 1): 0 at the lids and below, 1 at the brows and above."""
    lids = head[[33, 133, 362, 263], 1].mean()
    brows = head[[105, 334], 1].mean()
    return np.clip((lids - 0.05 - head[:, 1]) / max(lids - 0.05 - brows, 0.05), 0, 1)[:, None]


def _lids(head: np.ndarray, up: float, lower_up: float) -> np.ndarray:
    """Upper lids up by `up` and lower lids by `lower_up`, in gaps between the lids; most in the middle of each eye."""
    change = np.zeros_like(head)
    for side in (0, 1):
        outer, inner = head[_CORNERS[side][0]], head[_CORNERS[side][1]]
        middle, half = (outer[0] + inner[0]) / 2, max(abs(outer[0] - inner[0]) / 2, 1e-3)
        gap = max(float(head[_LOWER_LIDS[side][3], 1] - head[_UPPER_LIDS[side][3], 1]), 0.03)
        for path, amount in ((_UPPER_LIDS, up), (_ABOVE_LIDS, 0.6 * up), (_LOWER_LIDS, lower_up)):
            points = list(path[side])
            change[points, 1] -= amount * gap * np.clip(1 - ((head[points, 0] - middle) / half) ** 2, 0, 1)
    return change


def _jaw(head: np.ndarray, drop: float) -> np.ndarray:
    """The lower lip and the chin down by `drop`, hinging towards the ears; the upper lip hardly."""
    left, right = head[61], head[291]
    half, middle = max((right[0] - left[0]) / 2, 1e-3), (left[0] + right[0]) / 2
    mouth = (left[1] + right[1]) / 2
    chin = max(head[152, 1] - mouth, 0.1)
    across = np.clip(1 - ((head[:, 0] - middle) / half) ** 2, 0, 1)
    below = np.clip((head[:, 1] - mouth) / chin, 0, 1)
    wide = np.exp(-(((head[:, 0] - middle) / 0.55) ** 2))
    fall = below**0.6 * wide * 0.85
    fall[list(_LOWER_LIP)] = np.maximum(across[list(_LOWER_LIP)], fall[list(_LOWER_LIP)])
    fall[list(_UPPER_LIP)] = -0.08 * across[list(_UPPER_LIP)]
    fall[[61, 78, 291, 308]] = 0.1
    change = np.zeros_like(head)
    change[:, 1] = drop * fall
    return change
