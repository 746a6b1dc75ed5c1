"""Photos in, photos out, crops and back. Pixels and matrices only: knows nothing of models.

A matrix is (2, 3) float64 and takes photo points (x, y), with (0, 0) the centre of the top-left pixel, to crop points.
What needs no pixels is in `geometry.py` and reached from here too.
"""

import io
import stat
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError, features

from workbench.errors import BadImage, BadRequest, ImageTooLarge
from workbench.geometry import (
    ARCFACE_112,
    DLIB_CHIP_150,
    DLIB_POINTS,
    aligned,
    apply,
    celeba_quad,
    compose,
    face_window,
    invert,
    similarity,
    square_crop,
    stretch,
    umeyama,
)
from workbench.settings import Settings
from workbench.values import check_image

__all__ = [
    "ARCFACE_112",
    "DLIB_CHIP_150",
    "DLIB_POINTS",
    "aligned",
    "apply",
    "celeba_quad",
    "compose",
    "decode",
    "encode_jpeg",
    "encode_png",
    "face_window",
    "invert",
    "limit",
    "paste",
    "shrink",
    "similarity",
    "square_crop",
    "stretch",
    "umeyama",
    "warp",
]

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", *(["AVIF"] if features.check("avif") else []))
"""What is read; multi-picture JPEGs are JPEGs. Pillow knows more, but some of those start other programs (EPS) or are
no photos."""

BORDERS = {"replicate": cv2.BORDER_REPLICATE, "black": cv2.BORDER_CONSTANT, "reflect": cv2.BORDER_REFLECT_101}

_SIGNS = (
    (b"%PDF", "a PDF document"),
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "an XML file, perhaps an SVG drawing"),
    (b"%!PS", "a PostScript file"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1aE\xdf\xa3", "a video"),
)
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    KeyError,
    IndexError,
    OverflowError,
    struct.error,
    zlib.error,
)
"""What Pillow's readers raise for files that break off or contradict themselves."""


def decode(source: bytes | Path, settings: Settings) -> np.ndarray:
    """The photo of a file or of its bytes: RGB uint8, upright, transparency over white, the first of several frames.

    Raises ImageTooLarge before decoding when it has more than `settings.max_bytes` bytes or `settings.max_pixels`
    pixels, and BadImage when it is no photo, or breaks off.
    """
    data = _read(source, settings.max_bytes)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            _check_size(picture.size, settings.max_pixels)
            picture.load()
            return _as_rgb(picture, _turn(picture))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLarge(
            f"Expected at most {settings.max_pixels / 1e6:.0f} megapixels, got more. Make the picture smaller."
        ) from error
    except UnidentifiedImageError as error:
        raise BadImage(
            f"Expected a photo (JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF), got {_kind(data)}. Save it as JPEG or PNG."
        ) from error
    except _BROKEN as error:
        raise BadImage(f"The picture is damaged or breaks off ({error}). Save or download it again.") from error


def _read(source: bytes | Path, max_bytes: int) -> bytes:
    data = source if isinstance(source, bytes) else _read_file(source, max_bytes)
    if len(data) > max_bytes:
        raise ImageTooLarge(
            f"Expected a file of at most {max_bytes / 1e6:.0f} MB, got {len(data) / 1e6:.0f} MB. Make the picture "
            f"smaller."
        )
    if not data:
        raise BadImage("Expected a photo, got an empty file. Save or download it again.")
    return data


def _read_file(path: Path, max_bytes: int) -> bytes:
    """The bytes of a regular file; a device, a pipe or a folder is refused before anything waits for it."""
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise BadImage(f"The file {path.name} cannot be read: expected a photo, got no regular file.")
        if state.st_size > max_bytes:
            raise ImageTooLarge(
                f"Expected a file of at most {max_bytes / 1e6:.0f} MB, got {state.st_size / 1e6:.0f} MB. Make the "
                f"picture smaller."
            )
        with path.open("rb") as stream:
            return stream.read(max_bytes + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BadImage(f"The file {path.name} cannot be read: {reason}.") from error


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    if size[0] * size[1] > max_pixels:
        raise ImageTooLarge(
            f"Expected at most {max_pixels / 1e6:.0f} megapixels, got {size[0]} × {size[1]} = "
            f"{size[0] * size[1] / 1e6:.0f}. "
            "Make the picture smaller."
        )


def _kind(data: bytes) -> str:
    start = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n")
    for sign, name in _SIGNS:
        if start.lower().startswith(sign.lower()):
            return name
    if data[4:8] == b"ftyp":
        return "an HEIC picture" if data[8:11] in (b"hei", b"hev", b"mif") else "a video"
    return "a text file" if all(byte >= 32 or byte in b"\t\r\n" for byte in start) else "a file of another kind"


def _turn(picture: Image.Image) -> Image.Transpose | None:
    """What makes the picture upright according to its EXIF orientation; a picture whose EXIF is broken has none."""
    try:
        orientation = picture.getexif().get(0x0112, 1)
    except _BROKEN:
        return None
    turns = Image.Transpose
    return {
        2: turns.FLIP_LEFT_RIGHT,
        3: turns.ROTATE_180,
        4: turns.FLIP_TOP_BOTTOM,
        5: turns.TRANSPOSE,
        6: turns.ROTATE_270,
        7: turns.TRANSVERSE,
        8: turns.ROTATE_90,
    }.get(orientation)


def _as_rgb(picture: Image.Image, turn: Image.Transpose | None) -> np.ndarray:
    if picture.mode.startswith("I") or picture.mode == "F":
        picture = _eight_bits(picture)
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    picture = picture.convert("RGB")
    return np.array(picture if turn is None else picture.transpose(turn))


def _eight_bits(picture: Image.Image) -> Image.Image:
    """16- and 32-bit grey: integers count to 65535, fractions to 1 unless some are larger, then to 255."""
    values = np.nan_to_num(np.asarray(picture).astype(np.float64))
    most = 65535.0 if picture.mode.startswith("I") else 1.0 if values.max(initial=0) <= 1 else 255.0
    return Image.fromarray((np.clip(values / most, 0, 1) * 255).round().astype(np.uint8))


def limit(image: np.ndarray, side: int) -> np.ndarray:
    """The photo itself, or made smaller so that neither side is longer than `side` pixels."""
    height, width = check_image(image).shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image
    return cv2.resize(
        image, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA
    )


def shrink(image: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """The photo with its longer side brought down to `side`, quickly, and the scale; the photo itself when it is no
    larger.

    Halved until less than twice too large, then averaged: four times as fast as averaging at once. Halving drops the
    last of an odd number of rows or columns, which may leave the result a pixel smaller. Points are right to a pixel of
    the small picture: for looking, not for measuring.
    """
    scale = side / max(image.shape[:2])
    if scale >= 1:
        return image, 1.0
    left = scale
    while left <= 0.5 and min(image.shape[:2]) >= 2:
        image = cv2.resize(
            image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2],
            None,
            fx=0.5,
            fy=0.5,
            interpolation=cv2.INTER_AREA,
        )
        left *= 2
    size = max(1, round(image.shape[1] * left)), max(1, round(image.shape[0] * left))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), scale


def encode_png(image: np.ndarray) -> bytes:
    """The picture as PNG without any metadata; every value survives. Takes (H, W, 3) RGB or (H, W) uint8."""
    return _encoded(Image.fromarray(image), "PNG", compress_level=3)


def encode_jpeg(image: np.ndarray, quality: int = 92) -> bytes:
    """The picture as JPEG without any metadata."""
    return _encoded(Image.fromarray(check_image(image)), "JPEG", quality=quality, subsampling=0)


def _encoded(picture: Image.Image, format: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def warp(
    image: np.ndarray, matrix: np.ndarray, size: tuple[int, int], border: str = "replicate", *, nearest: bool = False
) -> np.ndarray:
    """The crop of `size` (width, height) that `matrix` takes out of the image: (height, width[, channels up to 4]),
    same dtype.

    Bilinear; where the crop shrinks the photo more than twofold, its part of the photo is averaged down first, so that
    nothing aliases. border: what lies outside the photo: "replicate", "black" or "reflect". nearest: for label maps,
    whose values must not mix. Raises BadRequest for another border.
    """
    if border not in BORDERS:
        raise BadRequest(f"Expected a border of {', '.join(BORDERS)}, got {border!r}.")
    factor = int(1 / np.sqrt(max(abs(np.linalg.det(matrix[:, :2])), 1e-12)))
    if factor >= 2 and not nearest:
        image, matrix = _averaged(image, matrix, size, factor)
    flags = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    return cv2.warpAffine(image, matrix, size, flags=flags, borderMode=BORDERS[border])


def _averaged(
    image: np.ndarray, matrix: np.ndarray, size: tuple[int, int], factor: int
) -> tuple[np.ndarray, np.ndarray]:
    """The part of the image under the crop, `factor` times smaller, and the matrix from there to the crop."""
    height, width = image.shape[:2]
    corners = apply(invert(matrix), np.array([[0, 0], [size[0], 0], [0, size[1]], size], np.float64))
    left, top = np.clip(
        np.floor(corners.min(axis=0)).astype(int) - factor, 0, (max(width - factor, 0), max(height - factor, 0))
    )
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 2 * factor, (left + 1, top + 1), (width, height))
    columns, rows = (right - left) // factor, (bottom - top) // factor
    if not columns or not rows:
        return image, matrix
    part = image[top : top + rows * factor, left : left + columns * factor]
    back = np.array([[factor, 0, left + (factor - 1) / 2], [0, factor, top + (factor - 1) / 2]], np.float64)
    return cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA), compose(matrix, back)


def paste(photo: np.ndarray, crop: np.ndarray, matrix: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """A copy of the photo with the crop back where `matrix` took it from.

    mask: (height, width) of the crop, bool or 0..1: how much of the crop to take; without one, all of it. Pixels of the
    photo outside the crop stay as they are, to the bit.
    """
    height, width = crop.shape[:2]
    edges = apply(
        invert(matrix), np.array([[-0.5, -0.5], [width - 0.5, -0.5], [-0.5, height - 0.5], [width - 0.5, height - 0.5]])
    )
    left, top = np.clip(np.floor(edges.min(axis=0)).astype(int), 0, photo.shape[1::-1])
    right, bottom = np.clip(np.ceil(edges.max(axis=0)).astype(int) + 1, 0, photo.shape[1::-1])
    result = photo.copy()
    if right <= left or bottom <= top:
        return result
    size = int(right - left), int(bottom - top)
    here = compose(np.array([[1.0, 0, -left], [0, 1, -top]]), invert(matrix))
    weight = warp(
        np.ones((height, width), np.float32) if mask is None else mask.astype(np.float32), here, size, "black"
    )[..., None]
    there = result[top:bottom, left:right]
    mixed = there + weight * (warp(crop, here, size).astype(np.float32) - there)
    there[:] = np.clip(np.round(mixed), 0, 255).astype(photo.dtype)
    return result
