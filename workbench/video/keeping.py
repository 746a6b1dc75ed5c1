"""People who stay visible: known by reference photos, and never by one look alone.

A track is kept only when almost everything a recogniser saw of it is one of those people; whoever was seen too seldom,
too small or turned away is hidden like everybody else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from workbench.detections import Detections
from workbench.errors import FaceTooSmall
from workbench.photo import Photo
from workbench.protection.reference import known_people
from workbench.tasks.detection import with_landmarks
from workbench.tasks.face_search import FaceFinder
from workbench.tasks.recognition import FaceRecogniser, embed, match
from workbench.values import Embedding
from workbench.video.seeing import FIRM
from workbench.video.tracks import Track

EVERY = 5
"""Pictures between two questions to the recogniser."""
LEAST = 2
"""Times a face must have been recognised before it is shown."""
SURE = 0.8
"""Share of a track's looks that must be the person."""


@dataclass(frozen=True, slots=True, eq=False)
class Keep:
    """Whom to keep. people: vectors of the reference photos' faces. finder: with the mesh that aligns a face."""

    people: tuple[Embedding, ...]
    recogniser: FaceRecogniser
    finder: FaceFinder

    def ask(self, image: np.ndarray, found: Detections) -> dict[int, np.ndarray]:
        """Vectors of a picture's candidates, by place; none for those too small or turned for a mesh."""
        vectors = {}
        for place in np.flatnonzero(found.scores >= FIRM):
            face = with_landmarks(
                image, self.finder, found.boxes[place], found.keypoints[place], float(found.scores[place])
            )
            if face.mesh is None:
                continue
            try:
                vectors[int(place)] = embed(image, face, self.recogniser).vector
            except FaceTooSmall:
                continue
        return vectors

    def knows(self, vectors: Sequence[np.ndarray]) -> bool:
        """Whether these looks at one face are of somebody to keep: nearly all of them, and their mean."""
        if len(vectors) < LEAST:
            return False
        mean = np.mean([vector / np.linalg.norm(vector) for vector in vectors], axis=0)
        for person in self.people:
            looks = [self._same(vector, person) for vector in vectors]
            if np.mean(looks) >= SURE and self._same(mean * np.linalg.norm(vectors[0]), person):
                return True
        return False

    def _same(self, vector: np.ndarray, person: Embedding) -> bool:
        mine = Embedding(vector.astype(np.float32), person.metric, person.model)
        return bool(match(mine, person, self.recogniser).same)


def keep(photos: Sequence[Photo], recogniser: FaceRecogniser, finder: FaceFinder) -> Keep:
    """Keep the people of these photos, one face each. Raises NoFace, ManyFaces, FaceTooSmall, named by photo."""
    return Keep(known_people(photos, recogniser, finder), recogniser, finder)


def kept(
    tracks: Sequence[Track], vectors: Mapping[tuple[int, int], np.ndarray], seen: Sequence[Detections], keep: Keep
) -> set[int]:
    """Names of the tracks that stay visible. vectors: by picture and place among its candidates."""
    by_box = {(number, seen[number].boxes[place].tobytes()): vector for (number, place), vector in vectors.items()}
    found = set()
    for track in tracks:
        keys = ((number, box.tobytes()) for number, box in zip(track.numbers, track.boxes, strict=True))
        looks = [by_box[key] for key in keys if key in by_box]
        if keep.knows(looks):
            found.add(track.name)
    return found
