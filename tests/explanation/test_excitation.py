"""Excitation backprop against its formulas on random tensors, and the maps made of it against cases that are known."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.explanation import toys
from workbench.errors import BadRequest
from workbench.explanation import excitation_maps, sparse_holes
from workbench.explanation.excitation import Excitation, excited
from workbench.explanation.question import Question
from workbench.explanation.targets import class_score, number, similarity
from workbench.models.blocks.layers import PReLU


def shared_out(values, weights, share):
    """Zhang et al., equations 5 to 8, number by number: share (k,) of k sums of values (m,) by weights (k, m)."""
    found = np.zeros(len(values))
    for above, each in zip(weights, share, strict=True):
        pushes = np.maximum(values, 0) * np.maximum(above, 0)
        if pushes.sum() > 0:
            found += each * pushes / pushes.sum()
    return found


def pixel_rule(weights, share):
    return ((weights**2) / (weights**2).sum(axis=1, keepdims=True)).T @ share


class Layers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.one, self.two, self.three = nn.Linear(48, 20), nn.Linear(20, 16), nn.Linear(16, 5)

    def forward(self, x):
        return self.three(torch.relu(self.two(torch.relu(self.one(x.flatten(1))))))


def layers() -> toys.Toy:
    return toys.Toy(Layers(), 4, tuple("abcde"))


def chip(seed: int, size: int = 4) -> torch.Tensor:
    return torch.randn((1, 3, size, size), generator=torch.Generator().manual_seed(seed))


def weight(layer: nn.Module) -> np.ndarray:
    return layer.weight.detach().double().numpy()


def test_excitation_is_the_papers_formula_on_random_layers():
    toy, x = layers(), chip(0)
    net = toy.network
    hidden = torch.relu(net.one(x.flatten(1)))
    deeper = torch.relu(net.two(hidden))
    share = np.array([0, 1.0, 0, 0, 0])
    back = shared_out(deeper[0].numpy(), weight(net.three), share)
    back = shared_out(hidden[0].numpy(), weight(net.two), back)
    expected = pixel_rule(weight(net.one), back).reshape(3, 4, 4).sum(0)
    found = excitation_maps.excitation_backprop(Question(class_score(toy, "b"), x), smooth=0)
    np.testing.assert_allclose(found.values, expected, atol=1e-5)
    assert found.values.sum() == pytest.approx(1.0, abs=1e-5)


def test_the_seed_of_two_faces_is_what_agrees_in_their_vectors_and_lows_ask_for_lows():
    toy, x, other = layers(), chip(1), chip(2)
    net = toy.network
    vectors = [net(each)[0].numpy().astype(float) for each in (x, other)]
    assert (vectors[0] < 0).any()
    agree = np.maximum(vectors[0] * vectors[1], 0)
    hidden = torch.relu(net.one(x.flatten(1)))
    deeper = torch.relu(net.two(hidden))
    signs = np.sign(vectors[0])[:, None]
    back = shared_out(deeper[0].numpy(), weight(net.three) * signs, agree / agree.sum())
    back = shared_out(hidden[0].numpy(), weight(net.two), back)
    expected = pixel_rule(weight(net.one), back).reshape(3, 4, 4).sum(0)
    found = excitation_maps.excitation_backprop(Question(similarity(toy, other), x), smooth=0)
    np.testing.assert_allclose(found.values, expected, atol=1e-5)


def test_contrast_drops_the_weakest_mass_and_what_the_other_has_more_of():
    mate, other = torch.tensor([0.1, 0.1, 0.3, 0.5]), torch.tensor([0.0, 0.1, 0.4, 0.2])
    np.testing.assert_allclose(excitation_maps.contrast(mate, other).numpy(), [0.1, 0, 0, 0.3], atol=1e-6)
    np.testing.assert_allclose(excitation_maps.contrast(mate, other, 0.25).numpy(), [0, 0, 0, 0.3], atol=1e-6)


def test_contrast_is_the_difference_of_two_normalised_maps():
    toy, x, other, stranger = layers(), chip(1), chip(2), chip(5)
    question = Question(similarity(toy, other, stranger), x)
    maps = [
        excitation_maps.excitation_backprop(Question(similarity(toy, each), x), smooth=0).values
        for each in (other, stranger)
    ]
    expected = np.maximum(maps[0] / maps[0].sum() - maps[1] / maps[1].sum(), 0)
    found = excitation_maps.contrastive_excitation(question, smooth=0)
    np.testing.assert_allclose(found.values, expected, atol=1e-5)


class Mixed(nn.Module):
    """Every kind of operation the embedded recognisers use."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.act, self.norm = PReLU(6), nn.BatchNorm2d(6)
        self.act.slope.data.fill_(0.25)
        self.inner = nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.head = nn.Linear(6, 4)

    def forward(self, x):
        x = self.act(self.stem((x - 127.5) / 128))
        x = torch.relu(self.norm(self.inner(x))) + x
        x = nn.functional.relu6(nn.functional.pad(nn.functional.max_pool2d(x, 2), (0, 1, 0, 1)))
        return self.head(nn.functional.avg_pool2d(x, 2).mean((2, 3)))


def mixed() -> toys.Toy:
    return toys.Toy(Mixed(), 16, tuple("abcd"))


def test_probability_is_kept_through_pools_sums_and_rectifiers():
    toy = mixed()
    share = excited(toy.forward, toys.chip(16), excitation_maps._one(0, 1.0))
    assert (share >= 0).all()
    assert float(share.sum()) == pytest.approx(1.0, abs=1e-4)


def test_the_networks_answer_is_the_same_while_excitation_listens():
    toy, x = mixed(), toys.chip(16).requires_grad_()
    with Excitation() as mode:
        found = toy.forward(x)
    torch.testing.assert_close(found.detach(), toy.forward(x.detach()))
    assert len(mode.kept) == 3


def test_attention_passes_its_share_to_the_values_it_looked_at():
    toy = toys.transformer()
    share = excited(toy.forward, toys.chip(32), excitation_maps._one(0, 1.0))
    assert (share >= 0).all()
    assert 0 < float(share.sum()) <= 1 + 1e-4


def test_an_operation_without_a_rule_is_refused_by_name():
    class Odd(nn.Module):
        def forward(self, x):
            return torch.cumsum(x, dim=-1).mean((2, 3))

    with pytest.raises(BadRequest, match="no rule for “cumsum”"):
        excited(Odd(), toys.chip(8), excitation_maps._one(0, 1.0))


def test_a_number_that_is_neither_class_nor_likeness_is_refused():
    target = number(layers(), "sum", lambda logits: logits.sum(1))
    with pytest.raises(BadRequest, match="likeness of two faces or the score of one class"):
        excitation_maps.excitation_backprop(Question(target, chip(0)))


def test_subtrees_follow_the_number_that_the_two_gradients_choose():
    toy, x, other, stranger = layers(), chip(1), chip(2), chip(5)
    net, question = toy.network, Question(similarity(toy, other, stranger), x)
    one = net.one(x.flatten(1)).requires_grad_()
    two = net.two(torch.relu(one))
    three = net.three(torch.relu(two))
    rises = []
    for reference in (net(other), net(stranger)):
        score = nn.functional.cosine_similarity(three, reference, dim=1).sum()
        rises.append(torch.autograd.grad(score, [one, two, three], retain_graph=True))
    weights = [((mate >= 0) * -away)[0] for mate, away in zip(*rises, strict=True)]
    expected = sorted(
        ((float(each.max()), layer, int(each.argmax())) for layer, each in enumerate(weights)), reverse=True
    )
    found = excitation_maps._strongest(question)
    assert [each[1:] for each in found] == [each[1:] for each in expected]
    np.testing.assert_allclose([each[0] for each in found], [each[0] for each in expected], rtol=1e-4)
    assert excitation_maps.weighted_subtree(question).values.max() > 0


class TestSparseHoles:
    def pair(self):
        toy = toys.Toy(nn.Sequential(nn.AvgPool2d(2), nn.Flatten()), 32, ())
        left = torch.rand((1, 3, 32, 32), generator=torch.Generator().manual_seed(1)) * 255
        right = left.clone()
        left[..., 16:], right[..., 16:] = 0.0, 0.0
        return toy, left, right

    def test_find_where_a_hole_costs_likeness(self):
        toy, left, right = self.pair()
        found = sparse_holes.sparse_holes(Question(similarity(toy, right), left), masks=200, holes=1)
        assert found.values[:, :14].mean() > 0
        assert found.values[:, 24:].max() < 1e-3 * found.values.max()

    def test_holes_fall_only_where_the_prior_is(self):
        toy, left, right = self.pair()
        question = Question(similarity(toy, right), left)
        prior = np.zeros((19, 19))
        prior[9, 3] = 1.0
        masks = np.concatenate(list(sparse_holes.masks_of(question, prior, 40, 2)))
        assert masks.shape == (40, 32, 32)
        taken = 1 - masks.min(axis=0)
        assert taken[17:22, 5:10].max() > 0.5
        assert taken[:, 12:].max() == 0 == taken[:15].max()

    def test_weakest_half_of_the_cells_is_never_drawn(self):
        toy, left, right = self.pair()
        prior = sparse_holes.prior_of(Question(similarity(toy, right), left))
        assert prior.sum() == pytest.approx(1.0)
        assert (prior[:, 11:] == 0).all()
