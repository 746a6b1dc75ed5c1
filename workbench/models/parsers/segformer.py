"""jonathandinu/face-parsing: a SegFormer (MiT-B5) for the nineteen parts, read from the Hub's safetensors and
configuration.

Xie et al., SegFormer, NeurIPS 2021, arXiv 2105.15203. The network is ours, under the names the file uses, so that no
version of transformers stands between file and answer; its numbers are those of `SegformerForSemanticSegmentation`.
Sizes and the order of the classes come from config.json: an older revision had them in another order. Mixing before
enlarging, as in `face_decoder`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadWeights
from workbench.models.blocks.pixels import IMAGENET
from workbench.models.files.checkpoint import install, read
from workbench.models.parsers.hub_parser import HubParser
from workbench.values import check_image

SIDE = 512
NAMES = {
    "background": "background",
    "skin": "skin",
    "nose": "nose",
    "eye_g": "eyeglasses",
    "l_eye": "image_right_eye",
    "r_eye": "image_left_eye",
    "l_brow": "image_right_brow",
    "r_brow": "image_left_brow",
    "l_ear": "image_right_ear",
    "r_ear": "image_left_ear",
    "mouth": "mouth",
    "u_lip": "upper_lip",
    "l_lip": "lower_lip",
    "hair": "hair",
    "hat": "hat",
    "ear_r": "earring",
    "neck_l": "necklace",
    "neck": "neck",
    "cloth": "cloth",
}
"""CelebAMask-HQ's names of parts, where l_ is the person's left, in ours."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a SegFormer: one number per stage, and the width of its head. Defaults: MiT-B5."""

    hidden_sizes: tuple[int, ...] = (64, 128, 320, 512)
    depths: tuple[int, ...] = (3, 6, 40, 3)
    num_attention_heads: tuple[int, ...] = (1, 2, 5, 8)
    sr_ratios: tuple[int, ...] = (8, 4, 2, 1)
    mlp_ratios: tuple[int, ...] = (4, 4, 4, 4)
    patch_sizes: tuple[int, ...] = (7, 3, 3, 3)
    strides: tuple[int, ...] = (4, 2, 2, 2)
    decoder_hidden_size: int = 768
    labels: tuple[str, ...] = tuple(NAMES)


class Attention(nn.Module):
    """Attention whose keys and values come from a map made `reduction` times smaller."""

    def __init__(self, width: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads, self.reduction = heads, reduction
        inner = nn.Module()
        inner.query, inner.key, inner.value = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, width)
        if reduction > 1:
            inner.sr, inner.layer_norm = nn.Conv2d(width, width, reduction, reduction), nn.LayerNorm(width)
        self.self = inner
        self.output = nn.Module()
        self.output.dense = nn.Linear(width, width)

    def forward(self, rows: Tensor, height: int, width: int) -> Tensor:
        """Rows (N, h·w, C) to the same."""
        inner: Any = self.self
        few = rows
        if self.reduction > 1:
            few = inner.layer_norm(inner.sr(_as_map(rows, height, width)).flatten(2).transpose(1, 2))
        split = (
            x.unflatten(2, (self.heads, -1)).transpose(1, 2)
            for x in (inner.query(rows), inner.key(few), inner.value(few))
        )
        return self.output.dense(functional.scaled_dot_product_attention(*split).transpose(1, 2).flatten(2))  # type: ignore[operator]


def _as_map(rows: Tensor, height: int, width: int) -> Tensor:
    return rows.transpose(1, 2).unflatten(2, (height, width))


class MixedPerceptron(nn.Module):
    """Two linear layers with a depthwise convolution and GELU between."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.dense1 = nn.Linear(width, hidden)
        self.dwconv = nn.Module()
        self.dwconv.dwconv = nn.Conv2d(hidden, hidden, 3, 1, 1, groups=hidden)
        self.dense2 = nn.Linear(hidden, width)

    def forward(self, rows: Tensor, height: int, width: int) -> Tensor:
        """Rows (N, h·w, C) to the same."""
        inner = self.dwconv.dwconv(_as_map(self.dense1(rows), height, width)).flatten(2).transpose(1, 2)  # type: ignore[operator]
        return self.dense2(functional.gelu(inner))


class Block(nn.Module):
    """Attention, then the perceptron, each behind a norm and a way around."""

    def __init__(self, width: int, heads: int, reduction: int, hidden: int) -> None:
        super().__init__()
        self.layer_norm_1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads, reduction)
        self.layer_norm_2 = nn.LayerNorm(width)
        self.mlp = MixedPerceptron(width, hidden)

    def forward(self, rows: Tensor, height: int, width: int) -> Tensor:
        """Rows (N, h·w, C) to the same."""
        rows = rows + self.attention(self.layer_norm_1(rows), height, width)
        return rows + self.mlp(self.layer_norm_2(rows), height, width)


class Patches(nn.Module):
    """Overlapping patches of a map to rows."""

    def __init__(self, inputs: int, width: int, patch: int, stride: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(inputs, width, patch, stride, patch // 2)
        self.layer_norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> tuple[Tensor, int, int]:
        """(N, C, H, W) to rows (N, h·w, width), h and w."""
        x = self.proj(x)
        return self.layer_norm(x.flatten(2).transpose(1, 2)), x.shape[2], x.shape[3]


class Encoder(nn.Module):
    """The mix transformer: pixels to four maps."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        widths = shape.hidden_sizes
        self.patch_embeddings = nn.ModuleList(
            Patches(inputs, width, patch, stride)
            for inputs, width, patch, stride in zip(
                (3, *widths[:-1]), widths, shape.patch_sizes, shape.strides, strict=True
            )
        )
        self.block = nn.ModuleList(
            nn.ModuleList(Block(width, heads, reduction, width * ratio) for _ in range(depth))
            for width, depth, heads, reduction, ratio in zip(
                widths, shape.depths, shape.num_attention_heads, shape.sr_ratios, shape.mlp_ratios, strict=True
            )
        )
        self.layer_norm = nn.ModuleList(nn.LayerNorm(width) for width in widths)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Normalised pixels (N, 3, H, W) to maps at a quarter, an eighth, a sixteenth and a thirty-second."""
        maps = []
        for embed, blocks, norm in zip(self.patch_embeddings, self.block, self.layer_norm, strict=True):
            rows, height, width = embed(x)
            for block in blocks:  # type: ignore[attr-defined]
                rows = block(rows, height, width)
            x = _as_map(norm(rows), height, width)
            maps.append(x)
        return maps


class Head(nn.Module):
    """Four maps to classes."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.decoder_hidden_size
        self.linear_c = nn.ModuleList(nn.Module() for _ in shape.hidden_sizes)
        for module, inputs in zip(self.linear_c, shape.hidden_sizes, strict=True):
            module.proj = nn.Linear(inputs, width)
        self.linear_fuse = nn.Conv2d(width * len(shape.hidden_sizes), width, 1, bias=False)
        self.batch_norm = nn.BatchNorm2d(width)
        self.classifier = nn.Conv2d(width, len(shape.labels), 1)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps to logits (N, classes, h, w) of the finest one's size: projected, mixed deepest first, normed,
        classified."""
        shares = self.linear_fuse.weight.flatten(1).split(self.linear_fuse.out_channels, dim=1)
        total = torch.zeros((), device=maps[0].device)
        for found, module, share in zip(maps, self.linear_c, reversed(shares), strict=True):
            linear: Any = module.proj
            mixed = functional.conv2d(found, (share @ linear.weight)[:, :, None, None], share @ linear.bias)
            total = total + functional.interpolate(mixed, size=maps[0].shape[2:], mode="bilinear", align_corners=False)
        return self.classifier(functional.relu(self.batch_norm(total)))


class SegFormer(nn.Module):
    """Normalised pixels (N, 3, H, W) to logits (N, classes, H / 4, W / 4)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.segformer = nn.Module()
        self.segformer.encoder = Encoder(shape)
        self.decode_head = Head(shape)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits."""
        return self.decode_head(self.segformer.encoder(pixels))  # type: ignore[operator]


class SegFormerParser(HubParser):
    """The parser."""

    def forward(self, chips: Tensor) -> Tensor:
        """(N, 3, 512, 512) in 0..255 to (N, 19, 512, 512) canonical logits, enlarged bilinearly, with gradients to the
        chips."""
        logits = self.canonical(self.network(self.normal(chips)))
        return functional.interpolate(logits, size=chips.shape[2:], mode="bilinear", align_corners=False)

    def raw(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """{"logits": (19, 128, 128) float32} of a whole photo, made 512 × 512 as SegformerImageProcessor does, classes
        as in config.

        That is torchvision's bilinear filter with antialiasing on whole numbers, which differs from Pillow's by one
        level in some pixels of a photo that is made smaller.
        """
        from torchvision.transforms.v2.functional import resize

        pixels = torch.from_numpy(np.array(check_image(image))).permute(2, 0, 1)[None]
        chips = resize(pixels, [SIDE, SIDE], antialias=True).to(self.device).float()
        with torch.inference_mode():
            return {"logits": self.network(self.normal(chips))[0].cpu().numpy()}


def shape_of(config: Mapping[str, Any], name: str) -> Shape:
    """The sizes a config.json gives. Raises BadWeights when it is not a SegFormer's or names parts nobody knows."""
    try:
        sizes = {
            key: tuple(int(n) for n in config[key])
            for key in Shape.__dataclass_fields__
            if isinstance(config.get(key), list)
        }
        labels = tuple(str(config["id2label"][str(index)]) for index in range(len(config["id2label"])))
        width = int(config["decoder_hidden_size"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadWeights(
            f"{name}: expected a SegFormer's configuration, {error} is missing or wrong. Fetch it again."
        ) from error
    if config.get("model_type") != "segformer" or not set(labels) <= set(NAMES):
        found = f"{config.get('model_type')} with {', '.join(labels)}"
        raise BadWeights(f"{name}: expected a SegFormer with parts {', '.join(NAMES)}, got {found}.")
    return Shape(**sizes, decoder_hidden_size=width, labels=labels)


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> SegFormerParser:
    """The parser; files: `weights` and, unless it is the MiT-B5 with the order of `NAMES`, `config`. Raises
    BadWeights."""
    shape = Shape()
    if "config" in files:
        try:
            shape = shape_of(json.loads(files["config"].read_text()), files["config"].name)
        except (ValueError, AttributeError) as error:
            raise BadWeights(
                f"{files['config'].name} is not a readable configuration ({error}). Fetch it again."
            ) from error
    network = install(lambda: SegFormer(shape), read(files["weights"]), spec.title, device)
    order = [NAMES[label] for label in shape.labels]
    return SegFormerParser(spec, network, SIDE, IMAGENET, order, device, layer="segformer.encoder.layer_norm.3")
