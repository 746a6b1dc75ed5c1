"""Finds the faces of a photo, and reads head pose and eye and mouth opening from their meshes."""

from typing import Protocol

import numpy as np

from workbench.errors import BadRequest, ManyFaces, NoFace
from workbench.models.blazeface import Detections
from workbench.models.mediapipe import Mesh
from workbench.tasks.tight_crops import look_twice
from workbench.values import Face, check_image

FIVE = (468, 473, 1, 61, 291)
"""Mesh points of the five every aligner asks for: iris centres, nose tip, mouth corners."""

SMALLEST = 8
"""Photos with a shorter side than this, in pixels, cannot hold a face."""

SURE = 0.5
"""A candidate whose mesh score is below this is no face."""


class FaceFinder(Protocol):
    """What `find_faces` needs of a detector."""

    def detect(self, image: np.ndarray, threshold: float = 0.5) -> Detections:
        """Candidates of the picture, best first."""

    def mesh(self, image: np.ndarray, box: np.ndarray, keypoints: np.ndarray) -> Mesh:
        """The mesh of one candidate."""


def find_faces(image: np.ndarray, finder: FaceFinder, *, landmarks: bool = True, limit: int = 20) -> tuple[Face, ...]:
    """The photo's faces, largest first, at most `limit`; none is an empty tuple.

    With `landmarks` every face has a mesh, and candidates whose mesh is none are dropped. Raises BadRequest for an array
    that is no photo.
    """
    if min(check_image(image).shape[:2]) < SMALLEST:
        return ()
    found = look_twice(image, finder)
    faces = [_face(image, finder, found.take(np.array([i])), landmarks) for i in range(len(found))]
    return tuple(sorted((face for face in faces if face is not None), key=lambda face: -face.size))[:limit]


def one_face(image: np.ndarray, finder: FaceFinder, choice: int | None = None) -> Face:
    """The photo's only face, or the one chosen, counted from 1 in order of size.

    Raises NoFace when there is none, ManyFaces when there are several and none was chosen, BadRequest when the choice does not exist.
    """
    faces = find_faces(image, finder)
    if not faces:
        raise NoFace("Expected a photo with a face, found none. Try a larger, brighter or less covered one.")
    if choice is None:
        if len(faces) > 1:
            raise ManyFaces(f"Expected one face, found {len(faces)}. Click one or pass its number (1 is the largest), or crop the photo.")
        return faces[0]
    if not 1 <= choice <= len(faces):
        raise BadRequest(f"There is no face {choice}: the photo has {len(faces)}; pass a number from 1 to {len(faces)}.")
    return faces[choice - 1]


def _face(image: np.ndarray, finder: FaceFinder, found: Detections, landmarks: bool) -> Face | None:
    box, keypoints, score = found.boxes[0], found.keypoints[0], float(found.scores[0])
    if not landmarks:
        mouth = (keypoints[1] - keypoints[0]) * 0.35
        points = np.stack([keypoints[0], keypoints[1], keypoints[2], keypoints[3] - mouth, keypoints[3] + mouth])
        return Face(box.astype(np.float32), points.astype(np.float32), score)
    mesh = finder.mesh(image, box, keypoints)
    if mesh.score < SURE:
        return None
    return Face(box.astype(np.float32), mesh.points[list(FIVE), :2].copy(), score, mesh.points, mesh.score)
