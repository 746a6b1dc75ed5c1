"""The plain ways to hide a face, for comparison: blurred, in blocks, or covered by one colour. They hide it from people
too.

Where: an ellipse around the detector's box, turned with the head, so that no parsing and no landmarks are needed; or
a mask, such as a parser's outline of the face.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import cv2
import numpy as np

from workbench.errors import BadRequest
from workbench.values import Face, check_image

KINDS = ("blur", "mosaic", "silhouette")
GROW = 1.3
"""How much larger than the detector's box the ellipse is: hair line and chin lie outside the box."""
EDGE = 0.04
"""Width of the ellipse's soft edge, in face sizes; the silhouette's is hard."""
BLUR = 0.13
"""Standard deviation of the blur at strength 1, in face sizes."""
BLOCKS = 8
"""Blocks of the mosaic across a face at strength 1."""


SIZES = (0.7, 2.0)
"""How much smaller and larger than usual the ellipse, or the mask around its middle, may be asked for."""


def anonymise(
    image: np.ndarray,
    faces: Iterable[Face],
    kind: str = "blur",
    strength: float = 1.0,
    size: float = 1.0,
    masks: Mapping[Face, np.ndarray] = MappingProxyType({}),
) -> np.ndarray:
    """A copy of the photo with these faces hidden; pixels outside their ellipses or masks stay as they are.

    kind: "blur", "mosaic" or "silhouette". strength: 0.25 to 4; twice as strong is a blur twice as wide, or blocks
    twice as large (a silhouette hides all anyway). Sizes follow each face, so near and far faces are hidden alike.
    size: 0.7 to 2, of the ellipse; a mask is widened, above 1, and never made smaller. masks: (H, W) bool, instead of
    the ellipse for the faces that have one. Raises BadRequest.
    """
    check_image(image)
    if kind not in KINDS:
        raise BadRequest(f"There is no anonymisation {str(kind)[:40]!r}; expected one of {', '.join(KINDS)}.")
    if not 0.25 <= strength <= 4:
        raise BadRequest(f"strength: expected 0.25 to 4, got {strength}.")
    if not SIZES[0] <= size <= SIZES[1]:
        raise BadRequest(f"size: expected {SIZES[0]} to {SIZES[1]}, got {size}.")
    result = image.copy()
    for face in faces:
        _hide(result, face, kind, strength, size, masks.get(face))
    return result


def _hide(image: np.ndarray, face: Face, kind: str, strength: float, size: float, mask: np.ndarray | None) -> None:
    """Hide one face in place."""
    wide = 0 if mask is None else round((size - 1) * 0.5 * face.size) if size > 1 else 0
    left, top, right, bottom = _window(face, image.shape, size) if mask is None else _around(mask, face.size, wide)
    if left >= right or top >= bottom:
        return
    part, edge = image[top:bottom, left:right], 0.0 if kind == "silhouette" else EDGE
    if mask is None:
        weight = _ellipse(face, (left, top), part.shape[:2], edge, size)[..., None]
    else:
        weight = _outline(mask[top:bottom, left:right], wide, edge * face.size)[..., None]
    hidden = {"blur": _blurred, "mosaic": _blocks, "silhouette": _flat}[kind](part, face.size, strength)
    part[:] = np.clip(np.rint(part + weight * (hidden.astype(np.float32) - part)), 0, 255).astype(np.uint8)


def _window(face: Face, shape: tuple[int, ...], size: float = 1.0) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of a square that holds the ellipse however it is turned, inside the photo."""
    centre, half = (face.box[:2] + face.box[2:]) / 2, (0.5 * GROW * size + 2 * EDGE) * face.size
    low = np.clip(np.floor(centre - half).astype(int), 0, shape[1::-1])
    high = np.clip(np.ceil(centre + half).astype(int) + 1, 0, shape[1::-1])
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _around(mask: np.ndarray, size: float, wide: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what a mask covers with its soft edge; nothing for an empty one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return 0, 0, 0, 0
    more = wide + int(np.ceil(2 * EDGE * size)) + 1
    low = max(int(columns[0]) - more, 0), max(int(rows[0]) - more, 0)
    return *low, min(int(columns[-1]) + more + 1, mask.shape[1]), min(int(rows[-1]) + more + 1, mask.shape[0])


def _outline(mask: np.ndarray, wide: int, edge: float) -> np.ndarray:
    """(h, w) float32: 1 on the mask widened by `wide` pixels, falling to 0 outside it."""
    shape = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * wide + 1, 2 * wide + 1))
    whole = cv2.dilate(mask.astype(np.uint8), shape).astype(np.float32)
    return np.maximum(whole, cv2.GaussianBlur(whole, (0, 0), max(edge / 2, 0.5))) if edge else whole


def _ellipse(face: Face, corner: tuple[int, int], shape: tuple[int, int], edge: float, size: float = 1.0) -> np.ndarray:
    """(h, w) float32: 1 inside the ellipse of a face, turned with its eyes, falling to 0 over `edge` face sizes outside
    it."""
    across = face.points[1] - face.points[0]
    angle = np.arctan2(float(across[1]), float(across[0])) if np.hypot(*across) > 1e-6 else 0.0
    wide, high = (face.box[2:] - face.box[:2]) * GROW * size / 2
    x0, y0 = (face.box[:2] + face.box[2:]) / 2 - corner
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    x, y = x - float(x0), y - float(y0)
    forth, down = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    reach = np.sqrt((forth / wide) ** 2 + (down / high) ** 2)
    beyond = (reach - 1) * min(float(wide), float(high))
    weight: np.ndarray = np.clip(1 - beyond / max(edge * face.size, 1e-6), 0, 1) if edge else (beyond <= 0)
    return weight.astype(np.float32)


def _blurred(part: np.ndarray, size: float, strength: float) -> np.ndarray:
    """Blurred as strongly as the face is large; a wide blur is made on fewer pixels."""
    sigma = max(BLUR * strength * size, 1.0)
    factor = max(1, int(sigma / 4))
    small = (max(2, round(part.shape[1] / factor)), max(2, round(part.shape[0] / factor)))
    smooth = cv2.GaussianBlur(cv2.resize(part, small, interpolation=cv2.INTER_AREA), (0, 0), sigma / factor)
    return cv2.resize(smooth, part.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _blocks(part: np.ndarray, size: float, strength: float) -> np.ndarray:
    """In squares of one colour each."""
    block = max(2.0, size * strength / BLOCKS)
    few = (max(1, round(part.shape[1] / block)), max(1, round(part.shape[0] / block)))
    return cv2.resize(
        cv2.resize(part, few, interpolation=cv2.INTER_AREA), part.shape[1::-1], interpolation=cv2.INTER_NEAREST
    )


def _flat(part: np.ndarray, size: float, strength: float) -> np.ndarray:
    """One dark grey."""
    return np.full_like(part, 58)
