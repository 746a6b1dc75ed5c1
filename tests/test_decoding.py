"""Reading pictures of every kind, and refusing what is none in a sentence."""

import contextlib
import io
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from tests import bad_images
from tests.pictures import PLAIN, decode, near, uneven
from workbench import images
from workbench.errors import BadImage, ImageTooLarge


@pytest.fixture(scope="module")
def photo(astronaut: np.ndarray) -> np.ndarray:
    return uneven(astronaut)


def test_png_comes_back_to_the_bit(photo):
    assert (decode(bad_images.png(photo)) == photo).all()


def test_a_path_reads_like_its_bytes(photo, tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(bad_images.png(photo))
    assert (images.decode(path, PLAIN) == photo).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_turned_upright(photo, orientation):
    assert near(decode(bad_images.exif_rotated(photo, orientation)), photo, 3)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_leaves_the_picture_as_it_is_stored(photo):
    data = bad_images.jpeg(photo, exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff\x00\x01broken")
    assert near(decode(data), photo, 3)


def test_cmyk_keeps_its_colours(photo):
    assert near(decode(bad_images.cmyk(photo)), photo, 6)


def test_animated_gif_gives_its_first_frame(photo):
    assert near(decode(bad_images.animated_gif(photo)), photo, 12)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparency_lies_over_white(mode):
    picture = Image.new("RGBA", (4, 2), (200, 0, 0, 255))
    picture.putpixel((1, 0), (0, 0, 0, 0))
    if mode == "PA":
        picture = picture.quantize()
    buffer = io.BytesIO()
    (picture.convert("LA") if mode == "LA" else picture).save(buffer, "PNG")
    image = decode(buffer.getvalue())
    assert image[0, 1].tolist() == [255, 255, 255]
    assert image[0, 0, 0] == (60 if mode == "LA" else 200)


def test_palette_with_one_transparent_colour_lies_over_white():
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putpixel((1, 0), 1)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", transparency=0)
    assert decode(buffer.getvalue()).tolist() == [[[255, 255, 255], [40, 50, 60]]]


def test_sixteen_bit_grey_keeps_its_range():
    values = np.array([[0, 32768, 65535]], np.uint16)
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")
    assert decode(buffer.getvalue())[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    ("values", "expected"), [([0.0, 0.5, 1.0], [0, 128, 255]), ([0.0, 100.0, 255.0], [0, 100, 255])]
)
def test_fractions_are_read_as_shares_or_as_bytes(values, expected):
    buffer = io.BytesIO()
    Image.fromarray(np.array([values], np.float32)).save(buffer, "TIFF")
    assert decode(buffer.getvalue())[0, :, 0].tolist() == expected


def test_grey_and_bilevel_become_three_channels():
    for mode in ("L", "1"):
        buffer = io.BytesIO()
        Image.new(mode, (3, 2), 255).save(buffer, "PNG")
        assert (decode(buffer.getvalue()) == np.full((2, 3, 3), 255)).all()


@pytest.mark.parametrize("format", ["WEBP", "BMP", "TIFF", "AVIF", "GIF"])
def test_other_formats_are_read(photo, format):
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, format)
    assert near(decode(buffer.getvalue()), photo, 12)


def test_one_pixel_is_readable():
    assert decode(bad_images.one_pixel()).shape == (1, 1, 3)


@pytest.mark.parametrize("name", bad_images.UNREADABLE)
def test_unreadable_files_are_refused_with_a_sentence(name):
    with pytest.raises(BadImage) as refusal:
        decode(bad_images.UNREADABLE[name]())
    assert str(refusal.value).endswith(".")
    assert len(str(refusal.value)) > 40


@pytest.mark.parametrize(("name", "word"), [("text renamed .jpg", "a text file"), ("SVG", "SVG"), ("PDF", "PDF")])
def test_the_sentence_names_what_came_instead(name, word):
    with pytest.raises(BadImage, match=word):
        decode(bad_images.UNREADABLE[name]())


def test_a_bomb_is_refused_before_it_is_decoded(monkeypatch):
    def never(self: object, *args: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(Image.Image, "load", never)
    for side in (20_000, 11_000, 8_000):  # beyond twice Pillow's own limit, between once and twice, below it
        data = bad_images.bomb(side)
        assert len(data) < 400_000
        with pytest.raises(ImageTooLarge, match="megapixels"):
            decode(data)


def test_a_picture_at_the_limit_is_read_and_one_row_more_is_not():
    edge, over = bad_images.png(np.zeros((10, 10, 3), np.uint8)), bad_images.png(np.zeros((11, 10, 3), np.uint8))
    assert decode(edge, max_pixels=100).shape == (10, 10, 3)
    with pytest.raises(ImageTooLarge):
        decode(over, max_pixels=100)


def test_too_many_bytes_are_refused_before_they_are_read(tmp_path, monkeypatch):
    path = tmp_path / "large.png"
    path.write_bytes(bytes(2000))
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("read"))
    with pytest.raises(ImageTooLarge, match="MB"):
        images.decode(path, replace(PLAIN, max_bytes=1000))


def test_a_missing_file_and_a_folder_are_bad_images(tmp_path):
    for path in (tmp_path / "absent.jpg", tmp_path):
        with pytest.raises(BadImage, match="cannot be read"):
            images.decode(path, PLAIN)


def test_a_postscript_file_starts_no_interpreter():
    with pytest.raises(BadImage, match="PostScript"):
        decode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n")


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_files_never_raise_anything_but_bad_image(data):
    image = bad_images.no_face(40)
    make = data.draw(
        st.sampled_from(
            [bad_images.png, bad_images.jpeg, bad_images.animated_gif, bad_images.exif_rotated, bad_images.cmyk]
        )
    )
    raw = bytearray(make(image))
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BadImage):
        assert decode(bytes(raw)).dtype == np.uint8


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_only_regular_files_are_read(kind: str, tmp_path: Path, settings) -> None:
    """A device once took 4 GB, a pipe never came back."""
    path = tmp_path / "photo.png"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path = Path("/dev/zero")

    with pytest.raises(BadImage, match="no regular file"):
        images.decode(path, settings)


@pytest.mark.parametrize("source", ["photo.jpg", None, bytearray(b"x"), 7])
def test_what_is_neither_bytes_nor_a_path_gets_a_sentence(source):
    with pytest.raises(BadImage, match="Expected the bytes of a photo or the Path"):
        images.decode(source, PLAIN)


XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:Description tiff:Orientation=%s></x:xmpmeta>"


@pytest.mark.parametrize("told", [b"'6'", b'"6"', b'"1"><tiff:Orientation>6</tiff:Orientation'])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_an_orientation_that_only_xmp_tells_is_heeded(photo, told, format):
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(photo)))
    xmp, buffer = XMP % told.replace(b'"1">', b"'x'>"), io.BytesIO()
    if format == "PNG":
        note = PngImagePlugin.PngInfo()
        note.add_itxt("XML:com.adobe.xmp", xmp.decode())
        stored.save(buffer, format, pnginfo=note)
    elif format == "TIFF":
        stored.save(buffer, format, tiffinfo={700: xmp})
    else:
        stored.save(buffer, format, xmp=xmp, quality=95)
    assert near(decode(buffer.getvalue()), photo, 4)


def test_exif_orientation_counts_before_that_of_xmp(photo):
    exif = Image.Exif()
    exif[0x0112] = 1
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "JPEG", quality=95, exif=exif, xmp=XMP % b"'6'")
    assert near(decode(buffer.getvalue()), photo, 3)


def test_a_small_tiff_of_many_deep_pixels_takes_little_memory():
    """The peak was 1.5 GB for 60 megapixels of floats, in a file of 342 kB."""
    code = textwrap.dedent("""
        import io, resource, numpy as np
        from pathlib import Path
        from PIL import Image
        from workbench import images
        from workbench.settings import Settings
        buffer = io.BytesIO()
        Image.fromarray(np.full((4000, 6000), 0.5, np.float32)).save(buffer, "TIFF", compression="tiff_deflate")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found = images.decode(buffer.getvalue(), Settings(cache=Path("c"), data=Path("d")))
        assert found.shape == (4000, 6000, 3) and int(found[0, 0, 0]) == 128
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """)
    more = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert more < 12 * 24_000, f"{more / 1000:.0f} MB more for 24 megapixels, 12 bytes for each expected at most"


def test_jpeg_2000_is_read(photo):
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "JPEG2000")
    assert (decode(buffer.getvalue()) == photo).all()
