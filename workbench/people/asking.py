"""Asks a recogniser about the faces of photos: a row for each face, as tables and shards keep it."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workbench.decoding import decode
from workbench.errors import BadRequest, Cancelled, FaceTooSmall, NoFace, WorkbenchError
from workbench.people.faces import Faces, from_rows, picture
from workbench.settings import Settings
from workbench.tasks.detection import find_faces
from workbench.tasks.face_search import FaceFinder
from workbench.tasks.recognition import FaceRecogniser, embed
from workbench.watch import Watch

COLUMNS = ("face", "left", "top", "right", "bottom", "embedding", "picture")


def look(
    photo: Path | bytes, finder: FaceFinder, model: FaceRecogniser, settings: Settings, largest: bool = False
) -> tuple[Mapping[str, Any], ...]:
    """A row for every face of a photo that can be compared, largest first, or for its largest one.

    Faces turned so far that no mesh fits, and faces too small, are left out. Raises NoFace when none is left, BadImage.
    """
    return look_at(decode(photo, settings), finder, model, largest)


def look_at(
    image: np.ndarray, finder: FaceFinder, model: FaceRecogniser, largest: bool = False
) -> tuple[Mapping[str, Any], ...]:
    """The same of a photo that is open already, (H, W, 3) uint8."""
    found = find_faces(image, finder)
    if not found:
        raise NoFace(width=image.shape[1], height=image.shape[0])
    rows, why = [], ""
    for number, face in enumerate(found[:1] if largest else found, start=1):
        try:
            vector = embed(image, face, model).vector
        except (BadRequest, FaceTooSmall) as error:
            why = str(error)
            continue
        sides = (f"{side:.1f}" for side in face.box)
        texts = (vector.astype("<f4").tobytes(), picture(model.align(image, face)))
        values = (number, *sides, *(base64.b64encode(text).decode() for text in texts))
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    if not rows:
        raise NoFace(why)
    return tuple(rows)


def ask(
    photos: Sequence[tuple[str, Path]],
    finder: FaceFinder,
    model: FaceRecogniser,
    settings: Settings,
    *,
    largest: bool = False,
    watch: Watch | None = None,
) -> Faces:
    """The faces of photos, (name, file) each, in this process; what fails is kept with its reason. Raises BadRequest
    where no photo shows a face, Cancelled."""
    rows = _rows(photos, finder, model, settings, largest, watch or Watch())
    return from_rows(rows, model.spec.id, model.metric, model.threshold)  # type: ignore[attr-defined]


def _rows(
    photos: Sequence[tuple[str, Path]],
    finder: FaceFinder,
    model: FaceRecogniser,
    settings: Settings,
    largest: bool,
    watch: Watch,
) -> Iterator[Mapping[str, Any]]:
    for place, (name, path) in enumerate(photos):
        watch.tell(place / len(photos), f"{place} of {len(photos)} photos")
        try:
            found = look(path, finder, model, settings, largest)
        except Cancelled:
            raise
        except WorkbenchError as error:
            yield {"file": name, "error": str(error)}
            continue
        yield from ({"file": name, **row} for row in found)


def vector(image: np.ndarray, finder: FaceFinder, model: FaceRecogniser) -> np.ndarray:
    """(d,) of the largest face of a photo, to search for. Raises NoFace."""
    (row,) = look_at(image, finder, model, largest=True)
    return np.frombuffer(base64.b64decode(row["embedding"]), "<f4")
