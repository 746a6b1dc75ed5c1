"""Damaged pictures of every format: a photo or a sentence, never another fault, never for long."""

import contextlib
import io
import random
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests import bad_images
from workbench import images
from workbench.colour import P3_PRIMARIES, SRGB_CURVE, matrix_profile
from workbench.decoding import FORMATS
from workbench.errors import BadImage
from workbench.settings import Settings

LIMITED = Settings(cache=Path("cache"), data=Path("data"), max_pixels=1_000_000)
SECONDS = 1.2
"""For each format; the count of tries in it is printed and must not be tiny."""
SAMPLES = Path(__file__).parents[1] / "samples"


def wholesome(format: str) -> list[bytes]:
    """Small files of one format, of several modes."""
    photo = Image.fromarray(bad_images.no_face(40))
    if format == "HEIF":
        return [(SAMPLES / "wide.heic").read_bytes()]
    pictures: list[tuple[Image.Image, dict[str, object]]] = [(photo, {}), (photo.convert("L"), {})]
    if format in ("PNG", "WEBP", "TIFF", "AVIF", "JPEG2000"):
        pictures.append((photo.convert("RGBA"), {}))
    if format in ("PNG", "JPEG", "TIFF", "WEBP", "AVIF"):
        pictures.append((photo, {"icc_profile": matrix_profile(P3_PRIMARIES, SRGB_CURVE), "exif": exif()}))
    if format == "TIFF":
        deep = Image.fromarray(np.linspace(0, 1, 1600, dtype=np.float32).reshape(40, 40))
        pictures += [(deep, {}), (photo, {"compression": "tiff_lzw"}), (photo.convert("CMYK"), {})]
    if format in ("GIF", "PNG"):
        pictures.append((photo.quantize(16), {}))
    return [saved(picture, format, options) for picture, options in pictures]


def exif() -> bytes:
    made = Image.Exif()
    made[0x0112] = 6
    return made.tobytes()


def saved(picture: Image.Image, format: str, options: dict[str, object]) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Bytes changed (most of them in the header), cut off, doubled, or taken out."""
    raw = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        reach = min(len(raw), chance.choice([64, 512, len(raw)]))
        at = chance.randrange(max(reach, 1)) if raw else 0
        match chance.randrange(6):
            case 0 | 1 if raw:
                raw[at] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)])
            case 2 if len(raw) > at + 4:
                raw[at : at + 4] = chance.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4), b"\0\0\xff\xff"])
            case 3:
                del raw[at : at + chance.randint(1, 40)]
            case 4:
                raw[at:at] = raw[at : at + chance.randint(1, 40)]
            case 5 if chance.random() < 0.3:
                del raw[chance.randrange(len(raw) + 1) :]
    return bytes(raw)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("format", FORMATS)
def test_a_damaged_picture_gives_a_photo_or_a_sentence(format):
    chance, files, tries = random.Random(7), wholesome(format), 0
    for data in files:
        assert images.decode(data, LIMITED).ndim == 3
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and tries < 2000:
        data = damaged(chance.choice(files), chance)
        started, tries = time.monotonic(), tries + 1
        with contextlib.suppress(BadImage):
            image = images.decode(data, LIMITED)
            assert image.dtype == np.uint8
            assert image.ndim == 3
            assert image.size <= 3 * LIMITED.max_pixels
        assert time.monotonic() - started < 5, (format, tries)
    assert tries > 20


def test_a_damaged_avif_was_a_fault_of_ours():
    """Its reader raises RuntimeError, which no other does."""
    data, faults = saved(Image.fromarray(bad_images.no_face(40)), "AVIF", {}), set()
    for at in range(60, 120):
        raw = bytearray(data)
        raw[at] ^= 0xFF
        try:
            images.decode(bytes(raw), LIMITED)
        except BadImage as error:
            faults.add(type(error.__cause__))
    assert RuntimeError in faults
