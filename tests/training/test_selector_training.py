"""The selector's and the detector's loss are what a hand makes of them; training is seeded, goes on, and learns."""

import math

import numpy as np
import pytest
import torch

from tests.explanation import toys
from training import selector as training
from training.selector import Plan, begin, check, detector_loss, one_step, selector_loss


def test_the_selectors_loss_by_hand():
    kept, left = torch.tensor([0.2, 0.4]), torch.tensor([0.5, 0.5])
    masks = torch.stack([torch.full((4, 4), 0.1), torch.full((4, 4), 0.5)])
    plan = Plan(kept=1, gap=4, area=100, margin=1, share=0.2)
    # kept 0.3; gap 4 × (0.3 − 0.5 + 1) = 3.2; the second mask is 0.3 past its share, the first none: 100 × 0.15
    assert float(selector_loss(kept, left, masks, plan)) == pytest.approx(0.3 + 3.2 + 15, rel=1e-6)


def test_the_selectors_loss_asks_no_more_where_the_rest_is_hard_enough_and_the_mask_small_enough():
    masks = torch.full((1, 4, 4), 0.1)
    loss = selector_loss(torch.tensor([0.3]), torch.tensor([1.4]), masks, Plan(margin=1, share=0.2))
    assert float(loss) == pytest.approx(0.3, rel=1e-6)


def test_the_detectors_loss_by_hand():
    logits = torch.tensor([[0.0, math.log(3)], [0.0, 0.0]])
    # the answers have 3/4 and 1/2
    wanted = -(math.log(3 / 4) + math.log(1 / 2)) / 2
    assert float(detector_loss(logits, torch.tensor([1, 0]))) == pytest.approx(wanted, rel=1e-6)


class Sticker(toys.Toy):
    """The sticker finder as a scorer of uint8 chips."""

    def tensor(self, chips: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(chips)).permute(0, 3, 1, 2).float()

    def batch(self, chips: np.ndarray) -> np.ndarray:
        return self.values(self.tensor(chips)).numpy()


def test_on_the_sticker_it_learns_to_keep_the_answer_and_training_goes_on_where_it_stopped(tmp_path):
    found = toys.sticker_finder(steps=15).toy
    model = Sticker(found.network, 32, found.labels, found.layer)
    chips = toys.sticker(40, seed=3)[0].permute(0, 2, 3, 1).numpy().astype(np.uint8)
    plan = Plan(batch=8, rate=2e-2, seed=1)

    whole = begin(model, plan)
    before = check(model, whole, chips)
    training.train(model, whole, chips, 12, tmp_path / "whole.pt", plan)
    after = check(model, whole, chips)
    assert after["share_kept"] < before["share_kept"] - 0.05
    assert after["answer_from_kept"] >= after["answer_from_blur"]

    again = begin(model, plan)
    again.resume(tmp_path / "whole.pt")
    assert again.step == 12
    one_step(model, again, model.tensor(chips[:8]), plan)
    one_step(model, whole, model.tensor(chips[:8]), plan)
    for one, other in zip(whole.selector.parameters(), again.selector.parameters(), strict=True):
        assert torch.equal(one, other)
    assert all(not weight.requires_grad for weight in model.network.parameters()), "the scorer stays as it is"
