"""LightCNN: small networks whose only nonlinearity is the larger of two halves of the channels.

Source: Wu et al., "A Light CNN for Deep Face Representation with Noisy Labels", TIFS 2018, arXiv 1511.02683
(AlfredXiangWu/LightCNN, MIT). Names follow its files. The 9 and the 29 v2 see grey, the v4 blue, green and red.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadWeights
from workbench.models.blocks.windows import eyes_and_mouth
from workbench.models.files import checkpoint
from workbench.models.recognisers.hub_recogniser import HubRecogniser

SIZE, VECTOR = 128, 256
EYES, DOWN = 40.0, 48.0
"""Rows of a chip: where the middle of the eyes lies, and from there to the middle of the mouth."""
GREY = (0.299, 0.587, 0.114)
WIDTHS, DEPTHS = ((48, 48), (48, 96), (96, 192), (192, 128), (128, 128)), (1, 2, 3, 4)


class Larger(nn.Module):
    """A convolution, or a linear layer where kernel is 0, of twice the channels; of each pair the larger number."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3) -> None:
        super().__init__()
        self.filter: nn.Module = (
            nn.Conv2d(inputs, 2 * outputs, kernel, padding=kernel // 2) if kernel else nn.Linear(inputs, 2 * outputs)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, …) to (N, C', …)."""
        first, second = self.filter(x).chunk(2, 1)
        return torch.maximum(first, second)


class Group(nn.Module):
    """A 1×1 and a 3×3 step."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv_a = Larger(inputs, inputs, 1)
        self.conv = Larger(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H, W)."""
        return self.conv(self.conv_a(x))


class Residual(nn.Module):
    """Two 3×3 steps, added to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = Larger(width, width)
        self.conv2 = Larger(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        return self.conv2(self.conv1(x)) + x


def _halved(x: Tensor) -> Tensor:
    return functional.max_pool2d(x, 2) + functional.avg_pool2d(x, 2)


def _grey(chips: Tensor) -> Tensor:
    return (chips * chips.new_tensor(GREY)[:, None, None]).sum(1, keepdim=True) / 255


class Nine(nn.Module):
    """(N, 3, 128, 128) RGB in 0..255 to (N, 256): LightCNN-9."""

    last = "features"

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            Larger(1, 48, 5),
            nn.MaxPool2d(2),
            Group(48, 96),
            nn.MaxPool2d(2),
            Group(96, 192),
            nn.MaxPool2d(2),
            Group(192, 128),
            Group(128, 128),
            nn.MaxPool2d(2),
        )
        self.fc1 = Larger(64 * 128, VECTOR, 0)

    def forward(self, chips: Tensor) -> Tensor:
        """Vectors of a batch of chips."""
        return self.fc1(self.features(_grey(chips)).flatten(1))


class Deep(nn.Module):
    """(N, 3, 128, 128) RGB in 0..255 to (N, 256): four stages of residual steps.

    colour: the v4, of 3×3 steps alone and blue first; otherwise the 29 v2, of groups and grey.
    """

    def __init__(self, colour: bool) -> None:
        super().__init__()
        self.colour = colour
        self.last = "conv5" if colour else "group4"
        self.conv1 = Larger(3, 48) if colour else Larger(1, 48, 5)
        for place, ((width, _), (_, wider), depth) in enumerate(zip(WIDTHS[1:], WIDTHS[1:], DEPTHS, strict=True), 1):
            self.add_module(f"block{place}", nn.Sequential(*(Residual(width) for _ in range(depth))))
            name, step = (f"conv{place + 1}", Larger) if colour else (f"group{place}", Group)
            self.add_module(name, step(width, wider))
        self.fc = nn.Linear(64 * 128, VECTOR)

    def forward(self, chips: Tensor) -> Tensor:
        """Vectors of a batch of chips."""
        x = _halved(self.conv1(chips.flip(1) / 255 if self.colour else _grey(chips)))
        for place in range(1, 5):
            x = self.get_submodule(f"block{place}")(x)
            x = self.get_submodule(f"conv{place + 1}" if self.colour else f"group{place}")(x)
            x = x if place == 3 else _halved(x)
        return self.fc(x.flatten(1))


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> HubRecogniser:
    """LightCNN-9, -29 v2 or v4, by the row's id. Raises BadWeights for the file of another network."""
    makes = {"lightcnn-9": Nine, "lightcnn-29v2": lambda: Deep(False), "lightcnn-v4": lambda: Deep(True)}
    if spec.id not in makes:
        raise BadWeights(f"{spec.id}: expected one of {', '.join(makes)}.")
    anchor = "features.0.filter.weight" if spec.id == "lightcnn-9" else "conv1.filter.weight"
    weights = checkpoint.stripped(
        checkpoint.read(files["weights"]), anchor, ("module.", ""), drop=("module.fc2.", "fc2.")
    )
    network = checkpoint.install(makes[spec.id], weights, spec.title, device)
    window = eyes_and_mouth(SIZE, EYES, DOWN)
    return HubRecogniser(spec, network, window, SIZE, str(network.last))
