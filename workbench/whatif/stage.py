"""One face of a photo made ready once, so that every position of every slider is drawn at once.

What is dear (the close-up, its parts, the sheet that is bent, the painted face, a part's change) is made at its first
use and kept; knows no model.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from workbench.errors import BadRequest
from workbench.generation.repose import Scene, close_up, glasses_among, movement
from workbench.images import warp
from workbench.makeup.canvas import check_face
from workbench.makeup.photo import apply_makeup
from workbench.values import Face, Parsing, check_image
from workbench.whatif.changes import REGIONS, Change
from workbench.whatif.light import lit
from workbench.whatif.regions import Half, altered
from workbench.whatif.worn import dressed

SIDE = 384
"""Pixels of the close-up's longer side: four times what the expression net sees of it."""
KEPT = 20
"""Painted faces and changed parts that are kept, the latest."""

Source = tuple[np.ndarray, Face, Parsing | None]
"""A photo, one of its faces, and the photo's parts."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A changed face. image: (H, W, 3) uint8, the close-up. face: in its pixels, its points where the change took them.
    share: how much of the movement asked for could be made without folding the picture, 0..1."""

    image: np.ndarray
    face: Face
    share: float = 1.0


@dataclass(slots=True, eq=False)
class Stage:
    """A face close up, ready for changes. Read `image` and `face`; `draw` gives what a change makes of them. Made by
    `prepared`.

    half: the face and its parts. whole: the face in its photo. parsed: whether parts are known. other: the face whose
    parts may be laid on, and that recognisers compare with.
    """

    half: Half
    whole: Face
    parsed: bool
    other: Half | None = None
    _scene: Scene | None = None
    _kept: "OrderedDict[Any, Any]" = field(default_factory=OrderedDict)

    @property
    def image(self) -> np.ndarray:
        """(H, W, 3) uint8: the close-up, unchanged."""
        return self.half.image

    @property
    def face(self) -> Face:
        """The face in the close-up's pixels."""
        return self.half.face

    @property
    def rest(self) -> View:
        """The face as it is."""
        return View(self.image, self.face)

    def regions(self, way: str = "blur") -> tuple[str, ...]:
        """The regions that can be changed this way: those that were seen."""
        if not self.parsed:
            return ()
        other = self.other if way == "swap" else None
        return tuple(name for name in REGIONS if self.half.has(name) or (other is not None and other.has(name)))

    def area(self, regions: Sequence[str]) -> float:
        """Share of the close-up that these regions cover."""
        return float(self.half.mask(regions).mean())

    def draw(self, change: Change) -> View:
        """The face changed: parts, then makeup, then pose, then what is worn, then light. Raises BadRequest."""
        picture = self._painted(self._altered(self.image, change), change)
        view = self._posed(picture, change)
        assert view.face.mesh is not None
        worn = dressed(view.image, view.face.mesh, change)
        return replace(view, image=lit(worn, view.face.mesh, change))

    def kept(self, key: object, make: Callable[[], Any]) -> Any:
        """What was made for this key before, or makes it."""
        if key not in self._kept:
            self._kept[key] = make()
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _altered(self, picture: np.ndarray, change: Change) -> np.ndarray:
        amount, parts = change.value("part"), tuple(sorted(set(change.parts)))
        if not amount or not parts:
            return picture
        if not self.parsed:
            raise BadRequest("To change a part the face has to be parsed; choose a parser.")
        key = ("parts", parts, change.way)
        whole, share = self.kept(key, lambda: altered(self.half, parts, change.way, self.other))
        return _mixed(picture, whole, amount * share)

    def _painted(self, picture: np.ndarray, change: Change) -> np.ndarray:
        amount = change.value("makeup")
        if not amount or change.look == "none":
            return picture
        paint = self.kept(("look", change.look), lambda: self._paint(change.look))
        mixed = picture.astype(np.float32) + np.float32(amount) * paint
        return np.clip(np.round(mixed), 0, 255).astype(np.uint8)

    def _paint(self, look: str) -> np.ndarray:
        """(H, W, 3) float32: what a look adds to the unchanged close-up."""
        check_face(self.whole)
        parsing = None
        if self.parsed:
            owners = (self.half.labels > 0).astype(np.uint8)
            parsing = Parsing(self.half.labels, owners, (self.face,), "close-up")
        made = apply_makeup(self.image, self.face, look, parsing)
        return made.astype(np.float32) - self.image

    def _posed(self, picture: np.ndarray, change: Change) -> View:
        edit = change.edit
        if edit.words() == "nothing":
            return View(picture, self.face)
        if self._scene is None:
            self._scene = Scene(self.image, self.face, self._glasses())
        drawn = self._scene.draw(edit, picture)
        shift = drawn.share * movement(self.half.mesh.astype(np.float64), edit, self._scene.glasses)
        return View(drawn.image, _moved(self.face, shift), drawn.share)

    def _glasses(self) -> bool:
        """Whether the face wears glasses, which move as one piece; not known without its parts."""
        left, top, right, bottom = (max(int(edge), 0) for edge in self.face.box)
        return glasses_among(self.half.labels[top:bottom, left:right])


def prepared(image: np.ndarray, face: Face, parsing: Parsing | None = None, other: Source | None = None) -> Stage:
    """A face of a photo made ready. parsing: of the whole photo; without it no part can be changed. other: another
    photo, its face and its parts.

    Raises BadRequest for an array that is no photo, a face without landmarks, a parsing of another photo.
    """
    return Stage(_half(image, face, parsing), face, parsing is not None, None if other is None else _half(*other))


def _half(image: np.ndarray, face: Face, parsing: Parsing | None) -> Half:
    check_image(image)
    small, near = close_up(image, face, SIDE)
    labels = np.zeros(small.shape[:2], np.uint8)
    if parsing is not None:
        if parsing.labels.shape != image.shape[:2]:
            raise BadRequest(f"The parsing is of another photo: it is {parsing.labels.shape}, not {image.shape[:2]}.")
        labels = _labels_near(parsing, face, _matrix(face, near), (small.shape[1], small.shape[0]))
    return Half(small, near, labels)


def _matrix(face: Face, near: Face) -> np.ndarray:
    """(2, 3): from the photo to its close-up, which is cut out straight and scaled."""
    (left, top), (right, bottom) = face.box.astype(np.float64).reshape(2, 2)
    (x0, y0), (x1, y1) = near.box.astype(np.float64).reshape(2, 2)
    across, down = (x1 - x0) / (right - left), (y1 - y0) / (bottom - top)
    shift = near.points.astype(np.float64).mean(0) - face.points.astype(np.float64).mean(0) * (across, down)
    return np.array([[across, 0, shift[0]], [0, down, shift[1]]])


def _labels_near(parsing: Parsing, face: Face, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(h, w) uint8: this face's parts in the close-up; what is another face's is background."""
    both = np.dstack([parsing.labels, np.minimum(parsing.owners, 255).astype(np.uint8)])
    seen = warp(both, matrix, size, "black", nearest=True)
    number = 1 + int(np.argmin([np.abs(known.box - face.box).sum() for known in parsing.faces])) if parsing.faces else 0
    mine = seen[..., 1] == number if number else np.ones(seen.shape[:2], bool)
    return np.ascontiguousarray(np.where(mine, seen[..., 0], 0))


def _mixed(before: np.ndarray, after: np.ndarray, share: np.ndarray) -> np.ndarray:
    mixed = before + share[..., None] * (after.astype(np.float32) - before)
    return np.clip(np.round(mixed), 0, 255).astype(np.uint8)


_ANCHORS = ((33, 133), (362, 263), (1,), (61,), (291,))
"""Mesh points that `Face.points` follow: eyes, nose tip, corners of the mouth."""


def _moved(face: Face, shift: np.ndarray) -> Face:
    """The face after its mesh points moved by (468, 2) pixels: a model cuts its chip where the moved points are."""
    assert face.mesh is not None
    mesh = face.mesh.copy()
    mesh[:468, :2] += shift.astype(np.float32)
    for first, corners in ((468, _ANCHORS[0]), (473, _ANCHORS[1])):
        mesh[first : first + 5, :2] += shift[list(corners)].mean(axis=0).astype(np.float32)
    points = face.points + np.stack([shift[list(anchor)].mean(axis=0) for anchor in _ANCHORS]).astype(np.float32)
    return replace(face, points=points, mesh=mesh, pose=None)
