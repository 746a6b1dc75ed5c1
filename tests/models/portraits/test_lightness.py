"""Foreheads no darker than cheeks, and necks in the face's shadow."""

import numpy as np
import pytest

from workbench.mesh import OVAL, polygon
from workbench.models.portraits import lightness
from workbench.models.portraits.complexion import plain

SIDE = 256


@pytest.fixture(scope="module")
def mean(bench) -> np.ndarray:
    return bench.model("appearance-portrait-256").frame.mean


@pytest.fixture(scope="module")
def usual(mean) -> lightness.Usual:
    return lightness.usual(np.full((SIDE, SIDE, 3), 0.6, np.float32), plain(mean, SIDE), mean)


def test_a_forehead_that_is_much_darker_than_the_cheeks_becomes_less_so_and_an_even_face_stays(mean, usual):
    skin = np.ones((SIDE, SIDE), np.float32)
    skin[usual.away > 2] = 0
    even = np.full((SIDE, SIDE, 3), 0.6, np.float32)
    dark = even.copy()
    dark[:110] *= 0.55
    forehead, cheeks = (slice(75, 92), slice(110, 146)), (slice(150, 170), slice(80, 100))

    before = dark[forehead].mean() / dark[cheeks].mean()
    found = lightness.natural(dark, skin, usual)

    assert found[forehead].mean() / found[cheeks].mean() > before + 0.1
    assert np.abs(lightness.natural(even, skin, usual) - even)[usual.below == 0].max() < 0.01


def test_a_neck_is_no_lighter_than_photos_have_it_without_an_edge_at_the_jaw(mean, usual):
    light = np.full((SIDE, SIDE, 3), 0.6, np.float32)
    found = lightness.natural(light, np.ones((SIDE, SIDE), np.float32), usual)
    face = polygon(mean, OVAL, (SIDE, SIDE)) > 127
    column = found[:, round(mean[152, 0]), 0]
    chin = round(mean[152, 1])

    assert np.abs(found[face] - light[face]).max() < 0.01
    assert 0.7 < column[chin + 9] / 0.6 < 0.88
    assert np.abs(np.diff(column[chin - 4 : chin + 8])).max() < 0.04
