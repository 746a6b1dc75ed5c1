"""One segment of a clip on its way: written with its faces hidden, searched again, mended, written again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import BadRequest, FacesLeft
from workbench.protection.anonymise import KINDS, anonymise
from workbench.values import Face
from workbench.video.clip import Clip, length
from workbench.video.covering import MARGIN, Spot, covering
from workbench.video.passing import Countdown
from workbench.video.reading import frames, open_clip
from workbench.video.seeing import Eyes, face_of, quick_look, thorough_look
from workbench.video.writing import QUALITY, write_piece

ROUNDS = 5
"""How often a segment is written before it counts as not hidden."""
BESIDE = 2
"""Pictures before and after one in which a face is still found that are hidden more strongly as well."""
FOUND = 0.5
"""Score from which a face counts as found again."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How to hide. kind: "blur", "mosaic" or "silhouette"; strength: 0.25 to 4; both as `anonymise`, whose strength 1
    leaves blots that finders take for faces. quality: of H.264, 18 (large) to 32 (small). sound: copy it."""

    kind: str = "blur"
    strength: float = 2.0
    quality: int = QUALITY
    sound: bool = True

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BadRequest(f"There is no anonymisation {str(self.kind)[:40]!r}; expected one of {', '.join(KINDS)}.")
        if not 0.25 <= self.strength <= 4:
            raise BadRequest(f"strength: expected 0.25 to 4, got {self.strength}.")
        if not 10 <= self.quality <= 40:
            raise BadRequest(f"quality: expected 10 (large) to 40 (small), got {self.quality}.")


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """One segment on its way: written, searched, mended, written again."""

    clip: Clip
    start: int
    stop: int
    times: list[int]
    eyes: Eyes
    wish: Wish
    path: Path
    seconds: np.ndarray

    def hidden(
        self, plan: dict[int, list[Spot]], shown: Mapping[int, Sequence[Face]], told: Countdown
    ) -> dict[str, Any]:
        """Write until nobody is found. Raises FacesLeft with the numbers of the pictures."""
        asked = sum(len(each) for each in plan.values())
        for _ in range(ROUNDS):
            times = self.times[self.start : self.stop]
            write_piece(self.path, self._pictures(plan, told), times, self.clip, self.wish.quality)
            left = self._found_again(plan, shown, told)
            if not left:
                every = [spot for each in plan.values() for spot in each]
                strong = [spot for spot in every if spot.strength > self.wish.strength or spot.solid]
                solid = sum(spot.solid for spot in strong)
                return {
                    "spots": len(every), "added": len(every) - asked, "stronger": len(strong), "covered": solid,
                }  # fmt: skip
            self._mend(plan, left)
        self.path.unlink(missing_ok=True)
        numbers = tuple(sorted(left))
        raise FacesLeft(_left_in_words(numbers, self.seconds), left=len(numbers), hidden=asked, frames=numbers)

    def _pictures(self, plan: Mapping[int, Sequence[Spot]], told: Countdown) -> Iterator[np.ndarray]:
        for frame in frames(self.clip, self.start, self.stop, self.times):
            told.tell(self.start + (frame.number - self.start) * 0.5)
            yield drawn(frame.image, plan[frame.number], self.wish.kind)

    def _found_again(
        self, plan: Mapping[int, Sequence[Spot]], shown: Mapping[int, Sequence[Face]], told: Countdown
    ) -> dict[int, list[Face]]:
        """Faces that can be found in the written pictures, but for those of people who are kept."""
        left: dict[int, list[Face]] = {}
        for frame in frames(open_clip(self.path)):
            number = self.start + frame.number
            told.tell(self.start + (self.stop - self.start + frame.number) * 0.5)
            found = [quick_look(frame.image, self.eyes.quick, FOUND)]
            if self.eyes.thorough is not None and number % self.eyes.every == 0:
                found.append(thorough_look(frame.image, self.eyes.thorough))
            faces = [
                face_of(*each) for look in found for each in zip(look.boxes, look.keypoints, look.scores, strict=True)
            ]
            mine = [spot.face for spot in plan[number]]
            wrong = [face for face in faces if not covering(shown[number], face.box) or covering(mine, face.box)]
            if wrong:
                left[number] = wrong
        return left

    def _mend(self, plan: dict[int, list[Spot]], left: Mapping[int, Sequence[Face]]) -> None:
        """Hide more strongly what is still found, in the pictures beside it too, and also what nobody had seen."""
        strengthen: set[tuple[int, int]] = set()
        new: list[tuple[int, Face]] = []
        for number, faces in left.items():
            for face in faces:
                places = covering([spot.face for spot in plan[number]], face.box)
                strengthen |= {(number, place) for place in places}
                names = {plan[number][place].track for place in places} - {0}
                for other in range(number - BESIDE, number + BESIDE + 1):
                    beside = enumerate(plan.get(other, ()))
                    strengthen |= {(other, place) for place, spot in beside if spot.track in names}
                new += [] if places else [(number, face)]
        for number, place in strengthen:
            plan[number][place] = plan[number][place].stronger()
        for number, face in new:
            self._add(plan, number, face)

    def _add(self, plan: dict[int, list[Spot]], number: int, face: Face) -> None:
        near = np.flatnonzero(np.abs(self.seconds - self.seconds[number]) <= MARGIN / 2)
        for other in near[(near >= self.start) & (near < self.stop)]:
            plan[int(other)].append(Spot(face, 0, self.wish.strength))


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
