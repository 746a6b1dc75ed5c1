"""Concepts on a network of which it is known what it looks for: red counts for, blue against, green not at all."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.explanation import toys
from workbench.errors import BadRequest
from workbench.explanation.concepts import derivatives, differ, direction, elsewhere, held_out, showing, tcav
from workbench.explanation.targets import class_score


class Colours(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.look, self.head = nn.Conv2d(3, 3, 1, bias=False), nn.Linear(3, 2, bias=False)
        self.look.weight.data = torch.eye(3)[:, :, None, None]
        self.head.weight.data = torch.tensor([[1.0, 0, -1.0], [0, 0, 0]])

    def forward(self, x):
        return self.head(self.look(x / 255).mean((2, 3)))


def toy() -> toys.Toy:
    return toys.Toy(Colours(), 8, ("red", "none"), "look")


def noise(count: int, seed: int, colour: int | None = None) -> torch.Tensor:
    chips = torch.rand((count, 3, 8, 8), generator=torch.Generator().manual_seed(seed)) * 255
    chips *= torch.rand((count, 3, 1, 1), generator=torch.Generator().manual_seed(seed + 1))
    if colour is not None:
        chips[:, colour] = 255 - chips[:, colour] / 4
    return chips


def test_what_the_network_looks_for_is_found_and_what_it_does_not_is_chance():
    randoms = [noise(16, 100 + place) for place in range(6)]
    concepts = {name: (noise(16, place, place), randoms) for place, name in enumerate(("red", "green", "blue"))}
    found = {each.concept: each for each in tcav(class_score(toy(), "red", "logit"), noise(12, 50), concepts)}
    assert found["red"].score == 1.0
    assert found["red"].significant
    assert found["blue"].score == 0.0
    assert found["blue"].significant
    assert not found["green"].significant
    assert all(each.accuracy > 0.9 for each in found.values())
    assert all(0 <= each.low <= each.score <= each.high <= 1 for each in found.values())


def test_derivatives_are_the_weights_of_the_network():
    found = derivatives(class_score(toy(), "red", "logit"), noise(3, 1))
    np.testing.assert_allclose(found, np.tile([1.0, 0.0, -1.0], (3, 1)), atol=1e-5)


def test_a_direction_is_that_of_the_difference_and_tells_what_was_held_out():
    random = np.random.default_rng(0)
    shown, others = (random.normal(size=(40, 5)) * 0.3 + np.eye(5)[0] * side for side in (2, 0))
    line = direction(shown, others)
    assert np.linalg.norm(line) == pytest.approx(1.0)
    assert line[0] > 0.95
    assert held_out(shown, others) > 0.95
    assert 0.2 < held_out(random.normal(size=(40, 5)), random.normal(size=(40, 5))) < 0.8


def test_a_direction_that_tells_nothing_apart_is_not_significant_whatever_its_score():
    randoms = [noise(16, 100 + place) for place in range(6)]
    (found,) = tcav(class_score(toy(), "red", "logit"), noise(12, 50), {"noise": (noise(16, 7), randoms)})
    assert found.accuracy < 0.7
    assert not found.significant


def test_scores_that_do_not_vary_differ_wholly_or_not_at_all():
    assert differ(np.ones(4), np.ones(9)) == 1.0
    assert differ(np.ones(4), np.zeros(9)) == 0.0


def test_p_is_welchs():
    stats = pytest.importorskip("scipy.stats")
    random = np.random.default_rng(3)
    one, two = random.normal(size=6), random.normal(size=20) + 1
    assert differ(one, two) == pytest.approx(stats.ttest_ind(one, two, equal_var=False).pvalue, rel=1e-9)


def test_too_few_examples_are_refused():
    with pytest.raises(BadRequest, match="expected 8 examples and 3 random sets"):
        tcav(class_score(toy(), "red"), noise(4, 0), {"red": (noise(3, 1), [noise(8, 2)] * 3)})


def test_only_the_part_shows_and_its_shape_is_kept_elsewhere():
    mask = np.zeros((8, 8), bool)
    mask[2:4, 3:6] = True
    shown = showing(noise(1, 0), mask)
    assert (shown[0, :, ~torch.from_numpy(mask)] == 127.5).all()
    moved = elsewhere(mask, np.random.default_rng(0))
    assert moved.sum() == mask.sum()
