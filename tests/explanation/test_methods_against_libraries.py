"""The same maps as the libraries that others use."""

import numpy as np
import pytest
import torch

from tests.explanation import toys
from tests.explanation.questions import ask
from workbench.explanation import activations, gradients
from workbench.explanation.fills import make_fill
from workbench.explanation.more_tests import imputed


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
