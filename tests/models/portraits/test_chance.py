"""A sheet's pictures differ from each other as much as they can, and are functions of seed and row alone."""

import numpy as np
import pytest

from workbench.models.portraits import chance


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
