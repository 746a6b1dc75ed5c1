"""The detail network: what is finer than an eighth of the frame, drawn onto the linear part's soft colours.

A U-Net (Ronneberger et al., arXiv 1505.04597) on a grid of half the frame's side, fed by pixels folded into channels
(Shi et al., arXiv 1609.05158, the other way round), so that a step costs little on a processor. It sees colours,
outlines, one channel of noise and a learnt map of the frame, in which an eye always lies at the same place. Whatever it
says of coarse colours is taken away again.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (24, 56, 96, 128)
PLACES = 8
"""Channels of the learnt map."""

COARSE = 8
"""Pixels of the frame in a cell whose mean the network cannot change."""


class Step(nn.Module):
    """Two convolutions with a shortcut."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.short = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) to (n, c', h, w)."""
        inner = self.second(functional.silu(self.first(x)))
        return functional.silu(inner + cast(Tensor, self.short(x)))


class DetailNetwork(nn.Module):
    """Colours (n, 3, 256, 256) in −1..1, outlines (n, 3, 64, 64) and noise (n, 1, 128, 128) to colours with detail."""

    def __init__(self, widths: tuple[int, ...] = WIDTHS) -> None:
        """Untrained."""
        super().__init__()
        self.places = nn.Parameter(torch.zeros(1, PLACES, 64, 64))
        self.entry = nn.Conv2d(12 + 3 + 1 + PLACES, widths[0], 3, padding=1)
        self.down = nn.ModuleList(Step(widths[max(at - 1, 0)], width) for at, width in enumerate(widths))
        self.up = nn.ModuleList(Step(widths[at] + widths[at + 1], widths[at]) for at in range(len(widths) - 1))
        self.exit = nn.Conv2d(widths[0], 12, 3, padding=1)
        nn.init.zeros_(cast(Tensor, self.exit.bias))

    def forward(
        self, colours: Tensor, outlines: Tensor, noise: Tensor, window: tuple[slice, slice] | None = None
    ) -> Tensor:
        """(n, 3, 256, 256), about −1..1: the colours with their detail replaced by the network's.

        window: colours and noise are only these rows and columns of the folded frame (128 × 128); outlines are always
        whole.
        """
        folded = functional.pixel_unshuffle(colours, 2)
        maps = torch.cat([outlines, self.places.expand(len(outlines), -1, -1, -1)], 1)
        maps = functional.interpolate(maps, scale_factor=2.0, mode="bilinear", align_corners=False)
        maps = maps if window is None else maps[..., window[0], window[1]]
        x = self.entry(torch.cat([folded, maps, noise], 1))
        kept = []
        for at, step in enumerate(self.down):
            x = step(x if at == 0 else functional.avg_pool2d(x, 2))
            kept.append(x)
        for at in range(len(self.up) - 1, -1, -1):
            x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = self.up[at](torch.cat([x, kept[at]], 1))
        drawn = colours + functional.pixel_shuffle(self.exit(x), 2)
        return coarse(colours) + drawn - coarse(drawn)


def coarse(pixels: Tensor) -> Tensor:
    """(n, c, h, w): means of cells of 8 × 8, drawn out bilinearly."""
    small = functional.avg_pool2d(pixels.float(), COARSE)
    return functional.interpolate(small, pixels.shape[-2:], mode="bilinear", align_corners=False)
