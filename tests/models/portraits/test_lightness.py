"""Foreheads no darker than cheeks, necks in the face's shadow, hair that falls and fits the face, and a sheet's
pictures that differ."""

import numpy as np
import pytest
import torch

from workbench.mesh import OVAL, polygon
from workbench.models.portraits import chance, falling, lightness
from workbench.models.portraits.complexion import plain
from workbench.models.portraits.hair import fitting

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


def test_hair_that_glows_over_a_dark_face_is_darkened_and_dark_hair_stays():
    light, dark = torch.tensor((0.6, 0.5, 0.3)), torch.tensor((-0.8, -0.82, -0.85))
    grey = torch.tensor((0.299, 0.587, 0.114))

    found = (fitting(light, 0.3) + 1) / 2
    assert float(found @ grey) <= 0.9 * 0.3
    assert torch.allclose(found / found[0], (light + 1) / (light[0] + 1))
    assert torch.allclose(fitting(dark, 0.3), dark)


def test_hair_like_a_tent_falls_and_short_hair_stays():
    tent, short = torch.full((3, 64, 64), -1.0), torch.full((3, 64, 64), -1.0)
    tent[1:, 10:] = 0.5
    short[1, 8:40, 22:42] = 0.2
    both = torch.stack([tent, short]).flatten(1)

    found = falling.outlines(both).reshape(2, 3, 64, 64)
    wide = (found[0, 1] > 0).sum(1)
    assert wide[60] < wide[36] < 64
    assert (found[0, 2, 61:, :3] > 0).all()  # the shoulders that are uncovered
    assert torch.equal(found[1] > 0, short > 0)
    lies = falling.flows(torch.stack([torch.zeros(64, 64), torch.ones(64, 64)])[None])[0]
    assert lies[0, 60, 8] < -0.9
    assert torch.equal(lies[:, 10], torch.stack([torch.zeros(64), torch.ones(64)]))


def test_the_noise_of_four_pictures_is_normal_and_sums_to_nothing():
    rows = np.stack([chance.apart(5, row, 0, 4000) for row in range(8)])

    assert np.abs(rows[:4].sum(0)).max() < 1e-9
    assert rows.std(1) == pytest.approx(1, abs=0.06)
    apart = [((rows[a] - rows[b]) ** 2).mean() for a, b in ((0, 1), (1, 3), (0, 4))]
    assert apart[:2] == pytest.approx([8 / 3] * 2, abs=0.2)
    assert apart[2] == pytest.approx(2, abs=0.2)
    assert np.array_equal(rows[2], chance.apart(5, 2, 0, 4000))


def test_hair_is_chosen_from_another_quarter_in_each_of_four_pictures():
    share = np.exp(-np.exp(-np.stack([chance.turned(5, row, 0, 50) for row in range(4)])))

    assert np.allclose(np.sort((share * 4).astype(int), axis=0), np.arange(4)[:, None])
