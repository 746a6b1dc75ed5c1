"""The drawn people who may stand in for a photo's: who they are, which of them fits a face, and which faces nobody can
stand in for.

They come from a `FaceGenerator`, by number: nobody's face. Knows finders and parsers only as arguments.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from workbench.errors import NoFace
from workbench.geometry import face_unit
from workbench.mesh import OVAL, polygon
from workbench.parts import INDEX
from workbench.portraits import FaceGenerator
from workbench.protection.drawn import OWN, WHOLE, DrawnFace, around, mesh_of
from workbench.protection.targets import draw_target
from workbench.tasks.face_search import FaceFinder
from workbench.tasks.head_pose import in_head
from workbench.tasks.parsing import Parser, parse
from workbench.values import Face

NUMBERS = (0, 1, 2, 3, 4, 5, 7, 8, 11, 14, 15)
"""Of the shipped faces of nobody: those whose eyes, hair or glasses look odd on another head are left out."""

OVERDONE, AGAIN = 1.7, 100
"""How much of their own build the same people have once more, for faces that are known otherwise; what is added to
their numbers."""

LEAST = 14.0
"""Pixels between the eyes below which a face is too small to be drawn."""
TURNED = {"yaw": 38.0, "pitch": 25.0}
"""Degrees beyond which half of a drawn face would lie out of sight."""
COVERED = 0.4
"""Share of a face, brow to chin, that may be covered by hair, a hand or the photo's edge."""
BRIGHT, LATE = 0.5, 0.2
"""What a face e times as bright weighs, beside the distance between lips and lids in widths between the eyes,
and what it weighs that somebody is overdone."""
WORN = 0.02
"""Share of a face beyond which glasses count as worn."""
IN_FRONT = ("background", "hair", "hat", "earring", "necklace", "neck", "cloth")
"""What a parser sees inside a face's outline where something lies before it."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A face as it is to be replaced. shape: of the photo. before: (h, w) bool, what lies before it, from `corner` (x,
    y) on; a crowd's places would not fit as whole masks. glasses: whether they are worn. light: how bright it is,
    0..255. trouble: why no drawn face fits, a key of `REASONS`; "" when one does."""

    face: Face
    shape: tuple[int, int]
    before: np.ndarray
    corner: tuple[int, int]
    glasses: bool
    light: float
    trouble: str = ""

    @property
    def covered(self) -> np.ndarray:
        """(H, W) bool, what lies before the face."""
        whole, (left, top), (high, wide) = np.zeros(self.shape, bool), self.corner, self.before.shape
        whole[top : top + high, left : left + wide] = self.before
        return whole


def cast(
    generator: FaceGenerator, finder: FaceFinder, parser: Parser, numbers: Sequence[int] = ()
) -> tuple[DrawnFace, ...]:
    """The drawn people of these numbers (none: `NUMBERS`), then the same overdone; without those in whom no face is
    found. Raises NoFace when nobody is left."""
    found = []
    for number in numbers or NUMBERS:
        try:
            picture, face = draw_target(generator, finder, number)
        except NoFace:
            continue
        found.append(_ready(picture, face, parser, number))
    if not found:
        raise NoFace("No drawn person has a face that can be found. Choose blur, mosaic or silhouette.")
    return (*found, *(replace(one, number=one.number + AGAIN, own=OVERDONE) for one in found))


def _ready(picture: np.ndarray, face: Face, parser: Parser, number: int) -> DrawnFace:
    """A drawn person whose hair, which would lie on somebody's cheeks, is painted over with the skin beside it."""
    labels = parse(picture, parser, [face]).labels
    inside = polygon(face.mesh, OVAL, picture.shape[:2]) > 127  # type: ignore[arg-type]
    near = cv2.dilate(inside.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    hair = np.isin(labels, [INDEX[name] for name in IN_FRONT]) & near
    grown = cv2.dilate(hair.astype(np.uint8), np.ones((9, 9), np.uint8))
    painted = cv2.inpaint(picture, grown, 5, cv2.INPAINT_TELEA)
    return DrawnFace(painted, face, _glasses(labels, inside), _light(picture, inside), number)


def close(image: np.ndarray, face: Face, grid: int = 1) -> tuple[np.ndarray, Face]:
    """The part of a picture around a face, as wide as parsers look, and the face in it. A view: no pixel is copied.
    grid: its corner lies on a multiple of so many pixels."""
    low = np.clip(np.floor(face.box[:2] - face.size).astype(int), 0, np.array(image.shape[1::-1]) - 1) // grid * grid
    high = np.clip(np.ceil(face.box[2:] + face.size).astype(int), low + 1, image.shape[1::-1])
    return image[low[1] : high[1], low[0] : high[0]], moved(face, -low[0], -low[1])


def moved(face: Face, across: float, down: float) -> Face:
    """The face in a picture whose corner lies elsewhere."""
    by = np.array([across, down], np.float32)
    mesh = None if face.mesh is None else face.mesh + np.array([across, down, 0], np.float32)
    box, points = face.box + np.tile(by, 2), face.points + by
    return Face(box, points, face.score, mesh, face.mesh_score, face.pose, face.eyes_open, face.mouth_open)


def place(image: np.ndarray, face: Face, parser: Parser) -> Place:
    """What a parser says of a face that is to be replaced."""
    trouble = _trouble(face)
    shape = image.shape[0], image.shape[1]
    if trouble or face.mesh is None:
        return Place(face, shape, np.zeros((0, 0), bool), (0, 0), False, 0.0, trouble)
    labels = parse(image, parser, [face]).labels
    inside = polygon(face.mesh, OVAL, image.shape[:2]) > 127
    covered = np.isin(labels, [INDEX[name] for name in IN_FRONT])
    area = max(float(cv2.contourArea(face.mesh[list(OVAL), :2].astype(np.float32))), 1.0)
    seen = float((inside & ~covered).sum()) / area
    light = _light(image, inside & ~covered)
    trouble = "covered" if seen < 1 - COVERED else ""
    left, top, right, bottom = around(face.mesh[:, :2], shape, face_unit(face))
    before = covered[top:bottom, left:right].copy()  # a view would hold the whole
    return Place(face, shape, before, (left, top), _glasses(labels, inside), light, trouble)


def _trouble(face: Face) -> str:
    if face.mesh is None or face.pose is None:
        return "turned"
    if face_unit(face) < LEAST:
        return "small"
    turned = any(abs(getattr(face.pose, name)) > most for name, most in TURNED.items())
    return "turned" if turned else ""


def _glasses(labels: np.ndarray, inside: np.ndarray) -> bool:
    return bool((labels[inside] == INDEX["eyeglasses"]).mean() > WORN) if inside.any() else False


def _light(image: np.ndarray, where: np.ndarray) -> float:
    return float(image[where].mean()) if where.any() else 0.0


def ranked(people: Sequence[DrawnFace], place: Place, taken: Sequence[int] = ()) -> list[DrawnFace]:
    """The drawn people, those first who wear glasses as this face does, are not `taken` (numbers) yet, hold mouth and
    eyes alike and are about as bright."""
    faces = {number % AGAIN for number in taken}
    held = _held(in_head(mesh_of(place.face)))

    def unlike(one: DrawnFace) -> tuple[bool, bool, float]:
        apart = float(np.linalg.norm(held - _held(one.head)))
        lit = abs(float(np.log((one.light + 16) / (place.light + 16))))
        overdone = LATE * (one.own > OWN)
        return one.glasses != place.glasses, one.number % AGAIN in faces, apart + BRIGHT * lit + overdone

    return sorted(people, key=unlike)


def _held(head: np.ndarray) -> np.ndarray:
    """How lips and lids lie around their middles, in the head's frame, (n, 2)."""
    return np.concatenate([head[list(group), :2] - head[list(group), :2].mean(axis=0) for group in WHOLE])
