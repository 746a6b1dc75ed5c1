"""A part map that a person corrected: checked, carried to the photo's own size, and scored beside the model's.

Nothing that a browser or a file says is trusted: size, indices and face numbers are checked here.
"""

import io
from typing import Any

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from workbench.errors import BadRequest
from workbench.parts import PARTS
from workbench.tasks.parsing_export import part_iou
from workbench.values import Face, Parsing

BAND = 2
"""Pixels around a change that are enlarged with it, so that its edge finds its way between two pixels."""


def read_codes(png: bytes, shape: tuple[int, ...], faces: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and owners, (H, W), out of a PNG: part in red, face number in green and (its upper byte) blue.

    Raises BadRequest for what is no such PNG, has another size, or names a part or a face that does not exist.
    """
    codes = np.asarray(picture(png, shape).convert("RGB"))
    owners = codes[..., 1].astype(np.uint16) + 256 * codes[..., 2].astype(np.uint16)
    return checked(codes[..., 0], owners, faces)


def checked(labels: np.ndarray, owners: np.ndarray, faces: int) -> tuple[np.ndarray, np.ndarray]:
    """The two maps as `Parsing` wants them; background is nobody's. Raises BadRequest."""
    if labels.size and int(labels.max()) >= len(PARTS):
        raise BadRequest(f"Expected part indices from 0 to {len(PARTS) - 1}, got {int(labels.max())}.")
    owners = np.where(labels > 0, owners, 0)
    if owners.size and int(owners.max()) > faces:
        raise BadRequest(f"Expected face numbers from 1 to {faces}, got {int(owners.max())}.")
    if ((labels > 0) & (owners == 0)).any():
        raise BadRequest("Expected a face for every pixel of a part; some belong to nobody.")
    return np.ascontiguousarray(labels, np.uint8), owners.astype(np.uint8 if faces < 256 else np.uint16)


def picture(data: bytes, shape: tuple[int, ...]) -> Image.Image:
    """A PNG of this (height, width), its size looked at before anything is decoded. Raises BadRequest."""
    try:
        found = Image.open(io.BytesIO(data), formats=["PNG"])
        if found.size != (shape[1], shape[0]):
            raise BadRequest(
                f"The mask is {found.width} × {found.height} pixels and the photo {shape[1]} × {shape[0]}. A mask has "
                f"its photo's size."
            )
        found.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadRequest("The mask did not arrive as a whole PNG. Please try again.") from error
    return found


def carried(parsing: Parsing, before: Parsing, labels: np.ndarray, owners: np.ndarray) -> Parsing:
    """The parsing with what was changed on a smaller copy of it.

    before: the copy as it was shown; labels, owners: as it came back. Where nothing was changed every pixel stays as it
    is; around a change the new parts are enlarged with smooth edges.
    """
    changed = (labels != before.labels) | (owners != before.owners)
    if not changed.any():
        return parsing
    if labels.shape == parsing.labels.shape:
        return Parsing(labels, owners, parsing.faces, parsing.model)
    rows, columns = _around(changed)
    scale = [large / small for large, small in zip(parsing.labels.shape, labels.shape, strict=True)]
    top, left = (round(cut.start * s) for cut, s in zip((rows, columns), scale, strict=True))
    bottom, right = (round(cut.stop * s) for cut, s in zip((rows, columns), scale, strict=True))
    size, here = (right - left, bottom - top), (slice(top, bottom), slice(left, right))
    number = owners[rows, columns].astype(np.int32) * len(PARTS) + labels[rows, columns]
    best, code = np.full(size[::-1], -1.0, np.float32), np.zeros(size[::-1], np.int32)
    for each in np.unique(number):
        share = cv2.resize((number == each).astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
        higher = share > best
        best[higher], code[higher] = share[higher], each
    touched = cv2.resize(changed[rows, columns].astype(np.float32), size, interpolation=cv2.INTER_LINEAR) > 0.25
    out_labels, out_owners = parsing.labels.copy(), parsing.owners.copy()
    out_labels[here][touched] = (code % len(PARTS))[touched]
    out_owners[here][touched] = (code // len(PARTS))[touched]
    return Parsing(out_labels, out_owners, parsing.faces, parsing.model)


def _around(mask: np.ndarray) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        slice(max(int(rows[0]) - BAND, 0), min(int(rows[-1]) + 1 + BAND, mask.shape[0])),
        slice(max(int(columns[0]) - BAND, 0), min(int(columns[-1]) + 1 + BAND, mask.shape[1])),
    )


def owned(labels: np.ndarray, faces: tuple[Face, ...], like: Parsing | None = None) -> np.ndarray:
    """(H, W): whose each part pixel is, for a map that does not say: as in `like` where it has an owner, else the face
    whose middle is nearest in face sizes."""
    kind = np.uint8 if len(faces) < 256 else np.uint16
    if not faces:
        raise BadRequest("Expected a photo with a face: parts belong to faces.")
    y, x = np.nonzero(labels)
    owners = np.zeros(labels.shape, kind)
    if len(faces) == 1:
        owners[y, x] = 1
        return owners
    middles = np.array([(face.box[:2] + face.box[2:]) / 2 for face in faces])
    nearest, best = np.ones(len(y), kind), np.full(len(y), np.inf)
    for number, (face, middle) in enumerate(zip(faces, middles, strict=True), start=1):
        far = ((x - middle[0]) ** 2 + (y - middle[1]) ** 2) / face.size**2
        nearer = far < best
        nearest[nearer], best[nearer] = number, far[nearer]
    if like is not None:
        known = like.owners[y, x]
        nearest = np.where(known > 0, known, nearest).astype(kind)
    owners[y, x] = nearest
    return owners


def score(model: Parsing, corrected: Parsing) -> list[dict[str, Any]]:
    """A row per part: how much the model's agrees with the corrected mask (IoU, 0..1), and both areas in pixels.

    Raises BadRequest when the two are of different photos.
    """
    return [
        {
            "part": row["part"],
            "iou": row["iou"],
            "pixels_model": row["pixels_first"],
            "pixels_corrected": row["pixels_second"],
        }
        for row in part_iou(model, corrected)
    ]
