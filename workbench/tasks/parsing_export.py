"""A parsing as files and tables that other programs read: palette PNG, mask zip, COCO JSON, measures, agreement of
two."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from PIL import Image

from workbench import drawing
from workbench.errors import BadRequest
from workbench.geometry import apply, compose, invert
from workbench.parts import INDEX, MIRROR, PARTS
from workbench.tasks.mask_shapes import compressed_rle, polygons
from workbench.values import Parsing, check_image

MIDLINE = (10, 151, 9, 8, 168, 6, 197, 195, 5, 4, 1, 2, 164, 0, 17, 18, 200, 199, 175, 152)
"""Mesh points down the middle of the face, forehead to chin."""


def palette_png(parsing: Parsing) -> bytes:
    """A PNG as large as the photo whose values are the canonical part indices, with the parts' colours as its
    palette."""
    picture = Image.fromarray(parsing.labels).convert("P")
    picture.putpalette(drawing.flat_palette())
    return _png(picture)


def masks_zip(parsing: Parsing) -> bytes:
    """A zip of `face<n>/<part>.png`: 255 where the part of that face is, 0 elsewhere, as large as the photo.

    The same parsing gives the same bytes.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:  # PNGs are packed already
        for face, part, mask in masks(parsing):
            entry = zipfile.ZipInfo(f"face{face}/{part}.png", date_time=(2000, 1, 1, 0, 0, 0))
            archive.writestr(entry, _png(Image.fromarray(mask.astype(np.uint8) * 255)))
    return buffer.getvalue()


def coco_json(parsing: Parsing, file_name: str = "photo.png", form: str = "both") -> str:
    """COCO instances: one annotation per face and part; the category is the part, `face` numbers the faces from 1.

    form: "rle" puts compressed run lengths into `segmentation`; "polygons" puts exact outlines there (holes cut open);
    "both" puts the run lengths there and the outlines into `polygons` beside it. Raises BadRequest for another form.
    """
    if form not in ("rle", "polygons", "both"):
        raise BadRequest(f"Expected the form rle, polygons or both, got {form!r}.")
    height, width = parsing.labels.shape
    annotations = [
        {"id": number, "image_id": 1, "category_id": INDEX[part], "face": face, "iscrowd": 0, **_shape(mask, form)}
        for number, (face, part, mask) in enumerate(masks(parsing), start=1)
    ]
    content = {
        "info": {"description": f"Face parts found by the model {parsing.model}"},
        "images": [{"id": 1, "file_name": file_name, "width": width, "height": height}],
        "categories": [{"id": INDEX[part], "name": part, "supercategory": "face"} for part in PARTS[1:]],
        "annotations": annotations,
    }
    return json.dumps(content, separators=(",", ":"))


def measure_parts(image: np.ndarray, parsing: Parsing) -> list[dict[str, Any]]:
    """A row per face and part found: pixels, share of the face's pixels, mean colour as "#rrggbb", and symmetry.

    symmetry: intersection over union of the part with its counterpart (the other eye; the nose for the nose) mirrored
    about the line through the middle of the mesh, 0..1; None without a mesh. A turned head is less symmetric than its
    face. Raises BadRequest when the photo and the parsing differ in size.
    """
    if check_image(image).shape[:2] != parsing.labels.shape:
        raise BadRequest(f"Expected a photo as large as its parsing, {parsing.labels.shape}, got {image.shape[:2]}.")
    rows = []
    for face in range(1, len(parsing.faces) + 1):
        window = _window(parsing.owners == face)
        labels = np.where(parsing.owners[window] == face, parsing.labels[window], 0).astype(np.uint8)
        pixels = np.bincount(labels.ravel(), minlength=len(PARTS))
        sums = [
            np.bincount(labels.ravel(), weights=image[window][..., c].ravel(), minlength=len(PARTS)) for c in range(3)
        ]
        symmetry = _symmetry(parsing, face)
        whole = max(int(pixels[1:].sum()), 1)
        for index in np.flatnonzero(pixels[1:]) + 1:
            red, green, blue = (round(float(channel[index] / pixels[index])) for channel in sums)
            rows.append(
                {
                    "face": face,
                    "part": PARTS[index],
                    "pixels": int(pixels[index]),
                    "share": round(float(pixels[index] / whole), 4),
                    "color": f"#{red:02x}{green:02x}{blue:02x}",
                    "symmetry": None if symmetry is None else round(float(symmetry[index]), 3),
                }
            )
    return rows


def part_iou(first: Parsing, second: Parsing) -> list[dict[str, Any]]:
    """A row per part that either parsing found: both areas in pixels and their intersection over union, 0..1.

    Raises BadRequest when the two are of different photos (sizes differ).
    """
    table = _confusion(first, second)
    ours, theirs, shared = table.sum(axis=1), table.sum(axis=0), np.diag(table)
    return [
        {
            "part": PARTS[index],
            "iou": round(float(shared[index] / (ours[index] + theirs[index] - shared[index])), 4),
            "pixels_first": int(ours[index]),
            "pixels_second": int(theirs[index]),
        }
        for index in range(len(PARTS))
        if ours[index] + theirs[index]
    ]


def disagreement(first: Parsing, second: Parsing) -> np.ndarray:
    """(H, W) uint8: 255 where the two parsings name different parts, 0 where they agree. Raises BadRequest as
    `part_iou`."""
    _check_sizes(first, second)
    return (first.labels != second.labels).astype(np.uint8) * 255


def dissent(maps: np.ndarray) -> np.ndarray:
    """(H, W) float32, 0..1: how far part maps of one photo disagree at each pixel: 0 where all name one part, 1 where
    each names another. maps: (n, H, W) part indices, n at least 2."""
    names = np.sort(maps, axis=0)
    different: np.ndarray = (names[1:] != names[:-1]).sum(axis=0)
    return (different / (len(maps) - 1)).astype(np.float32)


def masks(parsing: Parsing) -> Iterator[tuple[int, str, np.ndarray]]:
    """(face, part, mask) of every part of every face, but background; one mask at a time, as large as the photo."""
    for face in range(1, len(parsing.faces) + 1):
        mine = parsing.owners == face
        window = _window(mine)
        for index in np.unique(parsing.labels[window][mine[window]]):
            if index:
                mask = np.zeros(mine.shape, bool)
                mask[window] = mine[window] & (parsing.labels[window] == index)
                yield face, PARTS[index], mask


def _shape(mask: np.ndarray, form: str) -> dict[str, Any]:
    """A mask's segmentation, box and area as COCO writes them."""
    rows, columns = _window(mask)
    box = [columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start]
    shape: dict[str, Any] = {"bbox": box, "area": int(mask.sum())}
    if form in ("polygons", "both"):
        corner = np.array([columns.start, rows.start])
        outlines = [(corner + outline).ravel().tolist() for outline in polygons(mask[rows, columns])]
        shape["segmentation" if form == "polygons" else "polygons"] = outlines
    if form in ("rle", "both"):
        shape["segmentation"] = {"size": list(mask.shape), "counts": compressed_rle(mask)}
    return shape


def _symmetry(parsing: Parsing, face: int) -> np.ndarray | None:
    """(19,) intersection over union of each part with its mirrored counterpart; None for a face without a mesh."""
    mesh = parsing.faces[face - 1].mesh
    if mesh is None:
        return None
    line = mesh[list(MIDLINE), :2].astype(np.float64)
    along = np.linalg.svd(line - line.mean(axis=0))[2][0]
    flip = 2 * np.outer(along, along) - np.eye(2)
    matrix = np.concatenate([flip, (line.mean(axis=0) - flip @ line.mean(axis=0))[:, None]], axis=1)
    part, matrix = _mirrored_window(parsing.owners == face, matrix)
    labels = np.where(parsing.owners[part] == face, parsing.labels[part], 0).astype(np.uint8)
    swapped = np.array(MIRROR, np.uint8)[labels]
    mirrored = cv2.warpAffine(swapped, matrix, labels.shape[::-1], flags=cv2.INTER_NEAREST)
    table = _counts(labels, mirrored)
    return np.diag(table) / np.maximum(table.sum(axis=0) + table.sum(axis=1) - np.diag(table), 1)


def _mirrored_window(mask: np.ndarray, matrix: np.ndarray) -> tuple[tuple[slice, slice], np.ndarray]:
    """The rows and columns that hold a mask and its mirror image, and the mirroring in their pixels."""
    rows, columns = _window(mask)
    corners = np.array([[x, y] for x in (columns.start, columns.stop) for y in (rows.start, rows.stop)], np.float64)
    points = np.concatenate([corners, apply(matrix, corners)])
    low = np.clip(np.floor(points.min(axis=0)).astype(int) - 1, 0, mask.shape[::-1])
    high = np.clip(np.ceil(points.max(axis=0)).astype(int) + 1, 0, mask.shape[::-1])
    shift = np.array([[1.0, 0, low[0]], [0, 1, low[1]]])
    return (slice(low[1], high[1]), slice(low[0], high[0])), compose(invert(shift), compose(matrix, shift))


def _window(mask: np.ndarray) -> tuple[slice, slice]:
    """The smallest rows and columns that hold the mask; empty ones for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _confusion(first: Parsing, second: Parsing) -> np.ndarray:
    _check_sizes(first, second)
    return _counts(first.labels, second.labels)


def _counts(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(19, 19) pixels that are the row's part in the first map and the column's in the second."""
    pairs = first.astype(np.intp).ravel() * len(PARTS) + second.ravel()
    return np.bincount(pairs, minlength=len(PARTS) ** 2).reshape(len(PARTS), -1)


def _check_sizes(first: Parsing, second: Parsing) -> None:
    if first.labels.shape != second.labels.shape:
        raise BadRequest(
            f"Expected two parsings of one photo, got sizes {first.labels.shape} and {second.labels.shape}."
        )


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()
