"""Re-poses a photo of a face: turns the head a little, changes the expression. It is editing, not drawing: every pixel
is the photo's.

The face mesh is turned and bent in space; the photo follows on a sheet of triangles that never folds, held still by a
ring around the head and by the picture's edges. A warp cannot show skin that the photo does not show, so the changes
are small. After the image warping of Beier and Neely (SIGGRAPH 1992) and piecewise-affine face warps (Cootes et al.,
Active appearance models, ECCV 1998, section 2), with depth from the mesh.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from workbench.errors import BadRequest
from workbench.generation.repose_moves import Edit, moves
from workbench.generation.warp_field import WarpField
from workbench.geometry import apply, similarity
from workbench.mesh import LIPS_INNER, LIPS_OUTER, OVAL, REGIONS
from workbench.parts import INDEX
from workbench.tasks.parsing import Parser, parse
from workbench.values import Face, check_image

SIDE = 512
"""The window's longer side on the screen, in pixels."""

REACH = 1.75
"""The still ring around the head, in sizes of the face's outline; nothing outside it moves."""

_RINGS = ((1.22, 0.55), (1.45, 0.2))
"""Rings between the outline and the still one: size, and the share of the outline's movement they follow."""

WORN = 0.03
"""Share of a face's box beyond which glasses count as worn."""

LENSES = (0.62, 0.03, 0.2, 0.14)
"""What glasses cover, in distances between the outer eye corners: half its width, how far below the eyes its middle
lies, half its height, and over which distance what is around goes over to its own movement."""

_GAP = 0.02
"""Lips and lids are taken apart by at least this share of the distance between the eyes, so that they can open."""


@dataclass(frozen=True, slots=True, eq=False)
class Reposed:
    """An edited photo. share: how much of the movement asked for could be made without folding, 0..1. edit: what was
    asked."""

    image: np.ndarray
    edit: Edit
    share: float

    def words(self) -> str:
        """What a caption says: that it is edited, and when part of it was held back."""
        if self.edit == Edit():
            return "The photo as it was: nothing is changed yet."
        held = "" if self.share > 0.9 else f" Only {self.share:.0%} of it was possible without folding the picture."
        return f"Edited photo, not a new one: {self.edit.words()}.{held}"


_EVEN = 4
"""Times the movement of the outline and the rings is evened out, so that hair and ears do not ripple."""


NO_MESH = "Re-posing follows a face's landmarks, and none fit this one. Use a sharper or less turned face."


class Scene:
    """One face of a photo, made ready, so that every position of a slider is answered at once."""

    def __init__(self, image: np.ndarray, face: Face, glasses: bool = False) -> None:
        """glasses: whether the face wears some, which then move as one piece (`wears_glasses`). Raises BadRequest for
        an array that is no photo or a face without landmarks."""
        check_image(image)
        if face.mesh is None:
            raise BadRequest(NO_MESH)
        self.image, self.mesh, self.glasses = image, _apart(face.mesh.astype(np.float64)), glasses
        self.left, self.top, self.right, self.bottom = _window(self.mesh, image.shape)
        points, fixed, self._follow, self._share = self._points()
        self._field = WarpField(points, fixed)
        self._share, self._free = self._share[self._here], self._from_edge()[:, None]
        self._outline = np.isin(self._here, OVAL) | (self._here >= 468)

    def draw(self, edit: Edit, image: np.ndarray | None = None) -> Reposed:
        """The whole photo with the face changed; outside the ring around the head it is the same to the bit.

        image: the same photo in other colours, painted or lit, to move instead. Raises BadRequest for another size.
        """
        image = self.image if image is None else check_image(image)
        if image.shape != self.image.shape:
            raise BadRequest(f"Expected a photo of {self.image.shape[:2]} pixels, got {image.shape[:2]}.")
        window = image[self.top : self.bottom, self.left : self.right]
        settled, share = self._field.settle(self._asked(edit))
        height, width = window.shape[:2]
        step = max(2, round(max(height, width) / 256))
        maps = self._field.maps(settled, (width, height), step)
        drawn = cv2.remap(
            window,
            *maps,
            cv2.INTER_CUBIC if max(height, width) > SIDE else cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        result = image.copy()
        result[self.top : self.bottom, self.left : self.right] = self._shaded(drawn, settled)
        return Reposed(result, edit, share)

    def _asked(self, edit: Edit) -> np.ndarray:
        moved = movement(self.mesh, edit, self.glasses)
        asked = self._share[:, None] * moved[self._follow[self._here]]
        return self._field.evened(asked, self._outline, _EVEN) * self._free

    def _points(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Points in the window, which are fixed, whose movement each follows, and by which share. Sets `_here`."""
        corner = np.array([self.left, self.top], np.float64)
        mesh = self.mesh[:468, :2] - corner
        oval = mesh[list(OVAL)]
        centre = oval.mean(axis=0)
        rings = [(centre + size * (oval - centre), share) for size, share in (*_RINGS, (REACH, 0.0))]
        edge = _edge(self.right - self.left - 1, self.bottom - self.top - 1)
        points = np.concatenate([mesh, *(ring for ring, _ in rings), edge])
        follow = np.concatenate([np.arange(468), *([np.array(OVAL)] * len(rings)), np.zeros(len(edge), int)])
        share = np.concatenate(
            [np.ones(468), *(np.full(len(ring), share) for ring, share in rings), np.zeros(len(edge))]
        )
        inside = (
            (points > -0.5).all(1)
            & (points[:, 0] < self.right - self.left - 0.5)
            & (points[:, 1] < self.bottom - self.top - 0.5)
        )
        self._here = np.flatnonzero(inside & _thinned(points))
        self._places = {int(old): new for new, old in enumerate(self._here)}
        return points[self._here], share[self._here] == 0, follow, share

    def _from_edge(self) -> np.ndarray:
        """(n,) 0 at the window's edges, which may be the photo's, and 1 from a third of the distance between the eyes
        on."""
        unit = float(np.linalg.norm(self.mesh[263, :2] - self.mesh[33, :2]))
        far = np.array([self.right - self.left - 1, self.bottom - self.top - 1])
        least = np.minimum(self._field.points, far - self._field.points).min(axis=1)
        return np.clip(least / (unit / 3), 0, 1)

    def _shaded(self, drawn: np.ndarray, settled: np.ndarray) -> np.ndarray:
        """The window with the inside of a newly opened mouth in the dark, as there is nothing in the photo to show
        there."""
        lips = [self._places[point] for point in LIPS_INNER if point in self._places]
        if len(lips) < len(LIPS_INNER):
            return drawn
        before = self._field.points[lips]
        after = before + settled[lips]
        opened = float(_gap(after) - _gap(before))
        unit = float(np.linalg.norm(self.mesh[263, :2] - self.mesh[33, :2]))
        strength = float(np.clip(opened / (0.12 * unit), 0, 1)) * float(np.clip(1 - _gap(before) / (0.06 * unit), 0, 1))
        if strength <= 0.01:
            return drawn
        mask = np.zeros(drawn.shape[:2], np.uint8)
        middle = after.mean(axis=0)
        cv2.fillPoly(mask, [np.round((middle + 0.94 * (after - middle)) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        soft = cv2.GaussianBlur(mask, (0, 0), max(0.02 * unit, 0.6)).astype(np.float32)[..., None] / 255 * strength
        dark = 0.22 * drawn.astype(np.float32) + np.array([14.0, 4.0, 4.0], np.float32)
        return np.clip(np.round(drawn + soft * (dark - drawn)), 0, 255).astype(np.uint8)


def repose(image: np.ndarray, face: Face, edit: Edit, glasses: bool = False) -> Reposed:
    """A photo with one face turned or its expression changed; see `Edit`. glasses: whether it wears some. Raises
    BadRequest without landmarks."""
    return Scene(image, face, glasses).draw(edit)


def wears_glasses(image: np.ndarray, face: Face, parser: Parser) -> bool:
    """Whether a parser sees glasses on a face of a photo."""
    left, top, right, bottom = (max(int(edge), 0) for edge in face.box)
    return glasses_among(parse(image, parser, [face]).labels[top:bottom, left:right])


def glasses_among(labels: np.ndarray) -> bool:
    """Whether so many of the parts (h, w) in a face's box are glasses that it wears some."""
    return labels.size > 0 and float((labels == INDEX["eyeglasses"]).mean()) > WORN


def movement(mesh: np.ndarray, edit: Edit, glasses: bool) -> np.ndarray:
    """(468, 2): how far each point of a mesh (478, 3) goes in the picture. glasses: what they cover goes as one
    piece."""
    moved = moves(mesh, edit)
    return in_one_piece(mesh[:468, :2], moved, moves(mesh, Edit(yaw=edit.yaw, pitch=edit.pitch))) if glasses else moved


def in_one_piece(points: np.ndarray, moved: np.ndarray, turned: np.ndarray) -> np.ndarray:
    """(468, 2) movements in which what glasses cover goes as one piece: by the similarity that is nearest to how the
    head turns there. points, moved, turned: (468, 2), the mesh, all of its movement, and the head's alone."""
    across = points[263] - points[33]
    unit = max(float(np.linalg.norm(across)), 1e-6)
    along = across / unit
    there = (points - (points[263] + points[33]) / 2) @ np.stack([along, (-along[1], along[0])], 1) / unit
    beyond = np.maximum(np.abs(there[:, 0]) - LENSES[0], np.abs(there[:, 1] - LENSES[1]) - LENSES[2])
    share = np.clip(1 - beyond / LENSES[3], 0, 1)[:, None]
    inside = points[share[:, 0] > 0.99]
    piece = apply(similarity(inside, inside + turned[share[:, 0] > 0.99]), points) - points
    return np.asarray(share * piece + (1 - share) * moved)


def close_up(image: np.ndarray, face: Face, side: int = SIDE) -> tuple[np.ndarray, Face]:
    """The photo around a face at `side` pixels (small faces: three times as large), with the face in its coordinates:
    for sliders."""
    if face.mesh is None:
        raise BadRequest(NO_MESH)
    left, top, right, bottom = _window(face.mesh.astype(np.float64), image.shape, 2.1)
    part = image[top:bottom, left:right]
    scale = min(3.0, side / max(part.shape[:2]))
    size = max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale))
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    across, down = size[0] / part.shape[1], size[1] / part.shape[0]
    mesh = (face.mesh - np.array([left - 0.5, top - 0.5, 0], np.float32)) * np.array([across, down, across], np.float32)
    mesh[:, :2] -= 0.5
    points = (face.points - np.array([left - 0.5, top - 0.5], np.float32)) * np.array([across, down], np.float32) - 0.5
    box = (face.box - np.array([left, top, left, top], np.float32)) * np.array([across, down, across, down], np.float32)
    return small, Face(
        box.astype(np.float32),
        points.astype(np.float32),
        face.score,
        mesh.astype(np.float32),
        face.mesh_score,
        face.pose,
    )


def _window(mesh: np.ndarray, shape: tuple[int, ...], reach: float = REACH + 0.1) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the part of a photo that can move, inside the photo."""
    oval = mesh[list(OVAL), :2]
    centre = oval.mean(axis=0)
    low, high = (
        np.floor(centre + reach * (oval.min(axis=0) - centre)),
        np.ceil(centre + reach * (oval.max(axis=0) - centre)),
    )
    left, top = np.clip(low, 0, np.array(shape[1::-1]) - 8).astype(int)
    right, bottom = np.clip(high, np.array([left, top]) + 8, shape[1::-1]).astype(int)
    return int(left), int(top), int(right), int(bottom)


def _edge(width: float, height: float, count: int = 8) -> np.ndarray:
    """Points around a rectangle from (0, 0) to (width, height), the corners among them."""
    x, y = np.linspace(0, width, count), np.linspace(0, height, count)
    sides = [
        (x, np.zeros(count)),
        (x, np.full(count, height)),
        (np.zeros(count - 2), y[1:-1]),
        (np.full(count - 2, width), y[1:-1]),
    ]
    return np.concatenate([np.stack(side, axis=1) for side in sides])


def _apart(mesh: np.ndarray) -> np.ndarray:
    """The mesh with lips that touch, or cross by a hair, taken a little apart along the line between chin and brow."""
    mesh = mesh.copy()
    down = mesh[152, :2] - mesh[10, :2]
    down /= max(float(np.linalg.norm(down)), 1e-6)
    least = _GAP * float(np.linalg.norm(mesh[263, :2] - mesh[33, :2]))
    lips = [(LIPS_INNER[n], LIPS_INNER[-n]) for n in range(1, 10)]
    for upper, lower in lips:
        gap = float((mesh[lower, :2] - mesh[upper, :2]) @ down)
        if gap < least:
            mesh[upper, :2] -= (least - gap) / 2 * down
            mesh[lower, :2] += (least - gap) / 2 * down
    return mesh


def _thinned(points: np.ndarray) -> np.ndarray:
    """(n,) bool: points far enough from each other to span triangles; lids, lips, brows and outline go first and stay
    denser.

    points: the mesh's 468, then others. Where a nose or a far cheek is seen from the side, the mesh is finer than the
    photo.
    """
    unit = float(np.linalg.norm(points[263] - points[33]))
    first = [*LIPS_INNER, *REGIONS["image_left_eye"], *REGIONS["image_right_eye"]]
    second = [*OVAL, *LIPS_OUTER, *REGIONS["image_left_brow"], *REGIONS["image_right_brow"], *range(468, len(points))]
    order = list(dict.fromkeys([*first, *second, *range(468)]))
    least = np.full(len(points), 0.055 * unit)
    least[second], least[first] = 0.03 * unit, 0.008 * unit
    kept = np.zeros(len(points), bool)
    for point in order:
        apart = np.hypot(*(points[kept] - points[point]).T)
        kept[point] = not (apart < least[point]).any()
    return kept


def _gap(lips: np.ndarray) -> float:
    """Between the middles of the inner lips, in pixels."""
    return float(np.linalg.norm(lips[5] - lips[15]))
