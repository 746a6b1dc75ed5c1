"""The decoder SegFace and FaceXFormer share: one token per class or task asks four feature maps for its part of the
face.

Narayan et al., SegFace, arXiv 2412.08647, section 3, and FaceXFormer, arXiv 2403.12960, section 3; the two-way
attention is that of Kirillov et al., Segment Anything, arXiv 2304.02643, appendix A. Names of weights are those of the
released checkpoints. Everything after the attention works on rows of channels, and projections that only mix channels
are made before maps grow: the same numbers (to rounding) with a fraction of the work. Knows no backbone and no labels.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH = 256
HEADS = 8
HIDDEN = 2048
DETAIL = 32


class Attention(nn.Module):
    """Eight-headed attention whose inner width may be smaller than that of what goes in and out."""

    def __init__(self, inner: int) -> None:
        super().__init__()
        self.q_proj = nn.Linear(WIDTH, inner)
        self.k_proj = nn.Linear(WIDTH, inner)
        self.v_proj = nn.Linear(WIDTH, inner)
        self.out_proj = nn.Linear(inner, WIDTH)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Queries (N, a, 256), keys and values (N, b, 256) to (N, a, 256)."""
        heads = (_split(self.q_proj(q)), _split(self.k_proj(k)), _split(self.v_proj(v)))
        mixed = functional.scaled_dot_product_attention(*heads)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))


def _split(x: Tensor) -> Tensor:
    """(N, n, c) to (N, 8, n, c / 8)."""
    return x.unflatten(2, (HEADS, -1)).transpose(1, 2)


class TwoLinears(nn.Module):
    """A linear layer, ReLU, and the way back."""

    def __init__(self) -> None:
        super().__init__()
        self.lin1 = nn.Linear(WIDTH, HIDDEN)
        self.lin2 = nn.Linear(HIDDEN, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """(N, n, 256) to the same."""
        return self.lin2(functional.relu(self.lin1(x)))


class TwoWayBlock(nn.Module):
    """Tokens look at each other, then at the image, then the image looks at the tokens.

    first: its self-attention replaces the tokens and sees no positions.
    """

    def __init__(self, first: bool) -> None:
        super().__init__()
        self.first = first
        self.self_attn = Attention(WIDTH)
        self.norm1 = nn.LayerNorm(WIDTH)
        self.cross_attn_token_to_image = Attention(WIDTH // 2)
        self.norm2 = nn.LayerNorm(WIDTH)
        self.mlp = TwoLinears()
        self.norm3 = nn.LayerNorm(WIDTH)
        self.norm4 = nn.LayerNorm(WIDTH)
        self.cross_attn_image_to_token = Attention(WIDTH // 2)

    def forward(
        self, tokens: Tensor, image: Tensor, token_places: Tensor, image_places: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Tokens (N, k, 256) and image rows (N, h·w, 256), with the places of both, to new ones of the same shapes."""
        if self.first:
            tokens = self.self_attn(tokens, tokens, tokens)
        else:
            placed = tokens + token_places
            tokens = tokens + self.self_attn(placed, placed, tokens)
        tokens = self.norm1(tokens)
        there = image + image_places
        tokens = self.norm2(tokens + self.cross_attn_token_to_image(tokens + token_places, there, image))
        tokens = self.norm3(tokens + self.mlp(tokens))
        return tokens, self.norm4(image + self.cross_attn_image_to_token(there, tokens + token_places, tokens))


class TwoWayTransformer(nn.Module):
    """Two blocks and a last look of the tokens at the image."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([TwoWayBlock(first=True), TwoWayBlock(first=False)])
        self.final_attn_token_to_image = Attention(WIDTH // 2)
        self.norm_final_attn = nn.LayerNorm(WIDTH)

    def forward(self, image: Tensor, image_places: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Image rows (N, h·w, 256), their places and tokens (N, k, 256) to tokens and image rows."""
        places = tokens
        for layer in self.layers:
            tokens, image = layer(tokens, image, places, image_places)
        seen = self.final_attn_token_to_image(tokens + places, image + image_places, image)
        return self.norm_final_attn(tokens + seen), image


class Perceptron(nn.Module):
    """Three linear layers with ReLU between."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, outputs)])

    def forward(self, x: Tensor) -> Tensor:
        """(..., 256) to (..., outputs)."""
        for layer in self.layers[:-1]:
            x = functional.relu(layer(x))
        return self.layers[-1](x)


class RandomPlaces(nn.Module):
    """Where each cell of a grid lies, as 256 sines and cosines of random directions kept in the checkpoint."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.zeros(2, WIDTH // 2))

    def forward(self, height: int, width: int) -> Tensor:
        """(1, height · width, 256): cell centres from −1 to 1, along the directions."""
        directions = self.positional_encoding_gaussian_matrix
        ones = torch.ones((height, width), device=directions.device)
        y, x = (ones.cumsum(0) - 0.5) / height, (ones.cumsum(1) - 0.5) / width
        angles = 2 * math.pi * ((2 * torch.stack([x, y], dim=-1) - 1) @ directions)
        return torch.cat([angles.sin(), angles.cos()], dim=-1).flatten(0, 1)[None]


class Norm2d(nn.Module):
    """Holds the weights of a layer norm over channels; `FaceDecoder` applies it to rows."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, rows: Tensor) -> Tensor:
        """(..., channels) to the same."""
        return functional.layer_norm(rows, self.weight.shape, self.weight, self.bias, 1e-6)


def _double(rows: Tensor, up: nn.ConvTranspose2d) -> Tensor:
    """A 2 × 2 transposed convolution of stride 2 on rows: (..., inputs) to (..., 4, outputs), top left, top right,
    bottom left …"""
    weight = up.weight.permute(2, 3, 1, 0).flatten(0, 2)
    return functional.linear(rows, weight).unflatten(-1, (4, -1)) + up.bias


class FaceDecoder(nn.Module):
    """Tokens to masks, and single tokens to numbers.

    tokens: name in the checkpoint and how many rows it has, in the order the network sees them. heads: task to number
    of outputs; the n-th head reads the n-th token, and the rows after the heads' are classes with a mask each.
    """

    def __init__(self, tokens: Sequence[tuple[str, int]], heads: Mapping[str, int] | None = None) -> None:
        super().__init__()
        self.names = tuple(name for name, _ in tokens)
        self.heads = tuple(heads or ())
        self.transformer = TwoWayTransformer()
        for name, rows in tokens:
            self.add_module(name, nn.Embedding(rows, WIDTH))
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(WIDTH, WIDTH // 4, 2, 2),
            Norm2d(WIDTH // 4),
            nn.GELU(),
            nn.ConvTranspose2d(WIDTH // 4, DETAIL, 2, 2),
        )
        self.output_hypernetwork_mlps = Perceptron(DETAIL)
        for task, outputs in (heads or {}).items():
            self.add_module(f"{task}_prediction_head", Perceptron(outputs))

    def forward(self, image: Tensor, places: Tensor, height: int, width: int) -> dict[str, Tensor]:
        """Image rows (N, h·w, 256) to {"logits": (N, classes, 4h, 4w), task: (N, outputs) …}."""
        tokens = torch.cat([self.get_submodule(name).weight for name in self.names])  # type: ignore[misc]
        tokens, image = self.transformer(image, places, tokens.expand(len(image), -1, -1))
        found = {
            task: self.get_submodule(f"{task}_prediction_head")(tokens[:, at]) for at, task in enumerate(self.heads)
        }
        return {"logits": self._masks(tokens[:, len(self.heads) :], image, height, width), **found}

    def _masks(self, tokens: Tensor, image: Tensor, height: int, width: int) -> Tensor:
        first, norm, gelu, second = self.output_upscaling
        fine = gelu(_double(gelu(norm(_double(image, first))), second))
        scores = self.output_hypernetwork_mlps(tokens) @ fine.flatten(1, 3).transpose(1, 2)
        grid = scores.unflatten(2, (height, width, 2, 2, 2, 2)).permute(0, 1, 2, 4, 6, 3, 5, 7)
        return grid.reshape(len(image), -1, 4 * height, 4 * width)


class Project(nn.Module):
    """Holds the linear layer of one scale."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.proj = nn.Linear(channels, WIDTH)


class FaceNetwork(nn.Module):
    """A backbone, four scales brought together, and the decoder.

    backbone: modules run in order; taps: after which of them a map is taken; channels: of those maps. rows_last: the
    backbone gives (N, h, w, C).
    """

    def __init__(
        self,
        backbone: nn.Sequential,
        taps: Sequence[int],
        channels: Sequence[int],
        decoder: FaceDecoder,
        inner: bool,
        rows_last: bool,
    ) -> None:
        """inner: the tapped modules are those of the backbone's first child (the rest is carried along unused)."""
        super().__init__()
        self.backbone, self.taps, self.inner, self.rows_last = backbone, tuple(taps), inner, rows_last
        self.pe_layer = RandomPlaces()
        self.face_decoder = decoder
        self.linear_c = nn.ModuleList([Project(count) for count in channels])
        self.linear_fuse = nn.Conv2d(WIDTH * len(channels), WIDTH, 1, bias=False)

    def features(self, pixels: Tensor) -> list[Tensor]:
        """Normalised pixels (N, 3, H, W) to the four maps (N, C, h, w), finest first."""
        maps, x = [], pixels
        for index, module in enumerate(self.backbone[0] if self.inner else self.backbone):  # type: ignore[arg-type]
            x = module(x)
            if index in self.taps:
                maps.append(x.permute(0, 3, 1, 2) if self.rows_last else x)
            if index == self.taps[-1]:
                break
        return maps

    def fuse(self, maps: Sequence[Tensor]) -> Tensor:
        """Four maps to one of the finest's size, (N, 256, h, w).

        The checkpoint projects each to 256 channels, enlarges, stacks them deepest first and mixes 1024 to 256; all of
        that is linear, so each map goes through one matrix at its own size and the enlarged results are added.
        """
        shares = self.linear_fuse.weight.flatten(1).split(WIDTH, dim=1)
        total: Tensor | None = None
        for found, project, share in zip(maps, self.linear_c, reversed(shares), strict=True):
            linear = project.proj
            weight, bias = share @ linear.weight, share @ linear.bias  # type: ignore[operator]
            mixed = functional.conv2d(found, weight[:, :, None, None], bias)
            if total is not None:
                mixed = functional.interpolate(mixed, size=total.shape[2:], mode="bilinear", align_corners=False)
            total = mixed if total is None else total + mixed
        assert total is not None
        return total

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """Normalised pixels (N, 3, H, W) to {"logits": (N, classes, H, W), task: (N, outputs) …}; H and W in multiples
        of 4."""
        fused = self.fuse(self.features(pixels))
        height, width = fused.shape[2:]
        return self.face_decoder(fused.flatten(2).transpose(1, 2), self.pe_layer(height, width), height, width)
