"""Replaces faces by drawn ones and does not believe it: recognisers are asked of the saved file whether it is still the
person, and then somebody else is drawn, or the face is hidden by a mosaic, which is said and counted.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from workbench.errors import BadRequest
from workbench.images import encode_jpeg
from workbench.protection.cast import Place, close, place, ranked
from workbench.protection.drawn import DrawnFace, replaced
from workbench.protection.judge import name, nearest, opened, vectors
from workbench.tasks.detection import find_faces
from workbench.tasks.face_search import FaceFinder
from workbench.tasks.parsing import Parser
from workbench.tasks.recognition import FaceRecogniser, embed, match
from workbench.values import Embedding, Face
from workbench.watch import look

DRAWN = "drawn"
INSTEAD = "mosaic"
"""What hides a face for which no drawn one fits."""
BLOCK = 16
"""Pixels of a JPEG's blocks of colour: a part of a photo that begins with one is saved as in the whole."""
TRIES = 10
"""Drawn people who are tried for one face."""
REASONS = {
    "small": "too small",
    "turned": "turned too far, or without landmarks",
    "covered": "covered",
    "like": "taken for the person whoever was drawn",
    "unseen": "not seen in that picture",
}
"""Why a face was not replaced, in words."""


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """What replacing needs. people: who may be drawn. parser: tells what covers a face. judges: every recogniser here
    that has a threshold; at least one."""

    people: tuple[DrawnFace, ...]
    parser: Parser
    judges: tuple[FaceRecogniser, ...]

    def __post_init__(self) -> None:
        if not self.judges or not self.people:
            raise BadRequest(
                "A drawn face needs drawn people and a recogniser that says it is not the person; expected one of each "
                "at least. Run: python -m workbench models fetch"
            )
        blind = [name(judge) for judge in self.judges if judge.threshold is None]
        if blind:
            raise BadRequest(
                f"{', '.join(blind)} cannot judge: no score is known from which it takes two faces for one person. "
                f"Run: python -m workbench models calibrate {blind[0]} FOLDER"
            )

    def person(self, number: int) -> DrawnFace:
        """The drawn person of a number."""
        return next(each for each in self.people if each.number == number)

    def takes(self, known: Mapping[str, Embedding], image: np.ndarray, faces: Sequence[Face]) -> bool:
        """Whether any recogniser takes one of these faces of a picture, which have landmarks, for who is known."""
        return any(
            match(known[name(judge)], embed(image, face, judge), judge).same for judge in self.judges for face in faces
        )


@dataclass(slots=True, eq=False)
class StandIn:
    """One face on its way. place: in the part of the photo `close` to it. known: what recognisers see in it. waiting:
    drawn people who were not tried yet. person: who is drawn now; None: nobody, for `reason`."""

    face: Face
    place: Place
    known: Mapping[str, Embedding] = field(default_factory=dict)
    waiting: list[DrawnFace] = field(default_factory=list)
    person: DrawnFace | None = None
    reason: str = ""
    tried: int = 0

    def next(self) -> None:
        """Somebody else is drawn, or nobody is left."""
        self.person = self.waiting.pop(0) if self.waiting else None
        self.reason = "" if self.person else "like"
        self.tried += 1


def stand_ins(image: np.ndarray, faces: Sequence[Face], stage: Stage, quality: int) -> list[StandIn]:
    """For each face the first drawn person whom no recogniser takes for it once the photo is saved."""
    found: list[StandIn] = []
    for face in faces:
        look()
        part, near = close(image, face, BLOCK)
        here = place(part, near, stage.parser)
        one = StandIn(face, here, reason=here.trouble)
        if not here.trouble:
            taken = [other.person.number for other in found if other.person]
            one.waiting = ranked(stage.people, here, taken)[:TRIES]
            one.known = vectors(image, face, stage.judges)
            one.next()
            while one.person and stage.takes(one.known, _saved(part, one, one.person, quality), [near]):
                look()
                one.next()
        found.append(one)
    return found


def _saved(part: np.ndarray, one: StandIn, person: DrawnFace, quality: int) -> np.ndarray:
    """The part of the photo around the face, as it will be read: saving a whole crowd for each face took minutes."""
    return opened(encode_jpeg(replaced(part, one.place.face, person, one.place.covered), quality))


def painted(image: np.ndarray, ones: Sequence[StandIn]) -> np.ndarray:
    """The photo with everybody who is drawn."""
    image = image.copy()
    for one in sorted(ones, key=lambda each: each.face.size):
        if one.person is not None:
            part, near = close(image, one.face, BLOCK)
            part[:] = replaced(part, near, one.person, one.place.covered)
    return image


def still_known(image: np.ndarray, ones: Sequence[StandIn], stage: Stage, finder: FaceFinder) -> list[StandIn]:
    """Of those who are drawn, those whom a recogniser knows in the saved photo: told where the face had been, and where
    it is found again."""
    known, found = [], find_faces(image, finder) if any(one.person for one in ones) else ()
    for one in ones:
        if one.person is None:
            continue
        again = nearest(found, one.face.box)
        if stage.takes(one.known, image, [one.face] if again is None else [one.face, again]):
            known.append(one)
    return known


def told(reasons: Mapping[str, int]) -> str:
    """How many were hidden by a mosaic instead, and why, as a sentence; "" for none."""
    if not sum(reasons.values()):
        return ""
    why = ", ".join(f"{count} {REASONS[reason]}" for reason, count in sorted(reasons.items()) if count)
    return f" No drawn face fitted {sum(reasons.values())} ({why}): hidden by a mosaic instead."


def counted(ones: Sequence[StandIn]) -> dict[str, int]:
    """How many were not replaced, by reason."""
    return dict(Counter(one.reason for one in ones if one.person is None))
