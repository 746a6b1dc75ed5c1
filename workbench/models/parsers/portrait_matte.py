"""SINet and ExtremeC3Net: who is in front, from networks of 37,000 and 87,000 weights.

Sources: Park et al., "SINet", WACV 2020, arXiv 1911.09099, and "ExtremeC3Net", arXiv 1908.03093
(clovaai/ext_portrait_segmentation, MIT). Names follow its files. Pixels as its demonstrations make them: blue first,
224 × 224, less a mean, by a deviation, by 255. The statistics it was trained with lie in a file that is not published.
"""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadWeights
from workbench.models.blocks.pixels import batch
from workbench.models.files import checkpoint
from workbench.values import check_image

SIDE = 224
MEAN, DEVIATION = (107.304565, 115.69884, 132.35703), (63.97182, 65.1337, 68.29726)
"""Of blue, green and red in 0..255, as the repository's demonstrations have them."""
EPSILON = 1e-3


def _double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=True)


class Norm(nn.Module):
    """A batch norm and PReLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(width, eps=EPSILON)
        self.act = nn.PReLU(width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        return self.act(self.bn(x))


class Bare(nn.Module):
    """A convolution alone, under the name conv."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv: nn.Module = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H / stride, W / stride)."""
        return self.conv(x)


class Conv(Norm):
    """A convolution, a batch norm and PReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__(outputs)
        self.conv: nn.Module = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H / stride, W / stride)."""
        return super().forward(self.conv(x))


class Squeeze(nn.Module):
    """Channels weighted by what the whole picture holds. divide: how many times fewer numbers lie between."""

    def __init__(self, width: int, divide: int) -> None:
        super().__init__()
        inner = width // divide
        between = (nn.Linear(width, inner), nn.PReLU(inner)) if divide > 1 else ()
        self.dense = nn.Sequential(*between, nn.Linear(inner, width), nn.PReLU(width))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        return self.dense(x.mean((2, 3)))[..., None, None] * x


class Halving(Conv):
    """Halves: a convolution per channel, a Squeeze, and a 1×1 convolution."""

    def __init__(self, inputs: int, outputs: int, divide: int) -> None:
        super().__init__(inputs, outputs, 1)
        self.conv = nn.Sequential(
            nn.Conv2d(inputs, inputs, 3, 2, 1, groups=inputs, bias=False),
            Squeeze(inputs, divide),
            nn.Conv2d(inputs, outputs, 1, bias=False),
        )


class Look(nn.Module):
    """One branch: a convolution per channel on the map made smaller `pool` times, and a 1×1 convolution."""

    def __init__(self, width: int, kernel: int, pool: int) -> None:
        super().__init__()
        self.pool = pool
        around = nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width, bias=False)
        self.conv = nn.Sequential(around, nn.BatchNorm2d(width, eps=EPSILON))
        self.act_conv1x1 = nn.Sequential(nn.PReLU(width), nn.Conv2d(width, width, 1, bias=False))
        self.bn = nn.BatchNorm2d(width, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        small = functional.avg_pool2d(x, self.pool) if self.pool > 1 else x
        found = self.act_conv1x1(self.conv(small))
        if self.pool > 1:
            found = functional.interpolate(found, scale_factor=float(self.pool), mode="bilinear", align_corners=True)
        return self.bn(found)


Branches = tuple[tuple[int, int], tuple[int, int]]
"""Kernel and pooling of each of two branches."""
SECOND: tuple[Branches, ...] = (((3, 1), (5, 1)), ((3, 1), (3, 1)))
THIRD: tuple[Branches, ...] = (
    ((3, 1), (5, 1)),
    ((3, 1), (3, 1)),
    ((5, 1), (3, 2)),
    ((5, 2), (3, 4)),
    ((3, 1), (3, 1)),
    ((5, 1), (5, 1)),
    ((3, 2), (3, 4)),
    ((3, 1), (5, 2)),
)


class Pair(nn.Module):
    """Two branches side by side, added to the input where the widths agree."""

    def __init__(self, inputs: int, outputs: int, branches: Branches) -> None:
        super().__init__()
        half = outputs // 2
        self.c1 = Bare(inputs, half, groups=2)
        self.d1, self.d2 = (Look(half, *branch) for branch in branches)
        self.BR = Norm(outputs)
        self.add = inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H, W)."""
        seen = self.c1(x).unflatten(1, (2, -1)).transpose(1, 2).flatten(1, 2)
        found = torch.cat([self.d1(seen), self.d2(seen)], 1)
        return self.BR(x + found if self.add else found)


class Encoder(nn.Module):
    """SINet's first half: maps at a quarter and an eighth."""

    def __init__(self) -> None:
        super().__init__()
        self.level1 = Conv(3, 12, 3, 2)
        self.level2_0 = Halving(12, 16, 1)
        self.level2 = nn.ModuleList(Pair(48 if i else 16, 48, pair) for i, pair in enumerate(SECOND))
        self.BR2 = Norm(64)
        self.level3_0 = Halving(64, 48, 2)
        self.level3 = nn.ModuleList(Pair(96 if i else 48, 96, pair) for i, pair in enumerate(THIRD))
        self.BR3 = Norm(144)
        self.classifier = Bare(144, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 48, H / 4, W / 4) and two logits (N, 2, H / 8, W / 8)."""
        first = self.level2_0(self.level1(x))
        second = first
        for layer in self.level2:
            second = layer(second)
        start = self.level3_0(self.BR2(torch.cat([first, second], 1)))
        third = start
        for layer in self.level3:
            third = layer(third)
        return second, self.classifier(self.BR3(torch.cat([start, third], 1)))


class SINet(nn.Module):
    """Normalised pixels (N, 3, S, S) to (N, 2, S, S) logits: behind, in front.

    Where the coarse answer is sure, the finer map is not asked.
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.bn_3 = nn.BatchNorm2d(2, eps=EPSILON)
        self.level2_C = Conv(48, 2, 1)
        self.bn_2 = nn.BatchNorm2d(2, eps=EPSILON)
        self.classifier = nn.Sequential(nn.Identity(), nn.Conv2d(2, 2, 3, padding=1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        fine, coarse = self.encoder(x)
        coarse = self.bn_3(_double(coarse))
        doubt = 1 - coarse.softmax(1).amax(1, keepdim=True)
        return self.classifier(_double(self.bn_2(_double(self.level2_C(fine) * doubt + coarse))))


class Wide(nn.Module):
    """A dilated convolution per channel, its neighbours gathered first, and a 1×1 convolution."""

    def __init__(self, inputs: int, outputs: int, apart: int) -> None:
        super().__init__()
        reach = 2 * apart - 1
        gather = (
            nn.Conv2d(inputs, inputs, (reach, 1), padding=(apart - 1, 0), groups=inputs, bias=False),
            nn.BatchNorm2d(inputs),
            nn.PReLU(inputs),
            nn.Conv2d(inputs, inputs, (1, reach), padding=(0, apart - 1), groups=inputs, bias=False),
            nn.BatchNorm2d(inputs),
        )
        look = nn.Conv2d(inputs, inputs, 3, padding=apart, dilation=apart, groups=inputs, bias=False)
        self.conv = nn.Sequential(*(gather if apart > 1 else ()), look, nn.Conv2d(inputs, outputs, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H, W)."""
        return self.conv(x)


class Three(nn.Module):
    """Three such looks of different reach."""

    def __init__(self, inputs: int, outputs: int, reaches: tuple[int, int, int], down: bool = False) -> None:
        super().__init__()
        part = outputs // 3
        self.add = inputs == outputs and not down
        self.c1 = Bare(inputs, part, 3, 2) if down else Bare(inputs, part)
        self.d1 = Wide(part, outputs - 2 * part, reaches[0])
        self.d2, self.d3 = (Wide(part, part, apart) for apart in reaches[1:])
        if down:
            self.bn: nn.Module = nn.BatchNorm2d(outputs, eps=EPSILON)
            self.act: nn.Module = nn.PReLU(outputs)
        else:
            self.bn, self.act = Norm(outputs), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H, W), or half of H and W."""
        seen = self.c1(x)
        found = torch.cat([self.d1(seen), self.d2(seen), self.d3(seen)], 1)
        return self.act(self.bn(x + found if self.add else found))


class C3Encoder(nn.Module):
    """ExtremeC3Net's coarse half: (N, 112, H / 4, W / 4)."""

    def __init__(self) -> None:
        super().__init__()
        self.level1 = Conv(3, 24, 3, 2)
        self.b1 = Norm(27)
        self.level2_0 = Three(27, 48, (1, 2, 3), down=True)
        self.level2 = nn.ModuleList([Three(48, 48, (1, 3, 4))])
        self.b2 = Norm(99)
        self.level3_0 = Three(99, 56, (1, 3, 5))
        self.level3 = nn.ModuleList(Three(56, 56, (2, 4, 8)) for _ in range(5))
        self.b3 = Norm(112)

    def forward(self, x: Tensor) -> Tensor:
        """The coarse map."""
        half = functional.avg_pool2d(x, 2)
        first = self.level2_0(self.b1(torch.cat([self.level1(x), half], 1)))
        second = self.level2[0](first)
        start = self.level3_0(self.b2(torch.cat([second, first, functional.avg_pool2d(half, 2)], 1)))
        third = start
        for layer in self.level3:
            third = layer(third)
        return self.b3(torch.cat([start, third], 1))


class ExtremeC3(nn.Module):
    """Normalised pixels (N, 3, S, S) to (N, 1, S, S) logits: in front."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = C3Encoder()
        self.upsample = nn.Sequential(nn.Conv2d(112, 24, 1, bias=False), nn.BatchNorm2d(24))
        self.Fine = nn.Sequential(Bare(3, 24, 3, 2), Three(24, 24, (2, 4, 8)))
        self.classifier = nn.Sequential(Norm(24), nn.Identity(), nn.Conv2d(24, 1, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        mixed = _double(self.upsample(self.encoder(x))) + self.Fine(x)
        norm, _, last = self.classifier
        return last(_double(norm(mixed)))


class PortraitMatte:
    """How surely each pixel belongs to somebody in front."""

    def __init__(self, spec: ModelSpec, network: nn.Module, device: str) -> None:
        self.spec, self.network, self.device = spec, network, torch.device(device)

    def raw(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """`logits` (2 or 1, 224, 224) and `matte` (224, 224) in 0..1, of the image stretched to a square."""
        square = cv2.resize(check_image(image), (SIDE, SIDE))
        mean, deviation = (torch.tensor(values, device=self.device)[:, None, None] for values in (MEAN, DEVIATION))
        with torch.inference_mode():
            pixels = batch(square, self.device).flip(1)
            logits = self.network((pixels - mean) / deviation / 255)[0]
        front = logits[0].sigmoid() if len(logits) == 1 else logits.softmax(0)[1]
        return {"logits": logits.cpu().numpy(), "matte": front.cpu().numpy()}

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """(H, W) float32 in 0..1."""
        height, width = check_image(image).shape[:2]
        return cv2.resize(self.raw(image)["matte"], (width, height), interpolation=cv2.INTER_LINEAR)


NETWORKS = {"sinet": SINet, "extreme-c3": ExtremeC3}


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> PortraitMatte:
    """The network the row's id names. Raises BadWeights for the file of another one."""
    if spec.id not in NETWORKS:
        raise BadWeights(f"{spec.id}: expected one of {', '.join(NETWORKS)}.")
    weights = checkpoint.stripped(checkpoint.read(files["weights"]), "encoder.level1.conv.weight", ("module.", ""))
    return PortraitMatte(spec, checkpoint.install(NETWORKS[spec.id], weights, spec.title, device), device)
