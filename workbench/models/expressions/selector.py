"""A network that says which pixels of a chip another network's answer rests on: the selector of COMET.

It was trained beside a frozen expression scorer (`training/selector.py`): what it selects must be enough for the
scorer's answer, and what it leaves must not let a detector find that answer. One map per label, at a quarter to a half
of the chip's resolution.

Source: Zhang et al., "Comprehensive Attribution: Inherently Explainable Vision Model with Feature Detector" (ECCV
2024), section 3; the network is a small U-Net of our own instead of their DeepLab.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.errors import BadWeights
from workbench.models.blocks.chips import ExpressionModel
from workbench.models.blocks.layers import fill
from workbench.models.files import checkpoint

SIDE = 64
"""What the selector looks at; its maps have half of it."""


def _step(inside: int, outside: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outside), nn.ReLU(inplace=True))


class Selector(nn.Module):
    """(N, 3, S, S) RGB in 0..255 to (N, labels, S, S) in 0..1: how much of each pixel is kept for each label."""

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.fine = nn.Sequential(_step(3, 16, 2), _step(16, 24))
        self.middle = _step(24, 32, 2)
        self.coarse = nn.Sequential(_step(32, 48, 2), _step(48, 48))
        self.rise = _step(48 + 32, 32)
        self.top = _step(32 + 24, 24)
        self.head = nn.Conv2d(24, labels, 3, padding=1)

    def forward(self, chips: Tensor) -> Tensor:
        """One map per label."""
        small = functional.interpolate(chips, [SIDE, SIDE], mode="bilinear", antialias=True, align_corners=False)
        fine = self.fine(small / 127.5 - 1)
        middle = self.middle(fine)
        x = self.rise(torch.cat([_twice(self.coarse(middle)), middle], dim=1))
        x = self.head(self.top(torch.cat([_twice(x), fine], dim=1)))
        return functional.interpolate(x, chips.shape[2:], mode="bilinear", align_corners=False).sigmoid()


def _twice(grid: Tensor) -> Tensor:
    return functional.interpolate(grid, scale_factor=2.0, mode="bilinear", align_corners=False)


Model = TypeVar("Model", bound=ExpressionModel)


def beside(model: Model, files: Mapping[str, Path], device: str) -> Model:
    """The scorer with its selector, where its row names one (`selector`). Raises BadWeights."""
    if "selector" in files:
        model.selector = load(files["selector"], model.labels, device)
    return model


def load(path: Path, labels: Sequence[str], device: str) -> Selector:
    """The selector of a scorer that knows these labels. Raises BadWeights when the file is another scorer's."""
    known = tuple(checkpoint.metadata(path).get("labels", "").split())
    if known != tuple(labels):
        raise BadWeights(
            f"{path.name}: expected a selector for {', '.join(labels)}, got one for {', '.join(known) or 'no labels'}."
        )
    network = Selector(len(labels))
    counters = {name: value for name, value in network.state_dict().items() if name.endswith(checkpoint.COUNTER)}
    weights = {name: value.float() for name, value in checkpoint.read(path).items()}
    return cast(Selector, fill(network, weights | counters, path.name, device))
