"""FaceLiVT, two generations: convolutions that several trained branches fold into, and linear maps over places.

Sources: Setyawan et al., "FaceLiVT", ICIP 2025, arXiv 2506.10361; FaceLiVTv2 (novendrastywn/FaceLiVT, BSD-3). Names
follow its files; `merged` then folds the branches, which changes no number beyond rounding.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadWeights
from workbench.models.blocks.windows import arcface
from workbench.models.files import checkpoint
from workbench.models.recognisers.hub_recogniser import HubRecogniser, scaled, trim

SIZE, VECTOR = 112, 512
SIDES = (28, 14, 7, 4)
"""Places along one side, by stage."""


@dataclass(frozen=True, slots=True)
class Shape:
    """widths and blocks of the four stages; second: of the second generation."""

    widths: tuple[int, int, int, int]
    depths: tuple[int, int, int, int] = (3, 3, 9, 3)
    second: bool = True


SHAPES = {
    "facelivt-s": Shape((40, 80, 160, 320), (2, 4, 6, 2), False),
    "facelivt-m": Shape((64, 128, 256, 512), (2, 4, 6, 2), False),
    "facelivt2-xs": Shape((32, 64, 128, 256)),
    "facelivt2-s": Shape((48, 96, 192, 320)),
    "facelivt2-m": Shape((56, 112, 224, 448)),
    "facelivt2-l": Shape((64, 128, 256, 512)),
}


class ConvNorm(nn.Sequential):
    """A convolution without bias and its batch norm, under the names c and bn."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.add_module("c", nn.Conv2d(inputs, outputs, kernel, groups=groups, bias=False))
        self.add_module("bn", nn.BatchNorm2d(outputs))


class TwoConvs(nn.Module):
    """A 3×3 and a 1×1 convolution side by side, summed, and a batch norm."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, 1, groups=groups)
        self.repconv = nn.Conv2d(inputs, outputs, 1, stride, groups=groups)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H / stride, W / stride)."""
        return self.bn(self.conv(x) + self.repconv(x))

    def merged(self, residual: bool = False) -> nn.Conv2d:
        """One convolution that gives the same; residual: with the input added to it."""
        small = functional.pad(self.repconv.weight, (1, 1, 1, 1))
        self.conv.weight, self.conv.bias = (
            _frozen(self.conv.weight + small),
            _frozen(_bias(self.conv) + _bias(self.repconv)),
        )
        one = fuse_conv_bn_eval(self.conv, self.bn)
        if residual:
            weight = one.weight.clone()
            weight[:, 0, 1, 1] += 1  # each channel has a kernel of its own: its middle passes the input on
            one.weight = _frozen(weight)
        return one.requires_grad_(False)


def _frozen(weight: Tensor) -> nn.Parameter:
    return nn.Parameter(weight.detach(), requires_grad=False)


def _bias(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None
    return conv.bias


class Residual(nn.Module):
    """What `m` makes of the input, added to it."""

    def __init__(self, m: nn.Module) -> None:
        super().__init__()
        self.m = m

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        return x + self.m(x)


class Widened(nn.Module):
    """Widen, GELU, narrow: 1×1 convolutions."""

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        self.pw1 = ConvNorm(width, ratio * width)
        self.pw2 = ConvNorm(ratio * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        return self.pw2(functional.gelu(self.pw1(x)))


class PlaceMaps(nn.Module):
    """First generation: sixteen groups of channels, each with two linear layers over all places.

    Groups end up interleaved among the channels, as in the released code.
    """

    def __init__(self, width: int, places: int, groups: int = 16) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, width)
        self.linear1 = nn.ModuleList(nn.Linear(places, 4 * places) for _ in range(groups))
        self.linear2 = nn.ModuleList(nn.Linear(4 * places, places) for _ in range(groups))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        groups = self.norm(x).flatten(2).chunk(len(self.linear1), 1)
        layers = zip(groups, self.linear1, self.linear2, strict=True)
        return torch.cat([second(functional.gelu(first(group))) for group, first, second in layers], -1).reshape(
            x.shape
        )


class Affine(nn.Module):
    """Each channel scaled and shifted."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, width, 1))
        self.beta = nn.Parameter(torch.zeros(1, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T) to the same."""
        return self.beta + self.alpha * x


class LightPlaceMaps(nn.Module):
    """Second generation: four groups of channels, each with one linear layer over all places."""

    def __init__(self, width: int, places: int, groups: int = 4) -> None:
        super().__init__()
        self.norm = Affine(width)
        self.lin = nn.ModuleList(nn.Linear(places, places) for _ in range(groups))
        self.ls = nn.Parameter(torch.ones(width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        groups = self.norm(x.flatten(2)).chunk(len(self.lin), 1)
        found = torch.cat([layer(group) for group, layer in zip(groups, self.lin, strict=True)], 1)
        return self.ls * found.reshape(x.shape)


class Block(nn.Module):
    """Look around, then mix channels. The last two stages look over all places."""

    def __init__(self, stage: int, shape: Shape) -> None:
        super().__init__()
        width, places = shape.widths[stage], SIDES[stage] ** 2
        steps: list[nn.Module] = [TwoConvs(width, width, groups=width)] if shape.second or stage < 2 else []
        if stage >= 2:
            steps.append(LightPlaceMaps(width, places) if shape.second else PlaceMaps(width, places))
        steps.append(Widened(width, 2 if shape.second else 3))
        self.block = nn.Sequential(*(Residual(step) for step in steps))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        return self.block(x)


class Stage(nn.Module):
    """Blocks of one width."""

    def __init__(self, stage: int, shape: Shape) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(Block(stage, shape) for _ in range(shape.depths[stage])))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        return self.blocks(x)


class Stem(nn.Module):
    """(N, 3, H, W) to (N, C, H / 4, W / 4)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Sequential(TwoConvs(3, width // 2, 2), nn.GELU()), nn.Sequential(TwoConvs(width // 2, width, 2))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Halved twice."""
        return self.stem(x)


class Merging(nn.Module):
    """(N, C, H, W) to (N, C', H / 2, W / 2)."""

    def __init__(self, before: int, width: int) -> None:
        super().__init__()
        self.spatial = nn.Sequential(TwoConvs(before, before, 2, before), ConvNorm(before, width))
        self.channel = Residual(Widened(width, 2))

    def forward(self, x: Tensor) -> Tensor:
        """Halved, with more channels."""
        return self.channel(self.spatial(x))


class NormLinear(nn.Sequential):
    """A batch norm and a linear layer, under the names bn and l."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.add_module("bn", nn.BatchNorm1d(inputs))
        self.add_module("l", nn.Linear(inputs, outputs))


class FaceLiVT(nn.Module):
    """(N, 3, 112, 112) RGB in 0..255 to (N, 512), not normalised."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        first, *rest = shape.widths
        steps = [Merging(before, width) for before, width in zip(shape.widths, rest, strict=False)]
        self.patch_embedds = nn.Sequential(Stem(first), *steps)
        self.stages = nn.Sequential(*(Stage(stage, shape) for stage in range(4)))
        last = 1284 if shape.second else shape.widths[-1]
        self.pre_head = (
            nn.Sequential(ConvNorm(shape.widths[-1], last), ConvNorm(last, last, 4, last))
            if shape.second
            else nn.Sequential(nn.AdaptiveAvgPool2d(1))
        )
        self.head = nn.ModuleDict({"classifier": NormLinear(last, VECTOR)})

    def forward(self, chips: Tensor) -> Tensor:
        """Vectors of a batch of chips."""
        x = scaled(chips)
        for smaller, stage in zip(self.patch_embedds, self.stages, strict=True):
            x = stage(smaller(x))
        return self.head["classifier"](self.pre_head(x).flatten(1))


def merged(network: nn.Module) -> nn.Module:
    """The frozen network with every `TwoConvs` one convolution, the sum with its input included."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, Residual) and isinstance(child.m, TwoConvs):
                setattr(module, name, child.m.merged(residual=True))
            elif isinstance(child, TwoConvs) and not isinstance(module, Residual):
                setattr(module, name, child.merged())
    return network


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> HubRecogniser:
    """The network the row's id names. Raises BadWeights for the file of another one."""
    if spec.id not in SHAPES:
        raise BadWeights(f"{spec.id}: expected one of {', '.join(SHAPES)}.")
    weights = checkpoint.stripped(
        checkpoint.read(files["weights"]), "patch_embedds.0.stem.0.0.conv.weight", ("module.", "model.", "")
    )
    network = checkpoint.install(partial(FaceLiVT, SHAPES[spec.id]), weights, spec.title, device)
    return HubRecogniser(spec, trim(merged(network)), arcface(SIZE), SIZE, "stages.2")
