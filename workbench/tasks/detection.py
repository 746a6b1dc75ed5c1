"""The faces of a photo, each with its landmarks, head pose, and how wide eyes and mouth are open."""

from dataclasses import replace

import numpy as np

from workbench.errors import NoFace
from workbench.photo import Found, Photo
from workbench.tasks.face_search import LIKELY, FaceFinder, Sighting, search
from workbench.tasks.head_pose import eyes_open, head_pose, mouth_open
from workbench.values import Face, check_image

FIVE = (468, 473, 1, 61, 291)
"""Mesh points of the five that aligners ask for: iris centres, nose tip, mouth corners."""

SMALLEST = 8
"""Photos with a shorter side than this, in pixels, cannot hold a face."""

MOUTH = 0.4
"""Half a mouth over the distance between the eyes, for faces of which only the middle of the mouth is known."""


def find_faces(
    image: np.ndarray, finder: FaceFinder, *, landmarks: bool = True, limit: int | None = None
) -> tuple[Face, ...]:
    """The photo's faces, largest first, every one or at most `limit`; no face gives an empty tuple.

    Small faces, faces turned by any angle and faces cut by the photo's edge are found too; their boxes may reach beyond
    it.
    landmarks: with mesh, head pose and openness. A face so turned or covered that no mesh fits it comes without, when
    the detector is certain. Raises BadRequest for an array that is no photo.
    """
    if min(check_image(image).shape[:2]) < SMALLEST:
        return ()
    found = sorted(search(image, finder), key=lambda face: -face.size)[:limit]
    faces = (_with_landmarks(image, finder, face) if landmarks and face.mesh else _without(face) for face in found)
    if not getattr(finder, "own_boxes", False):
        return tuple(faces)
    return tuple(replace(face, mtcnn=_own(seen)) for face, seen in zip(faces, found, strict=True))


def _own(seen: Sighting) -> np.ndarray | None:
    return None if seen.own is None else seen.own.astype(np.float32)


def find(photo: Photo, finder: FaceFinder) -> Found:
    """The photo with all its faces, searched at its own size. Raises NoFace when there is none."""
    faces = find_faces(photo.image, finder)
    if not faces:
        raise NoFace(width=photo.image.shape[1], height=photo.image.shape[0])
    return Found(photo, faces)


def one_face(image: np.ndarray, finder: FaceFinder, choice: int | None = None) -> Face:
    """The photo's only face, or the one chosen, counted from 1 in order of size.

    Raises NoFace when there is none, ManyFaces when there are several and none was chosen, BadRequest when the choice
    does not exist.
    """
    found = find(Photo(image), finder)
    return found.face(found.one() if choice is None else choice)


def with_landmarks(image: np.ndarray, finder: FaceFinder, box: np.ndarray, keypoints: np.ndarray, score: float) -> Face:
    """A candidate that is known to be a face, with its landmarks; without them where no mesh fits it.

    box: (4,). keypoints: (6, 2) as in `Detections`.
    """
    mesh = finder.outline(image, box, keypoints)
    if mesh.score < LIKELY:
        return _without(Sighting(box, keypoints, score, None))
    flat = mesh.points[:, :2]
    around = np.concatenate([flat.min(axis=0), flat.max(axis=0)])
    return _with_landmarks(image, finder, Sighting(around, keypoints, score, mesh))


def _with_landmarks(image: np.ndarray, finder: FaceFinder, found: Sighting) -> Face:
    assert found.mesh is not None
    mesh = finder.refine(image, found.mesh).points
    return Face(
        box=found.box.astype(np.float32),
        points=mesh[list(FIVE), :2].copy(),
        score=found.score,
        mesh=mesh,
        mesh_score=found.mesh.score,
        pose=head_pose(mesh),
        eyes_open=eyes_open(mesh),
        mouth_open=mouth_open(mesh),
    )


def _without(found: Sighting) -> Face:
    """A face by its detector's points, or by its mesh where there is one: pupils in the middle between the eyes'
    corners."""
    if found.mesh is not None:
        mesh = found.mesh.points[:, :2]
        points = np.stack([mesh[[33, 133]].mean(axis=0), mesh[[362, 263]].mean(axis=0), mesh[1], mesh[61], mesh[291]])
    else:
        eyes, nose, mouth = found.keypoints[:2], found.keypoints[2], found.keypoints[3]
        half = MOUTH * (eyes[1] - eyes[0])
        points = np.stack([eyes[0], eyes[1], nose, mouth - half, mouth + half])
    score = found.mesh.score if found.mesh else 0.0
    return Face(found.box.astype(np.float32), points.astype(np.float32), found.score, mesh_score=score)
