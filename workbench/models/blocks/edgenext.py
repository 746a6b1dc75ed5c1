"""EdgeNeXt (Maaz et al., arXiv 2206.10589) with one vector at the end, under timm's names: convolutions per channel,
and attention between channels instead of between places.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.models.blocks.convnext_v2 import EPSILON, Norm2d

KERNELS, SPLITS = (3, 5, 7, 9), (2, 2, 3, 4)
"""Of each stage: the side of its convolutions, and into how many groups of channels its last block splits."""
FREQUENCIES, TEMPERATURE = 32, 10_000.0


@dataclass(frozen=True, slots=True)
class Shape:
    """widths and blocks of the four stages, heads, and the rank of every linear layer as a share (0: full).

    The last block of stages 2 to 4 mixes channels.
    """

    widths: tuple[int, int, int, int]
    depths: tuple[int, int, int, int]
    heads: int
    rank: float = 0.0


class LowRank(nn.Module):
    """A linear layer in two steps of smaller rank (EdgeFace's LoRaLin, arXiv 2307.01838, section 3.2)."""

    def __init__(self, inputs: int, outputs: int, share: float) -> None:
        super().__init__()
        rank = max(2, int(min(inputs, outputs) * share))
        self.linear1 = nn.Linear(inputs, rank, bias=False)
        self.linear2 = nn.Linear(rank, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(…, inputs) to (…, outputs)."""
        return self.linear2(self.linear1(x))


def linear(inputs: int, outputs: int, share: float) -> nn.Module:
    """A linear layer, of full rank where share is 0."""
    return LowRank(inputs, outputs, share) if share else nn.Linear(inputs, outputs)


class Mlp(nn.Module):
    """Widen fourfold, GELU, narrow."""

    def __init__(self, width: int, rank: float) -> None:
        super().__init__()
        self.fc1 = linear(width, 4 * width, rank)
        self.fc2 = linear(4 * width, width, rank)

    def forward(self, x: Tensor) -> Tensor:
        """(…, C) to the same."""
        return self.fc2(functional.gelu(self.fc1(x)))


class ConvBlock(nn.Module):
    """A convolution per channel, a layer norm and an Mlp, scaled and added to the input."""

    def __init__(self, width: int, kernel: int, rank: float) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width, EPSILON)
        self.mlp = Mlp(width, rank)
        self.gamma = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        inner = self.mlp(self.norm(self.conv_dw(x).permute(0, 2, 3, 1)))
        return x + (self.gamma * inner).permute(0, 3, 1, 2)


class ChannelAttention(nn.Module):
    """Channels ask each other, over all places (El-Nouby et al., XCiT, arXiv 2106.09681, section 3)."""

    def __init__(self, width: int, groups: int, rank: float) -> None:
        super().__init__()
        self.groups = groups
        self.temperature = nn.Parameter(torch.ones(groups, 1, 1))
        self.qkv = linear(width, 3 * width, rank)
        self.proj = linear(width, width, rank)

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) to the same."""
        count, places, width = x.shape
        parts = self.qkv(x).reshape(count, places, 3, self.groups, -1).permute(2, 0, 3, 4, 1)
        queries, keys, values = parts.unbind(0)
        alike = functional.normalize(queries, dim=-1) @ functional.normalize(keys, dim=-1).transpose(-2, -1)
        found = (alike * self.temperature).softmax(-1) @ values
        return self.proj(found.permute(0, 3, 1, 2).reshape(count, places, width))


class Positions(nn.Module):
    """Sines and cosines of row and column, mixed by a 1×1 convolution: (1, C, H, W) for a grid of that size."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token_projection = nn.Conv2d(2 * FREQUENCIES, width, 1)

    def forward(self, height: int, width: int) -> Tensor:
        """The same for every picture."""
        device = self.token_projection.weight.device
        down, across = (_waves(side, device) for side in (height, width))
        rows = down[:, None].expand(-1, width, -1)
        columns = across[None].expand(height, -1, -1)
        return self.token_projection(torch.cat([rows, columns], -1).permute(2, 0, 1)[None])


def _waves(side: int, device: torch.device) -> Tensor:
    """(side, 32): sines and cosines in turn of each place along one axis, which counts as one full turn."""
    places = torch.arange(1, side + 1, device=device, dtype=torch.float32)
    turns = places / (places[-1] + EPSILON) * (2 * math.pi)
    steps = torch.arange(FREQUENCIES, device=device).div(2, rounding_mode="floor").float()
    angles = turns[:, None] / TEMPERATURE ** (2 * steps / FREQUENCIES)
    return torch.stack([angles[:, 0::2].sin(), angles[:, 1::2].cos()], -1).flatten(1)


class SplitBlock(nn.Module):
    """Groups of channels look around one after the other, then all channels ask each other; an Mlp at the end."""

    def __init__(self, width: int, splits: int, placed: bool, shape: Shape) -> None:
        super().__init__()
        part = math.ceil(width / splits)
        self.convs = nn.ModuleList(nn.Conv2d(part, part, 3, padding=1, groups=part) for _ in range(max(1, splits - 1)))
        self.pos_embd = Positions(width) if placed else None
        self.norm_xca = nn.LayerNorm(width, EPSILON)
        self.gamma_xca = nn.Parameter(torch.zeros(width))
        self.xca = ChannelAttention(width, shape.heads, shape.rank)
        self.norm = nn.LayerNorm(width, EPSILON)
        self.mlp = Mlp(width, shape.rank)
        self.gamma = nn.Parameter(torch.zeros(width))

    def _looked(self, x: Tensor) -> Tensor:
        """Each group sees what the one before it saw; the last passes as it is."""
        parts = x.chunk(len(self.convs) + 1, 1)
        seen = [self.convs[0](parts[0])]
        for convolve, part in zip(self.convs[1:], parts[1:-1], strict=True):
            seen.append(convolve(seen[-1] + part))
        return torch.cat([*seen, parts[-1]], 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        count, channels, height, width = x.shape
        looked = self._looked(x)
        if self.pos_embd is not None:
            looked = looked + self.pos_embd(height, width)
        tokens = looked.flatten(2).transpose(1, 2)
        tokens = tokens + self.gamma_xca * self.xca(self.norm_xca(tokens))
        inner = self.gamma * self.mlp(self.norm(tokens))
        return x + inner.transpose(1, 2).reshape(count, channels, height, width)


class Stage(nn.Module):
    """Halve, then blocks of one width."""

    def __init__(self, place: int, shape: Shape) -> None:
        super().__init__()
        width, before = shape.widths[place], shape.widths[max(place - 1, 0)]
        self.downsample: nn.Module = nn.Identity()
        if place:
            self.downsample = nn.Sequential(Norm2d(before, EPSILON), nn.Conv2d(before, width, 2, 2))
        blocks: list[nn.Module] = [
            ConvBlock(width, KERNELS[place], shape.rank) for _ in range(shape.depths[place] - bool(place))
        ]
        self.blocks = nn.Sequential(*blocks, *([SplitBlock(width, SPLITS[place], place == 1, shape)] if place else []))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H / 2, W / 2); the first stage keeps the size."""
        return self.blocks(self.downsample(x))


class Head(nn.Module):
    """The mean over all places, a layer norm and a linear layer."""

    def __init__(self, width: int, outputs: int, rank: float) -> None:
        super().__init__()
        self.norm = Norm2d(width, EPSILON)
        self.fc = linear(width, outputs, rank)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, outputs)."""
        return self.fc(self.norm(x.mean((2, 3), keepdim=True)).flatten(1))


class EdgeNeXt(nn.Module):
    """Normalised pixels (N, 3, H, W), sides a multiple of 32 or cut to one, to (N, outputs)."""

    def __init__(self, shape: Shape, outputs: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, shape.widths[0], 4, 4), Norm2d(shape.widths[0], EPSILON))
        self.stages = nn.Sequential(*(Stage(place, shape) for place in range(4)))
        self.head = Head(shape.widths[-1], outputs, shape.rank)

    def forward(self, x: Tensor) -> Tensor:
        """Numbers of a batch of pictures."""
        return self.head(self.stages(self.stem(x)))
