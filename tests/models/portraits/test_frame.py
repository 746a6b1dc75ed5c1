"""The mean frame: the way to a face's own shape and back is one way."""

import numpy as np
import pytest

from workbench.models.portraits.frame import SIDE, Frame, ring


@pytest.fixture(scope="module")
def mean(bench):
    return bench.model("appearance-portrait-256").frame.mean


@pytest.fixture(scope="module")
def frame(mean):
    return Frame(mean)


def pixels(side):
    y, x = np.mgrid[:side, :side]
    return np.stack([x, y], 2)


def test_the_mean_shape_is_drawn_where_it_is(frame):
    assert np.abs(frame.map_to(frame.mean) - pixels(SIDE)).max() < 0.1


def test_a_photo_of_the_mean_shape_is_read_where_it_is(frame):
    there = frame.map_from(frame.points[:-8], SIDE)
    inner = (slice(20, -20),) * 2
    assert np.abs(there - pixels(SIDE))[inner].max() < 0.1


def test_the_way_to_a_shape_and_back_ends_where_it_began(frame):
    middle = frame.mean.mean(0)
    shape = middle + (frame.mean - middle) * (1.1, 0.95)
    to, back = frame.map_to(shape), frame.map_from(np.concatenate([shape, ring(shape)]), SIDE)
    for x, y in np.round(frame.mean[[1, 33, 263, 61, 291]]).astype(int):
        there = back[y, x]
        again = to[round(there[1]), round(there[0])]
        assert np.abs(again - (x, y)).max() < 1.2


def test_every_pixel_of_a_picture_shows_a_place_of_the_frame(frame):
    shape = frame.mean + np.random.default_rng(0).normal(0, 2, frame.mean.shape)
    found = frame.map_to(shape)
    assert np.isfinite(found).all()
    assert found.min() > -0.2 * SIDE
    assert found.max() < 1.2 * SIDE


def test_a_larger_face_shows_its_own_middle(frame):
    middle = frame.mean.mean(0)
    found = frame.map_to(middle + 1.2 * (frame.mean - middle))
    step = np.diff(found[round(middle[1]), :, 0])[118:138]
    assert step.mean() == pytest.approx(1 / 1.2, abs=0.08)


@pytest.mark.parametrize("seed", range(4))
def test_triangles_that_are_nearly_lines_show_nothing_from_afar(frame, seed):
    """They were drawn as a cluster of dots from all over the face, in six pictures of eighty."""
    moves = np.random.default_rng(seed).normal(0, 2.5, frame.mean.shape)
    moved = frame.map_to(frame.mean + moves) - pixels(SIDE)
    assert np.linalg.norm(moved, axis=2).max() < np.linalg.norm(moves, axis=1).max() + 3
