"""Vision transformers that recognise faces without a class token: every patch's token goes into one linear layer.

InsightFace's network, as LVFace publishes it; TransFace puts a gate of one number per patch before the last layers;
CVLFace trains the same blocks with AdaFace's loss. Names follow the published files.
Sources: You et al., "LVFace", arXiv 2501.13420 (bytedance/LVFace); Dan et al., "TransFace", ICCV 2023, arXiv
2308.10133 (DanJun6737/TransFace); Kim et al., "KeyPoint Relative Position Encoding", CVPR 2024, arXiv 2403.14852
(mk-minchul/CVLface).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadWeights
from workbench.models.blocks.windows import arcface
from workbench.models.files import checkpoint
from workbench.models.recognisers.arcface_ir import color_space
from workbench.models.recognisers.hub_recogniser import HubRecogniser, scaled

SIZE, VECTOR = 112, 512
EPSILON = 2e-5
PREFIXES = ("model.net.", "module.", "model.", "net.", "backbone.", "")
ANCHOR = "patch_embed.proj.weight"
UNUSED = ("mask_token",)
"""Stands in for hidden patches while training; some files keep it."""


@dataclass(frozen=True, slots=True)
class Shape:
    """width of a token, number of blocks, heads, side of a patch in pixels, width inside a block as a multiple."""

    width: int
    depth: int
    heads: int = 8
    patch: int = 9
    ratio: int = 4

    @property
    def side(self) -> int:
        """Patches along one side of the chip; what is left over at the right and below is not seen."""
        return SIZE // self.patch


SHAPES = {
    "lvface-t": Shape(256, 12),
    "lvface-s": Shape(512, 12),
    "lvface-b": Shape(512, 24),
    "lvface-l": Shape(768, 24),
    "transface-s": Shape(512, 12),
    "transface-b": Shape(512, 24),
    "transface-l": Shape(768, 24),
    "vit-base": Shape(512, 24, 16, 8, 3),
    "kprpe-base": Shape(512, 24, 16, 8, 3),
}
"""By the start of a row's id."""


class Attention(nn.Module):
    """Every token asks every other. bias: (N or 1, heads, T, T), added before the softmax."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.num_heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """(N, T, C) to the same."""
        count, tokens, width = x.shape
        parts = self.qkv(x).reshape(count, tokens, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        queries, keys, values = parts.unbind(0)
        found = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=bias)
        return self.proj(found.transpose(1, 2).reshape(count, tokens, width))


class Mlp(nn.Module):
    """Widen, ReLU cut at 6, narrow."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) to the same."""
        return self.fc2(functional.relu6(self.fc1(x)))


class Block(nn.Module):
    """Attention and two layers on their own, each added to what came in."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(shape.width)
        self.attn = Attention(shape.width, shape.heads)
        self.norm2 = nn.LayerNorm(shape.width)
        self.mlp = Mlp(shape.width, shape.ratio * shape.width)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """(N, T, C) to the same."""
        x = x + self.attn(self.norm1(x), bias)
        return x + self.mlp(self.norm2(x))


class Patches(nn.Module):
    """(N, 3, H, W) to (N, T, C): a token per square of the picture."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, shape.width, shape.patch, shape.patch)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens, row by row."""
        return self.proj(x).flatten(2).transpose(1, 2)


class PatchTransformer(nn.Module):
    """(N, 3, 112, 112) RGB in 0..255 to (N, 512), not normalised. bgr: the weights want blue first."""

    def __init__(self, shape: Shape, bgr: bool = False) -> None:
        super().__init__()
        self.shape, self.bgr = shape, bgr
        width, places = shape.width, shape.side**2
        self.patch_embed = Patches(shape)
        self.pos_embed = nn.Parameter(torch.zeros(1, places, width))
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.depth))
        self.norm = nn.LayerNorm(width)
        self.feature = nn.Sequential(
            nn.Linear(width * places, width, bias=False),
            nn.BatchNorm1d(width, eps=EPSILON),
            nn.Linear(width, VECTOR, bias=False),
            nn.BatchNorm1d(VECTOR, eps=EPSILON),
        )

    def tokens(self, chips: Tensor) -> Tensor:
        """(N, T, C): what is known of each patch after the last block."""
        x = self.patch_embed(scaled(chips, self.bgr)) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def forward(self, chips: Tensor) -> Tensor:
        """Vectors of a batch of chips."""
        return self.feature(self.tokens(chips).flatten(1))


class GatedTransformer(PatchTransformer):
    """TransFace: tokens are weighted by a number of their own, 0 to 1, before they become the vector."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        places = shape.side**2
        self.senet = nn.Sequential(
            nn.Linear(shape.width * places, places, bias=False),
            nn.ReLU(),
            nn.Linear(places, places, bias=False),
            nn.Sigmoid(),
        )

    def gate(self, chips: Tensor) -> Tensor:
        """(N, h, w) in 0..1: the weight of each patch, as the network itself chose it."""
        return self.senet(self.tokens(chips).flatten(1)).unflatten(1, (self.shape.side, self.shape.side))

    def forward(self, chips: Tensor) -> Tensor:
        """Vectors of a batch of chips."""
        tokens = self.tokens(chips)
        gate = self.senet(tokens.flatten(1))
        return self.feature((gate[..., None] * tokens).flatten(1))


def shape_of(spec: ModelSpec) -> Shape:
    """The network a row's id names. Raises BadWeights for an id that names none."""
    name = next((name for name in SHAPES if spec.id == name or spec.id.startswith(f"{name}-")), "")
    if not name:
        raise BadWeights(f"{spec.id}: expected an id that starts as one of {', '.join(SHAPES)}.")
    return SHAPES[name]


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> HubRecogniser:
    """LVFace, or CVLFace's ViT with its config.json, which says the order of colours.

    The size follows the row's id: "lvface-t". Raises BadWeights for the file of another network.
    """
    bgr = color_space(files["config"]) == "BGR" if "config" in files else False
    return _load(spec, files, device, partial(PatchTransformer, shape_of(spec), bgr))


def load_gated(spec: ModelSpec, files: Mapping[str, Path], device: str) -> HubRecogniser:
    """TransFace. Raises BadWeights for the file of another network."""
    return _load(spec, files, device, partial(GatedTransformer, shape_of(spec)))


def _load(spec: ModelSpec, files: Mapping[str, Path], device: str, make: "partial[PatchTransformer]") -> HubRecogniser:
    weights = checkpoint.stripped(checkpoint.read(files["weights"]), ANCHOR, PREFIXES, drop=unused())
    network = checkpoint.install(make, weights, spec.title, device)
    return HubRecogniser(spec, network, arcface(SIZE), SIZE, "norm")


def unused() -> tuple[str, ...]:
    """Names of weights that only training needs, under every prefix."""
    return tuple(f"{prefix}{name}" for prefix in PREFIXES for name in UNUSED)
