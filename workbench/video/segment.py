"""One segment of a clip on its way: written with its faces hidden, searched again, mended, written again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench.detections import overlap
from workbench.errors import BadRequest, FacesLeft
from workbench.protection.anonymise import anonymise
from workbench.protection.hiding import WAYS
from workbench.protection.replacing import DRAWN, INSTEAD
from workbench.values import Face
from workbench.video.clip import Clip, length
from workbench.video.covering import MARGIN, Spot, covering
from workbench.video.keeping import EVERY
from workbench.video.passing import Countdown
from workbench.video.reading import frames, open_clip
from workbench.video.seeing import Eyes, face_of, quick_look, thorough_look
from workbench.video.standing_in import SAME, Drawing, Lent
from workbench.video.writing import QUALITY, write_piece

ROUNDS = 5
"""How often a segment is written before it counts as not hidden."""
BESIDE = 2
"""Pictures before and after one in which a face is still found that are hidden more strongly as well."""
FOUND = 0.5
"""Score from which a face counts as found again."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How to hide. kind: "blur", "mosaic", "silhouette", or "drawn", a drawn face instead, a mosaic where none fits;
    strength: 0.25 to 4; both as `anonymise`, whose strength 1 leaves blots that finders take for faces. quality: of
    H.264, 18 (large) to 32 (small). sound: copy it."""

    kind: str = "blur"
    strength: float = 2.0
    quality: int = QUALITY
    sound: bool = True

    def __post_init__(self) -> None:
        if self.kind not in WAYS:
            raise BadRequest(f"There is no anonymisation {str(self.kind)[:40]!r}; expected one of {', '.join(WAYS)}.")
        if not 0.25 <= self.strength <= 4:
            raise BadRequest(f"strength: expected 0.25 to 4, got {self.strength}.")
        if not 10 <= self.quality <= 40:
            raise BadRequest(f"quality: expected 10 (large) to 40 (small), got {self.quality}.")

    @property
    def plain(self) -> str:
        """How a face is hidden that is not drawn."""
        return INSTEAD if self.kind == DRAWN else self.kind


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """One segment on its way: written, searched, mended, written again. lent: what drawing faces needs; None: nobody
    is drawn."""

    clip: Clip
    start: int
    stop: int
    times: list[int]
    eyes: Eyes
    wish: Wish
    path: Path
    seconds: np.ndarray
    lent: Lent | None = None

    def hidden(
        self, plan: dict[int, list[Spot]], shown: Mapping[int, Sequence[Face]], told: Countdown
    ) -> dict[str, Any]:
        """Write until nobody is found. Raises FacesLeft with the numbers of the pictures."""
        asked = sum(len(each) for each in plan.values())
        for _ in range(ROUNDS):
            times, drawing = self.times[self.start : self.stop], Drawing(self.lent)
            write_piece(self.path, self._pictures(plan, shown, told, drawing), times, self.clip, self.wish.quality)
            left, known = self._found_again(shown, told, drawing)
            if not left and not known:
                every = [spot for each in plan.values() for spot in each]
                strong = [spot for spot in every if spot.strength > self.wish.strength or spot.solid]
                solid = sum(spot.solid for spot in strong)
                return {
                    "spots": len(every), "added": len(every) - asked, "stronger": len(strong), "covered": solid,
                    "drawn": sum(len(each) for each in drawing.faces.values()), "instead": dict(drawing.reasons),
                }  # fmt: skip
            self._mend(plan, left)
            self._undraw(plan, known)
        self.path.unlink(missing_ok=True)
        numbers = tuple(sorted({*left, *(number for number, _ in known)}))
        raise FacesLeft(_left_in_words(numbers, self.seconds), left=len(numbers), hidden=asked, frames=numbers)

    def _pictures(
        self,
        plan: Mapping[int, Sequence[Spot]],
        shown: Mapping[int, Sequence[Face]],
        told: Countdown,
        drawing: Drawing,
    ) -> Iterator[np.ndarray]:
        for frame in frames(self.clip, self.start, self.stop, self.times):
            told.tell(self.start + (frame.number - self.start) * 0.5)
            number, seconds = frame.number, float(self.seconds[frame.number])
            image, spots = drawing.draw(frame.image, number, seconds, plan[number], shown[number])
            yield drawn(image, spots, self.wish.plain)

    def _found_again(
        self, shown: Mapping[int, Sequence[Face]], told: Countdown, drawing: Drawing
    ) -> tuple[dict[int, list[Face]], list[tuple[int, int]]]:
        """Faces that can be found in the written pictures, but for those of people who are kept and for drawn ones; and
        pictures and places of drawn ones whom a recogniser takes for the person."""
        left: dict[int, list[Face]] = {}
        known: list[tuple[int, int]] = []
        for frame in frames(open_clip(self.path)):
            number = self.start + frame.number
            told.tell(self.start + (self.stop - self.start + frame.number) * 0.5)
            lent, mine = drawing.faces.get(number, []), drawing.plain.get(number, [])
            wrong = [
                face
                for face in self._faces(frame.image, number)
                if not _nearer(face, lent, mine) and (_shared(face, shown[number]) < SAME or covering(mine, face.box))
            ]
            if wrong:
                left[number] = wrong
            known += [(number, place) for place in drawing.known(frame.image, number)]
        return left, known

    def _faces(self, image: np.ndarray, number: int) -> list[Face]:
        """What finders see in a written picture."""
        found = [quick_look(image, self.eyes.quick, FOUND)]
        if self.eyes.thorough is not None and number % self.eyes.every == 0:
            found.append(thorough_look(image, self.eyes.thorough))
        return [face_of(*each) for look in found for each in zip(look.boxes, look.keypoints, look.scores, strict=True)]

    def _undraw(self, plan: dict[int, list[Spot]], known: Sequence[tuple[int, int]]) -> None:
        """Hide plainly, in the pictures beside it too, whom a recogniser knows in spite of the drawn face."""
        for number, place in known:
            track = plan[number][place].track
            for other in range(number - EVERY, number + EVERY + 1):
                if other in plan:
                    plan[other] = [spot.undrawn("like") if spot.track == track else spot for spot in plan[other]]

    def _mend(self, plan: dict[int, list[Spot]], left: Mapping[int, Sequence[Face]]) -> None:
        """Hide more strongly what is still found, in the pictures beside it too, and also what nobody had seen."""
        strengthen: set[tuple[int, int]] = set()
        new: list[tuple[int, Face]] = []
        for number, faces in left.items():
            for face in faces:
                places = [
                    place
                    for place in covering([spot.face for spot in plan[number]], face.box)
                    if _is(face, plan[number][place])
                ]
                strengthen |= {(number, place) for place in places}
                names = {plan[number][place].track for place in places} - {0}
                for other in range(number - BESIDE, number + BESIDE + 1):
                    beside = enumerate(plan.get(other, ()))
                    strengthen |= {(other, place) for place, spot in beside if spot.track in names}
                new += [] if places else [(number, face)]
        for number, place in strengthen:
            plan[number][place] = plan[number][place].undrawn("unseen").stronger()
        for number, face in new:
            self._add(plan, number, face)

    def _add(self, plan: dict[int, list[Spot]], number: int, face: Face) -> None:
        near = np.flatnonzero(np.abs(self.seconds - self.seconds[number]) <= MARGIN / 2)
        for other in near[(near >= self.start) & (near < self.stop)]:
            plan[int(other)].append(Spot(face, 0, self.wish.strength))


def _nearer(face: Face, lent: Sequence[Face], mine: Sequence[Face]) -> bool:
    """Whether a face that is found is a drawn one, rather than one that was hidden plainly, or somebody's who was not
    seen before and only reaches into a drawn one."""
    return SAME <= _shared(face, lent) > _shared(face, mine)


def _is(face: Face, spot: Spot) -> bool:
    """Whether a face that is found belongs to a spot it reaches into: where somebody is drawn, it may be another's."""
    return spot.person is None or _shared(face, [spot.face]) >= SAME


def _shared(face: Face, others: Sequence[Face]) -> float:
    """Intersection over union with the nearest of the others."""
    return float(overlap(face.box, np.stack([one.box for one in others])).max()) if others else 0.0


def drawn(image: np.ndarray, hidden: Sequence[Spot], kind: str) -> np.ndarray:
    """The picture with these faces hidden."""
    for solid, strength in sorted({(spot.solid, spot.strength) for spot in hidden}):
        same = [spot.face for spot in hidden if (spot.solid, spot.strength) == (solid, strength)]
        image = anonymise(image, same, "silhouette" if solid else kind, strength)
    return image


def _left_in_words(numbers: Sequence[int], seconds: np.ndarray) -> str:
    some = ", ".join(f"{number} (at {length(float(seconds[number]))})" for number in numbers[:8])
    more = f" and {len(numbers) - 8} more" if len(numbers) > 8 else ""
    return (
        f"Nothing was saved: in {len(numbers)} pictures of the written clip a face can still be found: {some}{more}. "
        "Choose silhouette, or more strength."
    )
