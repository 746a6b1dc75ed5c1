"""Colour profiles of every format become sRGB, and saved files say that they are."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from workbench import images
from workbench.colour import (
    BRIGHT,
    D65,
    P3_PRIMARIES,
    SRGB_CURVE,
    SRGB_PRIMARIES,
    UNREADABLE,
    matrix_profile,
    srgb_profile,
)
from workbench.settings import Settings

PLAIN = Settings(cache=Path("cache"), data=Path("data"))
ADOBE = ((0.64, 0.33, 0.21, 0.71, 0.15, 0.06), (2.2,))
WIDE = ((0.7347, 0.2653, 0.1596, 0.8404, 0.0366, 0.0001), (1.8,))
SPACES = {"Display P3": (P3_PRIMARIES, SRGB_CURVE), "Adobe-like": ADOBE, "very wide": WIDE}
SAMPLES = Path(__file__).parent / "samples"


def read(data: bytes) -> np.ndarray:
    return images.decode(data, PLAIN)


def notes(data: bytes) -> tuple[str, ...]:
    return images.read(data, PLAIN).notes


def saved(picture: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def linear(corners: tuple[float, ...], white: tuple[float, float] = D65) -> np.ndarray:
    """From linear RGB to XYZ, without any library of colours."""
    x, y = np.array(corners[::2]), np.array(corners[1::2])
    axes = np.stack([x / y, np.ones(3), (1 - x - y) / y])
    point = np.array([white[0] / white[1], 1, (1 - sum(white)) / white[1]])
    return axes * np.linalg.solve(axes, point)


def bent(values: np.ndarray, curve: tuple[float, ...]) -> np.ndarray:
    """Linear light as the numbers that this curve stores."""
    if len(curve) == 1:
        return values ** (1 / curve[0])
    return np.where(values <= 0.0031308, 12.92 * values, 1.055 * values ** (1 / 2.4) - 0.055)


@pytest.fixture(scope="module")
def plain() -> np.ndarray:
    """Smooth colours of sRGB that are inside every space."""
    y, x = np.mgrid[:48, :64] / 64
    return (255 * np.stack([0.3 + 0.5 * x, 0.3 + 0.5 * y, 0.7 - 0.4 * x], axis=-1)).round().astype(np.uint8)


def stored(image: np.ndarray, corners: tuple[float, ...], curve: tuple[float, ...]) -> Image.Image:
    """The same colours as numbers of another space."""
    share = image / 255
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    there = light @ (np.linalg.inv(linear(corners)) @ linear(SRGB_PRIMARIES)).T
    return Image.fromarray((255 * bent(there.clip(0, 1), curve)).round().astype(np.uint8))


def off(first: np.ndarray, second: np.ndarray) -> float:
    assert first.shape == second.shape
    return float(np.abs(first.astype(int) - second).mean())


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_colour_profile_was_ignored_and_photos_came_out_paler(plain, space, format):
    corners, curve = SPACES[space]
    picture = stored(plain, corners, curve)
    options = {"quality": 100} | ({"subsampling": 0} if format == "JPEG" else {})
    data = saved(picture, format, icc_profile=matrix_profile(corners, curve), **options)
    assert off(np.asarray(picture), plain) > 3
    assert off(read(data), plain) < (0.7 if format in ("PNG", "TIFF") else 2)
    assert notes(data) == ()


def test_transparency_and_palettes_keep_their_profile(plain):
    corners, curve = SPACES["Adobe-like"]
    profile, picture = matrix_profile(corners, curve), stored(plain, *SPACES["Adobe-like"])
    clear = picture.copy()
    clear.putalpha(255)
    clear.putpixel((0, 0), (0, 0, 0, 0))
    found = read(saved(clear, "PNG", icc_profile=profile))
    assert found[0, 0].tolist() == [255, 255, 255]
    assert off(found[1:], plain[1:]) < 0.7
    few = picture.quantize(256)
    assert off(read(saved(few, "PNG", icc_profile=profile)), plain) < 4 < off(np.asarray(few.convert("RGB")), plain)


def test_grey_pictures_with_grey_or_colour_profiles_stay_grey():
    grey = Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (4, 1)))
    bright = read(saved(grey, "PNG", icc_profile=matrix_profile(SRGB_PRIMARIES, (1.0,))))
    assert (bright[..., 0] == bright[..., 2]).all()
    assert bright[0, 64, 0] > 120  # a quarter of linear light


def test_cmyk_with_a_profile_is_converted_by_it(plain):
    """No press profile can be made here: one of another kind must not be applied, and is told."""
    cmyk = Image.fromarray(plain).convert("CMYK")
    data = saved(cmyk, "JPEG", quality=100, icc_profile=matrix_profile(*ADOBE))
    assert notes(data) == (UNREADABLE,)
    assert off(read(data), np.asarray(cmyk.convert("RGB"))) < 3


def test_srgb_profiles_move_no_pixel(plain):
    theirs = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (theirs, srgb_profile()):
        assert (read(saved(Image.fromarray(plain), "PNG", icc_profile=profile)) == plain).all()


@pytest.mark.parametrize("profile", [b"no profile", bytes(128), srgb_profile()[:200], srgb_profile()[:-40] + bytes(40)])
def test_an_unreadable_profile_is_a_note_and_no_error(plain, profile):
    data = saved(Image.fromarray(plain), "PNG", icc_profile=profile)
    if notes(data):
        assert notes(data) == (UNREADABLE,)
        assert (read(data) == plain).all()
    else:
        assert profile.endswith(bytes(40)), "only a profile whose damage nobody reads may pass in silence"


def test_a_command_says_that_a_profile_cannot_be_read(plain, caplog):
    read(saved(Image.fromarray(plain), "PNG", icc_profile=b"no profile"))
    assert [record.getMessage() for record in caplog.records] == [UNREADABLE]


def chunked(image: Image.Image, *chunks: tuple[bytes, bytes]) -> bytes:
    data = saved(image, "PNG", pnginfo=PngImagePlugin.PngInfo())
    made = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    return data[:33] + made + data[33:]


def test_a_png_that_names_its_space_by_number_is_converted(plain):
    wide = stored(plain, P3_PRIMARIES, SRGB_CURVE)
    assert off(read(chunked(wide, (b"cICP", bytes([12, 13, 0, 1])))), plain) < 0.7
    assert (read(chunked(wide, (b"cICP", bytes([1, 13, 0, 1])))) == np.asarray(wide)).all()
    bright = chunked(wide, (b"cICP", bytes([9, 16, 0, 1])))
    assert notes(bright) == (BRIGHT,)


def test_a_png_that_names_its_gamma_and_corners_is_converted(plain):
    corners, curve = SPACES["Adobe-like"]
    told = struct.pack(">8I", *(round(100_000 * value) for value in (*D65, *corners)))
    gamma = (b"gAMA", struct.pack(">I", round(100_000 / curve[0])))
    wide = stored(plain, corners, curve)
    assert off(read(chunked(wide, gamma, (b"cHRM", told))), plain) < 1.5
    assert (read(chunked(wide, gamma, (b"cHRM", told), (b"sRGB", b"\0"))) == np.asarray(wide)).all()
    usual = Image.fromarray(plain)
    assert (read(chunked(usual, (b"gAMA", struct.pack(">I", 45455)))) == plain).all()
    told = struct.pack(">8I", *(0 for _ in range(8)))
    assert notes(chunked(wide, gamma, (b"cHRM", told))) == (UNREADABLE,)


def test_heic_is_read_in_its_own_colours(plain):
    numbers = plain
    corners = np.linalg.inv(linear(SRGB_PRIMARIES)) @ linear(P3_PRIMARIES)
    share = numbers / 255
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4) @ corners.T
    expected = (255 * bent(light.clip(0, 1), SRGB_CURVE)).round().astype(np.uint8)
    found = read((SAMPLES / "wide.heic").read_bytes())
    assert off(found, expected) < 2 < 4 < off(found, numbers)


def test_saved_photos_say_that_they_are_srgb(plain):
    jpeg, png = (Image.open(io.BytesIO(data)) for data in (images.encode_jpeg(plain), images.encode_png(plain)))
    profile = ImageCms.ImageCmsProfile(io.BytesIO(jpeg.info["icc_profile"]))
    assert ImageCms.getProfileName(profile).strip() == "sRGB"
    assert len(jpeg.info["icc_profile"]) < 600
    assert png.info["srgb"] == 1
    assert "srgb" not in Image.open(io.BytesIO(images.encode_png(plain, tagged=False))).info
    assert images.encode_jpeg(plain) == images.encode_jpeg(plain)
