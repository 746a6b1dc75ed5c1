"""The network behind clicks: a window around one part, what was clicked in it, and the compact parser's own features.

Reads the clicks as maps beside the mask so far (Sofiiuk et al., RITM, arXiv 2102.06583) and, as the parser's features
are there already, needs no encoder of its own for what faces look like. It starts from what flooding makes of the click
and learns what to change about that. Knows nothing of photos or files.
"""

from typing import cast

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from workbench.models.parsers.compact_network import Convolution, Join, Residual, Wide

SIDE = 128
"""Height and width of the window."""

FEATURES = 32
"""Channels of the compact parser's finest grid."""

OWN = ("red", "green", "blue", "mask", "flooded", "kept", "taken", "near_kept", "near_taken", "likely")
"""The channels of the window: colours, the mask so far and after flooding, clicks that keep and that take away as dots
and as wide hills, how likely the parser finds the part."""

MASK, FLOODED, DOTS, LIKELY = OWN.index("mask"), OWN.index("flooded"), OWN.index("kept"), OWN.index("likely")

LIKE = 2
"""Channels made inside: how much a place's features are like those at the keeping and at the taking clicks."""

REACHES = (4.0, 32.0)
"""A click's dot and its hill fall from 1 to 0 over so many cells."""

TRUST = 2.0
"""The logit of what was flooded, before the network has its say."""

_WIDTHS = (12, 24, 48, 64)


class ClickNetwork(nn.Module):
    """A window's channels to one logit per cell: is it the part? The features join where the grid is half as fine."""

    def __init__(self) -> None:
        super().__init__()
        whole, half, quarter, eighth = _WIDTHS
        self.stem = Convolution(len(OWN), whole)
        self.down_half = Convolution(whole, half, 2)
        self.known = nn.Conv2d(FEATURES + LIKE, half, 1)
        self.mixed = Residual(half)
        self.down_quarter = nn.Sequential(Convolution(half, quarter, 2), Residual(quarter), Wide(quarter))
        self.down_eighth = nn.Sequential(Convolution(quarter, eighth, 2), Wide(eighth), Wide(eighth))
        self.context = nn.Linear(eighth, eighth)
        self.to_quarter = Join(eighth, quarter, quarter)
        self.to_half = Join(quarter, half, half)
        self.to_whole = Join(half, whole, whole)
        self.head = nn.Conv2d(whole, 1, 1)
        nn.init.zeros_(self.head.weight)

    def forward(self, own: Tensor, features: Tensor) -> Tensor:
        """(n, 10, 128, 128) and the features (n, 32, 64, 64) of the same window to (n, 1, 128, 128) logits."""
        whole = self.stem(own)
        known = self.known(torch.cat([features, likeness(features, own[:, DOTS : DOTS + 2])], dim=1))
        half = self.mixed(functional.relu(self.down_half(whole) + known))
        quarter = self.down_quarter(half)
        eighth = self.down_eighth(quarter)
        eighth = eighth + self.context(eighth.mean((2, 3)))[:, :, None, None]
        found = self.head(self.to_whole(self.to_half(self.to_quarter(eighth, quarter), half), whole))
        return cast(Tensor, found + TRUST * (2 * own[:, FLOODED : FLOODED + 1] - 1))


def likeness(features: Tensor, dots: Tensor) -> Tensor:
    """(n, 2, h, w): the cosine between each place's features and the mean of those under either kind of click; 0 where
    there is no such click.

    features: (n, c, h, w). dots: (n, 2, 2h, 2w).
    """
    unit = functional.normalize(features - features.mean((2, 3), keepdim=True), dim=1)
    weight = functional.avg_pool2d(dots, 2).flatten(2)
    mean = torch.einsum("nkp,ncp->nkc", weight, unit.flatten(2))
    return torch.einsum("nkc,nchw->nkhw", functional.normalize(mean, dim=2), unit)


def marks(clicks: Tensor, side: int = SIDE) -> Tensor:
    """(n, 4, side, side): the keeping and the taking clicks as dots, then as hills.

    clicks: (n, k, 3) x, y in cells and a sign: 1 keeps, -1 takes away, 0 is no click.
    """
    if not clicks.shape[1]:
        return torch.zeros(len(clicks), 4, side, side)
    along = torch.arange(side, dtype=torch.float32)
    across = (along[None, None] - clicks[..., :1]) ** 2
    down = (along[None, None] - clicks[..., 1:2]) ** 2
    far = (across[:, :, None, :] + down[:, :, :, None]).sqrt()
    signs = torch.stack([clicks[..., 2] > 0, clicks[..., 2] < 0], dim=1)[..., None, None]
    return torch.cat([((1 - far / reach).clamp(min=0)[:, None] * signs).amax(dim=2) for reach in REACHES], dim=1)


def windows(grid: Tensor, matrices: Tensor, side: int = SIDE, mode: str = "bilinear", beyond: str = "border") -> Tensor:
    """(n, c, side, side): one (c, h, w) grid, or n of them, seen through n windows.

    matrices: (n, 2, 3), each from window cells (x, y) to the grid's. beyond: "border", its edge goes on beyond it, or
    "zeros".
    """
    height, width = grid.shape[-2:]
    along = torch.arange(side, dtype=torch.float32)
    y, x = torch.meshgrid(along, along, indexing="ij")
    places = torch.stack([x, y, torch.ones_like(x)], dim=-1)
    at = torch.einsum("hwk,nck->nhwc", places, matrices.float())
    at = (at + 0.5) * torch.tensor([2 / width, 2 / height]) - 1
    return functional.grid_sample(
        grid.expand(len(matrices), -1, -1, -1), at, mode=mode, padding_mode=beyond, align_corners=False
    )
