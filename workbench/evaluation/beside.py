"""Layouts of single data sets: Helen's one picture per part, iBugMask's masks beside the photos, FER2013's list."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from workbench.batch.files import write_atomically
from workbench.errors import BadRequest
from workbench.evaluation.folders import PHOTO_FOLDERS, first_folder, photos_in, unmatched
from workbench.evaluation.truth import VOCABULARIES, Case, Truth
from workbench.images import encode_png
from workbench.parts import PARTS

FER2013 = ("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""FER2013 numbers its labels so."""
_SIDE = 48
_WRITTEN = "fer2013-images"
_PHOTOS = (".jpg", ".jpeg")


def has_helen(folder: Path) -> bool:
    """Whether masks lie as Helen's: `labels/NAME/NAME_lbl01.png`."""
    return next(folder.glob("labels/*/*_lbl01.png"), None) is not None


def read_helen(folder: Path, parts: tuple[str, ...]) -> Truth:
    """Helen (Smith et al., CVPR 2013): one grey picture per part, eleven a photo."""
    names, images = VOCABULARIES["helen"], first_folder(folder, PHOTO_FOLDERS) or folder
    found = {path.name: path for path in sorted((folder / "labels").iterdir()) if path.is_dir()}
    cases, without = [], 0
    for photo in photos_in(images):
        place = found.pop(photo.stem, None)
        masks = {} if place is None else {
            part: path for number, part in enumerate(names)
            if number and (path := place / f"{photo.stem}_lbl{number:02d}.png").is_file()
        }  # fmt: skip
        without += not masks
        if masks:
            cases.append(Case(photo.relative_to(folder).as_posix(), photo, masks=masks))
    note = unmatched(without, len(found))
    return Truth("parsing", "Helen, one file per part", tuple(cases), parts=names, notes=note)


def has_masks_beside(folder: Path) -> bool:
    """Whether a PNG of the same name lies beside a JPEG."""
    return any(_mask(photo) is not None for photo in photos_in(folder))


def _mask(photo: Path) -> Path | None:
    path = photo.with_suffix(".png")
    return path if photo.suffix.lower() in _PHOTOS and path.is_file() else None


def read_masks_beside(folder: Path, parts: tuple[str, ...]) -> Truth:
    """`7.jpg` and `7.png` beside each other, as iBugMask ships them; its indices unless other words are given."""
    names = VOCABULARIES["ibugmask"] if parts is PARTS else parts
    photos = [photo for photo in photos_in(folder) if photo.suffix.lower() in _PHOTOS]
    cases = [
        Case(photo.relative_to(folder).as_posix(), photo, masks={"": mask})
        for photo in photos
        if (mask := _mask(photo)) is not None
    ]
    note = unmatched(len(photos) - len(cases), 0)
    return Truth("parsing", "a PNG beside each JPEG", tuple(cases), parts=names, notes=note)


def fer_list(folder: Path) -> Path | None:
    """FER2013's list of labels and pixels."""
    return next((folder / name for name in ("fer2013.csv", "icml_face_data.csv") if (folder / name).is_file()), None)


def read_fer(folder: Path, parts: tuple[str, ...]) -> Truth:
    """FER2013's list; its pictures are written beside it as PNG, once. Usage is a group.

    Raises BadRequest naming a line that is wrong."""
    path = fer_list(folder)
    assert path is not None
    out = folder / _WRITTEN
    out.mkdir(exist_ok=True)
    cases = []
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for number, row in _rows(stream, path.name):
            told = {str(key).strip().lower(): str(value or "").strip() for key, value in row.items() if key}
            label, pixels = told.get("emotion", ""), told.get("pixels", "").split()
            if label not in map(str, range(len(FER2013))) or len(pixels) != _SIDE**2 or not _bytes(pixels):
                raise BadRequest(f"{path.name}, line {number}: expected emotion 0 to 6 and {_SIDE**2} pixels 0 to 255.")
            photo = out / f"{number - 2:05d}.png"
            if not photo.is_file():
                write_atomically(photo, encode_png(np.array(pixels, np.uint8).reshape(_SIDE, _SIDE)))
            groups = {"usage": told["usage"]} if told.get("usage") else {}
            cases.append(Case(f"{_WRITTEN}/{photo.name}", photo, label=FER2013[int(label)], groups=groups))
    return Truth("labels", "FER2013's list", tuple(cases))


def _bytes(pixels: list[str]) -> bool:
    return all(word.isdecimal() and len(word) <= 3 and int(word) <= 255 for word in pixels)


def _rows(stream: TextIO, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The lines of a table with their numbers. Raises BadRequest for one that no table has: a cell without end, bytes
    that are no text."""
    try:
        yield from enumerate(csv.DictReader(stream, skipinitialspace=True), 2)
    except (csv.Error, UnicodeDecodeError) as error:
        raise BadRequest(f"{name} cannot be read as a CSV in UTF-8: {error}.") from error
