"""BiSeNet for faces, in both layouts that are passed around: face-parsing.PyTorch (zllrunning) and yakhyo/face-parsing,
both MIT.

Yu et al., BiSeNet: Bilateral Segmentation Network, ECCV 2018, arXiv 1808.00897, with the spatial path replaced by the
backbone's own map at an eighth. One network under the first layout's names; the second is renamed on the way in.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadWeights
from workbench.models.blocks.folding import fold_norms
from workbench.models.blocks.pixels import BILINEAR, IMAGENET, batch, resized
from workbench.models.files import checkpoint
from workbench.models.files.checkpoint import install, read
from workbench.models.files.layouts import looks_like
from workbench.models.parsers.hub_parser import BISENET_ORDER, HubParser

SIDE = 512
CLASSES = 19
DEPTHS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)}

_RENAMED = (
    ("fpn.backbone.", "cp.resnet."),
    ("fpn.", "cp."),
    ("ffm.conv_block.", "ffm.convblk."),
    (".conv_block.", ".conv."),
    (".attention.0.", ".conv_atten."),
    (".attention.1.", ".bn_atten."),
    (".norm.", ".bn."),
)
"""What yakhyo's layout calls a part, and the first layout's name for it."""


class ConvNorm(nn.Module):
    """A convolution without bias, its batch norm, and ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H, W)."""
        return functional.relu(self.bn(self.conv(x)))


class BasicBlock(nn.Module):
    """Two 3 × 3 convolutions and a way around them."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if inputs != outputs or stride != 1:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        inner = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(inner + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """A residual network without its classifier."""

    def __init__(self, depths: tuple[int, ...]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        for index, depth in enumerate(depths):
            inputs, outputs = max(64, 32 << index), 64 << index
            blocks = [
                BasicBlock(inputs if at == 0 else outputs, outputs, 2 if index and at == 0 else 1)
                for at in range(depth)
            ]
            self.add_module(f"layer{index + 1}", nn.Sequential(*blocks))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pixels to maps at an eighth, a sixteenth and a thirty-second."""
        x = functional.max_pool2d(functional.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        eighth = self.layer2(self.layer1(x))
        sixteenth = self.layer3(eighth)
        return eighth, sixteenth, self.layer4(sixteenth)


class Refinement(nn.Module):
    """A convolution whose channels are weighed by what they hold on average."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.conv = ConvNorm(inputs, 128)
        self.conv_atten = nn.Conv2d(128, 128, 1, bias=False)
        self.bn_atten = nn.BatchNorm2d(128)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, 128, H, W)."""
        found = self.conv(x)
        return found * self.bn_atten(self.conv_atten(found.mean((2, 3), keepdim=True))).sigmoid()


class ContextPath(nn.Module):
    """The backbone, and its deep maps brought up to the fine ones."""

    def __init__(self, depths: tuple[int, ...]) -> None:
        super().__init__()
        self.resnet = ResNet(depths)
        self.arm16 = Refinement(256)
        self.arm32 = Refinement(512)
        self.conv_head32 = ConvNorm(128, 128)
        self.conv_head16 = ConvNorm(128, 128)
        self.conv_avg = ConvNorm(512, 128, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The backbone's map at an eighth, the context at an eighth and at a sixteenth."""
        eighth, sixteenth, deepest = self.resnet(x)
        whole = self.conv_avg(deepest.mean((2, 3), keepdim=True))
        deep = functional.interpolate(self.arm32(deepest) + whole, sixteenth.shape[2:], mode="nearest")
        deep = self.conv_head32(deep)
        fine = functional.interpolate(self.arm16(sixteenth) + deep, eighth.shape[2:], mode="nearest")
        return eighth, self.conv_head16(fine), deep


class Fusion(nn.Module):
    """Two maps stacked, mixed, and weighed by channel."""

    def __init__(self) -> None:
        super().__init__()
        self.convblk = ConvNorm(256, 256, 1)
        self.conv1 = nn.Conv2d(256, 64, 1, bias=False)
        self.conv2 = nn.Conv2d(64, 256, 1, bias=False)

    def forward(self, detail: Tensor, context: Tensor) -> Tensor:
        """Two (N, 128, H, W) to (N, 256, H, W)."""
        found = self.convblk(torch.cat([detail, context], dim=1))
        weight = self.conv2(functional.relu(self.conv1(found.mean((2, 3), keepdim=True)))).sigmoid()
        return found * weight + found


class Head(nn.Module):
    """Features to classes."""

    def __init__(self, inputs: int, inner: int) -> None:
        super().__init__()
        self.conv = ConvNorm(inputs, inner)
        self.conv_out = nn.Conv2d(inner, CLASSES, 1, bias=False)

    def forward(self, x: Tensor, size: torch.Size) -> Tensor:
        """(N, inputs, h, w) to (N, 19, H, W): corners of the small map on corners of the large one."""
        return functional.interpolate(self.conv_out(self.conv(x)), size, mode="bilinear", align_corners=True)


class BiSeNet(nn.Module):
    """Normalised pixels (N, 3, H, W) to logits (N, 19, H, W)."""

    def __init__(self, depths: tuple[int, ...]) -> None:
        """depths: blocks of the backbone's four layers. Untrained."""
        super().__init__()
        self.cp = ContextPath(depths)
        self.ffm = Fusion()
        self.conv_out = Head(256, 256)
        self.conv_out16 = Head(128, 64)
        self.conv_out32 = Head(128, 64)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits of the main head."""
        detail, context, _ = self.cp(pixels)
        return self.conv_out(self.ffm(detail, context), pixels.shape[2:])

    def all_heads(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of the main head and of the two that only help training, each (N, 19, H, W)."""
        detail, context, deep = self.cp(pixels)
        size = pixels.shape[2:]
        return (
            self.conv_out(self.ffm(detail, context), size),
            self.conv_out16(context, size),
            self.conv_out32(deep, size),
        )


class BiSeNetParser(HubParser):
    """The parser."""

    def raw(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """{"logits", "logits16", "logits32": (19, 512, 512) float32} of a whole photo, made 512 × 512 by Pillow's
        bilinear filter.

        The parts are read off "logits"; the other two heads only helped training. Classes in the order of
        `BISENET_ORDER`.
        """
        chips = batch(resized(image, self.size, self.size, BILINEAR), self.device)
        with torch.inference_mode():
            heads = self.network.all_heads(self.normal(chips))  # type: ignore[operator]
        return {
            name: head[0].cpu().numpy() for name, head in zip(("logits", "logits16", "logits32"), heads, strict=True)
        }


def renamed(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights under the first layout's names; those already under them as they are. The backbone's classifier is left
    out. Raises BadWeights for a file that holds a weight under both."""
    if not any(name.startswith("fpn.") for name in weights):
        return dict(weights)
    kept = {name: value for name, value in weights.items() if not _first_layout(name).startswith("cp.resnet.fc.")}
    return checkpoint.renamed(kept, _first_layout)


def _first_layout(name: str) -> str:
    if name.startswith("conv_out") and name.count(".") == 2:
        name = name.replace(".conv.", ".conv_out.")
    for theirs, ours in _RENAMED:
        name = name.replace(theirs, ours)
    return name


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> BiSeNetParser:
    """The parser; the row's id ends in its backbone, resnet18 or resnet34. Either layout is taken.

    Raises BadWeights, naming what the file looks like, when it is another backbone's or another network's.
    """
    backbone = spec.id.rpartition("-")[2]
    weights = read(files["weights"])
    found = looks_like(weights)
    if not found.startswith(f"BiSeNet {backbone} "):
        raise BadWeights(
            f"{spec.title}: the file looks like {found}. Use the file this model names, or choose the model it "
            f"belongs to."
        )
    network = fold_norms(install(lambda: BiSeNet(DEPTHS[backbone]), renamed(weights), spec.title, device))
    return BiSeNetParser(spec, network, SIDE, IMAGENET, BISENET_ORDER, device, layer="cp.resnet.layer4")
