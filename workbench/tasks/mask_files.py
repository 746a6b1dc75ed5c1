"""Masks out of files: the part map (PNG), COCO, a zip of masks, and our own JSON, which are also written here.

Files are as little trusted as browsers: sizes, counts, names and numbers are checked before anything is unpacked.
"""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

from workbench.errors import BadRequest
from workbench.parts import INDEX, PARTS
from workbench.tasks import parsing_export
from workbench.tasks.mask_edit import checked, owned, picture
from workbench.tasks.mask_shapes import compressed_rle, filled, uncompressed
from workbench.values import Parsing

FORMAT = "face-workbench parsing"
MOST_SHAPES = 5_000
"""Masks in one file."""


def parsing_json(parsing: Parsing, file_name: str = "photo.png") -> str:
    """Our own JSON: photo, model, every face's box, and each of its parts as compressed run lengths."""
    height, width = parsing.labels.shape
    found = [
        {"face": face, "part": part, "rle": compressed_rle(mask)} for face, part, mask in parsing_export.masks(parsing)
    ]
    content = {
        "format": FORMAT,
        "version": 1,
        "model": parsing.model,
        "photo": {"name": file_name, "width": width, "height": height},
        "faces": [{"box": [round(float(value), 2) for value in face.box]} for face in parsing.faces],
        "masks": found,
    }
    return json.dumps(content, separators=(",", ":"))


def read_mask(data: bytes, like: Parsing) -> Parsing:
    """A saved mask as the photo's parsing. data: the file. like: the model's parsing of the same photo.

    A part map without face numbers takes each pixel's face from `like`, or else the nearest. Raises BadRequest when the
    file is none of the four, belongs to a photo of another size or with other faces, or is damaged.
    """
    for begins, read in _READERS.items():
        if data.lstrip()[: len(begins)].startswith(begins) if begins == b"{" else data.startswith(begins):
            labels, owners = read(data, like)
            return Parsing(*checked(labels, owners, len(like.faces)), like.faces, like.model)
    raise BadRequest("Expected a mask saved here: a part map (PNG), COCO (JSON), masks (zip) or our JSON.")


def _from_png(data: bytes, like: Parsing) -> tuple[np.ndarray, np.ndarray]:
    found = picture(data, like.labels.shape)
    if found.mode not in ("P", "L"):
        raise BadRequest("Expected a part map whose values are the part indices (a palette or grey PNG), got colours.")
    labels = np.array(found)
    checked(labels, np.ones_like(labels), 1)
    return labels, owned(labels, like.faces, like)


def _from_json(data: bytes, like: Parsing) -> tuple[np.ndarray, np.ndarray]:
    try:
        content = json.loads(data)
        reader = _from_ours if content.get("format") == FORMAT else _from_coco
        return reader(content, like)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OverflowError) as error:
        raise BadRequest("The JSON is neither COCO with face parts nor a parsing saved here.") from error


def _from_ours(content: dict[str, Any], like: Parsing) -> tuple[np.ndarray, np.ndarray]:
    _check_size(content["photo"]["width"], content["photo"]["height"], like)
    paint, maps = _canvas(like)
    for mask in _few(content["masks"]):
        paint(mask["part"], mask["face"], uncompressed(str(mask["rle"]), like.labels.shape))
    return maps


def _from_coco(content: dict[str, Any], like: Parsing) -> tuple[np.ndarray, np.ndarray]:
    photo, names = content["images"][0], {row["id"]: row["name"] for row in content["categories"]}
    _check_size(photo["width"], photo["height"], like)
    paint, maps = _canvas(like)
    for shape in _few(content["annotations"]):
        outline = shape["segmentation"]
        lengths = isinstance(outline, dict)
        mask = uncompressed(outline["counts"], like.labels.shape) if lengths else filled(outline, like.labels.shape)
        paint(names[shape["category_id"]], shape.get("face", 1), mask)
    return maps


def _from_zip(data: bytes, like: Parsing) -> tuple[np.ndarray, np.ndarray]:
    paint, maps = _canvas(like)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in _few([entry for entry in archive.infolist() if entry.filename.endswith(".png")]):
                if entry.file_size > 8 * like.labels.size + 100_000:
                    raise BadRequest(f"{entry.filename[:60]} in the zip is larger than a mask of this photo can be.")
                face, _, part = entry.filename.removesuffix(".png").rpartition("/")
                number = face.rpartition("/")[2].removeprefix("face")
                mask = np.asarray(picture(archive.read(entry), like.labels.shape).convert("L")) > 127
                paint(part, int(number) if number.isdecimal() and len(number) < 6 else 0, mask)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        raise BadRequest("The zip is damaged, or no zip of masks.") from error
    return maps


_READERS: dict[bytes, Callable[[bytes, Parsing], tuple[np.ndarray, np.ndarray]]] = {
    b"\x89PNG": _from_png,
    b"PK": _from_zip,
    b"{": _from_json,
}


def _canvas(like: Parsing) -> tuple[Callable[[str, Any, np.ndarray], None], tuple[np.ndarray, np.ndarray]]:
    """A function that paints a part of a face, and the labels and owners it paints on."""
    labels, owners = np.zeros_like(like.labels), np.zeros(like.labels.shape, np.uint16)

    def paint(part: str, face: Any, mask: np.ndarray) -> None:
        if part not in INDEX:
            raise BadRequest(f"Unknown part {str(part)[:40]!r}; expected one of {', '.join(PARTS)}.")
        if not isinstance(face, int) or not 1 <= face <= len(like.faces):
            raise BadRequest(f"The file names face {str(face)[:12]}, and the photo has {len(like.faces)}.")
        labels[mask], owners[mask] = INDEX[part], face

    return paint, (labels, owners)


def _few(masks: list[Any]) -> list[Any]:
    if not isinstance(masks, list) or len(masks) > MOST_SHAPES:
        raise BadRequest(f"Expected a list of at most {MOST_SHAPES} masks.")
    return masks


def _check_size(width: Any, height: Any, like: Parsing) -> None:
    if (height, width) != like.labels.shape:
        raise BadRequest(
            f"The mask is of a photo of {str(width)[:9]} × {str(height)[:9]} pixels, and this one has "
            f"{like.labels.shape[1]} × {like.labels.shape[0]}."
        )
