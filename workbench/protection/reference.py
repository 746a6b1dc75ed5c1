"""People known by a reference photo each: whose face is one of theirs, by a recogniser's calibrated threshold."""

from collections.abc import Sequence

import numpy as np

from workbench.errors import BadRequest, FaceTooSmall, WorkbenchError
from workbench.photo import Found, Photo
from workbench.tasks.detection import one_face
from workbench.tasks.face_search import FaceFinder
from workbench.tasks.recognition import FaceRecogniser, embed, match
from workbench.values import Embedding, Face


def known_people(photos: Sequence[Photo], recogniser: FaceRecogniser, finder: FaceFinder) -> tuple[Embedding, ...]:
    """The vectors of these photos' faces, one face each. Raises NoFace, ManyFaces, FaceTooSmall, named by photo, and
    BadRequest for a recogniser without a threshold."""
    if recogniser.threshold is None:
        raise BadRequest("This recogniser has no calibrated threshold, so it cannot say who is who. Choose another.")
    people = []
    for number, photo in enumerate(photos, start=1):
        try:
            people.append(embed(photo.image, one_face(photo.image, finder), recogniser))
        except WorkbenchError as error:
            raise error.about(photo.name or f"Reference photo {number}") from error
    return tuple(people)


def is_known(image: np.ndarray, face: Face, people: Sequence[Embedding], recogniser: FaceRecogniser) -> bool:
    """Whether a face is one of these people; one too small, or without landmarks, is nobody known."""
    if face.mesh is None:
        return False
    try:
        mine = embed(image, face, recogniser)
    except FaceTooSmall:
        return False
    return any(match(mine, person, recogniser).same for person in people)


def strangers(found: Found, people: Sequence[Embedding], recogniser: FaceRecogniser) -> list[int]:
    """Numbers of the faces that are none of these people."""
    return [
        number
        for number, face in enumerate(found.faces, start=1)
        if not is_known(found.image, face, people, recogniser)
    ]
