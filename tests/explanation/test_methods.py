"""Every method against a case whose answer is known."""

import numpy as np
import pytest
import torch

from tests.explanation import toys
from tests.explanation.questions import SMALL, ask, quarters
from tests.explanation.toys import abilities
from workbench.errors import BadRequest
from workbench.explanation import gradients, likeness, perturbation, rollout, shapley
from workbench.explanation.fills import make_fill
from workbench.explanation.methods import find, run
from workbench.explanation.question import Question
from workbench.explanation.targets import similarity
from workbench.thresholds import Metric


def contributions(toy, chip, fill="grey") -> np.ndarray:
    """What each pixel of the linear toy adds to the score over the fill: weight times difference, over channels."""
    return ((chip - make_fill(fill, chip).image)[0] * toy.network.weight).sum(dim=0).detach().numpy()


class TestOnALinearModelTheAnswerHasAClosedForm:
    def test_integrated_gradients_are_weight_times_difference(self):
        toy, chip = toys.linear(), toys.chip(16)
        found = gradients.integrated_gradients(ask(toy, chip), steps=8, fill="grey")
        np.testing.assert_allclose(found.values, contributions(toy, chip), atol=1e-5)

    def test_integrated_gradients_sum_to_the_rise_and_say_the_gap(self):
        toy, chip = toys.convolutional(), toys.chip(32)
        question = ask(toy, chip)
        found = gradients.integrated_gradients(question, steps=100, fill="blur")
        rise = float(question.scores(chip) - question.scores(make_fill("blur", chip).image))
        assert found.extra["rise"] == pytest.approx(rise, abs=1e-4)
        assert abs(float(found.values.sum()) - rise) == pytest.approx(found.extra["gap"], abs=1e-4)
        assert found.extra["gap"] < 0.02 * abs(rise) + 1e-3

    @pytest.mark.parametrize(("window", "stride"), [(4, 4), (4, 2), (6, 5)])
    def test_occlusion_is_the_mean_over_windows_of_what_they_cover(self, window, stride):
        toy, chip = toys.linear(), toys.chip(16)
        found = perturbation.occlusion(ask(toy, chip), window, stride, "grey")
        parts, side = contributions(toy, chip), found.extra["window"]
        total, count = np.zeros((16, 16)), np.zeros((16, 16))
        for top in range(0, 16 - side + 1, stride):
            for left in range(0, 16 - side + 1, stride):
                place = np.s_[top : top + side, left : left + side]
                total[place] += parts[place].sum()
                count[place] += 1
        assert count.min() > 0
        np.testing.assert_allclose(found.values, total / count, atol=2e-4)

    def test_shapley_values_of_parts_are_the_sums_over_the_parts(self):
        toy, chip, regions = toys.linear(), toys.chip(16), quarters(16)
        found = shapley.part_shapley(ask(toy, chip, regions=regions), permutations=3, fill="grey")
        parts = contributions(toy, chip)
        for name, index in (("background", 0), ("skin", 1), ("nose", 2), ("hair", 13)):
            assert found.extra["parts"][name] == pytest.approx(parts[regions == index].sum(), abs=2e-4)
            assert found.values[regions == index].sum() == pytest.approx(found.extra["parts"][name], abs=2e-4)

    def test_shapley_values_sum_to_the_rise_on_any_model(self):
        toy, chip = toys.convolutional(), toys.chip(32)
        question = ask(toy, chip, regions=quarters(32))
        found = shapley.part_shapley(question, permutations=4, fill="mean")
        rise = float(question.scores(chip) - question.scores(make_fill("mean", chip).image))
        assert sum(found.extra["parts"].values()) == pytest.approx(rise, abs=1e-4)

    def test_rise_tends_to_the_contributions_seen_through_its_masks(self):
        toy, chip = toys.linear(), toys.chip(16)
        found = perturbation.rise(ask(toy, chip), masks=6000, grid=4, fill="grey")
        masks = np.concatenate(list(perturbation.random_masks(16, 6000, 4, 0.5, 99, 64))).reshape(6000, -1)
        centred = masks - masks.mean(axis=0)
        expected = (centred.T @ (centred @ contributions(toy, chip).ravel()) / (6000 * 0.5)).reshape(16, 16)
        assert np.corrcoef(found.values.ravel(), expected.ravel())[0, 1] > 0.97

    def test_smooth_grad_is_the_size_of_the_weights(self):
        toy, chip = toys.linear(), toys.chip(16)
        found = gradients.smooth_grad(ask(toy, chip), samples=3)
        np.testing.assert_allclose(found.values, toy.network.weight.abs().sum(dim=0).detach().numpy(), atol=1e-6)


class TestRise:
    def test_equals_a_plain_loop(self):
        question = ask(toys.convolutional(), toys.chip(32), batch=10)
        found = perturbation.rise(question, masks=60, grid=4, share=0.4, fill="grey")
        masks = [mask for block in perturbation.random_masks(32, 60, 4, 0.4, 0, 10) for mask in block]
        scores = [float(question.scores(127.5 + (question.chip - 127.5) * torch.from_numpy(mask))) for mask in masks]
        total = sum((score - np.mean(scores)) * mask for score, mask in zip(scores, masks, strict=True))
        np.testing.assert_allclose(found.values, total / (60 * 0.4), atol=1e-5)

    def test_masks_are_the_enlarged_cells_of_the_paper(self):
        cv2 = pytest.importorskip("cv2")
        random = np.random.default_rng(5)
        masks = next(perturbation.random_masks(30, 8, 4, 0.5, 5, 8))
        cells = (random.random((4, 5, 5)) < 0.5).astype(np.float32)
        shifts = random.integers(0, 8, (4, 2))
        for mask, cell, (down, across) in zip(masks, cells, shifts, strict=False):
            large = cv2.resize(cell, (40, 40), interpolation=cv2.INTER_LINEAR)
            np.testing.assert_allclose(mask, large[down : down + 30, across : across + 30], atol=1e-5)

    def test_about_the_asked_share_is_visible(self):
        masks = np.concatenate(list(perturbation.random_masks(32, 2000, 7, 0.3, 0, 100)))
        assert len(masks) == 2000
        assert masks.mean() == pytest.approx(0.3, abs=0.01)


class TestRollout:
    def test_sees_the_attention_the_network_has(self):
        toy, chip = toys.transformer(), toys.chip(32)
        question = ask(toy, chip)
        found = rollout._attentions(question, rollout.attention_blocks(toy.network))
        for block, weights in zip(toy.network.blocks, found, strict=True):
            torch.testing.assert_close(weights, block.attention.seen[0], atol=1e-6, rtol=0)

    def test_multiplies_layers_with_half_the_residual(self):
        toy, chip = toys.transformer(), toys.chip(32)
        found = rollout.attention_rollout(ask(toy, chip)).values
        flow = np.eye(17)
        for block in toy.network.blocks:
            weights = block.attention.seen[0].mean(dim=0).numpy()
            flow = (weights / 2 + np.eye(17) / 2) @ flow
        patches = torch.from_numpy(flow[0, 1:].reshape(1, 1, 4, 4)).float()
        expected = torch.nn.functional.interpolate(patches, (32, 32), mode="bilinear")[0, 0].numpy()
        np.testing.assert_allclose(found, expected, atol=1e-5)

    def test_is_refused_without_attention(self):
        with pytest.raises(BadRequest, match="no attention"):
            rollout.attention_rollout(ask(toys.convolutional(), toys.chip(32)))


class TestSignedHoles:
    def test_finds_what_makes_two_chips_alike_and_what_keeps_them_apart(self):
        toy = toys.Toy(torch.nn.Sequential(torch.nn.AvgPool2d(8), torch.nn.Flatten()), 32, ())
        toy.metric = Metric.L2
        left = toys.chip(32, 1)
        left[..., :16] = 255.0 * (left[..., :16] > 128)
        right = left.clone()
        left[..., 16:], right[..., 16:] = 60.0, 255.0
        question = Question(similarity(toy, right), left, seed=1)
        found = likeness.signed_holes(question, masks=3000, grid=4, fill="grey").values
        assert np.abs(found).max() == pytest.approx(1.0)
        assert found[:, 24:].mean() < 0 < found[:, :8].mean()


class TestAPlantedStickerIsFound:
    CLAIM = ("grad_cam", "grad_cam_plus_plus", "integrated_gradients", "smooth_grad", "occlusion", "rise")

    @pytest.fixture(scope="class")
    def trained(self):
        return toys.sticker_finder()

    def test_the_classifier_learnt_it(self, trained):
        assert trained.accuracy > 0.97

    @pytest.mark.parametrize("method", CLAIM)
    def test_by(self, trained, method):
        chips, truth, places = toys.sticker(24, seed=3)
        model, hits = abilities(trained.toy), 0
        stickers = np.flatnonzero(truth.numpy())
        for index in stickers:
            question = ask(trained.toy, chips[index : index + 1], scale="log odds", label="sticker")
            heat = run(
                find(method),
                question,
                model,
                SMALL.get(method, {}) | ({"fill": "grey"} if method == "occlusion" else {}),
            ).values
            down, across = np.unravel_index(heat.argmax(), heat.shape)
            top, left = places[index]
            hits += top - 2 <= down < top + 9 and left - 2 <= across < left + 9
        assert hits >= len(stickers) - 1

    def test_by_shapley_when_the_sticker_is_a_part(self, trained):
        chips, _, places = toys.sticker(2, seed=3)
        regions = np.ones((32, 32), np.uint8)
        top, left = places[1]
        regions[top : top + 7, left : left + 7] = 3
        regions[:10][regions[:10] == 1] = 13
        found = shapley.part_shapley(ask(trained.toy, chips[1:], scale="log odds", label="sticker", regions=regions))
        assert max(found.extra["parts"], key=found.extra["parts"].get) == "eyeglasses"
