"""Drawn faces in one segment of a clip: put in picture by picture, steadily, and asked about in what was written."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from workbench.detections import overlap
from workbench.protection.cast import close, place
from workbench.protection.drawn import replaced
from workbench.protection.judge import vectors
from workbench.protection.replacing import Stage
from workbench.tasks.detection import with_landmarks
from workbench.tasks.face_search import FaceFinder
from workbench.values import Embedding, Face
from workbench.video.covering import Spot
from workbench.video.keeping import EVERY
from workbench.video.smoothing import OneEuro

SAME = 0.3
"""Intersection over union from which a mesh is that of the face that was followed."""


@dataclass(frozen=True, slots=True, eq=False)
class Lent:
    """What drawing needs. finder: with the mesh. reasons: why nobody is drawn for a track."""

    stage: Stage
    finder: FaceFinder
    reasons: Mapping[int, str]


@dataclass(frozen=True, slots=True, eq=False)
class _Picture:
    """One picture while it is drawn on. image: as it was read. result: with those who are drawn so far. seconds: when
    it is shown."""

    image: np.ndarray
    result: np.ndarray
    number: int
    seconds: float


@dataclass(slots=True, eq=False)
class Drawing:
    """One pass through a segment. lent: None: nobody is drawn. faces: really drawn, by picture; plain: the others.
    asked: by picture and place among its spots, the face and what recognisers saw in it. reasons: of the others, why
    they were not drawn. steady, met: by track, what smooths its mesh, and what recognisers saw in it last; they look
    at the person in every fifth picture, and at the drawn face in all."""

    lent: Lent | None
    faces: dict[int, list[Face]] = field(default_factory=dict)
    plain: dict[int, list[Face]] = field(default_factory=dict)
    asked: dict[int, dict[int, tuple[Face, Mapping[str, Embedding]]]] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    steady: dict[int, OneEuro] = field(default_factory=dict)
    met: dict[int, Mapping[str, Embedding]] = field(default_factory=dict)

    def draw(
        self, image: np.ndarray, number: int, seconds: float, spots: Sequence[Spot], shown: Sequence[Face] = ()
    ) -> tuple[np.ndarray, list[Spot]]:
        """The picture with drawn faces, and the spots that must be hidden plainly. shown: faces that stay visible."""
        plain, result = list(spots), image
        if self.lent is not None:
            picture, plain = _Picture(image, image.copy(), number, seconds), []
            for at in sorted(range(len(spots)), key=lambda at: spots[at].face.size):
                reason = self._drawn(picture, at, spots, shown, self.lent)
                if reason:
                    self.reasons[reason] += 1
                    plain.append(spots[at])
            result = picture.result
        self.plain[number] = [spot.face for spot in plain]
        return result, plain

    def _drawn(self, picture: _Picture, at: int, spots: Sequence[Spot], shown: Sequence[Face], lent: Lent) -> str:
        """Draw one face into the result; why not, or "". at: its place among the spots."""
        spot, number = spots[at], picture.number
        if spot.person is None:
            return spot.reason or lent.reasons.get(spot.track, "unseen")
        face = self._steady(_with_landmarks(picture.image, lent.finder, spot.face), spot.track, picture.seconds)
        others = [*shown, *(each.face for each in spots if each.person != spot.person)]
        mine, *theirs = overlap(face.box, np.stack([spot.face.box, *(other.box for other in others)]))
        if mine < SAME or max(theirs, default=0.0) > mine:
            return "unseen"  # the mesh slid onto somebody else
        part, moved = close(picture.image, face)
        here = place(part, moved, lent.stage.parser)
        if here.trouble:
            return here.trouble
        if number % EVERY == 0 or spot.track not in self.met:
            self.met[spot.track] = vectors(part, moved, lent.stage.judges)
        self.asked.setdefault(number, {})[at] = (face, self.met[spot.track])
        there, _ = close(picture.result, face)
        there[:] = replaced(there, moved, lent.stage.person(spot.person), here.covered)
        self.faces.setdefault(number, []).append(face)
        return ""

    def _steady(self, face: Face, track: int, seconds: float) -> Face:
        if face.mesh is None:
            return face
        mesh = self.steady.setdefault(track, OneEuro())(face.mesh, seconds, face.size)
        return replace(face, mesh=mesh.astype(np.float32))

    def known(self, image: np.ndarray, number: int) -> list[int]:
        """The places of spots whose drawn face a recogniser takes for the person, in what was written."""
        if self.lent is None:
            return []
        asked, stage = self.asked.get(number, {}), self.lent.stage
        return [at for at, (face, vector) in asked.items() if stage.takes(vector, image, [face])]


def _with_landmarks(image: np.ndarray, finder: FaceFinder, face: Face) -> Face:
    eyes, mouth = face.points[:2], face.points[3:].mean(axis=0)
    keypoints = np.stack([*eyes, face.points[2], mouth, *eyes]).astype(np.float32)
    return with_landmarks(image, finder, face.box, keypoints, face.score)
