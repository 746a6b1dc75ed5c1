"""Glasses, sunglasses and a mask, drawn where the face mesh says eyes, ears, nose and chin are. Plain drawings: they
cover what the real things cover, with flat colours and a little of the photo's shade. Pixels and points only."""

import cv2
import numpy as np

from workbench.mesh import OVAL, REGIONS
from workbench.whatif.changes import Change

FRAME, GLASS, CLOTH, PLEAT = (38, 32, 30), (24, 24, 28), (176, 203, 214), (138, 170, 184)
LENS_WIDE, LENS_HIGH = 0.86, 0.6
"""Half axes of a lens, in widths of its eye."""
BRIDGE = 0.2
"""How far above the eyes the bridge sits, in widths of an eye."""
JAW = OVAL[OVAL.index(323) : OVAL.index(93) + 1]
"""The outline from the image's right ear over the chin to the left one."""
MASK_TOP = (93, 50, 101, 197, 330, 280, 323)
MASK_LOW = (58, 172, 149, 152, 378, 397, 288)
"""The mask's upper edge, over cheeks and nose, and points of the jaw below them, from the image's left."""
LOWER = 1.04
"""The mask hangs a little below the chin."""
_FINE = 4
"""Sub-pixel bits of a drawing."""


def dressed(image: np.ndarray, mesh: np.ndarray, change: Change) -> np.ndarray:
    """The photo with what is worn drawn on it, as opaque as the sliders say; itself where none is moved.

    image: (H, W, 3) uint8; mesh: (478, 3) in its pixels. Glasses lie over a mask.
    """
    found = image
    for name, draw in (("mask", _mask), ("sunglasses", _sunglasses), ("glasses", _glasses)):
        if change.value(name):
            worn = draw(image, found, mesh.astype(np.float64))
            found = _mixed(found, worn, change.value(name))
    return found


def _mixed(before: np.ndarray, after: np.ndarray, share: float) -> np.ndarray:
    return cv2.addWeighted(before, 1 - share, after, share, 0) if share < 1 else after


def _glasses(photo: np.ndarray, under: np.ndarray, mesh: np.ndarray) -> np.ndarray:
    found = under.copy()
    for lens in _lenses(mesh):
        _closed(found, lens, FRAME, _thick(mesh))
    return _held(found, mesh)


def _sunglasses(photo: np.ndarray, under: np.ndarray, mesh: np.ndarray) -> np.ndarray:
    found = under.copy()
    for lens in _lenses(mesh, 1.12):
        dark = found.copy()
        cv2.fillPoly(dark, [_fixed(lens)], GLASS, cv2.LINE_AA, _FINE)
        found = cv2.addWeighted(found, 0.1, dark, 0.9, 0)
        _closed(found, lens, FRAME, _thick(mesh))
    return _held(found, mesh)


def _held(found: np.ndarray, mesh: np.ndarray) -> np.ndarray:
    """The bridge over the nose, and the sides as far as the ears."""
    left, right = _lenses(mesh)
    inner = left[left[:, 0].argmax()], right[right[:, 0].argmin()]
    up = _up(mesh) * BRIDGE * _eye(mesh, "image_left_eye")[1]
    middle = (inner[0] + inner[1]) / 2 + up
    cv2.polylines(
        found, [_fixed(np.stack([inner[0], middle, inner[1]]))], False, FRAME, _thick(mesh), cv2.LINE_AA, _FINE
    )
    for outer, ear in ((left[left[:, 0].argmin()], 127), (right[right[:, 0].argmax()], 356)):
        ends = _fixed(np.stack([outer, mesh[ear, :2]]))
        cv2.polylines(found, [ends], False, FRAME, _thick(mesh), cv2.LINE_AA, _FINE)
    return found


def _mask(photo: np.ndarray, under: np.ndarray, mesh: np.ndarray) -> np.ndarray:
    """Cloth over mouth and nose, shaded as the photo is there, with pleats."""
    centre = mesh[list(OVAL), :2].mean(axis=0)
    jaw = centre + LOWER * (mesh[list(JAW), :2] - centre)
    outline = np.concatenate([mesh[list(MASK_TOP), :2], jaw])
    shape = np.zeros(photo.shape[:2], np.uint8)
    cv2.fillPoly(shape, [_fixed(outline)], 255, cv2.LINE_AA, _FINE)
    shade = cv2.GaussianBlur(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), (0, 0), 0.25 * _eye(mesh, "image_left_eye")[1])
    level = shade.astype(np.float32) / max(float(shade[shape > 127].mean()) if (shape > 127).any() else 1.0, 1.0)
    cloth = np.clip(np.array(CLOTH, np.float32) * np.clip(0.35 + 0.65 * level, 0.5, 1.15)[..., None], 0, 255)
    cloth = cloth.astype(np.uint8)
    top, low = mesh[list(MASK_TOP), :2], centre + LOWER * (mesh[list(MASK_LOW), :2] - centre)
    for share in (0.38, 0.62):
        cv2.polylines(cloth, [_fixed(top + share * (low - top))], False, PLEAT, _thick(mesh), cv2.LINE_AA, _FINE)
    for edge, ear in ((93, 234), (323, 454)):
        cv2.line(under := under.copy(), _point(mesh[edge]), _point(mesh[ear]), CLOTH, _thick(mesh), cv2.LINE_AA, _FINE)
    here = shape.astype(np.float32)[..., None] / 255
    return np.round(under + here * (cloth.astype(np.float32) - under)).astype(np.uint8)


def _lenses(mesh: np.ndarray, size: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Both lenses as rounded outlines (48, 2), the image's left one first."""
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    round_ = np.stack([np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** 0.7, np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** 0.7], 1)  # noqa: E501  # fmt: skip
    across = _across(mesh)
    axes = np.stack([across, -_up(mesh)])
    found = []
    for name in ("image_left_eye", "image_right_eye"):
        centre, wide = _eye(mesh, name)
        high = max(
            _eye(mesh, each)[1] for each in ("image_left_eye", "image_right_eye")
        )  # a far eye is narrow, not low
        found.append(centre + (round_ * (size * LENS_WIDE * wide, size * LENS_HIGH * high)) @ axes)
    return found[0], found[1]


def _eye(mesh: np.ndarray, name: str) -> tuple[np.ndarray, float]:
    """The middle of an eye and its width."""
    ring = mesh[list(REGIONS[name]), :2]
    ends = (33, 133) if name == "image_left_eye" else (362, 263)
    return ring.mean(axis=0), float(np.linalg.norm(mesh[ends[1], :2] - mesh[ends[0], :2]))


def _across(mesh: np.ndarray) -> np.ndarray:
    line = mesh[[362, 263], :2].mean(0) - mesh[[33, 133], :2].mean(0)
    return line / max(float(np.linalg.norm(line)), 1e-6)


def _up(mesh: np.ndarray) -> np.ndarray:
    across = _across(mesh)
    return np.array([across[1], -across[0]])


def _thick(mesh: np.ndarray) -> int:
    return max(1, round(0.14 * _eye(mesh, "image_left_eye")[1]))


def _closed(image: np.ndarray, path: np.ndarray, colour: tuple[int, int, int], thick: int) -> None:
    cv2.polylines(image, [_fixed(path)], True, colour, thick, cv2.LINE_AA, _FINE)


def _fixed(path: np.ndarray) -> np.ndarray:
    return np.round(np.clip(path, -4096, 4096) * (1 << _FINE)).astype(np.int32)


def _point(place: np.ndarray) -> tuple[int, int]:
    x, y = _fixed(place[:2])
    return int(x), int(y)
