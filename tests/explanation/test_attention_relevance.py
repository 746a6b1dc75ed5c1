"""Gradient-weighted rollout and layer-wise relevance: against their formulas, on a toy and on LVFace's network."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.explanation import toys
from workbench.errors import BadRequest
from workbench.explanation.anatomy import anatomy
from workbench.explanation.attention_relevance import Attentions, Relevance, gradient_rollout, layer_relevance, rolled
from workbench.explanation.methods import find, methods_for, run
from workbench.explanation.question import Question
from workbench.explanation.targets import class_score, similarity
from workbench.models.recognisers.patch_transformer import GatedTransformer, PatchTransformer, Shape


def ask(toy, chip, label="yes"):
    return Question(class_score(toy, label, "logit"), chip, places="tokens")


def test_weights_follow_equations_5_and_6_on_random_tensors():
    random = torch.Generator().manual_seed(0)
    weights = [torch.rand((1, 3, 5, 5), generator=random).double() for _ in range(2)]
    grads = tuple(torch.randn((1, 3, 5, 5), generator=random).double() for _ in range(2))
    expected = np.eye(5)
    for weight, grad in zip(weights, grads, strict=True):
        step = np.zeros((5, 5))
        for head in range(3):
            step += np.maximum(weight[0, head].numpy() * grad[0, head].numpy(), 0) / 3
        expected = expected + step @ expected
    np.testing.assert_allclose(rolled(weights, grads).numpy(), expected - np.eye(5), atol=1e-5)


def test_the_attention_that_is_kept_is_the_networks_own_and_its_answer_the_same():
    toy, chip = toys.transformer(), toys.chip(32).requires_grad_()
    with Attentions() as kept:
        found = toy.forward(chip)
    torch.testing.assert_close(found, toy.forward(chip))
    for block, weights in zip(toy.network.blocks, kept.weights, strict=True):
        torch.testing.assert_close(weights.detach(), block.attention.seen, atol=1e-6, rtol=0)


def test_it_depends_on_what_is_asked_as_plain_rollout_does_not():
    toy, chip = toys.transformer(), toys.chip(32)
    maps = [gradient_rollout(ask(toy, chip, label)).values for label in toy.labels]
    assert all(heat.shape == (32, 32) and heat.max() > 0 for heat in maps)
    assert np.abs(maps[0] - maps[1]).max() > 1e-6


class TestRules:
    """Relevance is gradient times input under `Relevance`; each rule on random tensors."""

    def relevance(self, work, *inputs):
        inputs = [each.double().requires_grad_() for each in inputs]
        with Relevance():
            found = work(*inputs)
        seed = torch.randn(found.shape, generator=torch.Generator().manual_seed(9)).double()
        grads = torch.autograd.grad(found, inputs, seed / found.detach())
        return found.detach(), seed, [grad * each.detach() for grad, each in zip(grads, inputs, strict=True)]

    def random(self, *shape):
        return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))

    def test_a_product_of_matrices_gives_each_half(self):
        a, b = self.random(4, 5), self.random(5, 3)
        found, seed, (left, right) = self.relevance(torch.matmul, a, b)
        expected = np.zeros((4, 5))
        for i in range(4):
            for j in range(5):
                expected[i, j] = sum(float(a[i, j] * b[j, k] / found[i, k] * seed[i, k]) / 2 for k in range(3))
        np.testing.assert_allclose(left.numpy(), expected, atol=1e-5)
        assert float(left.sum() + right.sum()) == pytest.approx(float(seed.sum()), abs=1e-5)

    def test_softmax_takes_off_its_share_of_the_whole(self):
        x = self.random(6)
        found, seed, (share,) = self.relevance(lambda each: each.softmax(dim=0), x)
        expected = x.double() * (seed - found * seed.sum())
        np.testing.assert_allclose(share.numpy(), expected.numpy(), atol=1e-5)

    @pytest.mark.parametrize("activation", [nn.functional.gelu, nn.functional.relu6, torch.sigmoid])
    def test_an_activation_passes_everything_on(self, activation):
        x = self.random(4, 7).abs() + 0.1
        _, seed, (share,) = self.relevance(activation, x)
        np.testing.assert_allclose(share.numpy(), seed.numpy(), atol=1e-5)

    def test_a_layer_norm_is_the_linear_map_that_its_deviation_leaves(self):
        x = self.random(3, 8)
        _, seed, (share,) = self.relevance(lambda each: nn.functional.layer_norm(each, (8,)), x)
        np.testing.assert_allclose(share.sum(dim=1).numpy(), (seed.sum(dim=1)).numpy(), atol=1e-4)

    def test_a_cosine_is_shared_out_among_the_products(self):
        x, y = self.random(1, 6), self.random(1, 6).flip(-1)
        _, seed, (share,) = self.relevance(lambda a: nn.functional.cosine_similarity(a, y.double(), dim=1), x)
        products = (x * y).double()[0]
        np.testing.assert_allclose(share[0].numpy(), (products / products.sum() * seed).numpy(), atol=1e-5)


def test_the_networks_answer_is_the_same_while_relevance_listens():
    toy, chip = toys.transformer(), toys.chip(32).requires_grad_()
    with Relevance():
        found = toy.forward(chip)
    torch.testing.assert_close(found.detach(), toy.forward(chip.detach()), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", [PatchTransformer, GatedTransformer])
@pytest.mark.parametrize("method", ["gradient_rollout", "layer_relevance", "excitation"])
def test_lvface_and_transface_get_maps_of_two_faces(kind, method):
    torch.manual_seed(0)
    network = kind(Shape(16, 2, 2, 28))
    for parameter in network.parameters():
        parameter.data.add_(0.2 * torch.randn_like(parameter))
    toy = toys.Toy(network, 112, (), "norm")
    found = anatomy(toy)
    assert find(method) in methods_for(found.abilities)
    question = Question(similarity(toy, toys.chip(112, 1)), toys.chip(112), places="tokens")
    heat = run(find(method), question, found.abilities, {}, pair=True).values
    assert heat.shape == (112, 112)
    assert np.abs(heat).max() > 0


def test_without_attention_they_are_refused():
    for method, words in ((gradient_rollout, "no attention was seen"), (layer_relevance, "vision transformer")):
        with pytest.raises(BadRequest, match=words):
            method(ask(toys.linear(), toys.chip(16)))
