"""Small folders with truth, drawn here."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from workbench.parts import INDEX


def photo(path: Path, image: np.ndarray) -> Path:
    """Save a photo, its folder made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
    return path


def mask(path: Path, labels: np.ndarray, palette: bool = True) -> Path:
    """Save a mask of indices."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(labels)
    if palette:
        picture = picture.convert("P")
        picture.putpalette([(7 * i) % 256 for i in range(768)])
    picture.save(path)
    return path


def face(side: int = 64, hair: int = 16, left: int = INDEX["image_left_eye"]) -> np.ndarray:
    """A drawn part map: hair above, skin below, an eye on either side."""
    labels = np.full((side, side), INDEX["skin"], np.uint8)
    labels[:hair] = INDEX["hair"]
    labels[30:36, 12:22] = left
    labels[30:36, 42:52] = INDEX["image_right_eye"] if left == INDEX["image_left_eye"] else INDEX["image_left_eye"]
    return labels


def table(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    """Write a CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    return path
