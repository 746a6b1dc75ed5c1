"""Puts a drawn face where a photo's face is: in its pose and expression, in its light and skin tone, up to its border.

The drawn face's picture is laid on the mesh of the photo's face, triangle by triangle, far ones first; what varies
slowly across the face (light and tone) is taken from the photo, everything finer from the drawn one. Hair, ears, neck
and whatever covers the face stay the photo's. Knows no files and no models.

Piecewise-affine warps: Cootes et al., Active appearance models, ECCV 1998, section 2. Light as the ratio of broad
blurs: after the ratio image of Riklin-Raviv and Shashua, "The quotient image", PAMI 23, 2001.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np
from scipy.spatial import Delaunay

from workbench.geometry import face_unit, umeyama
from workbench.mesh import LIPS_INNER, LIPS_OUTER, OVAL, REGIONS, polygon
from workbench.tasks.head_pose import HEAD, INDICES, in_head
from workbench.values import Face

OWN = 1.0
"""How much of the drawn person's own build the face takes on, in its middle; at its border it is the photo's. Above 1
the build is overdone, for faces that are still known."""
BORDER = 0.14
"""Width of the border over which it goes over to the photo, in widths between the eyes."""
LIGHT, EDGE_LIGHT, FROM_EDGE = 0.8, 0.3, 0.5
"""Standard deviation of the blur that tells light and tone from a face, in its middle and at its border, where it must
meet the skin beside it, and how far the border reaches here; in widths between the eyes."""
GAINS = (0.2, 4.0)
OPENED = 0.12
"""Lip gap over mouth width from which a mouth counts as open: what is in it stays the photo's."""

WHOLE = (
    (*LIPS_OUTER, *LIPS_INNER),
    REGIONS["image_left_eye"],
    REGIONS["image_right_eye"],
)
"""What moves in one piece, so that lips and lids stay as wide open as they are."""


@dataclass(frozen=True, slots=True, eq=False)
class DrawnFace:
    """A drawn person, ready to be put into photos. picture: (h, w, 3) uint8. face: in it, with mesh. glasses: whether
    it wears some. light: how bright its face is, 0..255. number: which of the drawn people it is. own: as `OWN`.
    corners: (n, 3), the triangles of its mesh. head: its mesh as `in_head`."""

    picture: np.ndarray
    face: Face
    glasses: bool
    light: float
    number: int
    own: float = OWN
    corners: np.ndarray = field(init=False)
    head: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        mesh = mesh_of(self.face)
        object.__setattr__(self, "corners", Delaunay(mesh[:, :2]).simplices)
        object.__setattr__(self, "head", in_head(mesh))


def mesh_of(face: Face) -> np.ndarray:
    """(468, 3) float64. The face has landmarks."""
    assert face.mesh is not None
    return face.mesh[:468].astype(np.float64)


def replaced(image: np.ndarray, face: Face, drawn: DrawnFace, covered: np.ndarray | None = None) -> np.ndarray:
    """A copy of the photo with the drawn person's face instead of this one, which has landmarks.

    covered: (H, W) bool, what lies before the face (hair, a hand): it stays.
    """
    unit = max(face_unit(face), 4.0)
    mesh = mesh_of(face)
    left, top, right, bottom = around(mesh[:, :2], image.shape, unit / 2)
    if right - left < 8 or bottom - top < 8:
        return image.copy()
    part = image[top:bottom, left:right]
    there = mesh - (left, top, 0)
    built = _built(there, drawn.head, drawn.own)
    laid, owned = _laid(drawn, built, part.shape[:2])
    inside = polygon(there, OVAL, part.shape[:2]) > 127
    free = inside if covered is None else inside & ~covered[top:bottom, left:right]
    lit = _with_mouth(_lit(laid, part, free & owned, unit), part, there, built, face)
    weight = _border(free & owned, inside, BORDER * unit)[..., None]
    result = image.copy()
    mixed = part + weight * (lit - part.astype(np.float32))
    result[top:bottom, left:right] = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
    return result


def _built(mesh: np.ndarray, head: np.ndarray, own: float) -> np.ndarray:
    """(468, 3): the mesh with the drawn person's build in its middle, expression and border as they were."""
    scale, rotation, shift = umeyama(HEAD, mesh[list(INDICES)])
    apart = scale * head @ rotation.T + shift - mesh
    for group in WHOLE:
        apart[list(group)] = apart[list(group)].mean(axis=0)
    flat = mesh[:, :2]
    inward = np.linalg.norm(flat[:, None] - flat[None, list(OVAL)], axis=2).min(axis=1)
    share = np.clip(inward / max(0.5 * float(inward.max()), 1e-6), 0, 1)[:, None]
    return np.asarray(mesh + own * share * apart)


def _laid(drawn: DrawnFace, mesh: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The drawn picture on a mesh (468, 3), (h, w, 3) float32, and where it lies, (h, w) bool."""
    source = mesh_of(drawn.face)[:, :2]
    picture, source = _as_large(drawn.picture, source, mesh[:, :2])
    corners = drawn.corners
    facing = _signed(mesh[corners, :2]) * _signed(source[corners]) > 1e-6
    corners = corners[facing]
    corners = corners[np.argsort(-mesh[corners, 2].mean(axis=1), kind="stable")]  # far ones first
    owner = np.zeros(shape[:2], np.int32)
    for number, points in enumerate(np.round(np.clip(mesh[corners, :2], -4096, 8192) * 16).astype(np.int32), start=1):
        cv2.fillConvexPoly(owner, points, number, shift=4)
    rows, columns = np.nonzero(owner)
    back = _back(mesh[corners, :2], source[corners])[owner[rows, columns] - 1]
    maps = np.full((*owner.shape, 2), -1, np.float32)
    maps[rows, columns] = np.einsum("nij,nj->ni", back, np.stack([columns, rows, np.ones(len(rows))], axis=1))
    laid = cv2.remap(picture, maps, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return laid.astype(np.float32), owner > 0


def _as_large(picture: np.ndarray, source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The picture reduced to about the size it will be shown at, so that small faces do not glitter."""
    scale = float(np.ptp(target[:, 1]) / max(np.ptp(source[:, 1]), 1e-6))
    if scale > 0.8:
        return picture, source
    size = max(16, round(picture.shape[1] * scale)), max(16, round(picture.shape[0] * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    ratio = np.array([size[0] / picture.shape[1], size[1] / picture.shape[0]])
    return small, (source + 0.5) * ratio - 0.5


def _with_mouth(laid: np.ndarray, part: np.ndarray, mesh: np.ndarray, built: np.ndarray, face: Face) -> np.ndarray:
    """The same with what the photo shows inside an open mouth: a drawn one has no such teeth to show."""
    if face.mouth_open is None or face.mouth_open < OPENED:
        return laid
    moved = (built - mesh)[list(LIPS_INNER), :2].mean(axis=0)
    shift = np.array([[1, 0, moved[0]], [0, 1, moved[1]]], np.float64)
    there = cv2.warpAffine(part, shift, part.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    lips = polygon(built, LIPS_INNER, laid.shape[:2])
    soft = cv2.GaussianBlur(lips, (0, 0), max(0.6, 0.008 * np.ptp(mesh[:, 0])))[..., None].astype(np.float32) / 255
    return np.asarray(laid + soft * (there - laid))


def _lit(laid: np.ndarray, part: np.ndarray, where: np.ndarray, unit: float) -> np.ndarray:
    """(h, w, 3) float32: the drawn face in the photo's light and tone."""
    middle, edge = (
        (_broad(part.astype(np.float32), where, sigma * unit) + 2) / (_broad(laid, where, sigma * unit) + 2)
        for sigma in (LIGHT, EDGE_LIGHT)
    )
    share = np.clip(_inward(where) / (FROM_EDGE * unit), 0, 1)[..., None]
    return np.asarray(laid * np.clip(share * middle + (1 - share) * edge, *GAINS))


def _inward(where: np.ndarray) -> np.ndarray:
    """(h, w) float32: how far each place lies inside, in pixels; beyond the picture is outside."""
    padded = np.pad(where, 1).astype(np.uint8)
    return np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1])


def _broad(values: np.ndarray, where: np.ndarray, sigma: float) -> np.ndarray:
    """The mean of what lies around each place and inside `where`; a wide blur is made on fewer pixels."""
    factor = max(1, int(sigma / 4))
    size = max(2, values.shape[1] // factor), max(2, values.shape[0] // factor)
    weight = where.astype(np.float32)
    small = [cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in (values * weight[..., None], weight)]
    total, count = (cv2.GaussianBlur(each, (0, 0), sigma / factor) for each in small)
    mean = total / np.maximum(count, 1e-4)[..., None]
    return cv2.resize(mean, values.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _border(free: np.ndarray, inside: np.ndarray, width: float) -> np.ndarray:
    """(h, w) float32: 1 in the face, falling to 0 at its outline, and quickly at what covers it."""
    cover = cv2.GaussianBlur(free.astype(np.float32), (0, 0), max(0.6, 0.3 * width))
    smooth = np.clip(_inward(inside) / max(width, 1.0), 0, 1)
    return np.asarray(smooth * smooth * (3 - 2 * smooth) * np.clip(2 * cover - 0.7, 0, 1), np.float32)


def around(points: np.ndarray, shape: tuple[int, ...], more: float) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what is replaced of a photo, and `more` pixels beside it."""
    low = np.clip(np.floor(points.min(axis=0) - more), 0, np.array(shape[1::-1]) - 1).astype(int)
    high = np.clip(np.ceil(points.max(axis=0) + more) + 1, low + 1, np.array(shape[1::-1])).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _signed(corners: np.ndarray) -> np.ndarray:
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area: np.ndarray = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    return area


def _back(moved: np.ndarray, still: np.ndarray) -> np.ndarray:
    """(n, 2, 3): for each triangle the affine map from where its corners lie to where they are in the picture."""
    whole = np.concatenate([moved, np.ones((*moved.shape[:2], 1))], axis=2)
    return np.asarray(np.linalg.solve(whole, still).transpose(0, 2, 1))
