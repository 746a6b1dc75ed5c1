"""ConvNeXt V2 (Woo et al., arXiv 2301.00808) down to its last feature map, under the names timm gives it in
`features_only` mode."""

import torch
from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-6
TINY = ((3, 96), (3, 192), (9, 384), (3, 768))
"""Blocks and channels of each stage of the tiny network."""


class Norm2d(nn.LayerNorm):
    """A layer norm over the channels of (N, C, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ResponseNorm(nn.Module):
    """Global response normalisation (section 3.3): every channel weighted by its share of the picture's strength."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(N, H, W, C) to the same."""
        strength = x.norm(dim=(1, 2), keepdim=True)
        return x + self.bias + self.weight * (x * (strength / (strength.mean(-1, keepdim=True) + EPSILON)))


class Mlp(nn.Module):
    """Widen fourfold, GELU, response norm, narrow."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, 4 * channels)
        self.grn = ResponseNorm(4 * channels)
        self.fc2 = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, H, W, C) to the same."""
        return self.fc2(self.grn(functional.gelu(self.fc1(x))))


class Block(nn.Module):
    """A 7×7 convolution per channel, a layer norm and an Mlp, added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, EPSILON)
        self.mlp = Mlp(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        return x + self.mlp(self.norm(self.conv_dw(x).permute(0, 2, 3, 1))).permute(0, 3, 1, 2)


class Stage(nn.Module):
    """Halve the picture (all but the first stage), then blocks of one width."""

    def __init__(self, inputs: int, channels: int, count: int) -> None:
        super().__init__()
        self.downsample: nn.Module = nn.Identity()
        if inputs != channels:
            self.downsample = nn.Sequential(Norm2d(inputs, EPSILON), nn.Conv2d(inputs, channels, 2, 2))
        self.blocks = nn.Sequential(*(Block(channels) for _ in range(count)))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H / 2, W / 2), or the same size in the first stage."""
        return self.blocks(self.downsample(x))


class ConvNextV2(nn.Module):
    """(N, 3, H, W) normalised pixels to (N, 768, H / 32, W / 32)."""

    def __init__(self, stages: tuple[tuple[int, int], ...] = TINY) -> None:
        super().__init__()
        self.stem_0 = nn.Conv2d(3, stages[0][1], 4, 4)
        self.stem_1 = Norm2d(stages[0][1], EPSILON)
        inputs = stages[0][1]
        for place, (count, channels) in enumerate(stages):
            self.add_module(f"stages_{place}", Stage(inputs, channels, count))
            inputs = channels
        self._stages = len(stages)

    def forward(self, x: Tensor) -> Tensor:
        """The last feature map of a batch."""
        x = self.stem_1(self.stem_0(x))
        for place in range(self._stages):
            x = self.get_submodule(f"stages_{place}")(x)
        return x
