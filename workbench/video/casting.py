"""Who is drawn instead of whom through a whole clip: one drawn person for each person, whom no recogniser here takes
for that person in a few looks at each of their tracks.

One pass that reads on from look to look and keeps no picture. Knows finders, parsers and recognisers only as arguments.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workbench.protection.cast import AGAIN, Place, close, place, ranked
from workbench.protection.drawn import replaced
from workbench.protection.judge import name, vectors
from workbench.protection.replacing import Stage
from workbench.tasks.detection import with_landmarks
from workbench.tasks.face_search import FaceFinder
from workbench.values import Face
from workbench.video.clip import Clip
from workbench.video.passing import Countdown
from workbench.video.people import people
from workbench.video.reading import frames
from workbench.video.seeing import FIRM
from workbench.video.tracks import Track

LOOKS, CANDIDATES = 3, 8
"""Looks at each track, and drawn people who are tried in them."""


@dataclass(frozen=True, slots=True, eq=False)
class Casting:
    """numbers: of the drawn person by track. reasons: why nobody is drawn, by track, a key of `REASONS`."""

    numbers: Mapping[int, int]
    reasons: Mapping[int, str]

    def told(self) -> dict[str, Any]:
        """Plain values, for the folder of a run."""
        return {"numbers": list(self.numbers.items()), "reasons": list(self.reasons.items())}

    @staticmethod
    def read(told: Mapping[str, Any]) -> "Casting":
        """The way back."""
        return Casting({int(t): int(n) for t, n in told["numbers"]}, {int(t): str(r) for t, r in told["reasons"]})


@dataclass(slots=True, eq=False)
class _Looks:
    """What the looks at one track said. candidates: numbers, the fittest first. known: of these, who was taken for the
    person."""

    candidates: list[int] = field(default_factory=list)
    known: set[int] = field(default_factory=set)
    troubles: Counter[str] = field(default_factory=Counter)


def casting(
    clip: Clip, tracks: Sequence[Track], times: Sequence[int], stage: Stage, finder: FaceFinder, told: Countdown
) -> Casting:
    """Who is drawn for each track. finder: with the mesh. Raises BadVideo, Cancelled."""
    wanted: dict[int, list[tuple[Track, int]]] = {}
    for track in tracks:
        for at in looks(track):
            wanted.setdefault(track.numbers[at], []).append((track, at))
    found = {track.name: _Looks() for track in tracks}
    if wanted:
        for frame in frames(clip, min(wanted), max(wanted) + 1, times):
            told.tell(frame.number)
            for track, at in wanted.get(frame.number, ()):
                box, keypoints = track.boxes[at], track.keypoints[at]
                face = with_landmarks(frame.image, finder, box, keypoints, track.scores[at])
                _look(frame.image, face, track, found[track.name], stage, frame.number)
    return _settled(tracks, found, people(tracks, stage.judges[0], name(stage.judges[0])))


def looks(track: Track) -> list[int]:
    """Places among a track's sightings: in each third of its life the largest sure one."""
    sure = [place for place, score in enumerate(track.scores) if score >= FIRM] or list(range(len(track.numbers)))
    parts = np.array_split(np.array(sure), LOOKS)
    size = {at: float((track.boxes[at][2:] - track.boxes[at][:2]).max()) for at in sure}
    return [max((int(at) for at in part), key=size.__getitem__) for part in parts if len(part)]


def _look(image: np.ndarray, face: Face, track: Track, found: _Looks, stage: Stage, number: int) -> None:
    part, moved = close(image, face)
    here: Place = place(part, moved, stage.parser)
    if here.trouble:
        found.troubles[here.trouble] += 1
        return
    known = vectors(part, moved, stage.judges)
    track.vectors.append((number, known[name(stage.judges[0])].vector))
    if not found.candidates:
        found.candidates = [person.number for person in ranked(stage.people, here)[:CANDIDATES]]
    for candidate in found.candidates:
        if candidate not in found.known:
            drawn = replaced(part, moved, stage.person(candidate), here.covered)
            if stage.takes(known, drawn, [moved]):
                found.known.add(candidate)


def _settled(tracks: Sequence[Track], found: Mapping[int, _Looks], person: Mapping[int, int]) -> Casting:
    numbers: dict[int, int] = {}
    reasons: dict[int, str] = {}
    used: Counter[int] = Counter()
    for who in sorted(set(person.values())):
        names = [track.name for track in tracks if person[track.name] == who]
        offered = list(dict.fromkeys(number for each in names for number in found[each].candidates))
        known = {number for each in names for number in found[each].known}
        fit = sorted((number for number in offered if number not in known), key=lambda number: used[number % AGAIN])
        for each in names:
            if fit:
                numbers[each] = fit[0]
            else:
                troubles = found[each].troubles.most_common(1)
                reasons[each] = "like" if offered or not troubles else troubles[0][0]
        used.update(number % AGAIN for number in fit[:1])
    return Casting(numbers, reasons)
