"""UPerNet's head: four maps pooled, brought together from coarse to fine, and classified.

Xiao et al., Unified Perceptual Parsing for Scene Understanding, ECCV 2018, arXiv 1807.10221; names of weights as in
mmsegmentation.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

POOLS = (1, 2, 3, 6)


class ConvNorm(nn.Module):
    """A convolution without bias, its batch norm, and ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H, W)."""
        return functional.relu(self.bn(self.conv(x)))


def _to(x: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(x, like.shape[2:], mode="bilinear", align_corners=False)


class UPerHead(nn.Module):
    """Maps, finest first, to (N, classes, h, w) logits of the finest one's size."""

    def __init__(self, inputs: Sequence[int], width: int, classes: int) -> None:
        super().__init__()
        self.conv_seg = nn.Conv2d(width, classes, 1)
        self.psp_modules = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(side), ConvNorm(inputs[-1], width, 1)) for side in POOLS
        )
        self.bottleneck = ConvNorm(inputs[-1] + len(POOLS) * width, width, 3)
        self.lateral_convs = nn.ModuleList(ConvNorm(count, width, 1) for count in inputs[:-1])
        self.fpn_convs = nn.ModuleList(ConvNorm(width, width, 3) for _ in inputs[:-1])
        self.fpn_bottleneck = ConvNorm(len(inputs) * width, width, 3)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Logits."""
        deepest = maps[-1]
        pooled = torch.cat([deepest, *(_to(pool(deepest), deepest) for pool in self.psp_modules)], dim=1)
        levels = [lateral(found) for lateral, found in zip(self.lateral_convs, maps[:-1], strict=True)]
        levels.append(self.bottleneck(pooled))
        for at in range(len(levels) - 1, 0, -1):
            levels[at - 1] = levels[at - 1] + _to(levels[at], levels[at - 1])
        fine = [convolve(level) for convolve, level in zip(self.fpn_convs, levels[:-1], strict=True)] + [levels[-1]]
        stacked = torch.cat([fine[0], *(_to(level, fine[0]) for level in fine[1:])], dim=1)
        return self.conv_seg(self.fpn_bottleneck(stacked))
