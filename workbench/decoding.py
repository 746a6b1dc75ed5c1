"""Files in, photos out: every format that is read, upright and in sRGB, and a sentence for everything else.

Pixels only: knows nothing of models.
"""

import io
import logging
import re
import stat
import struct
import zlib
from pathlib import Path

import numpy as np
import pi_heif
from PIL import Image, UnidentifiedImageError, features

from workbench import marks
from workbench.colour import to_srgb
from workbench.errors import BadImage, ImageTooLarge
from workbench.photo import Photo
from workbench.settings import Settings

log = logging.getLogger("workbench")

pi_heif.register_heif_opener(decode_threads=2, thumbnails=False)

FORMATS = (
    *("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF"),
    *(["AVIF"] if features.check("avif") else []),
    *(["JPEG2000"] if features.check("jpg_2000") else []),
)
"""What is read; multi-picture JPEGs are JPEGs. Pillow knows more, but some of those start other programs (EPS) or are
no photos."""

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif"}
    | {".heic", ".heif", ".jp2", ".j2k"}
)
"""How the names of photos end, in small letters: what folder commands try to read. One that cannot be decoded here is
listed with its reason, never left out."""

STRIP = 1 << 22
"""Pixels of a deep picture that are brought to eight bits at a time."""

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
    RuntimeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    struct.error,
    zlib.error,
)
"""What the readers raise for files that break off or contradict themselves."""

_XMP_ORIENTATION = re.compile(rb"""tiff:Orientation\s*(?:=\s*["']|>)\s*([1-8])""")


def decode(source: bytes | Path, settings: Settings) -> np.ndarray:
    """The photo of a file or of its bytes: sRGB uint8, upright, transparency over white, the first of several frames.

    Raises ImageTooLarge before decoding when it has more than `settings.max_bytes` bytes or `settings.max_pixels`
    pixels, and BadImage when it is no photo, or breaks off. What could not be heeded goes to the log, without a name.
    """
    photo = read(source, settings)
    for note in photo.notes:
        log.warning("%s", note)
    return photo.image


def read(source: bytes | Path, settings: Settings, name: str = "") -> Photo:
    """As `decode`, with the photo's name and with what could not be heeded (its colour profile).

    name: what to call it; without one the file's own.
    """
    data = _bytes_of(source, settings.max_bytes)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            _check_size(picture.size, settings.max_pixels)
            picture.load()
            image, notes = _as_rgb(picture, _turn(picture, data), data)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLarge(
            f"Expected at most {settings.max_pixels / 1e6:.0f} megapixels, got more. Make the picture smaller."
        ) from error
    except UnidentifiedImageError as error:
        raise BadImage(
            f"Expected a photo (JPEG, PNG, WebP, HEIC, AVIF, TIFF, GIF, BMP or JPEG 2000), got {_kind(data)}. Save it "
            "as JPEG or PNG."
        ) from error
    except MemoryError as error:
        raise ImageTooLarge("The picture asks for more memory than there is. Make it smaller.") from error
    except _BROKEN as error:
        raise BadImage(f"The picture is damaged or breaks off ({error}). Save or download it again.") from error
    return Photo(image, name or (source.name if isinstance(source, Path) else ""), notes, marks.read(data).source)


def content(path: Path, settings: Settings) -> bytes:
    """The bytes of a photo's file, to be hashed and decoded. Raises BadImage, ImageTooLarge."""
    return _bytes_of(path, settings.max_bytes)


def _bytes_of(source: bytes | Path, max_bytes: int) -> bytes:
    if not isinstance(source, (bytes, Path)):
        raise BadImage(f"Expected the bytes of a photo or the Path of its file, got {type(source).__name__}.")
    data = source if isinstance(source, bytes) else _read_file(source, max_bytes)
    if len(data) > max_bytes:
        raise ImageTooLarge(
            f"Expected a file of at most {max_bytes / 1e6:.0f} MB, got {len(data) / 1e6:.0f} MB. Make the picture "
            f"smaller.",
            got=len(data),
            most=max_bytes,
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
                f"picture smaller.",
                got=state.st_size,
                most=max_bytes,
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
            "Make the picture smaller.",
            got=size[0] * size[1],
            most=max_pixels,
        )


def _kind(data: bytes) -> str:
    start = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n")
    for sign, name in _SIGNS:
        if start.lower().startswith(sign.lower()):
            return name
    if data[4:8] == b"ftyp":
        return "a video"
    return "a text file" if all(byte >= 32 or byte in b"\t\r\n" for byte in start) else "a file of another kind"


def _turn(picture: Image.Image, data: bytes) -> Image.Transpose | None:
    """What makes the picture upright according to its EXIF orientation, or its XMP's where EXIF says nothing.

    HEIC and AVIF pictures come upright from their readers. A picture whose EXIF is broken is left as it is stored.
    """
    try:
        orientation = picture.getexif().get(0x0112)
    except _BROKEN:
        orientation = None
    if orientation is None and picture.format not in ("HEIF", "AVIF"):
        told = _XMP_ORIENTATION.search(_xmp(picture, data))
        orientation = int(told[1]) if told else 1
    turns = Image.Transpose
    return {
        2: turns.FLIP_LEFT_RIGHT,
        3: turns.ROTATE_180,
        4: turns.FLIP_TOP_BOTTOM,
        5: turns.TRANSPOSE,
        6: turns.ROTATE_270,
        7: turns.TRANSVERSE,
        8: turns.ROTATE_90,
    }.get(orientation or 1)


def _xmp(picture: Image.Image, data: bytes) -> bytes:
    """The picture's XMP packet; Pillow knows it under two names and overlooks it in some files."""
    found = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b""
    if not found and (start := data.find(b"<x:xmpmeta")) >= 0:
        found = data[start : data.find(b"</x:xmpmeta>", start)]
    return found.encode() if isinstance(found, str) else bytes(found)


def _as_rgb(picture: Image.Image, turn: Image.Transpose | None, data: bytes) -> tuple[np.ndarray, tuple[str, ...]]:
    if picture.mode.startswith("I") or picture.mode == "F":
        picture = _eight_bits(picture)
    picture, notes = to_srgb(picture, data)
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    picture = picture.convert("RGB")
    return np.array(picture if turn is None else picture.transpose(turn)), notes


def _eight_bits(picture: Image.Image) -> Image.Image:
    """16- and 32-bit grey: integers count to 65535, fractions to 1 unless some are larger, then to 255.

    Strip by strip: a small file can hold many deep pixels.
    """
    strips = _strips(picture.size)
    most = 65535.0
    if picture.mode == "F":
        highest = max(float(_deep(picture, strip).max(initial=0)) for strip in strips)
        most = 1.0 if highest <= 1 else 255.0
    made = Image.new("L", picture.size)
    for strip in strips:
        levels = np.clip(_deep(picture, strip) / np.float32(most), 0, 1) * np.float32(255)
        made.paste(Image.fromarray(levels.round().astype(np.uint8)), strip[:2])
    made.format, made.info = picture.format, picture.info
    return made


def _strips(size: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """Boxes of whole rows that cover a picture of this size."""
    rows = max(1, STRIP // max(size[0], 1))
    return [(0, top, size[0], min(top + rows, size[1])) for top in range(0, size[1], rows)]


def _deep(picture: Image.Image, box: tuple[int, int, int, int]) -> np.ndarray:
    """A strip of a deep picture as float32; what is no number is 0."""
    return np.nan_to_num(np.asarray(picture.crop(box)).astype(np.float32), copy=False)
