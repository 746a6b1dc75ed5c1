"""Drawn faces in one segment of a clip: put in picture by picture, steadily, and asked about in what was written."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from workbench.detections import overlap
from workbench.protection.cast import place
from workbench.protection.drawn import replaced
from workbench.protection.judge import vectors
from workbench.protection.replacing import Stage
from workbench.tasks.detection import with_landmarks
from workbench.tasks.face_search import FaceFinder
from workbench.values import Embedding, Face
from workbench.video.casting import close
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


@dataclass(slots=True, eq=False)
class Drawing:
    """One pass through a segment. faces: really drawn, by picture; plain: the others. asked: by picture and place among
    its spots, the face and what recognisers saw in it. reasons: of the others, why they were not drawn. steady, met:
    by track, what smooths its mesh, and which were asked about already."""

    lent: Lent
    faces: dict[int, list[Face]] = field(default_factory=dict)
    plain: dict[int, list[Face]] = field(default_factory=dict)
    asked: dict[int, dict[int, tuple[Face, Mapping[str, Embedding]]]] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    steady: dict[int, OneEuro] = field(default_factory=dict)
    met: set[int] = field(default_factory=set)

    def draw(
        self, image: np.ndarray, number: int, seconds: float, spots: Sequence[Spot], shown: Sequence[Face] = ()
    ) -> tuple[np.ndarray, list[Spot]]:
        """The picture with drawn faces, and the spots that must be hidden plainly. shown: faces that stay visible."""
        result, plain = image.copy(), []
        order = sorted(range(len(spots)), key=lambda place: spots[place].face.size)
        for spot_place in order:
            spot = spots[spot_place]
            others = [*shown, *(each.face for each in spots if each.person != spot.person)]
            reason = self._drawn(image, result, number, seconds, spot_place, spot, others)
            if reason:
                self.reasons[reason] += 1
                plain.append(spot)
        self.plain[number] = [spot.face for spot in plain]
        return result, plain

    def _drawn(
        self,
        image: np.ndarray,
        result: np.ndarray,
        number: int,
        seconds: float,
        spot_place: int,
        spot: Spot,
        others: Sequence[Face],
    ) -> str:
        """Draw one face into `result`; why not, or ""."""
        if spot.person is None:
            return spot.reason or self.lent.reasons.get(spot.track, "unseen")
        face = self._steady(_with_landmarks(image, self.lent.finder, spot.face), spot.track, seconds)
        mine, *theirs = overlap(face.box, np.stack([spot.face.box, *(other.box for other in others)]))
        if mine < SAME or max(theirs, default=0.0) > mine:
            return "unseen"  # the mesh slid onto somebody else
        part, moved = close(image, face)
        here = place(part, moved, self.lent.stage.parser)
        if here.trouble:
            return here.trouble
        if number % EVERY == 0 or spot.track not in self.met:
            self.met.add(spot.track)
            known = vectors(part, moved, self.lent.stage.judges)
            self.asked.setdefault(number, {})[spot_place] = (face, known)
        there, _ = close(result, face)
        there[:] = replaced(there, moved, self.lent.stage.person(spot.person), here.covered)
        self.faces.setdefault(number, []).append(face)
        return ""

    def _steady(self, face: Face, track: int, seconds: float) -> Face:
        if face.mesh is None:
            return face
        mesh = self.steady.setdefault(track, OneEuro())(face.mesh, seconds, face.size)
        return replace(face, mesh=mesh.astype(np.float32))

    def known(self, image: np.ndarray, number: int) -> list[int]:
        """The places of spots whose drawn face a recogniser takes for the person, in what was written."""
        return [
            spot_place
            for spot_place, (face, vector) in self.asked.get(number, {}).items()
            if self.lent.stage.takes(vector, image, [face])
        ]


def _with_landmarks(image: np.ndarray, finder: FaceFinder, face: Face) -> Face:
    eyes, mouth = face.points[:2], face.points[3:].mean(axis=0)
    keypoints = np.stack([*eyes, face.points[2], mouth, *eyes]).astype(np.float32)
    return with_landmarks(image, finder, face.box, keypoints, face.score)
