"""ROAD, infidelity, sensitivity and the consensus, on toys whose right map is known."""

import numpy as np
import pytest
import torch

from tests.explanation import toys
from workbench.errors import BadRequest
from workbench.explanation import gradients, perturbation
from workbench.explanation.more_tests import consensus, imputed, infidelity, more_tests, road, sensitivity
from workbench.explanation.proof import prove
from workbench.explanation.question import ChipMap, Question
from workbench.explanation.targets import class_score
from workbench.ui.explanation.views import verdict_markdown


def ask(toy, chip):
    return Question(class_score(toy, toy.labels[0], "logit"), chip)


def contributions(toy, chip):
    from workbench.explanation.fills import make_fill

    return ((chip - make_fill("blur", chip).image)[0] * toy.network.weight).sum(dim=0).detach().numpy()


def test_imputing_keeps_what_is_kept_and_fills_all_where_nothing_is():
    chip = toys.chip(16)
    keep = np.zeros((16, 16), bool)
    keep[4:] = True
    found = imputed(chip, keep)
    torch.testing.assert_close(found[..., 4:, :], chip[..., 4:, :])
    assert (found[..., :4, :] != chip[..., :4, :]).any()
    empty = imputed(chip, np.zeros((16, 16), bool), noise=0.0)
    torch.testing.assert_close(empty, chip.mean(dim=(2, 3), keepdim=True).expand_as(chip), atol=1e-3, rtol=0)


def test_the_true_map_passes_all_and_its_opposite_none():
    toy, chip = toys.linear(32), toys.chip(32)
    question, truth = ask(toy, chip), contributions(toys.linear(32), chip)
    assert road(question, truth) > 0 > road(question, -truth)
    assert infidelity(question, truth) == pytest.approx(0.0, abs=1e-3)
    scrambled = np.random.default_rng(0).permutation(truth.ravel()).reshape(truth.shape)
    assert infidelity(question, scrambled) > 0.3
    assert infidelity(question, np.zeros_like(truth)) == 1.0


def test_a_calm_map_moves_less_than_a_nervous_one():
    toy, chip = toys.convolutional(), toys.chip(32)
    question = ask(toy, chip)

    def calm(asked):
        return perturbation.occlusion(asked, 8, 8)

    def nervous(asked):
        return ChipMap(np.asarray(asked.pixels.std(axis=2) - question.pixels.std(axis=2), np.float32) + 1e-3)

    assert 0 <= sensitivity(question, calm) < 1 < sensitivity(question, nervous)


def test_all_three_are_measured_of_one_map_and_the_same_each_time():
    toy, chip = toys.convolutional(), toys.chip(32)
    question = ask(toy, chip)

    def draw(asked):
        return gradients.integrated_gradients(asked, steps=8)

    first, second = (more_tests(question, draw(question), draw) for _ in range(2))
    assert first == second
    assert 0 <= first.unexplained <= 1
    assert first.sensitivity > 0


def test_a_proof_holds_them_where_they_are_asked_for_and_only_there():
    toy, chip = toys.linear(16), toys.chip(16)
    question = ask(toy, chip)

    def draw(asked):
        return gradients.integrated_gradients(asked, steps=8)

    asked = prove(question, draw(question), steps=4, randoms=5, redraw=draw)
    assert asked.figures()["road"] == asked.more.road
    assert "ROAD" in verdict_markdown(asked, {})
    assert "road" not in prove(question, draw(question), steps=4, randoms=5).figures()


class TestConsensus:
    def test_follows_the_maps_that_passed_chance_in_measure(self):
        up, down = np.arange(9.0).reshape(3, 3), -np.arange(9.0).reshape(3, 3)
        np.testing.assert_allclose(consensus([up, down], [0.3, -0.1]), up / 8, atol=1e-6)
        np.testing.assert_allclose(consensus([up, down], [0.3, 0.1]), (0.75 * up + 0.25 * (8 + down)) / 8, atol=1e-6)

    def test_is_refused_when_nothing_passed(self):
        with pytest.raises(BadRequest, match="passed chance"):
            consensus([np.eye(3)], [-0.2])
