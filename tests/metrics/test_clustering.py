"""BCubed and pairwise figures against what can be counted by hand."""

import numpy as np
import pytest

from workbench.errors import BadRequest
from workbench.metrics.clustering import alone_apart, bcubed, pairwise


def test_figures_of_a_grouping_counted_by_hand() -> None:
    """Two groups {a a b} and {b}: Amigó et al. 2009 count faces, the other figure counts pairs."""
    found, truth = [0, 0, 0, 1], ["a", "a", "b", "b"]

    by_face, by_pair = bcubed(found, truth), pairwise(found, truth)

    assert by_face.precision == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1) / 4)
    assert by_face.recall == pytest.approx((1 + 1 + 1 / 2 + 1 / 2) / 4)
    assert (by_pair.precision, by_pair.recall) == (pytest.approx(1 / 3), pytest.approx(1 / 2))
    assert by_pair.f == pytest.approx(0.4)


def test_faces_that_are_alone_are_not_one_group() -> None:
    assert alone_apart([-1, 0, -1, 0]).tolist() == [1, 0, 2, 0]
    assert bcubed([-1, -1], ["a", "b"]).f == 1
    assert pairwise([-1, -1], ["a", "b"]).f == 1
    assert pairwise([-1, -1], ["a", "a"]).recall == 0


def test_the_figures_equal_a_count_over_all_faces() -> None:
    rng = np.random.default_rng(0)
    found, truth = rng.integers(-1, 5, 60), rng.integers(0, 6, 60).astype(str)
    apart = alone_apart(found.tolist())
    group, person = apart[:, None] == apart, truth[:, None] == truth

    measured = bcubed(found.tolist(), truth.tolist())

    assert measured.precision == pytest.approx(((group & person).sum(1) / group.sum(1)).mean())
    assert measured.recall == pytest.approx(((group & person).sum(1) / person.sum(1)).mean())


def test_lengths_that_do_not_fit_are_refused() -> None:
    with pytest.raises(BadRequest, match="a group for each of 2 faces, got 1"):
        bcubed([0], ["a", "b"])
