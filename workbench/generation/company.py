"""Several people in one picture: who stands where, and how like each the face at their place is.

The model listens to each person inside their place alone (`GroupModel`). A face belongs to the place its middle lies
in; of several the largest counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from workbench.errors import BadRequest
from workbench.generation.references import Person
from workbench.generation.report import Report, Target, diversity_of, likeness_of, quality_of, title_of, vector_of
from workbench.portraits import GroupModel, PortraitModel
from workbench.spots import FEWEST, MOST, Spot
from workbench.tasks.detection import find_faces
from workbench.tasks.face_search import FaceFinder
from workbench.tasks.recognition import FaceRecogniser
from workbench.values import Face
from workbench.watch import Watch


@dataclass(frozen=True, slots=True, eq=False)
class Company:
    """People, and the spots where they are. views: the model as it sees each. Raises BadRequest unless there are 2 to
    4, each with a spot."""

    people: tuple[Person, ...]
    spots: tuple[Spot, ...]
    views: tuple[PortraitModel, ...]

    def __post_init__(self) -> None:
        if not FEWEST <= len(self.people) <= MOST or not len(self.people) == len(self.spots) == len(self.views):
            raise BadRequest(f"Expected {FEWEST} to {MOST} people with a place each, got {len(self.people)}.")

    def model(self) -> PortraitModel:
        """What draws them all, told the first person's vectors."""
        own, (first, *others) = self.views[0].recogniser, [cast(GroupModel, view) for view in self.views]
        beside = [(person.vectors[own], view) for person, view in zip(self.people[1:], others, strict=True)]
        return first.beside(beside, self.spots)

    def measured(
        self,
        pictures: Sequence[np.ndarray],
        finder: FaceFinder,
        recognisers: Mapping[str, FaceRecogniser],
        watch: Watch | None = None,
    ) -> Report:
        """The report of pictures of them: each person's likeness by the face at their place."""
        watch, found = watch or Watch(), list[list[Face | None]]()
        for number, picture in enumerate(pictures):
            watch.tell(number / max(len(pictures), 1), "measuring")
            found.append(at_places(picture, find_faces(picture, finder), self.spots))
        seen = [
            {
                name: [vector_of(picture, faces[place], model) for picture, faces in zip(pictures, found, strict=True)]
                for name, model in recognisers.items()
            }
            for place in range(len(self.people))
        ]
        return self._report(pictures, found, seen, recognisers)

    def _report(
        self,
        pictures: Sequence[np.ndarray],
        found: Sequence[Sequence[Face | None]],
        seen: Sequence[Mapping[str, Sequence[np.ndarray | None]]],
        recognisers: Mapping[str, FaceRecogniser],
    ) -> Report:
        """seen: vectors by person, recogniser and picture."""
        own = self.views[0].recogniser
        likenesses = [
            likeness_of(Target(person.name, person.vectors), name, vectors[name], model, name == own)
            for person, vectors in zip(self.people, seen, strict=True)
            for name, model in recognisers.items()
        ]
        whose = [place for place in range(len(self.people)) for _ in pictures]
        diversities = tuple(
            diversity_of(name, [vector for vectors in seen for vector in vectors[name]], whose, model)
            for name, model in recognisers.items()
        )
        first = tuple(next((face for face in faces if face is not None), None) for faces in found)
        qualities = tuple(quality_of(picture, face) for picture, face in zip(pictures, first, strict=True))
        notes = [*self._found(found), *self._exchanged(seen, recognisers, own)]
        return Report(first, qualities, tuple(likenesses), diversities, notes=tuple(notes), together=True)

    def _found(self, found: Sequence[Sequence[Face | None]]) -> list[str]:
        """A sentence per person whose place was empty."""
        empty = [sum(faces[place] is None for faces in found) for place in range(len(self.people))]
        return [
            f"At the place of {person.name} ({spot.words()} %) no face was found in {count} of {len(found)} pictures."
            for person, spot, count in zip(self.people, self.spots, empty, strict=True)
            if count
        ]

    def _exchanged(
        self,
        seen: Sequence[Mapping[str, Sequence[np.ndarray | None]]],
        recognisers: Mapping[str, FaceRecogniser],
        own: str,
    ) -> list[str]:
        """How many faces are more like somebody else in the picture, by each recogniser; the model's own last."""
        told = []
        for name in sorted(recognisers, key=lambda name: name == own):
            metric, rows = recognisers[name].metric, []
            for place, vectors in enumerate(seen):
                model, seen_here = recognisers[name], vectors[name]
                scores = [
                    likeness_of(Target(each.name, each.vectors), name, seen_here, model, False).scores
                    for each in self.people
                ]
                alike = metric.similarity(np.stack(scores, axis=-1))
                rows += [row.argmax() != place for row in alike if np.isfinite(row).all()]
            if rows:
                told.append(
                    f"{title_of(name)}: {sum(rows)} of {len(rows)} faces are more like somebody else in the picture."
                )
        return told


def at_places(picture: np.ndarray, faces: Sequence[Face], spots: Sequence[Spot]) -> list[Face | None]:
    """The face of each place: the largest whose box's middle lies in it, None where there is none. faces: largest
    first."""
    height, width = picture.shape[:2]

    def inside(spot: Spot, face: Face) -> bool:
        x, y = (face.box[:2] + face.box[2:]) / 2
        return spot.holds(x / width, y / height)

    return [next((face for face in faces if inside(spot, face)), None) for spot in spots]


def named(people: Sequence[Person]) -> tuple[Person, ...]:
    """People called by their place in the order they were given."""
    return tuple(replace(person, name=f"person {number}") for number, person in enumerate(people, start=1))
