"""Sightings of one face, picture after picture, joined to tracks.

After ByteTrack (Zhang et al., ECCV 2022, arXiv 2110.06864, algorithm 1): sure sightings are joined first, faint ones
then help tracks that found none. Written here in a page instead of taken from a package: `trackers` brings nine others,
numbers sightings only as they come, and a clip that is hidden must be followed backward in time too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from workbench.detections import Detections
from workbench.video.seeing import FIRM

GAP = 2.0
"""Seconds a face may go unseen and still be continued from where it was going."""
NEAR, NEAR_FAINT = 0.15, 0.35
"""How much of widened boxes must be shared for a sure and for a faint sighting to belong to a track."""
WIDER = 0.3
"""By how much boxes are widened on each side before they are compared: small faces leave their own box in one step."""
MEET = 0.25
"""Share of the smaller face's box from which two faces meet: whoever is followed by name is asked anew afterwards."""


@dataclass(slots=True, eq=False)
class Track:
    """One face through a clip. numbers: of the pictures it was seen in, growing. boxes: (4,) and keypoints: (6, 2) of
    each sighting; scores. vectors: (picture, vector) of a recogniser where one was asked."""

    name: int
    numbers: list[int] = field(default_factory=list)
    boxes: list[np.ndarray] = field(default_factory=list)
    keypoints: list[np.ndarray] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    vectors: list[tuple[int, np.ndarray]] = field(default_factory=list)

    @property
    def size(self) -> float:
        """The longer side of the last box."""
        return float((self.boxes[-1][2:] - self.boxes[-1][:2]).max())

    def add(self, number: int, box: np.ndarray, keypoints: np.ndarray, score: float) -> None:
        """The next sighting, or one from before the first."""
        place = len(self.numbers) if not self.numbers or number > self.numbers[-1] else 0
        self.numbers.insert(place, number)
        self.boxes.insert(place, box)
        self.keypoints.insert(place, keypoints)
        self.scores.insert(place, float(score))

    def drift(self, seconds: np.ndarray, backward: bool = False) -> np.ndarray:
        """(4,) pixels a second its box moves at its end (or at its beginning), over a third of a second."""
        numbers = self.numbers[::-1] if backward else self.numbers
        boxes = self.boxes[::-1] if backward else self.boxes
        last = seconds[numbers[-1]]
        first = next((place for place in range(len(numbers)) if abs(seconds[numbers[place]] - last) <= 0.34), 0)
        apart = last - seconds[numbers[first]]
        if abs(apart) < 1e-6:
            return np.zeros(4)
        drift: np.ndarray = (boxes[-1].astype(np.float64) - boxes[first]) / apart
        return drift

    def expected(self, number: int, seconds: np.ndarray) -> np.ndarray:
        """(4,) its box in another picture, should it go on as it did: forward after its end, backward before its
        beginning. It is not followed further than a second."""
        backward = number < self.numbers[0]
        at, box = (self.numbers[0], self.boxes[0]) if backward else (self.numbers[-1], self.boxes[-1])
        away = np.clip(seconds[number] - seconds[at], -1, 1)
        drift = self.drift(seconds, backward)
        middle = (drift[:2] + drift[2:]) / 2
        moved: np.ndarray = box + np.tile(middle, 2) * away
        return moved


def follow(seen: Sequence[Detections], seconds: np.ndarray, part_at_meetings: bool = False) -> list[Track]:
    """Tracks of all faces. seen: candidates by picture. seconds: when each picture is shown.

    part_at_meetings: end both tracks where two faces meet, so that nobody takes over another's name.
    """
    tracks: list[Track] = []
    live: list[Track] = []
    left: dict[int, list[int]] = {}
    for number, found in enumerate(seen):
        live = [track for track in live if seconds[number] - seconds[track.numbers[-1]] <= GAP]
        used = _joined(live, number, found, seconds)
        for place in np.flatnonzero(found.scores >= FIRM):
            if int(place) not in used:
                tracks.append(Track(len(tracks) + 1))
                live.append(tracks[-1])
                _take(tracks[-1], number, found, int(place))
                used.add(int(place))
        left[number] = [place for place in range(len(found)) if place not in used]
        if part_at_meetings:
            live = _apart(live, number)
    for track in tracks:
        _continued_backward(track, seen, seconds, left)
    return tracks


def _joined(live: list[Track], number: int, found: Detections, seconds: np.ndarray) -> set[int]:
    """Give sightings to tracks, sure ones first; the places of those given."""
    used: set[int] = set()
    waiting = live
    for least, near in ((FIRM, NEAR), (0.0, NEAR_FAINT)):
        places = [place for place in np.flatnonzero(found.scores >= least) if int(place) not in used]
        for track, place in _pairs(waiting, [int(each) for each in places], number, found, seconds, near):
            _take(track, number, found, place)
            used.add(place)
        waiting = [track for track in waiting if track.numbers[-1] != number]
    return used


def _pairs(
    tracks: list[Track], places: list[int], number: int, found: Detections, seconds: np.ndarray, near: float
) -> Iterator[tuple[Track, int]]:
    from scipy.optimize import linear_sum_assignment

    if not tracks or not places:
        return
    expected = np.stack([track.expected(number, seconds) for track in tracks])
    shared = shares(widened(expected), widened(found.boxes[places]))
    for row, column in zip(*linear_sum_assignment(-shared), strict=True):
        if shared[row, column] >= near:
            yield tracks[row], places[column]


def _take(track: Track, number: int, found: Detections, place: int) -> None:
    track.add(number, found.boxes[place], found.keypoints[place], float(found.scores[place]))


def _apart(live: list[Track], number: int) -> list[Track]:
    """The tracks that meet nobody in this picture."""
    here = [track for track in live if track.numbers[-1] == number]
    if len(here) < 2:
        return live
    boxes = np.stack([track.boxes[-1] for track in here]).astype(np.float64)
    sides = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:]) - np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    share = np.clip(sides, 0, None).prod(axis=2) / np.maximum(np.minimum(areas[:, None], areas[None]), 1e-9)
    np.fill_diagonal(share, 0)
    meeting = {id(track) for track, row in zip(here, share, strict=True) if row.max() >= MEET}
    return [track for track in live if id(track) not in meeting]


def _continued_backward(
    track: Track, seen: Sequence[Detections], seconds: np.ndarray, left: dict[int, list[int]]
) -> None:
    """Faint sightings before the first sure one, which nothing forward in time could claim."""
    number = track.numbers[0] - 1
    while number >= 0 and seconds[track.numbers[0]] - seconds[number] <= GAP / 2:
        places = left[number]
        if places:
            expected = track.expected(number, seconds)[None]
            shared = shares(widened(expected), widened(seen[number].boxes[places]))[0]
            if shared.max() >= NEAR_FAINT:
                place = places.pop(int(shared.argmax()))
                _take(track, number, seen[number], place)
        number -= 1


def widened(boxes: np.ndarray, by: float = WIDER) -> np.ndarray:
    """Boxes (n, 4) larger by this share of their size on each side."""
    grow = by * (boxes[:, 2:] - boxes[:, :2])
    return np.concatenate([boxes[:, :2] - grow, boxes[:, 2:] + grow], axis=1)


def shares(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(n, m) intersection over union of boxes (n, 4) and (m, 4)."""
    sides = np.minimum(first[:, None, 2:], second[None, :, 2:]) - np.maximum(first[:, None, :2], second[None, :, :2])
    shared = np.clip(sides, 0, None).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1][None] - shared
    result: np.ndarray = shared / np.maximum(union, 1e-9)
    return result
