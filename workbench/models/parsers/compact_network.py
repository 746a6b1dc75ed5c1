"""The compact parser's network: two million parameters, 16 input channels, 19 logits at half the input's side.

An encoder of residual blocks (He et al., arXiv 1512.03385) and, where the grid is coarse, wide depthwise blocks
(Liu et al., ConvNeXt, arXiv 2201.03545, with batch instead of layer normalisation); an additive U-Net decoder
(Ronneberger et al., arXiv 1505.04597). Knows nothing of photos or files.
"""

import copy
from typing import TypeVar, cast

import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from workbench.mesh import MAPS
from workbench.parts import PARTS

CHANNELS = 3 + len(MAPS)
STEPS = 32
"""Height and width of the input are multiples of this."""

_ENCODER = (32, 48, 96, 144, 160)
_DECODER = (32, 48, 64, 96)


class Convolution(nn.Sequential):
    """Convolution, batch normalisation and, if wanted, a rectifier."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, rectify: bool = True) -> None:
        super().__init__(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs))
        if rectify:
            self.append(nn.ReLU(inplace=True))


class Residual(nn.Module):
    """Two dense 3 × 3 convolutions around a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = Convolution(width, width)
        self.second = Convolution(width, width, rectify=False)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        return functional.relu(x + self.second(self.first(x)))


class Wide(nn.Module):
    """A 7 × 7 depthwise convolution and a two-layer perceptron on each pixel, around a shortcut."""

    def __init__(self, width: int, expansion: int = 3) -> None:
        super().__init__()
        self.look = nn.Conv2d(width, width, 7, padding=3, groups=width, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.widen = nn.Conv2d(width, width * expansion, 1)
        self.narrow = nn.Conv2d(width * expansion, width, 1, bias=False)
        self.scale = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        return cast(Tensor, x + self.scale(self.narrow(functional.relu(self.widen(self.norm(self.look(x)))))))


class Join(nn.Module):
    """One step up the decoder: the coarse grid is enlarged, added to the fine one, and smoothed."""

    def __init__(self, coarse: int, fine: int, outputs: int) -> None:
        super().__init__()
        self.up = nn.Conv2d(coarse, outputs, 1)
        self.side = nn.Conv2d(fine, outputs, 1)
        self.smooth = Convolution(outputs, outputs)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """The fine grid's shape, with this step's channels."""
        enlarged = functional.interpolate(self.up(coarse), size=fine.shape[-2:], mode="bilinear", align_corners=False)
        return cast(Tensor, self.smooth(functional.relu(enlarged + self.side(fine))))


class Network(nn.Module):
    """Colours and mesh maps to one logit per part."""

    def __init__(self) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth, coarse = _ENCODER
        self.stem = Convolution(CHANNELS, half, 2)
        self.quarter = nn.Sequential(Convolution(half, quarter, 2), Residual(quarter), Residual(quarter))
        self.eighth = nn.Sequential(Convolution(quarter, eighth, 2), Residual(eighth), Residual(eighth))
        self.sixteenth = nn.Sequential(
            Convolution(eighth, sixteenth, 2), Residual(sixteenth), Wide(sixteenth), Wide(sixteenth)
        )
        self.coarse = nn.Sequential(Convolution(sixteenth, coarse, 2), Wide(coarse), Wide(coarse))
        self.whole = nn.Linear(coarse, coarse)
        self.to_sixteenth = Join(coarse, sixteenth, _DECODER[3])
        self.to_eighth = Join(_DECODER[3], eighth, _DECODER[2])
        self.to_quarter = Join(_DECODER[2], quarter, _DECODER[1])
        self.to_half = Join(_DECODER[1], half, _DECODER[0])
        self.head = nn.Conv2d(_DECODER[0], len(PARTS), 1)

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The decoder's grids at a half (what the head reads) and at an eighth of the input's side."""
        half = self.stem(x)
        quarter = self.quarter(half)
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        coarse = self.coarse(sixteenth)
        coarse = coarse + self.whole(coarse.mean((2, 3)))[:, :, None, None]
        middle = self.to_eighth(self.to_sixteenth(coarse, sixteenth), eighth)
        return self.to_half(self.to_quarter(middle, quarter), half), middle

    def forward(self, x: Tensor) -> Tensor:
        """(n, 16, h, w) from `prepare` to (n, 19, h/2, w/2) logits."""
        return cast(Tensor, self.head(self.features(x)[0]))


def prepare(crops: Tensor, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    """(n, h, w, 16) uint8 crops (RGB, then the maps) to the (n, 16, h, w) numbers the network reads, channels last in
    memory."""
    scale = torch.tensor([1 / 64] * 3 + [1 / 255] * len(MAPS), device=crops.device)
    offset = torch.tensor([118 / 64] * 3 + [0.0] * len(MAPS), device=crops.device)
    return (
        crops.float().mul_(scale).sub_(offset).to(dtype).permute(0, 3, 1, 2)
    )  # bfloat16 arithmetic is four times slower on a CPU


N = TypeVar("N", bound=nn.Module)


def fused(network: N) -> N:
    """A copy for inference only: every convolution takes in the normalisation that follows it."""
    twin = copy.deepcopy(network)
    twin.eval().requires_grad_(False)
    for module in twin.modules():
        if isinstance(module, Convolution):
            module[0] = fuse_conv_bn_eval(cast(nn.Conv2d, module[0]), cast(nn.BatchNorm2d, module[1]))
            module[1] = nn.Identity()
        elif isinstance(module, Wide):
            module.look, module.norm = fuse_conv_bn_eval(module.look, module.norm), nn.Identity()
            module.narrow, module.scale = fuse_conv_bn_eval(module.narrow, module.scale), nn.Identity()
    return twin
