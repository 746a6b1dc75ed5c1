"""What holds for every method: which models it is offered for, an empty map of nothing, mirrors, bad scores, Cancel."""

import numpy as np
import pytest
import torch

from tests.explanation import toys
from tests.explanation.questions import SMALL, ask, every, posed, quarters
from tests.explanation.toys import abilities
from workbench.errors import BadRequest, Cancelled
from workbench.explanation import gradients, perturbation, shapley
from workbench.explanation.methods import METHODS, ROWS, find, methods_for, run
from workbench.explanation.question import Question
from workbench.explanation.targets import number
from workbench.watch import Watch


class TestTheTable:
    def test_ids_are_unique_and_have_a_sentence(self):
        assert len(METHODS) == len(ROWS) == 19
        assert all(row.sentence.endswith(".") for row in ROWS)

    def test_a_black_box_is_offered_only_what_asks_for_scores(self):
        box = toys.Toy(torch.nn.Identity(), 8, ())
        box.network = None
        assert {row.id for row in methods_for(abilities(box), parts=False)} == {"occlusion", "rise"}

    def test_a_network_whose_row_says_no_gradients_is_offered_no_gradient_method(self):
        toy = toys.convolutional()
        toy.spec.gradients = False
        ids = {row.id for row in methods_for(abilities(toy))}
        assert ids == {"occlusion", "rise", "part_shapley"}
        with pytest.raises(BadRequest, match="Grad-CAM needs a model with gradients"):
            run(find("grad_cam"), ask(toy, toys.chip(32)), abilities(toy), {})

    def test_a_transformer_is_offered_rollout_and_a_convolutional_network_is_not(self):
        assert find("attention_rollout") in methods_for(abilities(toys.transformer()))
        assert find("attention_rollout") not in methods_for(abilities(toys.convolutional()))

    @pytest.mark.parametrize(
        ("method", "knobs", "message"),
        [
            ("rise", {"masks": 1}, "Masks: expected a whole number from 50"),
            ("rise", {"masks": 100.5}, "whole number"),
            ("rise", {"masks": True}, "whole number"),
            ("rise", {"maskz": 100}, "has no knob"),
            ("occlusion", {"fill": "stripes"}, "one of blur, grey"),
            ("integrated_gradients", {"fill": "layer"}, "one of blur, grey"),
        ],
    )
    def test_a_wrong_knob_is_refused_in_words(self, method, knobs, message):
        with pytest.raises(BadRequest, match=message):
            run(find(method), ask(toys.convolutional(), toys.chip(32)), abilities(toys.convolutional()), knobs)

    def test_an_unknown_method_names_those_there_are(self):
        with pytest.raises(BadRequest, match="grad_cam"):
            find("tea leaves")

    def test_parts_without_a_parsed_face_are_refused(self):
        toy = toys.convolutional()
        with pytest.raises(BadRequest, match="a parsed face"):
            run(find("part_shapley"), ask(toy, toys.chip(32)), abilities(toy), {})


class TestAConstantModelGivesAnEmptyMap:
    @pytest.mark.parametrize("method", [name for name in every(toys.constant()) if METHODS[name].asks_target])
    def test_for(self, method):
        toy = toys.constant()
        question = ask(toy, toys.chip(32), regions=quarters(32))
        question = posed(method, question)
        found = run(find(method), question, abilities(toy), SMALL.get(method, {}), pair=True)
        assert not found.values.any()


class TestAMirroredFaceMirrorsTheMap:
    EXACT = (
        "grad_cam",
        "grad_cam_plus_plus",
        "eigen_cam",
        "integrated_gradients",
        "occlusion",
        "rise",
        "signed_holes",
        "excitation",
        "contrastive_excitation",
    )

    @pytest.mark.parametrize("method", EXACT)
    def test_exactly_for(self, method):
        toy, chip = toys.convolutional(symmetric=True), toys.chip(32)
        model = abilities(toy)
        here = run(find(method), ask(toy, chip), model, SMALL.get(method, {}), pair=True).values
        there = run(find(method), ask(toy, chip.flip(-1)), model, SMALL.get(method, {}), pair=True).values
        assert np.abs(here).max() > 0
        np.testing.assert_allclose(there[:, ::-1], here, atol=1e-4 * np.abs(here).max())

    def test_closely_for_smooth_grad_whose_noise_differs(self):
        toy, chip = toys.convolutional(symmetric=True), toys.chip(32)
        here = gradients.smooth_grad(ask(toy, chip), samples=64, noise=0.05).values
        there = gradients.smooth_grad(ask(toy, chip.flip(-1)), samples=64, noise=0.05).values
        assert np.corrcoef(here.ravel(), there[:, ::-1].ravel())[0, 1] > 0.95

    def test_closely_for_shapley_values_whose_orders_differ(self):
        toy, chip, regions = toys.convolutional(symmetric=True), toys.chip(32), quarters(32)
        here = shapley.part_shapley(ask(toy, chip, regions=regions), permutations=100)
        there = shapley.part_shapley(ask(toy, chip.flip(-1), regions=regions[:, ::-1].copy()), permutations=100)
        spread = max(here.extra["parts"].values()) - min(here.extra["parts"].values())
        for part, value in here.extra["parts"].items():
            assert there.extra["parts"][part] == pytest.approx(value, abs=0.05 * spread)


class TestBadScores:
    @pytest.mark.parametrize(
        "method", ["occlusion", "rise", "integrated_gradients", "smooth_grad", "grad_cam", "part_shapley"]
    )
    def test_nan_is_refused(self, method):
        toy = toys.convolutional()
        with torch.no_grad():
            toy.network.head.bias.fill_(float("nan"))
        with pytest.raises(BadRequest, match="NaN"):
            run(find(method), ask(toy, toys.chip(32), regions=quarters(32)), abilities(toy), SMALL.get(method, {}))

    def test_nan_on_some_masks_only_is_refused_too(self):
        toy = toys.convolutional()
        target = number(
            toy,
            "log of what is left",
            lambda logits: torch.where(logits[:, 0] > logits[:, 0].mean(), torch.nan, logits[:, 0]),
        )
        with pytest.raises(BadRequest, match="NaN"):
            perturbation.occlusion(Question(target, toys.chip(32)), 8, 4)

    def test_two_numbers_per_chip_are_refused(self):
        with pytest.raises(BadRequest, match="one number per chip"):
            Question(number(toys.linear(), "both", lambda logits: logits), toys.chip(16)).scores(toys.chip(16))


class TestCancel:
    @pytest.mark.parametrize("method", every(toys.convolutional()))
    def test_stops_within_two_steps(self, method):
        toy = toys.convolutional()
        asked = []

        def cancelled() -> bool:
            asked.append(1)
            return len(asked) > 1

        question = ask(toy, toys.chip(32), regions=quarters(32), watch=Watch(cancelled=cancelled), batch=4)
        question = posed(method, question)
        with pytest.raises(Cancelled):
            run(find(method), question, abilities(toy), SMALL.get(method, {}), pair=True)
        assert len(asked) == 2

    def test_leaves_no_hook_behind(self):
        toy = toys.convolutional()
        for method in ("grad_cam", "grad_cam_plus_plus", "eigen_cam"):
            with pytest.raises(Cancelled):
                run(find(method), ask(toy, toys.chip(32), watch=Watch(cancelled=lambda: True)), abilities(toy), {})
        assert not any(module._forward_hooks or module._backward_hooks for module in toy.network.modules())

    def test_progress_only_rises_and_ends_at_one(self):
        for method in ("rise", "occlusion", "integrated_gradients", "part_shapley"):
            shares: list[float] = []
            question = ask(
                toys.convolutional(),
                toys.chip(32),
                regions=quarters(32),
                watch=Watch(lambda share, word, shares=shares: shares.append(share)),
                batch=16,
            )
            run(find(method), question, abilities(toys.convolutional()), SMALL.get(method, {}))
            assert shares == sorted(shares)
            assert shares[-1] > 0.7
