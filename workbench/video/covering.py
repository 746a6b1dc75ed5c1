"""Where a clip is hidden: each track's face in every picture from before its first sighting until after its last.

A picture in which a face was missed between two sightings is hidden where it must have been, and a little around it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from workbench.values import Face
from workbench.video.seeing import face_of
from workbench.video.tracks import Track

MARGIN = 0.5
"""Seconds hidden before the first and after the last sighting."""
UNSURE = 0.5
"""How much larger a face that was not seen is hidden, half a second from the next sighting."""


@dataclass(frozen=True, slots=True, eq=False)
class Spot:
    """A face that is to be hidden in one picture. track: its track's name; 0: found only by the second search.
    strength: as for `anonymise`. solid: covered by one colour whatever was asked. person: number of the drawn person
    who is shown instead, where a mesh fits; None: nobody, for `reason`, where there is one."""

    face: Face
    track: int
    strength: float
    solid: bool = False
    person: int | None = None
    reason: str = ""

    def stronger(self) -> "Spot":
        """Hidden twice as strongly; beyond the strongest, covered."""
        return replace(self, strength=min(4.0, 2 * self.strength), solid=self.solid or self.strength >= 2)

    def undrawn(self, reason: str) -> "Spot":
        """Hidden plainly, whoever was to be drawn."""
        return self if self.person is None else replace(self, person=None, reason=reason)


def spots(
    track: Track, seconds: np.ndarray, start: int, stop: int, strength: float = 1.0, person: int | None = None
) -> dict[int, Spot]:
    """Where this track is hidden in the pictures from `start` up to `stop`. seconds: when every picture is shown.
    person: who is drawn instead, from the first sighting to the last."""
    first, last = track.numbers[0], track.numbers[-1]
    begin = int(np.searchsorted(seconds, seconds[first] - MARGIN - 1e-9))
    end = int(np.searchsorted(seconds, seconds[last] + MARGIN + 1e-9, side="right"))
    seen = np.array(track.numbers)
    return {
        number: Spot(
            _face(track, seen, seconds, number),
            track.name,
            strength,
            person=person if first <= number <= last else None,
        )
        for number in range(max(begin, start), min(end, stop))
    }


def _face(track: Track, seen: np.ndarray, seconds: np.ndarray, number: int) -> Face:
    after = int(np.searchsorted(seen, number))
    if after < len(seen) and seen[after] == number:
        return face_of(track.boxes[after], track.keypoints[after], track.scores[after])
    if 0 < after < len(seen):
        return _between(track, after, seconds, number)
    place = 0 if after == 0 else len(seen) - 1
    box = track.expected(number, seconds)
    points = track.keypoints[place] + (box - track.boxes[place])[:2]
    return _grown(box, points, abs(seconds[number] - seconds[seen[place]]))


def _between(track: Track, after: int, seconds: np.ndarray, number: int) -> Face:
    before, then = seconds[track.numbers[after - 1]], seconds[track.numbers[after]]
    share = (seconds[number] - before) / max(then - before, 1e-9)
    box = track.boxes[after - 1] * (1 - share) + track.boxes[after] * share
    points = track.keypoints[after - 1] * (1 - share) + track.keypoints[after] * share
    return _grown(box, points, min(seconds[number] - before, then - seconds[number]))


def _grown(box: np.ndarray, points: np.ndarray, away: float) -> Face:
    """A face that was not seen for `away` seconds: hidden the more widely the longer."""
    grow = UNSURE * min(away / 0.5, 1.0) * (box[2:] - box[:2]) / 2
    return face_of(np.concatenate([box[:2] - grow, box[2:] + grow]), points, 0.0)


def covering(hidden: Sequence[Face], box: np.ndarray) -> list[int]:
    """The places of the hidden faces that a box found again belongs to: its middle is inside, or a third of it."""
    if not hidden:
        return []
    boxes = np.stack([face.box for face in hidden]).astype(np.float64)
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    shared = np.clip(sides, 0, None).prod(axis=1)
    middle = (box[:2] + box[2:]) / 2
    within = (boxes[:, :2] <= middle).all(axis=1) & (middle <= boxes[:, 2:]).all(axis=1)
    return [
        int(place) for place in np.flatnonzero((shared > 0) & (within | (shared >= 0.3 * (box[2:] - box[:2]).prod())))
    ]
