"""A photo as a person gave it, and its faces as they were found: once, at the photo's own size, carried to the work.

Values only: knows no file, no model and no screen.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.detections import overlap
from workbench.errors import BadRequest, ManyFaces, NoFace
from workbench.values import Face, check_image

NEAR = 0.3
"""Intersection over union from which a box that was given means a face that was found."""


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A photo at its own size.

    image: (H, W, 3) uint8 sRGB, upright. name: of its file, "" when it has none. notes: sentences about what could not
    be heeded when it was read. source: the digital source type its file names (`marks`), "" for none.
    """

    image: np.ndarray
    name: str = ""
    notes: tuple[str, ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        check_image(self.image)

    @property
    def stem(self) -> str:
        """The name without folder and suffix, fit to begin the name of a download; "photo" when it has none."""
        last = re.split(r"[/\\]", self.name)[-1]
        kept = re.sub(r'[\x00-\x1f\x7f\ud800-\udfff<>:"|?*]', "_", last.rpartition(".")[0] or last).strip(" .")
        return kept[:80] or "photo"


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A photo with its faces, largest first, in its own pixels. The number on the screen is a place in `faces`, from
    1."""

    photo: Photo
    faces: tuple[Face, ...]

    @property
    def image(self) -> np.ndarray:
        """(H, W, 3) uint8, the photo itself."""
        return self.photo.image

    def face(self, number: int) -> Face:
        """The face of this number. Raises BadRequest when there is none."""
        check_number(number, len(self.faces))
        return self.faces[number - 1]

    def one(self) -> int:
        """The number of the only face. Raises NoFace, and ManyFaces when it has to be chosen."""
        if not self.faces:
            raise NoFace(width=self.image.shape[1], height=self.image.shape[0])
        if len(self.faces) > 1:
            raise ManyFaces(count=len(self.faces))
        return 1

    def at(self, place: Sequence[float]) -> int:
        """The number of the face at a point (x, y) or in a box (left, top, right, bottom), in pixels of the photo.

        A point means the smallest face whose box holds it, a box the face that shares most with it. Raises BadRequest
        when there is none.
        """
        where = np.asarray(place, np.float64)
        if where.shape not in ((2,), (4,)) or not np.isfinite(where).all():
            raise BadRequest("Expected a place of x, y or of left, top, right, bottom, in pixels of the photo.")
        boxes = np.stack([face.box for face in self.faces]) if self.faces else np.zeros((0, 4))
        fits = _holding(where, boxes) if len(where) == 2 else overlap(where, boxes)
        if not len(fits) or fits.max() < NEAR:
            raise BadRequest(f"There is no face at {_words(where)}: the photo has {_count(len(boxes))}.")
        return int(fits.argmax()) + 1


def check_number(number: int, count: int) -> None:
    """Raises BadRequest unless there is a face of this number."""
    if not 1 <= number <= count:
        raise BadRequest(f"There is no face {number} in this photo: it has {_count(count)}.")


def _count(count: int) -> str:
    return "one face, Face 1" if count == 1 else f"{count} faces, Face 1 to Face {count}" if count else "no face"


def _holding(point: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Above `NEAR` where a box holds the point, more for smaller boxes."""
    inside = (boxes[:, :2] <= point).all(axis=1) & (point <= boxes[:, 2:]).all(axis=1)
    sizes = np.maximum((boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0), 1e-6)
    return np.where(inside, 1 + 1 / sizes, 0.0)


def _words(place: np.ndarray) -> str:
    return ", ".join(f"{value:g}" for value in place)
