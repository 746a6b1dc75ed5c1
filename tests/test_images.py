"""Reading pictures of every kind, and going from photo to crop and back."""

import contextlib
import io
import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image

from tests import bad_images
from workbench import images
from workbench.colour import srgb_profile
from workbench.errors import BadImage, BadRequest, ImageTooLarge
from workbench.settings import Settings
from workbench.values import Face

PLAIN = Settings(cache=Path("cache"), data=Path("data"))


def decode(data: bytes, **changes: int) -> np.ndarray:
    return images.decode(data, replace(PLAIN, **changes))


@pytest.fixture(scope="module")
def photo(astronaut: np.ndarray) -> np.ndarray:
    """Not square and not symmetric, so that a wrong turn shows."""
    return np.ascontiguousarray(astronaut[:400:2, 100:400:2])


def near(first: np.ndarray, second: np.ndarray, mean: float) -> bool:
    return first.shape == second.shape and float(np.abs(first.astype(int) - second).mean()) < mean


# --- reading ---


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


# --- writing ---


def test_limit_shrinks_the_longer_side_and_nothing_else(photo):
    assert images.limit(photo, 100).shape == (100, 75, 3)
    assert images.limit(photo, 200) is photo
    assert images.limit(np.zeros((2, 900, 3), np.uint8), 100).shape == (1, 100, 3)


@pytest.mark.parametrize("shape", [(400, 300), (301, 977), (1, 900), (1023, 1025)])
def test_shrinking_quickly_keeps_every_point_to_a_pixel_of_the_small_picture(shape):
    photo = blob(np.array([0.7 * shape[1], 0.6 * shape[0]]), 20, shape)
    small, scale = images.shrink(photo, 60)
    assert 59 <= max(small.shape[:2]) <= 60
    assert scale == 60 / max(shape)
    if min(shape) > 1:
        assert np.abs(centroid(small) - ((centroid(photo) + 0.5) * scale - 0.5)).max() < 0.7
    assert images.shrink(photo, 5000)[0] is photo


def test_limit_refuses_what_is_no_photo():
    with pytest.raises(BadRequest):
        images.limit(np.zeros((4, 4), np.uint8), 2)


def test_written_pictures_carry_no_metadata(photo):
    read = decode(bad_images.exif_rotated(photo, 6))
    for data in (images.encode_png(read), images.encode_jpeg(read)):
        picture = Image.open(io.BytesIO(data))
        assert not picture.getexif()
        assert not set(picture.info) & {"exif", "comment", "xmp"}
        assert picture.info.get("icc_profile", srgb_profile()) == srgb_profile()
    assert (decode(images.encode_png(read)) == read).all()


# --- geometry ---

coordinates = st.floats(-500, 1500)
matrices = st.builds(
    lambda x, y, side, angle, size: images.square_crop(np.array([x, y]), side, angle, size),
    coordinates,
    coordinates,
    st.floats(8, 3000),
    st.floats(-np.pi, np.pi),
    st.sampled_from([64, 112, 150, 256, 512]),
)


@given(matrices, st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=8))
def test_there_and_back_is_exact(matrix, points):
    points = np.array(points)
    back = images.apply(images.invert(matrix), images.apply(matrix, points))
    assert np.abs(back - points).max() < 1e-6


@given(matrices, matrices, st.tuples(coordinates, coordinates))
def test_compose_does_one_after_the_other(first, second, point):
    point = np.array(point)
    expected = images.apply(second, images.apply(first, point))
    assert np.allclose(images.apply(images.compose(second, first), point), expected, rtol=1e-9, atol=1e-5)


@given(st.floats(0.05, 20), st.floats(-3.1, 3.1), coordinates, coordinates)
def test_similarity_recovers_the_one_it_was_made_with(scale, angle, x, y):
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    target = images.ARCFACE_112 @ linear.T + (x, y)
    assert np.allclose(images.similarity(images.ARCFACE_112, target), np.column_stack([linear, (x, y)]), atol=1e-6)


def test_similarity_never_mirrors():
    mirrored = images.ARCFACE_112 * (-1, 1)
    assert np.linalg.det(images.similarity(images.ARCFACE_112, mirrored)[:, :2]) > 0


def test_umeyama_finds_a_turn_in_space():
    points = np.random.default_rng(0).normal(size=(20, 3))
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    scale, rotation, shift = images.umeyama(points, 2.5 * points @ turn.T + (1, 2, 3))
    assert scale == pytest.approx(2.5)
    assert np.allclose(rotation, turn)
    assert np.allclose(shift, (1, 2, 3))


def test_coinciding_points_are_refused_with_a_sentence():
    for fit in (lambda p: images.similarity(p, images.ARCFACE_112), lambda p: images.celeba_quad(p, 64)):
        with pytest.raises(BadRequest, match="different places"):
            fit(np.ones((5, 2)))


def test_the_templates_are_faces_with_left_on_the_left():
    for template in (images.ARCFACE_112, images.DLIB_CHIP_150[[2, 0, 4]]):
        assert template[0, 0] < template[2, 0] < template[1, 0]
        assert template[:2, 1].max() < template[2, 1]
    assert images.DLIB_CHIP_150.min() > 25
    assert images.DLIB_CHIP_150.max() < 125


# CelebA-HQ's own aligned pictures show eyes and mouth about here, of 512 (medians over many pictures).
UPRIGHT = np.array([[193, 240], [319, 240], [256, 315], [204, 371], [309, 371]], np.float64)


@given(st.floats(-3.1, 3.1), st.floats(0.2, 4), coordinates, coordinates)
def test_the_quad_turns_grows_and_moves_with_the_face(angle, scale, x, y):
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = UPRIGHT @ linear.T + (x, y)
    seen, seen_before = (images.apply(images.celeba_quad(points, 512), points) for points in (moved, UPRIGHT))
    assert np.abs(seen - seen_before).max() < 0.01


def test_the_quad_of_an_aligned_picture_is_the_picture():
    matrix = images.celeba_quad(UPRIGHT, 512)
    assert images.aligned(matrix, (512, 512, 3), 512)
    assert np.abs(images.apply(matrix, np.array([255.5, 255.5])) - 255.5).max() < 6


def face_at(points: np.ndarray) -> Face:
    return Face(np.array([0, 0, 9, 9], np.float32), points.astype(np.float32), 0.9)


@pytest.mark.parametrize("side", [256, 512, 1024])
def test_an_aligned_picture_is_taken_whole(side):
    matrix = images.face_window(face_at((UPRIGHT + 0.5) * side / 512 - 0.5), (side, side, 3), 256)
    assert np.allclose(matrix, images.stretch((side, side), 256))


@pytest.mark.parametrize("shape", [(512, 640, 3), (900, 900, 3)])
def test_a_photo_with_more_than_the_face_is_cropped(shape):
    matrix = images.face_window(face_at(UPRIGHT), shape, 512)
    assert np.allclose(matrix, images.celeba_quad(UPRIGHT.astype(np.float32), 512))


def test_a_turned_aligned_picture_is_turned_back():
    turned = np.stack([511 - UPRIGHT[:, 1], UPRIGHT[:, 0]], axis=1)
    matrix = images.face_window(face_at(turned), (512, 512, 3), 512)
    eyes = images.apply(matrix, turned[:2])
    assert eyes[1, 0] - eyes[0, 0] > 100
    assert abs(eyes[1, 1] - eyes[0, 1]) < 1


# --- crops ---


def centroid(image: np.ndarray) -> np.ndarray:
    weight = image[..., 0].astype(np.float64)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()


def blob(centre: np.ndarray, radius: float, shape: tuple[int, int]) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    grey = 255 * np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * radius**2))
    return np.repeat(grey.round().astype(np.uint8)[..., None], 3, axis=2)


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    st.floats(90, 110),
    st.floats(70, 90),
    st.floats(70, 400),
    st.floats(-np.pi, np.pi),
    st.sampled_from([112, 150, 256, 512]),
)
def test_crop_and_paste_leave_everything_in_place_to_half_a_pixel(x, y, side, angle, size):
    spot = np.array([x, y])
    photo = blob(spot, 6, (160, 200))
    matrix = images.square_crop(np.array([100.0, 80.0]), side, angle, size)
    crop = images.warp(photo, matrix, (size, size), "black")
    assert np.abs(centroid(crop) - images.apply(matrix, spot)).max() < 0.5
    back = images.paste(np.zeros_like(photo), crop, matrix)
    assert np.abs(centroid(back) - spot).max() < 0.5


def test_paste_leaves_what_is_outside_to_the_bit(photo):
    matrix = images.square_crop(np.array([70.0, 60.0]), 50, 0.4, 64)
    crop = np.full((64, 64, 3), 7, np.uint8)
    result = images.paste(photo, crop, matrix)
    y, x = np.mgrid[: photo.shape[0], : photo.shape[1]]
    where = images.apply(matrix, np.stack([x, y], axis=-1).astype(float))
    outside = ((where < -1) | (where > 64)).any(axis=-1)
    inside = ((where > 0.5) & (where < 62.5)).all(axis=-1)
    assert (result[outside] == photo[outside]).all()
    assert (result[inside] == 7).all()
    assert inside.sum() > 1500


def test_paste_takes_only_what_the_mask_lets_through(photo):
    matrix = images.square_crop(np.array([70.0, 60.0]), 64, 0.0, 64)
    mask = np.zeros((64, 64), bool)
    mask[:, 32:] = True
    result = images.paste(photo, np.zeros((64, 64, 3), np.uint8), matrix, mask)
    assert (result[28:92, 38:68] == photo[28:92, 38:68]).all()
    assert not result[40:80, 72:100].any()


def test_paste_far_outside_changes_nothing(photo):
    matrix = images.square_crop(np.array([5000.0, 5000.0]), 50, 0.0, 64)
    assert (images.paste(photo, np.zeros((64, 64, 3), np.uint8), matrix) == photo).all()


def test_shrinking_does_not_alias():
    stripes = np.zeros((800, 800, 3), np.uint8)
    stripes[:, ::2] = 255
    small = images.warp(stripes, images.square_crop(np.array([399.5, 399.5]), 700, 0.2, 100), (100, 100))
    assert small.std() < 15  # without averaging: 120


def test_warp_matches_a_plain_slice(photo):
    matrix = np.array([[1.0, 0, -20], [0, 1, -30]])
    assert (images.warp(photo, matrix, (60, 50)) == photo[30:80, 20:80]).all()


def test_labels_do_not_mix_when_nearest_is_asked_for():
    labels = np.zeros((64, 64), np.uint8)
    labels[:, 32:] = 18
    for side in (20, 64, 500):
        crop = images.warp(labels, images.square_crop(np.array([31.5, 31.5]), side, 0.7, 96), (96, 96), nearest=True)
        assert set(np.unique(crop)) <= {0, 18}


def test_borders_do_as_they_say(photo):
    matrix = np.array([[1.0, 0, 5], [0, 1, 5]])
    assert not images.warp(photo, matrix, (20, 20), "black")[0].any()
    assert (images.warp(photo, matrix, (20, 20), "replicate")[0, 5:] == photo[0, :15]).all()
    assert (images.warp(photo, matrix, (20, 20), "reflect")[0, 5:] == photo[5, :15]).all()
    with pytest.raises(BadRequest, match="border"):
        images.warp(photo, matrix, (20, 20), "wrap")


def test_stretch_agrees_with_resizing(astronaut):
    whole = images.warp(astronaut, images.stretch(astronaut.shape, 256), (256, 256))
    assert near(whole, cv2.resize(astronaut, (256, 256), interpolation=cv2.INTER_AREA), 1)


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
        from PIL import PngImagePlugin

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
    import subprocess
    import sys
    import textwrap

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
