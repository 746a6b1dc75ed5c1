"""IDiff-Face's denoiser: a U-net whose places ask each other and a face's vector.

Source: Boutros et al., "IDiff-Face", ICCV 2023, arXiv 2308.04995 (fdbtrs/IDiff-Face, CC BY-NC-SA 4.0). Names follow its
files.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Shape:
    """width of the first level; how much wider each is than the one before, and whether its places ask; channels of a
    head; of the vector given and of what is made of it."""

    width: int = 96
    wider: tuple[int, ...] = (1, 2, 2, 2)
    asking: tuple[bool, ...] = (False, True, True, True)
    head: int = 32
    vector: int = 512
    context: int = 256
    groups: int = 32


class Time(nn.Module):
    """A step's number as sines and cosines, and two linear layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.half = width // 8
        self.lin1, self.lin2 = nn.Linear(width // 4, width), nn.Linear(width, width)

    def forward(self, step: Tensor) -> Tensor:
        """(N,) to (N, C)."""
        rates = torch.exp(-math.log(10_000) * torch.arange(self.half, device=step.device) / self.half)
        angles = step[:, None].float() * rates
        return self.lin2(functional.silu(self.lin1(torch.cat([angles.cos(), angles.sin()], -1))))


class Scaled(nn.Module):
    """A group norm, then scaled and shifted from outside."""

    def __init__(self, groups: int, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, width)

    def forward(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        return (1 + scale) * self.norm(x) + shift


class Residual(nn.Module):
    """Two convolutions, the second told the step."""

    def __init__(self, inputs: int, outputs: int, shape: Shape) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(shape.groups, inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time_emb = nn.Sequential(nn.SiLU(), nn.Linear(4 * shape.width, outputs))
        self.scale_emb, self.shift_emb = nn.Linear(outputs, outputs), nn.Linear(outputs, outputs)
        self.norm2, self.conv2 = Scaled(shape.groups, outputs), nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H, W)."""
        told = self.time_emb(time)
        scale, shift = (layer(told)[..., None, None] for layer in (self.scale_emb, self.shift_emb))
        inner = self.norm2(self.conv1(functional.silu(self.norm1(x))), scale, shift)
        return self.conv2(functional.silu(inner)) + self.shortcut(x)


class Attention(nn.Module):
    """(N, C, T) asks itself or another (N, D, S)."""

    def __init__(self, width: int, other: int, heads: int, head: int) -> None:
        super().__init__()
        self.heads, inner = heads, heads * head
        self.to_q, self.to_k, self.to_v = (nn.Conv1d(inputs, inner, 1) for inputs in (width, other, other))
        self.proj_out = nn.Conv1d(inner, width, 1)

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        """(N, C, T) to the same."""
        pairs = ((self.to_q, x), (self.to_k, other), (self.to_v, other))
        parts = [layer(given).unflatten(1, (self.heads, -1)).transpose(2, 3) for layer, given in pairs]
        found = functional.scaled_dot_product_attention(parts[0], parts[1], parts[2])
        return self.proj_out(found.transpose(2, 3).flatten(1, 2))


class Asking(nn.Module):
    """Places ask each other, then the vector, then two layers; added to the input."""

    def __init__(self, width: int, shape: Shape) -> None:
        super().__init__()
        heads, self.context = width // shape.head, shape.context
        inner = heads * shape.head
        self.x_proj_in, self.x_proj_out = nn.Conv2d(width, inner, 1), nn.Conv2d(inner, width, 1)
        self.self_attention = Attention(inner, inner, heads, shape.head)
        self.c_proj_in = nn.Linear(shape.context, shape.context * shape.head)
        self.cross_attention = Attention(inner, shape.context, heads, shape.head)
        self.x_norm, self.c_norm = nn.GroupNorm(shape.groups, inner), nn.GroupNorm(shape.groups, shape.context)
        self.ff = nn.Sequential(nn.Linear(inner, 4 * inner), nn.GELU(), nn.Linear(4 * inner, inner))

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        places = self.x_proj_in(x).flatten(2)
        told = self.c_norm(self.c_proj_in(context).unflatten(1, (self.context, -1)))
        seen = self.x_norm(places)
        places = self.self_attention(seen, seen) + places
        places = self.cross_attention(self.x_norm(places), told) + places
        places = self.ff(self.x_norm(places).transpose(1, 2)).transpose(1, 2) + places
        return self.x_proj_out(places.reshape(len(x), -1, *x.shape[2:])) + x


class Step(nn.Module):
    """A Residual, then Asking where its level asks."""

    def __init__(self, inputs: int, outputs: int, asks: bool, shape: Shape) -> None:
        super().__init__()
        self.res = Residual(inputs, outputs, shape)
        if asks:
            self.attn = Asking(outputs, shape)

    def forward(self, x: Tensor, time: Tensor, context: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H, W)."""
        x = self.res(x, time)
        return self.attn(x, context) if hasattr(self, "attn") else x


class Resize(nn.Module):
    """Half or twice the size by a convolution."""

    def __init__(self, width: int, up: bool) -> None:
        super().__init__()
        self.up = up
        self.conv = nn.ConvTranspose2d(width, width, 4, 2, 1) if up else nn.Conv2d(width, width, 3, 2, 1)

    def forward(self, x: Tensor, time: Tensor, context: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H / 2 or 2H, W / 2 or 2W)."""
        return self.conv(x)


class Middle(nn.Module):
    """Two Residuals with Asking between."""

    def __init__(self, width: int, shape: Shape) -> None:
        super().__init__()
        self.res1, self.attn, self.res2 = (
            Residual(width, width, shape),
            Asking(width, shape),
            Residual(width, width, shape),
        )

    def forward(self, x: Tensor, time: Tensor, context: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        return self.res2(self.attn(self.res1(x, time), context), time)


class ContextUNet(nn.Module):
    """Noisy latents (N, 3, h, w), their step (N,) and unit vectors (N, 512) to the noise in them."""

    def __init__(self, shape: Shape = Shape()) -> None:
        super().__init__()
        self.image_proj = nn.Conv2d(3, shape.width, 3, padding=1)
        self.time_emb = Time(4 * shape.width)
        self.context_emb = nn.Linear(shape.vector, shape.context)
        self.down, self.up, width = nn.ModuleList(), nn.ModuleList(), shape.width
        for place, (wider, asks) in enumerate(zip(shape.wider, shape.asking, strict=True)):
            for first in (True, False):
                self.down.append(Step(width, width * wider if first else width, asks, shape))
                width = width * wider if first else width
            if place < len(shape.wider) - 1:
                self.down.append(Resize(width, up=False))
        self.middle = Middle(width, shape)
        for place in reversed(range(len(shape.wider))):
            asks, thinner = shape.asking[place], width // shape.wider[place]
            self.up.extend(
                [*(Step(2 * width, width, asks, shape) for _ in range(2)), Step(width + thinner, thinner, asks, shape)]
            )
            width = thinner
            if place:
                self.up.append(Resize(width, up=True))
        self.norm, self.final = nn.GroupNorm(shape.groups, width), nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, x: Tensor, step: Tensor, vectors: Tensor) -> Tensor:
        """The noise."""
        time, context = self.time_emb(step), self.context_emb(vectors)
        x = self.image_proj(x)
        seen = [x]
        for layer in self.down:
            x = layer(x, time, context)
            seen.append(x)
        x = self.middle(x, time, context)
        for layer in self.up:
            x = layer(x if isinstance(layer, Resize) else torch.cat([x, seen.pop()], 1), time, context)
        return self.final(functional.silu(self.norm(x)))
