"""The faces of a photo on the screen: found once, numbered once, and chosen by number or by place."""

import json
from collections.abc import Sequence
from typing import Any

import gradio as gr

from workbench.bench import Workbench
from workbench.errors import BadRequest, NoFace
from workbench.photo import Found, Photo
from workbench.ui.common.widgets import read_photo
from workbench.values import Face

PLACES = "a number such as Face 2, a point “x, y” or a box “left, top, right, bottom” in pixels of the photo"


def find_in(bench: Workbench, source: Any) -> Found:
    """The photo of a box with all its faces, largest first, in its own pixels; looked for once per photo.

    Raises BadRequest (empty box), BadImage, NoFace.
    """
    photo = read_photo(source, bench.settings)
    for note in photo.notes:
        gr.Info(note, title="About this photo", duration=12)
    return find(bench, photo)


def find(bench: Workbench, photo: Photo) -> Found:
    """The faces of a photo. Raises NoFace."""
    from workbench.tasks.detection import find_faces

    faces = bench.sightings.of(photo.image, lambda image: find_faces(image, bench.finder()))
    if not faces:
        raise NoFace(width=photo.image.shape[1], height=photo.image.shape[0])
    return Found(photo, faces)


def names(count: int) -> list[str]:
    """ "Face 1" and so on: what a list of faces offers."""
    return [f"Face {number}" for number in range(1, count + 1)]


def choice(count: int, chosen: int | None = None) -> Any:
    """A dropdown of as many faces; the only one is chosen, of several the one asked for or none."""
    value = f"Face {chosen}" if chosen else "Face 1" if count == 1 else None
    return gr.Dropdown(names(count), value=value)


def chosen(found: Found, asked: Any) -> tuple[int, Face]:
    """The face that was asked for, with its number; nothing asked: the only one.

    asked: "Face 2", 2, or a place: "x, y", "left, top, right, bottom", or a list of as many numbers. Raises
    ManyFaces when nothing is asked of several, BadRequest when there is no such face or the words mean none.
    """
    number = number_of(found, asked) or found.one()
    return number, found.face(number)


def number_of(found: Found, asked: Any) -> int | None:
    """As `chosen`, the number alone; None when nothing is asked."""
    place = _place(asked)
    if place is not None:
        return found.at(place)
    number = number_in(asked)
    if number is not None:
        found.face(number)
    return number


def number_in(asked: Any) -> int | None:
    """The number in "Face 2", "Face 1 (the largest)", "2" or 2; None for nothing. Raises BadRequest for other words."""
    if isinstance(asked, int) and not isinstance(asked, bool):
        return asked
    word = str(asked or "").strip()
    digits = word.removeprefix("Face ").partition(" (")[0].strip()
    if digits.isdecimal() and len(digits) < 9:
        return int(digits)
    if word:
        raise BadRequest(f"There is no face {word[:40]!r}. Expected {PLACES}.")
    return None


_FARTHEST = 1e9
"""Pixels from a photo's corner, beyond which no place is."""


def _place(asked: Any) -> Sequence[float] | None:
    """A point or a box out of a list or its words; None when it is neither."""
    if isinstance(asked, str) and "," in asked:
        try:
            asked = json.loads(f"[{asked.strip().strip('[]()')}]")
        except (ValueError, RecursionError):
            return None
    if not isinstance(asked, (list, tuple)):
        return None
    if not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in asked):
        return None
    if not all(abs(value) < _FARTHEST for value in asked):  # neither NaN nor a number no float holds
        return None
    return [float(value) for value in asked]
