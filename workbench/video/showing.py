"""A picture of a clip with its people drawn on: box, points, name, what was read; steady, but never late."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from workbench import drawing
from workbench.values import Face, Parsing
from workbench.video.smoothing import OneEuro

COLOURS = (
    *((66, 135, 245), (235, 120, 30), (60, 180, 90), (200, 70, 200), (230, 60, 80)),
    *((40, 190, 200), (240, 200, 40), (150, 110, 230), (140, 150, 60), (250, 140, 180)),
)
"""One per person, again from the start after ten."""
STEP = 3
"""Of the mesh's points every third is drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A face to draw. person, track: their numbers. row: what was read of it."""

    face: Face
    person: int
    track: int
    row: dict[str, Any]


def draw(
    image: np.ndarray,
    faces: Sequence[Drawn],
    seconds: float,
    smooth: dict[int, OneEuro],
    parsing: Parsing | None = None,
) -> np.ndarray:
    """A copy of the picture. smooth: a filter per track, which this picture moves on. parsing: its parts, coloured."""
    result = image.copy() if parsing is None else drawing.overlay(image, parsing.labels, 0.45)
    for each in faces:
        face = each.face
        points = face.points if face.mesh is None else face.mesh[::STEP, :2]
        raw = np.concatenate([face.box.reshape(2, 2), points])
        steady = smooth.setdefault(each.track, OneEuro())(raw, seconds, face.size)
        _draw_one(result, each, steady)
    return result


def _draw_one(result: np.ndarray, each: Drawn, steady: np.ndarray) -> None:
    colour = COLOURS[(each.person - 1) % len(COLOURS)]
    width = max(1, round(each.face.size / 120))
    (left, top), (right, bottom) = np.clip(np.round(steady[:2]), -30_000, 30_000).astype(int)
    cv2.rectangle(result, (int(left), int(top)), (int(right), int(bottom)), colour, width, cv2.LINE_AA)
    if len(steady) > 10:
        for point in np.clip(steady[2:], -30_000, 30_000):
            cv2.circle(
                result, (round(point[0] * 16), round(point[1] * 16)), 16 * max(1, width - 1), colour, -1, cv2.LINE_AA, 4
            )
    _label(result, _words(each), (int(left), int(top)), max(0.4, each.face.size / 280), colour)


def _label(result: np.ndarray, words: str, corner: tuple[int, int], scale: float, colour: tuple[int, int, int]) -> None:
    """White words on a bar in the person's colour, above the box or, at the edge, inside the picture."""
    thick = max(1, round(scale * 1.6))
    (width, height), under = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
    left, bottom = corner[0], max(corner[1] - 1, height + under + 2)
    cv2.rectangle(result, (left, bottom - height - under - 2), (left + width + 4, bottom), colour, -1)
    white = (255, 255, 255)
    cv2.putText(result, words, (left + 2, bottom - under), cv2.FONT_HERSHEY_SIMPLEX, scale, white, thick, cv2.LINE_AA)


def _words(each: Drawn) -> str:
    """ "Person 2: happy", by what an expression model said."""
    said = each.row.get("expression")
    return f"Person {each.person}" + (f": {said}" if said else "")
