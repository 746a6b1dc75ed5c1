"""dlib's residual networks: the 128-number face recogniser (read from its .dat file) and the age network built the same
way.

Source: dlib, examples/dnn_face_recognition_ex.cpp and dnn_age_predictor; King, "High quality face recognition with deep
metric learning", 2017. Affine layers are folded into the convolutions.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadWeights
from workbench.models.blocks.chips import Recogniser
from workbench.models.blocks.layers import DLIB_MEAN, Normalise, fill, fold
from workbench.models.blocks.windows import dlib_chip
from workbench.models.files import dlib_file

Step = tuple[int, bool]
"""One residual block: output channels, and whether it halves the picture."""

SIZE, PADDING = 150, 0.25
STEPS: tuple[Step, ...] = (
    ((32, False),) * 3
    + ((64, True), *((64, False),) * 3)
    + ((128, True), *((128, False),) * 2, (256, True), *((256, False),) * 2, (256, True))
)

LAYER = "blocks.9"
"""The last block on an 8 × 8 grid; after it only 4 × 4 and 2 × 2 places are left, too few for a map."""


class Block(nn.Module):
    """Two 3×3 convolutions beside a shortcut; a halving block averages the shortcut and pads both sides with zeros to
    fit."""

    def __init__(self, inputs: int, outputs: int, down: bool) -> None:
        super().__init__()
        self.down = down
        self.first = nn.Conv2d(inputs, outputs, 3, 2 if down else 1, 0 if down else 1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H, W) or about half of H and W."""
        inner = self.second(functional.relu(self.first(x)))
        shortcut = functional.avg_pool2d(x, 2) if self.down else x
        return functional.relu(add_padded(inner, shortcut))


def add_padded(first: Tensor, second: Tensor) -> Tensor:
    """The sum of two (N, C, H, W), the smaller padded with zeros at the end of each axis (dlib's add_prev)."""
    shape = [max(pair) for pair in zip(first.shape[1:], second.shape[1:], strict=True)]

    def grown(x: Tensor) -> Tensor:
        missing = [want - got for want, got in zip(shape, x.shape[1:], strict=True)]
        return functional.pad(x, (0, missing[2], 0, missing[1], 0, missing[0])) if any(missing) else x

    return grown(first) + grown(second)


class ResidualNet(nn.Module):
    """(N, 3, S, S) RGB in 0..255 to (N, outputs): a stem, residual blocks, the mean over the picture and a linear
    layer."""

    def __init__(self, stem: int, steps: tuple[Step, ...], outputs: int, bias: bool) -> None:
        super().__init__()
        self.normalise = Normalise(DLIB_MEAN, 256)
        self.stem = nn.Conv2d(3, stem, 7, 2)
        inputs = (stem, *(channels for channels, _ in steps))
        self.blocks = nn.Sequential(*(Block(before, *step) for before, step in zip(inputs, steps, strict=False)))
        self.head = nn.Linear(steps[-1][0], outputs, bias=bias)

    def forward(self, chips: Tensor) -> Tensor:
        """Numbers of a batch of chips, as they leave the last layer."""
        x = functional.max_pool2d(functional.relu(self.stem(self.normalise(chips))), 3, 2)
        return self.head(self.blocks(x).mean((2, 3)))


def names(steps: int) -> list[str]:
    """Names of a ResidualNet's convolutions in the order of the layers."""
    return ["stem", *(f"blocks.{index}.{place}" for index in range(steps) for place in ("first", "second"))]


def weights(path: Path) -> dict[str, Tensor]:
    """The .dat file's weights under this module's names. Raises BadWeights when it is another file."""
    network = ResidualNet(32, STEPS, 128, bias=False).state_dict()
    layers = dlib_file.read(path)
    wanted = [kind for _ in names(len(STEPS)) for kind in ("con", "affine")] + ["fc"]
    if [kind for kind, _ in layers] != wanted:
        raise BadWeights(
            f"{path.name}: expected dlib's face recognition network, got {len(layers)} layers of another shape."
        )
    tensors = [torch.from_numpy(numbers) for _, numbers in layers]
    named = {"head.weight": tensors[-1].reshape(-1, 128).T}
    for index, name in enumerate(names(len(STEPS))):
        shape = network[f"{name}.weight"].shape
        if tensors[2 * index].numel() != shape.numel() + shape[0] or tensors[2 * index + 1].numel() != 2 * shape[0]:
            raise BadWeights(f"{path.name}: layer {name} has another size than dlib's face recognition network.")
        kernel, bias = tensors[2 * index][: shape.numel()].reshape(shape), tensors[2 * index][shape.numel() :]
        scale, shift = tensors[2 * index + 1].reshape(2, -1)
        named[f"{name}.weight"], named[f"{name}.bias"] = fold(kernel, scale, shift, bias)
    return named


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> Recogniser:
    """The recogniser. Raises BadWeights when the file is not the one on record."""
    network = fill(ResidualNet(32, STEPS, 128, bias=False), weights(files["weights"]), spec.title, device)
    return Recogniser(spec, network, dlib_chip(SIZE, PADDING), SIZE, LAYER, "l2")
