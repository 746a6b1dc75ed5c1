"""COCO's JSON as truth: boxes of faces, or shapes of face parts where its categories are parts."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import BadRequest
from workbench.evaluation.folders import PHOTO_FOLDERS, first_folder, inside, unmatched
from workbench.evaluation.truth import Case, Shapes, Truth, part_of
from workbench.parts import INDEX

NAMES = ("annotations.json", "_annotations.coco.json", "coco.json", "instances*.json", "annotations/*.json")
LARGEST = 500_000_000
_FARTHEST = 1e6
"""Pixels from a photo's corner, beyond which a box is none."""
_FALLS = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OverflowError)


def coco_file(folder: Path) -> Path | None:
    """The first file with a name COCO's truth has."""
    return next((path for pattern in NAMES for path in sorted(folder.glob(pattern)) if path.is_file()), None)


def read_coco(folder: Path, parts: tuple[str, ...]) -> Truth:
    """Boxes, or masks where a category is one of our parts. Raises BadRequest naming what is wrong."""
    path = coco_file(folder)
    assert path is not None
    try:
        if path.stat().st_size > LARGEST:
            raise BadRequest(f"{path.name}: larger than {LARGEST // 10**6} MB.")
        content = json.loads(path.read_text(encoding="utf-8"))
        names = {row["id"]: part_of(str(row["name"])) for row in content["categories"]}
        rows: dict[Any, list[dict[str, Any]]] = {}
        for row in content["annotations"]:
            rows.setdefault(row["image_id"], []).append(row)
        return (
            _masks(folder, path, content, names, rows) if any(names.values()) else _boxes(folder, path, content, rows)
        )
    except _FALLS as error:
        raise BadRequest(
            f"{path.name}: expected COCO's images, annotations and categories ({str(error)[:80]})."
        ) from error


def _photo(folder: Path, image: dict[str, Any]) -> Path | None:
    images = first_folder(folder, PHOTO_FOLDERS) or folder
    name = str(image["file_name"])
    return inside(folder, images, name) or inside(folder, images, Path(name).name)


def _boxes(folder: Path, path: Path, content: dict[str, Any], rows: dict[Any, list[dict[str, Any]]]) -> Truth:
    cases, absent = [], 0
    for image in content["images"]:
        photo, told = _photo(folder, image), rows.get(image["id"], [])
        absent += photo is None
        if photo is not None:
            here = [row for row in told if not row.get("iscrowd")]
            crowd = [row for row in told if row.get("iscrowd")]
            name = photo.relative_to(folder).as_posix()
            cases.append(Case(name, photo, boxes=_corners(here, path), crowd=_corners(crowd, path)))
    return Truth("boxes", f"COCO boxes, {path.name}", tuple(cases), notes=unmatched(0, absent))


def _corners(rows: list[dict[str, Any]], path: Path) -> np.ndarray:
    """(n, 4) float32: left, top, right, bottom; COCO counts from the edge of a pixel, we from its centre."""
    boxes = np.array([row["bbox"] for row in rows], np.float64).reshape(-1, 4)
    if not (np.abs(boxes) < _FARTHEST).all() or (boxes[:, 2:] <= 0).any():
        raise BadRequest(f"{path.name}: bbox: expected x, y and a width and height above 0, within a picture.")
    return np.asarray(np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1) - 0.5, np.float32)


def _masks(
    folder: Path, path: Path, content: dict[str, Any], names: dict[Any, str], rows: dict[Any, list[dict[str, Any]]]
) -> Truth:
    cases, absent = [], 0
    for image in content["images"]:
        photo = _photo(folder, image)
        absent += photo is None
        shapes = tuple((names[row["category_id"]], row["segmentation"]) for row in rows.get(image["id"], []))
        kept = tuple((part, shape) for part, shape in shapes if part and shape)
        if photo is not None and kept:
            size = (int(image["height"]), int(image["width"]))
            cases.append(Case(photo.relative_to(folder).as_posix(), photo, shapes=Shapes(size, kept)))
    known = ("background", *sorted({name for name in names.values() if name}, key=lambda name: INDEX[name]))
    return Truth("parsing", f"COCO masks, {path.name}", tuple(cases), parts=known, notes=unmatched(0, absent))
