"""The `faceres` network of `@vladmandic/human`: MobileNet v1 at 224 pixels whose last features tell people apart.

Rebuilt in torch from its TensorFlow.js weights. The file's age and gender heads are not used.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadWeights
from workbench.models.blocks.chips import Recogniser
from workbench.models.blocks.layers import SameConv, fill, fold
from workbench.models.blocks.windows import arcface
from workbench.models.files import tfjs_file

SIZE, MARGIN = 224, 1.25
BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))
"""Output channels and stride of each depthwise and pointwise pair after the stem of 32 channels."""


class Clipped(nn.Module):
    """min(max(x, 0), 6)."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        return functional.relu6(x)


def _pair(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        SameConv(inputs, inputs, 3, stride, groups=inputs), Clipped(), nn.Conv2d(inputs, outputs, 1), Clipped()
    )


class FaceRes(nn.Module):
    """(N, 3, 224, 224) RGB in 0..255 to (N, 1024), not normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(SameConv(3, 32, 3, 2), Clipped())
        widths = (32, *(outputs for outputs, _ in BLOCKS))
        self.blocks = nn.Sequential(*(_pair(before, *block) for before, block in zip(widths, BLOCKS, strict=False)))

    def forward(self, chips: Tensor) -> Tensor:
        """Vectors of a batch of chips."""
        return self.blocks(self.stem(chips)).mean((2, 3))


def weights(manifest: Path, binary: Path) -> dict[str, Tensor]:
    """The files' weights under this module's names. Raises BadWeights when they are others."""
    try:
        found = {name: torch.from_numpy(array) for name, array in tfjs_file.read(manifest, binary).items()}
        return _named(found)
    except (KeyError, ValueError) as error:
        raise BadWeights(f"{manifest.name}: expected the faceres network of human 3.3.6 ({error!r}).") from error


def _named(found: dict[str, Tensor]) -> dict[str, Tensor]:
    def merged(name: str) -> tuple[Tensor, Tensor]:
        kernel, shift = found[f"{name}/convolution/merged_input"], found[f"{name}_bn/batchnorm_1/sub"]
        return kernel.permute(3, 2, 0, 1), shift.flatten()

    def depthwise(name: str) -> tuple[Tensor, Tensor]:
        norm = f"{name}_bn/batchnorm_1"
        return fold(
            found[f"{name}/depthwise_kernel"].permute(2, 3, 0, 1),
            found[f"{norm}/mul"].flatten(),
            found[f"{norm}/sub"].flatten(),
        )

    pairs = {"stem.0": merged("conv1")}
    for index in range(len(BLOCKS)):
        pairs[f"blocks.{index}.0"] = depthwise(f"conv_dw_{index + 1}")
        pairs[f"blocks.{index}.2"] = merged(f"conv_pw_{index + 1}")
    return {
        f"{name}.{part}": value
        for name, pair in pairs.items()
        for part, value in zip(("weight", "bias"), pair, strict=True)
    }


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> Recogniser:
    """The recogniser; files: `manifest`, `weights`. Raises BadWeights when they are not the ones on record."""
    network = fill(FaceRes(), weights(files["manifest"], files["weights"]), spec.title, device)
    return Recogniser(spec, network, arcface(SIZE, MARGIN), SIZE, "blocks", "cosine")
