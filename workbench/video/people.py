"""Which tracks are one person: by a recogniser's vectors, and because nobody is in two places at once."""

from collections.abc import Mapping, Sequence

import numpy as np

from workbench.detections import Detections
from workbench.tasks.recognition import FaceRecogniser, match
from workbench.values import Embedding
from workbench.video.tracks import Track

LEAST = 2
"""Looks of a recogniser that a track needs before it is joined to another one."""
MARGIN = 0.1
"""Share of the way from the threshold to identity that two tracks must agree: a wrong join mixes two people's rows."""


def give_vectors(
    tracks: Sequence[Track], vectors: Mapping[tuple[int, int], np.ndarray], seen: Sequence[Detections]
) -> None:
    """Hand each track what a recogniser saw of it. vectors: by picture and place among its candidates."""
    by_box = {(number, seen[number].boxes[place].tobytes()): vector for (number, place), vector in vectors.items()}
    for track in tracks:
        for number, box in zip(track.numbers, track.boxes, strict=True):
            vector = by_box.get((number, box.tobytes()))
            if vector is not None:
                track.vectors.append((number, vector))


def people(tracks: Sequence[Track], recogniser: FaceRecogniser | None, model: str = "") -> dict[int, int]:
    """Track to person, both counted from 1, people in order of appearance.

    The most alike are joined first, tracks that share a picture never. Without a recogniser every track is somebody.
    """
    groups = [{track.name} for track in tracks]
    by_name = {track.name: track for track in tracks}
    if recogniser is not None:
        means = {track.name: _mean(track, recogniser, model) for track in tracks if len(track.vectors) >= LEAST}
        for margin, first, second in sorted(_pairs(means, recogniser), reverse=True):
            mine, theirs = (next(group for group in groups if name in group) for name in (first, second))
            if mine is not theirs and margin >= MARGIN and not _together(mine, theirs, by_name):
                mine |= theirs
                groups.remove(theirs)
    groups.sort(key=lambda group: min(by_name[name].numbers[0] for name in group))
    return {name: person for person, group in enumerate(groups, start=1) for name in group}


def _mean(track: Track, recogniser: FaceRecogniser, model: str) -> Embedding:
    vectors = np.stack([vector for _, vector in track.vectors]).astype(np.float64)
    mean = vectors.mean(axis=0)
    if str(recogniser.metric) == "cosine":
        mean /= max(float(np.linalg.norm(mean)), 1e-9)
    return Embedding(mean.astype(np.float32), recogniser.metric, model)


def _pairs(means: Mapping[int, Embedding], recogniser: FaceRecogniser) -> list[tuple[float, int, int]]:
    names = sorted(means)
    found = []
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            margin = match(means[first], means[second], recogniser).margin
            if margin is not None:
                found.append((margin, first, second))
    return found


def _together(first: set[int], second: set[int], tracks: Mapping[int, Track]) -> bool:
    mine = {number for name in first for number in tracks[name].numbers}
    return any(number in mine for name in second for number in tracks[name].numbers)
