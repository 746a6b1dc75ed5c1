"""Our run lengths and outlines, against the COCO tools' own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco

from workbench.tasks.mask_shapes import compressed_rle, polygons, run_lengths

MASKS = arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def rough_disc(side: int = 300) -> np.ndarray:
    y, x = np.mgrid[:side, :side] - side / 2
    return np.hypot(x, y) + np.random.default_rng(0).normal(0, 6, (side, side)) < 0.4 * side


@given(MASKS)
def test_compressed_run_lengths_are_those_of_the_coco_tools(mask):
    assert compressed_rle(mask) == coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()


def test_long_runs_compress_as_the_coco_tools_do():
    for mask in (rough_disc(), np.zeros((2000, 1000), bool), np.ones((2000, 1000), bool)):
        assert compressed_rle(mask) == coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()


def test_run_lengths_start_with_zeros():
    assert run_lengths(np.array([[1, 0], [1, 1]], bool)) == [0, 2, 1, 1]
    assert run_lengths(np.array([[0, 0], [1, 1]], bool)) == [1, 1, 1, 1]


def filled(outlines: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    if not outlines:
        return np.zeros(shape, bool)
    return coco.decode(
        coco.merge(coco.frPyObjects([o.ravel().astype(float).tolist() for o in outlines], *shape))
    ).astype(bool)


@settings(deadline=None)
@given(MASKS)
def test_outlines_fill_exactly_the_mask(mask):
    assert (filled(polygons(mask), mask.shape) == mask).all()


def test_outlines_of_a_rough_disc_with_holes_fill_exactly_it():
    mask = rough_disc()
    assert (filled(polygons(mask), mask.shape) == mask).all()


def test_a_rectangle_has_four_corners():
    mask = np.zeros((9, 9), bool)
    mask[2:5, 3:8] = True
    (outline,) = polygons(mask)
    assert outline.tolist() == [[3, 2], [8, 2], [8, 5], [3, 5]]


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1)])
def test_an_empty_mask_has_no_outline(shape):
    assert polygons(np.zeros(shape, bool)) == []
