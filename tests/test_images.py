"""Writing and shrinking pictures, and going from photo to crop and back."""

import io

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image

from tests import bad_images
from tests.pictures import blob, centroid, decode, near, uneven
from workbench import images
from workbench.colour import srgb_profile
from workbench.errors import BadRequest


@pytest.fixture(scope="module")
def photo(astronaut: np.ndarray) -> np.ndarray:
    return uneven(astronaut)


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
