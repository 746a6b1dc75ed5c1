"""FaceNet: InceptionResnetV1 at 160 pixels, 512 numbers, from the files of facenet-pytorch.

Sources: Schroff et al., "FaceNet", arXiv 1503.03832; Szegedy et al., "Inception-v4", arXiv 1602.07261, section 3.2,
figures 10 to 14; timesler/facenet-pytorch. Names follow its files.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.catalog.spec import ModelSpec
from workbench.models.blocks.windows import mtcnn_box
from workbench.models.files import checkpoint
from workbench.models.recognisers.hub_recogniser import HubRecogniser, trim

SIZE, VECTOR = 160, 512
EPSILON = 0.001
PAPER = {0.1: 0.256587, 0.01: 0.409131, 0.001: 0.591191}
"""Cosine at a false-accept rate, as Adv-Makeup (arXiv 2105.03162) and its successors use it."""

Kernel = int | tuple[int, int]


class Conv(nn.Sequential):
    """A convolution with batch norm and ReLU, under the names conv and bn."""

    def __init__(self, inputs: int, outputs: int, kernel: Kernel, stride: int = 1, padding: Kernel = 0) -> None:
        super().__init__()
        self.add_module("conv", nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False))
        self.add_module("bn", nn.BatchNorm2d(outputs, eps=EPSILON))
        self.add_module("relu", nn.ReLU())


class Mixed(nn.Module):
    """Several branches side by side; `residual`: joined by a 1×1 convolution, scaled and added to the input."""

    def __init__(
        self, *branches: nn.Module, joined: int = 0, channels: int = 0, scale: float = 1.0, last: bool = False
    ) -> None:
        super().__init__()
        for place, branch in enumerate(branches):
            self.add_module(f"branch{place}", branch)
        self._count, self._scale, self._last = len(branches), scale, last
        self.conv2d = nn.Conv2d(joined, channels, 1) if joined else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the branches' outputs, or to the same shape when residual."""
        found = torch.cat([self.get_submodule(f"branch{place}")(x) for place in range(self._count)], 1)
        if self.conv2d is None:
            return found
        x = x + self._scale * self.conv2d(found)
        return x if self._last else functional.relu(x)


def _block35() -> Mixed:
    second = nn.Sequential(Conv(256, 32, 1), Conv(32, 32, 3, padding=1))
    third = nn.Sequential(Conv(256, 32, 1), Conv(32, 32, 3, padding=1), Conv(32, 32, 3, padding=1))
    return Mixed(Conv(256, 32, 1), second, third, joined=96, channels=256, scale=0.17)


def _block17() -> Mixed:
    second = nn.Sequential(
        Conv(896, 128, 1), Conv(128, 128, (1, 7), padding=(0, 3)), Conv(128, 128, (7, 1), padding=(3, 0))
    )
    return Mixed(Conv(896, 128, 1), second, joined=256, channels=896, scale=0.10)


def _block8(scale: float = 0.20, last: bool = False) -> Mixed:
    second = nn.Sequential(
        Conv(1792, 192, 1), Conv(192, 192, (1, 3), padding=(0, 1)), Conv(192, 192, (3, 1), padding=(1, 0))
    )
    return Mixed(Conv(1792, 192, 1), second, joined=384, channels=1792, scale=scale, last=last)


class FaceNet(nn.Module):
    """(N, 3, S, S) RGB in 0..255, S usually 160 and at least 75, to (N, 512), not normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.conv2d_1a = Conv(3, 32, 3, 2)
        self.conv2d_2a = Conv(32, 32, 3)
        self.conv2d_2b = Conv(32, 64, 3, padding=1)
        self.conv2d_3b = Conv(64, 80, 1)
        self.conv2d_4a = Conv(80, 192, 3)
        self.conv2d_4b = Conv(192, 256, 3, 2)
        self.repeat_1 = nn.Sequential(*(_block35() for _ in range(5)))
        middle = nn.Sequential(Conv(256, 192, 1), Conv(192, 192, 3, padding=1), Conv(192, 256, 3, 2))
        self.mixed_6a = Mixed(Conv(256, 384, 3, 2), middle, nn.MaxPool2d(3, 2))
        self.repeat_2 = nn.Sequential(*(_block17() for _ in range(10)))
        self.mixed_7a = Mixed(
            nn.Sequential(Conv(896, 256, 1), Conv(256, 384, 3, 2)),
            nn.Sequential(Conv(896, 256, 1), Conv(256, 256, 3, 2)),
            nn.Sequential(Conv(896, 256, 1), Conv(256, 256, 3, padding=1), Conv(256, 256, 3, 2)),
            nn.MaxPool2d(3, 2),
        )
        self.repeat_3 = nn.Sequential(*(_block8() for _ in range(5)))
        self.block8 = _block8(scale=1.0, last=True)
        self.last_linear = nn.Linear(1792, VECTOR, bias=False)
        self.last_bn = nn.BatchNorm1d(VECTOR, eps=EPSILON)

    def forward(self, chips: Tensor) -> Tensor:
        """Vectors of a batch of chips."""
        x = self.conv2d_2b(self.conv2d_2a(self.conv2d_1a((chips - 127.5) / 128)))
        x = self.conv2d_4b(self.conv2d_4a(self.conv2d_3b(functional.max_pool2d(x, 3, 2))))
        x = self.mixed_7a(self.repeat_2(self.mixed_6a(self.repeat_1(x))))
        return self.last_bn(self.last_linear(self.block8(self.repeat_3(x)).mean((2, 3))))


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> HubRecogniser:
    """FaceNet seeing as facenet-pytorch does: MTCNN's upright box, stretched. Raises BadWeights for another network's
    file."""
    return _load(spec, files, device, paper_crop=False)


def load_paper(spec: ModelSpec, files: Mapping[str, Path], device: str) -> HubRecogniser:
    """FaceNet seeing as the attack papers do (`facenet.pth`), with their thresholds."""
    return _load(spec, files, device, paper_crop=True)


def _load(spec: ModelSpec, files: Mapping[str, Path], device: str, paper_crop: bool) -> HubRecogniser:
    weights = checkpoint.stripped(
        checkpoint.read(files["weights"]), "conv2d_1a.conv.weight", ("module.", "model.", ""), drop=("logits.",)
    )
    network = checkpoint.install(FaceNet, weights, spec.title, device)
    return HubRecogniser(
        spec, trim(network), mtcnn_box(SIZE), SIZE, "block8", PAPER if paper_crop else None, paper_crop
    )
