"""Swin's blocks (Liu et al., arXiv 2103.14030) on a square grid of tokens, under the names of its authors' files.

Where tokens stand to each other, and which windows a shift has cut, are worked out here; files may hold them as well
(`TABLES`), and are not asked.
"""

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional

TABLES = ("relative_position_index", "attn_mask")
"""Last words of names in files that hold nothing learned."""
CUT = -100.0
"""What is added between tokens that a shift has brought together."""


@lru_cache
def positions(window: int) -> Tensor:
    """(T, T): for each pair of places in a window, the row of the table of biases."""
    places = torch.stack(torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")).flatten(1)
    apart = places[:, :, None] - places[:, None] + window - 1
    return apart[0] * (2 * window - 1) + apart[1]


@lru_cache
def cuts(side: int, window: int, shift: int) -> Tensor:
    """(windows, 1, T, T): 0 between neighbours, `CUT` between places that lie together only because of the shift."""
    along = torch.zeros(side)
    along[side - window : side - shift], along[side - shift :] = 1, 2
    areas = windows((3 * along[:, None] + along[None])[None, :, :, None], window)[0, :, :, 0]
    return torch.where(areas[:, None] == areas[:, :, None], 0.0, CUT)[:, None]


def windows(grid: Tensor, window: int) -> Tensor:
    """(N, S, S, C) to (N, windows, T, C)."""
    count, side, _, width = grid.shape
    across = side // window
    parts = grid.reshape(count, across, window, across, window, width).transpose(2, 3)
    return parts.reshape(count, across**2, window**2, width)


def whole(parts: Tensor, window: int) -> Tensor:
    """(N, windows, T, C) to (N, S, S, C)."""
    count, number, _, width = parts.shape
    across = round(number**0.5)
    grid = parts.reshape(count, across, across, window, window, width).transpose(2, 3)
    return grid.reshape(count, across * window, across * window, width)


class WindowAttention(nn.Module):
    """Tokens of one window ask each other; how far apart they stand is learned."""

    def __init__(self, width: int, window: int, heads: int) -> None:
        super().__init__()
        self.window, self.num_heads = window, heads
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, cut: Tensor | None) -> Tensor:
        """(N, windows, T, C) to the same. cut: (windows, 1, T, T)."""
        bias = self.relative_position_bias_table[positions(self.window).to(x.device)].permute(2, 0, 1)
        bias = bias[None] if cut is None else bias + cut
        parts = self.qkv(x).unflatten(-1, (3, self.num_heads, -1)).permute(3, 0, 1, 4, 2, 5)
        queries, keys, values = parts.unbind(0)
        found = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=bias)
        return self.proj(found.transpose(2, 3).flatten(3))


class Mlp(nn.Module):
    """Widen fourfold, GELU, narrow."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(…, C) to the same."""
        return self.fc2(functional.gelu(self.fc1(x)))


class Block(nn.Module):
    """Attention in windows, shifted in every second block, and two layers; each added to what came in.

    cut: whether tokens that only the shift has brought together are kept apart.
    """

    def __init__(self, width: int, side: int, window: int, heads: int, shifted: bool, cut: bool) -> None:
        super().__init__()
        window = min(window, side)
        self.side, self.window = side, window
        self.shift = window // 2 if shifted and side > window else 0
        self.cut = cut and self.shift > 0
        self.norm1 = nn.LayerNorm(width)
        self.attn = WindowAttention(width, window, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, S, S, C) to the same."""
        moved = self.norm1(x).roll((-self.shift, -self.shift), (1, 2)) if self.shift else self.norm1(x)
        cut = cuts(self.side, self.window, self.shift).to(x) if self.cut else None
        found = whole(self.attn(windows(moved, self.window), cut), self.window)
        x = x + (found.roll((self.shift, self.shift), (1, 2)) if self.shift else found)
        return x + self.mlp(self.norm2(x))


class Merging(nn.Module):
    """(N, S, S, C) to (N, S / 2, S / 2, 2 C)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)
        self.norm = nn.LayerNorm(4 * width)

    def forward(self, x: Tensor) -> Tensor:
        """Four neighbours become one token."""
        four = (x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2])
        return self.reduction(self.norm(torch.cat(four, -1)))


class Stage(nn.Module):
    """Blocks of one width, then fewer and wider tokens, except after the last."""

    def __init__(self, width: int, side: int, window: int, heads: int, depth: int, last: bool, cut: bool) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(Block(width, side, window, heads, place % 2 == 1, cut) for place in range(depth)))
        self.downsample: nn.Module = nn.Identity() if last else Merging(width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, S, S, C) to (N, S / 2, S / 2, 2 C); the last keeps both."""
        return self.downsample(self.blocks(x))


class Patches(nn.Module):
    """(N, 3, H, W) to (N, S, S, C): a token per square of the picture."""

    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, patch)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens in their places."""
        return self.norm(self.proj(x).permute(0, 2, 3, 1))


def stages(
    width: int, side: int, window: int, depths: Sequence[int], heads: Sequence[int], cut: bool = True
) -> nn.ModuleList:
    """The stages of a network whose first grid is `side` tokens wide."""
    last = len(depths) - 1
    pairs = enumerate(zip(depths, heads, strict=True))
    return nn.ModuleList(
        Stage(width << place, side >> place, window, count, depth, place == last, cut)
        for place, (depth, count) in pairs
    )


def learned(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights without the `TABLES`."""
    return {name: value for name, value in weights.items() if name.rpartition(".")[2] not in TABLES}
