"""A network behind layer masking sees nothing of what is missing, and is itself when nothing is."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from workbench.explanation.fills import make_fill
from workbench.explanation.layer_masking import layer_masked


class Shortcut(nn.Module):
    """Everything the small embedded networks do: strides, padding, shortcuts, pooling, channel joins, means."""

    def __init__(self, pool: str):
        super().__init__()
        torch.manual_seed(1)
        self.stem, self.norm = nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8)
        self.deep, self.side = nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(8, 8, 1, stride=2)
        self.last, self.pool = nn.Conv2d(16, 4, 3, padding="same"), pool
        self.norm.running_mean.uniform_(-1, 1)

    def forward(self, x):
        x = functional.relu(self.norm(self.stem(x / 127.5 - 1)))
        inner = functional.pad(self.deep(functional.pad(x, (1, 1, 1, 1))), (0, 1, 0, 1), value=float("-inf"))
        pooled = functional.max_pool2d(inner, 3, 2, ceil_mode=False)
        x = (
            torch.cat([pooled[..., :8, :8], self.side(x)[..., : pooled.shape[-2], : pooled.shape[-1]]], dim=1)
            if self.pool
            else x
        )
        x = self.last(x)
        if self.pool == "adaptive":
            return functional.adaptive_avg_pool2d(x, 1).flatten(1)
        return x.mean((2, 3))


@pytest.fixture(params=["adaptive", "mean"])
def network(request) -> nn.Module:
    return Shortcut(request.param).eval()


def half(size: int = 32) -> torch.Tensor:
    keep = torch.ones(2, 1, size, size)
    keep[..., size // 2 :] = 0
    return keep


def test_with_nothing_missing_it_is_the_network(network):
    chips = torch.rand(2, 3, 32, 32) * 255
    with torch.no_grad():
        expected = network(chips)
    torch.testing.assert_close(layer_masked(network, chips, torch.ones(2, 1, 32, 32)), expected, atol=1e-5, rtol=1e-5)


def test_what_is_missing_changes_nothing(network):
    one = torch.rand(2, 3, 32, 32) * 255
    other = torch.where(half() > 0, one, 255 - one)
    assert torch.equal(layer_masked(network, one, half()), layer_masked(network, other, half()))
    assert (network(one) - network(other)).abs().max() > 1e-3


def test_a_plain_colour_looks_the_same_however_much_of_it_is_missing(network):
    """Nothing but the hole could make a difference, and the hole makes none, unlike a hole filled with grey."""
    plain = torch.full((2, 3, 32, 32), 200.0)
    with torch.no_grad():
        whole = network(plain)
        grey = network(make_fill("grey", plain).composite(plain, half()))
    holed = layer_masked(network, plain, half())
    assert (holed - whole).abs().max() < 0.6 * (grey - whole).abs().max()


def test_everything_missing_stays_finite(network):
    assert torch.isfinite(layer_masked(network, torch.rand(2, 3, 32, 32), torch.zeros(2, 1, 32, 32))).all()


def test_batch_members_do_not_mix(network):
    chips = torch.rand(2, 3, 32, 32) * 255
    keep = torch.cat([torch.ones(1, 1, 32, 32), half()[:1]])
    together = layer_masked(network, chips, keep)
    alone = torch.cat([layer_masked(network, chips[i : i + 1], keep[i : i + 1]) for i in range(2)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
