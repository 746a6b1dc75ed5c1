"""MobileFaceNet of InsightFace_Pytorch, 512 numbers: "MobileFace" of the attack papers. Not the one of
`mobile_facenet`.

Source: Chen et al., arXiv 1804.07573, as in TreB1eN/InsightFace_Pytorch. Names follow its file.
"""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from workbench.catalog.spec import ModelSpec
from workbench.models.blocks.windows import arcface
from workbench.models.files import checkpoint
from workbench.models.recognisers.hub_recogniser import HubRecogniser, scaled, trim

SIZE, VECTOR = 112, 512
PAPER = {0.1: 0.183635, 0.01: 0.301611, 0.001: 0.380878}
"""Cosine at a false-accept rate, as Adv-Makeup (arXiv 2105.03162) and its successors use it."""


class Conv(nn.Sequential):
    """A convolution with batch norm and, unless `linear`, PReLU; under the names conv, bn and prelu."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        linear: bool = False,
    ) -> None:
        super().__init__()
        self.add_module("conv", nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False))
        self.add_module("bn", nn.BatchNorm2d(outputs))
        if not linear:
            self.add_module("prelu", nn.PReLU(outputs))


class Step(nn.Module):
    """Widen, look around, narrow; added to the input when `residual`."""

    def __init__(self, inputs: int, outputs: int, inner: int, stride: int = 1, residual: bool = False) -> None:
        super().__init__()
        self.conv = Conv(inputs, inner)
        self.conv_dw = Conv(inner, inner, 3, stride, 1, groups=inner)
        self.project = Conv(inner, outputs, linear=True)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H / stride, W / stride)."""
        inner = self.project(self.conv_dw(self.conv(x)))
        return x + inner if self.residual else inner


class Steps(nn.Module):
    """Several residual steps of one width."""

    def __init__(self, channels: int, count: int, inner: int) -> None:
        super().__init__()
        self.model = nn.Sequential(*(Step(channels, channels, inner, residual=True) for _ in range(count)))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        return self.model(x)


class InsightMobile(nn.Module):
    """(N, 3, 112, 112) RGB in 0..255 to (N, 512), not normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = Conv(3, 64, 3, 2, 1)
        self.conv2_dw = Conv(64, 64, 3, 1, 1, groups=64)
        self.conv_23 = Step(64, 64, 128, 2)
        self.conv_3 = Steps(64, 4, 128)
        self.conv_34 = Step(64, 128, 256, 2)
        self.conv_4 = Steps(128, 6, 256)
        self.conv_45 = Step(128, 128, 512, 2)
        self.conv_5 = Steps(128, 2, 256)
        self.conv_6_sep = Conv(128, 512)
        self.conv_6_dw = Conv(512, 512, 7, groups=512, linear=True)
        self.linear = nn.Linear(512, VECTOR, bias=False)
        self.bn = nn.BatchNorm1d(VECTOR)

    def forward(self, chips: Tensor) -> Tensor:
        """Vectors of a batch of chips."""
        x = scaled(chips)
        for layer in (
            self.conv1,
            self.conv2_dw,
            self.conv_23,
            self.conv_3,
            self.conv_34,
            self.conv_4,
            self.conv_45,
            self.conv_5,
            self.conv_6_sep,
        ):
            x = layer(x)
        return self.bn(self.linear(self.conv_6_dw(x).flatten(1)))


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> HubRecogniser:
    """MobileFace (`mobile_face.pth`) with the attack papers' crop and thresholds. Raises BadWeights for another
    network's file."""
    weights = checkpoint.stripped(checkpoint.read(files["weights"]), "conv1.conv.weight", ("module.", "model.", ""))
    network = checkpoint.install(InsightMobile, weights, spec.title, device)
    return HubRecogniser(spec, trim(network), arcface(SIZE), SIZE, "conv_6_sep", PAPER, paper_crop=True)
