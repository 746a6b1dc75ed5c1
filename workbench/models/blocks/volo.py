"""VOLO's blocks: each place says how its neighbours are mixed, then all places ask each other, then a class token asks.

Source: Yuan et al., "VOLO", arXiv 2106.13112. Names as timm gives them.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.models.recognisers.patch_transformer import Attention

KERNEL, RATIO = 3, 3
"""Side of what a place mixes; how much wider a block is inside."""


class Mlp(nn.Module):
    """Two linear layers, or 1×1 convolutions, with GELU between."""

    def __init__(self, inputs: int, inner: int, outputs: int, conv: bool = False) -> None:
        super().__init__()
        self.fc1: nn.Module = nn.Conv2d(inputs, inner, 1) if conv else nn.Linear(inputs, inner)
        self.fc2: nn.Module = nn.Conv2d(inner, outputs, 1) if conv else nn.Linear(inner, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """To the outputs."""
        return self.fc2(functional.gelu(self.fc1(x)))


class Outlook(nn.Module):
    """Each place says how its nine neighbours are mixed (VOLO, section 3.1), at every second place."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.v = nn.Linear(width, width, bias=False)
        self.attn = nn.Linear(width, KERNEL**4 * heads)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, H, W, C) to the same."""
        count, height, width, channels = x.shape
        seen = functional.unfold(self.v(x).permute(0, 3, 1, 2), KERNEL, padding=1, stride=2)
        seen = seen.unflatten(1, (self.heads, channels // self.heads, KERNEL**2)).permute(0, 1, 4, 3, 2)
        pooled = functional.avg_pool2d(x.permute(0, 3, 1, 2), 2, 2, ceil_mode=True).flatten(2).transpose(1, 2)
        shares = self.attn(pooled).unflatten(-1, (self.heads, KERNEL**2, KERNEL**2)).transpose(1, 2)
        shares = (shares * (channels // self.heads) ** -0.5).softmax(-1)
        mixed = (shares @ seen).permute(0, 1, 4, 3, 2).reshape(count, channels * KERNEL**2, -1)
        whole = functional.fold(mixed, (height, width), KERNEL, padding=1, stride=2)
        return self.proj(whole.permute(0, 2, 3, 1))


class Grid(Attention):
    """Every place asks every other."""

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """(N, H, W, C) to the same."""
        return super().forward(x.flatten(1, 2)).reshape(x.shape)


class Block(nn.Module):
    """A way to look around and two layers, each added to what came in."""

    def __init__(self, width: int, look: nn.Module) -> None:
        super().__init__()
        self.norm1, self.attn, self.norm2 = nn.LayerNorm(width), look, nn.LayerNorm(width)
        self.mlp = Mlp(width, RATIO * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, H, W, C) to the same."""
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Halving(nn.Module):
    """(N, H, W, C) to (N, H / 2, W / 2, C')."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(inputs, outputs, 2, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Four places become one."""
        return self.proj(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class Asking(nn.Module):
    """The class token asks every token."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.kv = nn.Linear(width, 2 * width, bias=False)
        self.q = nn.Linear(width, width, bias=False)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) to (N, 1, C)."""
        keys, values = self.kv(x).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        queries = self.q(x[:, :1]).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        found = functional.scaled_dot_product_attention(queries, keys, values)
        return self.proj(found.transpose(1, 2).flatten(2))


class ClassBlock(Block):
    """As a Block, for the class token alone."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) to the same."""
        first = x[:, :1] + self.attn(self.norm1(x))
        return torch.cat([first + self.mlp(self.norm2(first)), x[:, 1:]], 1)
