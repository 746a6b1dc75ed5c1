"""Where a face lies and how it is turned upright: matrices from a photo's pixels to a crop's, and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import geometry
from workbench.errors import BadRequest
from workbench.values import Face

coordinates = st.floats(-500, 1500)
matrices = st.builds(
    lambda x, y, side, angle, size: geometry.square_crop(np.array([x, y]), side, angle, size),
    coordinates,
    coordinates,
    st.floats(8, 3000),
    st.floats(-np.pi, np.pi),
    st.sampled_from([64, 112, 150, 256, 512]),
)


@given(matrices, st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=8))
def test_there_and_back_is_exact(matrix, points):
    points = np.array(points)
    back = geometry.apply(geometry.invert(matrix), geometry.apply(matrix, points))
    assert np.abs(back - points).max() < 1e-6


@given(matrices, matrices, st.tuples(coordinates, coordinates))
def test_compose_does_one_after_the_other(first, second, point):
    point = np.array(point)
    expected = geometry.apply(second, geometry.apply(first, point))
    assert np.allclose(geometry.apply(geometry.compose(second, first), point), expected, rtol=1e-9, atol=1e-5)


@given(st.floats(0.05, 20), st.floats(-3.1, 3.1), coordinates, coordinates)
def test_similarity_recovers_the_one_it_was_made_with(scale, angle, x, y):
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    target = geometry.ARCFACE_112 @ linear.T + (x, y)
    assert np.allclose(geometry.similarity(geometry.ARCFACE_112, target), np.column_stack([linear, (x, y)]), atol=1e-6)


def test_similarity_never_mirrors():
    mirrored = geometry.ARCFACE_112 * (-1, 1)
    assert np.linalg.det(geometry.similarity(geometry.ARCFACE_112, mirrored)[:, :2]) > 0


def test_umeyama_finds_a_turn_in_space():
    points = np.random.default_rng(0).normal(size=(20, 3))
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    scale, rotation, shift = geometry.umeyama(points, 2.5 * points @ turn.T + (1, 2, 3))
    assert scale == pytest.approx(2.5)
    assert np.allclose(rotation, turn)
    assert np.allclose(shift, (1, 2, 3))


def test_coinciding_points_are_refused_with_a_sentence():
    for fit in (lambda p: geometry.similarity(p, geometry.ARCFACE_112), lambda p: geometry.celeba_quad(p, 64)):
        with pytest.raises(BadRequest, match="different places"):
            fit(np.ones((5, 2)))


def test_the_templates_are_faces_with_left_on_the_left():
    for template in (geometry.ARCFACE_112, geometry.DLIB_CHIP_150[[2, 0, 4]]):
        assert template[0, 0] < template[2, 0] < template[1, 0]
        assert template[:2, 1].max() < template[2, 1]
    assert geometry.DLIB_CHIP_150.min() > 25
    assert geometry.DLIB_CHIP_150.max() < 125


# CelebA-HQ's own aligned pictures show eyes and mouth about here, of 512 (medians over many pictures).
UPRIGHT = np.array([[193, 240], [319, 240], [256, 315], [204, 371], [309, 371]], np.float64)


@given(st.floats(-3.1, 3.1), st.floats(0.2, 4), coordinates, coordinates)
def test_the_quad_turns_grows_and_moves_with_the_face(angle, scale, x, y):
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = UPRIGHT @ linear.T + (x, y)
    seen, seen_before = (geometry.apply(geometry.celeba_quad(points, 512), points) for points in (moved, UPRIGHT))
    assert np.abs(seen - seen_before).max() < 0.01


def test_the_quad_of_an_aligned_picture_is_the_picture():
    matrix = geometry.celeba_quad(UPRIGHT, 512)
    assert geometry.aligned(matrix, (512, 512, 3), 512)
    assert np.abs(geometry.apply(matrix, np.array([255.5, 255.5])) - 255.5).max() < 6


def face_at(points: np.ndarray) -> Face:
    return Face(np.array([0, 0, 9, 9], np.float32), points.astype(np.float32), 0.9)


@pytest.mark.parametrize("side", [256, 512, 1024])
def test_an_aligned_picture_is_taken_whole(side):
    matrix = geometry.face_window(face_at((UPRIGHT + 0.5) * side / 512 - 0.5), (side, side, 3), 256)
    assert np.allclose(matrix, geometry.stretch((side, side), 256))


@pytest.mark.parametrize("shape", [(512, 640, 3), (900, 900, 3)])
def test_a_photo_with_more_than_the_face_is_cropped(shape):
    matrix = geometry.face_window(face_at(UPRIGHT), shape, 512)
    assert np.allclose(matrix, geometry.celeba_quad(UPRIGHT.astype(np.float32), 512))


def test_a_turned_aligned_picture_is_turned_back():
    turned = np.stack([511 - UPRIGHT[:, 1], UPRIGHT[:, 0]], axis=1)
    matrix = geometry.face_window(face_at(turned), (512, 512, 3), 512)
    eyes = geometry.apply(matrix, turned[:2])
    assert eyes[1, 0] - eyes[0, 0] > 100
    assert abs(eyes[1, 1] - eyes[0, 1]) < 1
