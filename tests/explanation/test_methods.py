"""Every method against a case whose answer is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.explanation import toys
from tests.explanation.toys import abilities
from workbench.errors import BadRequest, Cancelled
from workbench.explanation import activations, gradients, likeness, perturbation, rollout, shapley
from workbench.explanation.anatomy import anatomy
from workbench.explanation.fills import make_fill
from workbench.explanation.methods import METHODS, ROWS, find, methods_for, run
from workbench.explanation.more_tests import imputed
from workbench.explanation.question import Question
from workbench.explanation.targets import class_score, number, similarity
from workbench.thresholds import Metric
from workbench.watch import Watch

SMALL = {
    "rise": {"masks": 400, "grid": 5},
    "signed_holes": {"masks": 400, "grid": 5},
    "occlusion": {"window": 8, "stride": 4},
    "integrated_gradients": {"steps": 16},
    "smooth_grad": {"samples": 8},
    "sparse_holes": {"masks": 60},
}


def ask(toy, chip, *, scale="logit", regions=None, watch=None, batch=64, label=None):
    return Question(
        class_score(toy, label or toy.labels[0], scale),
        chip,
        regions,
        anatomy(toy).places or "grid",
        batch,
        watch=watch or Watch(),
    )


def quarters(size: int) -> np.ndarray:
    regions = np.zeros((size, size), np.uint8)
    regions[: size // 2, : size // 2], regions[: size // 2, size // 2 :], regions[size // 2 :, : size // 2] = 1, 2, 13
    return regions


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


class TestTheTable:
    def test_ids_are_unique_and_have_a_sentence(self):
        assert len(METHODS) == len(ROWS) == 18
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


def posed(method, question):
    """The same question about the likeness to another face, for the methods that compare two."""
    pair = "pair" in METHODS[method].needs
    model = question.target.model
    return replace(question, target=similarity(model, toys.chip(question.size, 1))) if pair else question


def every(toy, pair=True):
    return [row.id for row in methods_for(abilities(toy), pair=pair)]


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


class TestAgainstLibraries:
    def test_grad_cam_equals_the_library_of_that_name(self):
        cam = pytest.importorskip("pytorch_grad_cam")
        toy, chip = toys.convolutional(), toys.chip(32)
        for ours, theirs in (
            (activations.grad_cam, cam.GradCAM),
            (activations.grad_cam_plus_plus, cam.GradCAMPlusPlus),
        ):
            heat = ours(ask(toy, chip)).values
            with theirs(toy.network, [toy.network.body]) as library:
                expected = library(chip.clone().requires_grad_(), [lambda output: output[0]])[0]
            peak = heat - heat.min()
            np.testing.assert_allclose(peak / peak.max(), expected, atol=1e-5)

    def test_eigen_cam_equals_it_up_to_the_free_sign(self):
        cam = pytest.importorskip("pytorch_grad_cam")
        toy, chip = toys.convolutional(), toys.chip(32)
        heat = activations.eigen_cam(ask(toy, chip)).values
        with cam.EigenCAM(toy.network, [toy.network.body]) as library:
            expected = library(chip.clone().requires_grad_(), [lambda output: output[0]])[0]
            acts = library.activations_and_grads.activations[0][0].numpy()
        from pytorch_grad_cam.utils.svd_on_activations import get_2d_projection

        raw = get_2d_projection(acts[None])[0]
        signs = [np.maximum(sign * raw, 0) for sign in (1, -1)]
        sized = [
            torch.nn.functional.interpolate(torch.from_numpy(s)[None, None], (32, 32), mode="bilinear")[0, 0].numpy()
            for s in signs
        ]
        assert min(np.abs(heat - s).max() for s in sized) < 1e-4 * np.abs(heat).max() + 1e-6
        assert expected.shape == heat.shape

    def test_imputed_pixels_are_those_of_the_library_without_noise(self):
        library = pytest.importorskip("pytorch_grad_cam.metrics.road")
        chip = toys.chip(16)
        keep = np.random.default_rng(0).random((16, 16)) < 0.6
        expected = library.NoisyLinearImputer(noise=0.0)(chip[0], torch.from_numpy(keep.astype(np.float32)))
        np.testing.assert_allclose(imputed(chip, keep, noise=0.0)[0].numpy(), expected.numpy(), atol=1e-2)

    def test_integrated_gradients_and_their_gap_equal_captums(self):
        from captum.attr import IntegratedGradients

        question = ask(toys.convolutional(), toys.chip(32), scale="log odds")
        found = gradients.integrated_gradients(question, steps=20, fill="blur")
        baseline = make_fill("blur", question.chip).image
        expected, gap = IntegratedGradients(question.graded).attribute(
            question.chip, baseline, n_steps=20, return_convergence_delta=True
        )
        heat = expected[0].sum(dim=0).numpy()
        np.testing.assert_allclose(found.values, heat, atol=1e-4 * np.abs(heat).max())
        assert found.extra["gap"] == pytest.approx(abs(float(gap[0])), abs=1e-4)

    def test_grad_cam_equals_captums_and_is_empty_for_a_layer_the_score_ignores(self):
        from captum.attr import LayerAttribution, LayerGradCam

        toy = toys.convolutional()
        question = ask(toy, toys.chip(32))
        coarse = LayerGradCam(question.graded, toy.network.body).attribute(
            question.chip.clone().requires_grad_(), relu_attributions=True
        )
        expected = LayerAttribution.interpolate(coarse, (32, 32), interpolate_mode="bilinear")[0, 0]
        np.testing.assert_allclose(activations.grad_cam(question).values, expected.detach().numpy(), atol=1e-5)
        assert not activations.grad_cam(ask(toys.constant(), toys.chip(32))).values.any()

    def test_smooth_grad_equals_captum_given_the_same_noise(self):
        from captum.attr import NoiseTunnel, Saliency

        toy, chip = toys.convolutional(), toys.chip(32)
        question = ask(toy, chip)
        ours = gradients.smooth_grad(question, samples=12, noise=0.1).values
        torch.manual_seed(0)
        spread = 0.1 * float(chip.max() - chip.min())
        theirs = NoiseTunnel(Saliency(question.graded)).attribute(
            chip.clone(), nt_type="smoothgrad", nt_samples=12, stdevs=spread, abs=False
        )
        assert np.corrcoef(ours.ravel(), theirs[0].abs().sum(dim=0).numpy().ravel())[0, 1] > 0.9


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
