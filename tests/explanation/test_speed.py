"""The fast copy says the same as the original, and the original stays as it was."""

import torch

from tests.explanation import toys
from workbench.explanation.speed import batch_for, made_fast
from workbench.explanation.targets import class_score


def test_the_copy_gives_the_same_scores_and_the_same_gradients():
    toy, chips = toys.convolutional(), torch.cat([toys.chip(32, seed) for seed in range(3)])
    slow = class_score(toy, "yes")
    fast = made_fast(slow)
    assert fast.model is not toy
    torch.testing.assert_close(fast.score(chips), slow.score(chips), atol=1e-5, rtol=1e-5)
    grads = [
        torch.autograd.grad(target.score(x := chips.clone().requires_grad_()).sum(), x)[0] for target in (fast, slow)
    ]
    torch.testing.assert_close(*grads, atol=1e-6, rtol=1e-4)


def test_the_original_keeps_its_layout():
    toy = toys.convolutional()
    made_fast(class_score(toy, "yes"))
    assert toy.network.head.weight.is_contiguous()


def test_models_without_convolutions_and_black_boxes_stay_themselves():
    for toy in (toys.linear(), toys.linear()):
        target = class_score(toy, "yes")
        assert made_fast(target) is target
    box = toys.linear()
    box.network = None
    target = class_score(box, "yes")
    assert made_fast(target) is target


def test_batches_shrink_as_chips_grow():
    assert [batch_for(side) for side in (32, 64, 112, 150, 224)] == [64, 64, 20, 11, 8]
