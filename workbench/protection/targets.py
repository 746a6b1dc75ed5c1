"""Whom a protected face may resemble: people who do not exist, drawn from a number. Real third persons are not
offered."""

import cv2
import numpy as np

from workbench.errors import BadRequest, NoFace
from workbench.portraits import FaceGenerator
from workbench.tasks.detection import find_faces
from workbench.tasks.face_search import FaceFinder
from workbench.values import Face

SIDE = 256
"""Pixels of a target's picture."""
MOST = 2**31 - 1


def draw_target(generator: FaceGenerator, finder: FaceFinder, seed: int) -> tuple[np.ndarray, Face]:
    """The picture (256, 256, 3) and face of the made-up person of this number; the same number is always the same
    person.

    Raises BadRequest for a number out of range, NoFace when this number drew nothing a detector takes for a whole face.
    """
    if isinstance(seed, bool) or not 0 <= seed <= MOST:
        raise BadRequest(f"target: expected a whole number from 0 to {MOST}, got {str(seed)[:40]}.")
    picture = cv2.resize(generator(1, int(seed))[0], (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    faces = [face for face in find_faces(picture, finder) if face.mesh is not None]
    if not faces:
        raise NoFace(f"The made-up person of number {seed} has no face that can be found. Choose another number.")
    return picture, faces[0]
