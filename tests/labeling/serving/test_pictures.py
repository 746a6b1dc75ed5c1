"""Raters see what models are given: `images.decode`, for small and large files alike."""

import base64
import hashlib
import io

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from tests.labeling.conftest import draw
from workbench.colour import srgb_profile
from workbench.errors import StudyError
from workbench.images import decode, limit
from workbench.labeling.serving.pictures import _AS_IS, _SIDE, Shelf

RNG = np.random.default_rng(0)


def grey16(side):
    rows = np.linspace(2000, 60000, side, dtype=np.float64)[:, None] + RNG.integers(0, 4000, (side, side))
    return Image.fromarray(rows.astype(np.uint16)), {}


def transparent(side):
    image = RNG.integers(0, 256, (side, side, 4), dtype=np.uint8)
    image[: side // 3, :, 3] = 0
    image[: side // 3, :, :3] = 0
    return Image.fromarray(image), {}


def colours(side):
    smooth = np.stack(np.meshgrid(np.linspace(0, 255, side), np.linspace(0, 255, side)), axis=-1)
    image = np.dstack([smooth, np.full((side, side), 120)]) + RNG.integers(-8, 8, (side, side, 3))
    return Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))


def profiled(side):
    return colours(side), {"icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()}


def turned(side):
    exif = Image.Exif()
    exif[0x0112] = 6
    return colours(side), {"exif": exif.tobytes()}


def gamma(side):
    info = PngImagePlugin.PngInfo()
    info.add(b"gAMA", (100000).to_bytes(4, "big"))
    return colours(side), {"pnginfo": info}


def palette(side):
    image = colours(side).quantize(64)
    return image, {"transparency": 3}


KINDS = {f.__name__: f for f in (grey16, transparent, profiled, turned, gamma, palette)}


@pytest.mark.parametrize("side", [40, 900], ids=["small", "large"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_rater_sees_what_a_model_is_given(tmp_path, settings, kind, side):
    image, options = KINDS[kind](side)
    image.save(tmp_path / "face.png", **options)
    data = (tmp_path / "face.png").read_bytes()
    kept, sent = shown(tmp_path, settings, "face.png")
    expected = limit(decode(data, settings), _SIDE)
    assert sent.mode == "RGB"
    assert sent.info.get("icc_profile") in (None, srgb_profile())
    assert kept.size == expected.size
    assert np.abs(kept.astype(int) - expected).mean() < (0.01 if side == 40 else 6), kind


def shown(folder, settings, name):
    data = (folder / name).read_bytes()
    address = Shelf(folder, settings).address(name, hashlib.sha256(data).hexdigest())
    picture = Image.open(io.BytesIO(base64.b64decode(address.split(",", 1)[1])))
    assert address.startswith(f"data:image/{picture.format.lower()};")
    return np.asarray(picture.convert("RGB")), picture


def test_16_bit_grey_is_not_white_and_transparency_lies_over_white(tmp_path, settings):
    for side in (40, 900):
        grey16(side)[0].save(tmp_path / "g.png")
        assert (shown(tmp_path, settings, "g.png")[0] == 255).mean() < 0.05
        transparent(side)[0].save(tmp_path / "t.png")
        assert (shown(tmp_path, settings, "t.png")[0][: side // 3 - 4] >= 250).mean() > 0.99


@pytest.mark.parametrize("name", ["face.png", "face.jpg", "face.webp"])
def test_a_plain_small_picture_goes_out_as_it_is(tmp_path, settings, name):
    colours(40).save(tmp_path / name)
    data = (tmp_path / name).read_bytes()
    address = Shelf(tmp_path, settings).address(name, hashlib.sha256(data).hexdigest())
    assert base64.b64decode(address.split(",", 1)[1]) == data


def test_where_a_picture_was_taken_does_not_go_out(tmp_path, settings):
    exif = Image.Exif()
    exif[0x9286] = "at home"
    colours(40).save(tmp_path / "face.jpg", exif=exif.tobytes())
    assert b"at home" in (tmp_path / "face.jpg").read_bytes()
    assert not shown(tmp_path, settings, "face.jpg")[1].getexif()


def test_of_several_frames_the_first_is_shown_and_nothing_moves(tmp_path, settings):
    first, second = colours(40), Image.new("RGB", (40, 40))
    first.save(tmp_path / "face.webp", save_all=True, append_images=[second], lossless=True)
    kept, sent = shown(tmp_path, settings, "face.webp")
    assert getattr(sent, "n_frames", 1) == 1
    assert np.abs(kept.astype(int) - np.asarray(first)).mean() < 0.01


def test_large_pictures_are_scaled_for_the_screen(tmp_path, settings):
    draw(tmp_path / "big.png", 1, side=1400)
    assert (tmp_path / "big.png").stat().st_size > _AS_IS
    kept, sent = shown(tmp_path, settings, "big.png")
    assert (sent.format, kept.shape) == ("JPEG", (1024, 1024, 3))


def test_a_picture_that_changed_is_not_shown(tmp_path, settings):
    draw(tmp_path / "a.png", 1)
    with pytest.raises(StudyError, match="changed after"):
        Shelf(tmp_path, settings).address("a.png", "0" * 64)
