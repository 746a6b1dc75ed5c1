"""Figures over pairs: exact where a formula exists, and intervals that know who is in which pair."""

import numpy as np
import pytest

from workbench.errors import BadRequest
from workbench.metrics.pairs import _Weighted, measure, pairs
from workbench.metrics.roc import auc, eer, rates_at, tar_at_far


def _sample(
    seed: int = 0, people: int = 12, each: int = 3
) -> tuple[np.ndarray, np.ndarray, tuple[list[str], list[str]]]:
    rng = np.random.default_rng(seed)
    names = [f"p{i}" for i in range(people) for _ in range(each)]
    centres = np.repeat(rng.normal(size=(people, 4)), each, axis=0)
    vectors = centres + rng.normal(size=centres.shape)
    first, second, same = pairs(names)
    scores = -np.linalg.norm(vectors[first] - vectors[second], axis=1)
    return scores.round(2), same, ([names[i] for i in first], [names[i] for i in second])


def test_pairs_are_every_two_once() -> None:
    first, second, same = pairs(["a", "b", "a"])

    assert list(zip(first.tolist(), second.tolist(), same.tolist(), strict=True)) == [
        (0, 1, False),
        (0, 2, True),
        (1, 2, False),
    ]


@pytest.mark.parametrize("seed", range(5))
def test_weighing_everybody_once_gives_the_plain_figures(seed: int) -> None:
    scores, same, people = _sample(seed)
    _, ids = np.unique([*people[0], *people[1]], return_inverse=True)
    threshold = float(np.median(scores))
    weighted = _Weighted(scores, same, ids[: len(scores)], ids[len(scores) :], threshold)

    found = weighted.figures(np.ones(12, int))

    expected = (
        auc(scores, same),
        eer(scores, same),
        tar_at_far(scores, same, 0.01),
        *rates_at(scores, same, threshold),
    )
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_weights_are_repetitions() -> None:
    scores, same, people = _sample(people=5, each=2)
    _, ids = np.unique([*people[0], *people[1]], return_inverse=True)
    first, second = ids[: len(scores)], ids[len(scores) :]
    drawn = np.array([2, 0, 1, 3, 1])
    repeats = np.where(same, drawn[first], drawn[first] * drawn[second])

    found = _Weighted(scores, same, first, second, None).figures(drawn)

    again, truth = np.repeat(scores, repeats), np.repeat(same, repeats)
    np.testing.assert_allclose(
        found[:3], (auc(again, truth), eer(again, truth), tar_at_far(again, truth, 0.01)), atol=1e-12
    )


def test_the_interval_holds_the_value_and_is_wider_over_people_than_over_pairs() -> None:
    from workbench.metrics.roc import auc_interval

    scores, same, people = _sample(3)

    found = measure(scores, same, people, rounds=300)

    assert found.auc.low < found.auc.value < found.auc.high
    apart = auc_interval(scores, same, rounds=300)
    assert found.auc.high - found.auc.low > apart.high - apart.low
    assert (found.same, found.different, found.people) == (36, 594, 12)
    assert found.far is None


def test_perfect_scores_are_perfect_in_every_round() -> None:
    _, same, people = _sample()

    found = measure(same.astype(float), same, people, threshold=0.5, rounds=50)

    assert (found.auc.value, found.auc.low, found.auc.high) == (1, 1, 1)
    assert (found.eer.value, found.eer.high) == (0, 0)
    assert (found.tar_at_far_1.low, found.far.high, found.tar.low) == (1, 0, 1)


def test_a_threshold_nobody_reaches_accepts_nothing() -> None:
    scores, same, people = _sample()

    found = measure(scores, same, people, threshold=99.0, rounds=20)

    assert (found.far.value, found.tar.value, found.tar.high) == (0, 0, 0)


def test_the_same_seed_gives_the_same_intervals() -> None:
    scores, same, people = _sample()

    assert (
        measure(scores, same, people, rounds=30, seed=4).as_dict()
        == measure(scores, same, people, rounds=30, seed=4).as_dict()
    )


def test_names_must_be_as_many_as_pairs() -> None:
    scores, same, people = _sample()

    with pytest.raises(BadRequest, match="names for either side"):
        measure(scores, same, (people[0][1:], people[1]))


def test_pairs_of_one_kind_only_are_refused() -> None:
    with pytest.raises(BadRequest, match="same and different"):
        measure(np.zeros(3), np.ones(3), (["a"] * 3, ["a"] * 3))
