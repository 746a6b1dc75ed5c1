"""SFace (Zhong et al., TIP 2021, arXiv 2205.12010), OpenCV Zoo's recogniser, rebuilt in torch from its ONNX file.

MobileNet v1 blocks with PReLU at 112 pixels. Batch norms are folded away and PReLU is written with two ReLUs, which
halves the time of a backward pass.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadWeights
from workbench.models.blocks.chips import Recogniser
from workbench.models.blocks.layers import PReLU, batch_norm, fill, fold
from workbench.models.blocks.windows import arcface
from workbench.models.files import onnx_file

SIZE = 112
BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))
"""Output channels and stride of each depthwise and pointwise pair after the stem of 32 channels."""
_EPSILON, _LAST_EPSILON = 1e-3, 2e-5


def _pair(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    depthwise = nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs)
    return nn.Sequential(depthwise, PReLU(inputs), nn.Conv2d(inputs, outputs, 1), PReLU(outputs))


class SFace(nn.Module):
    """(N, 3, 112, 112) RGB in 0..255 to (N, 128), not normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), PReLU(32))
        widths = (32, *(outputs for outputs, _ in BLOCKS))
        self.blocks = nn.Sequential(*(_pair(before, *block) for before, block in zip(widths, BLOCKS, strict=False)))
        self.head = nn.Linear(1024 * 7 * 7, 128)

    def forward(self, chips: Tensor) -> Tensor:
        """Vectors of a batch of chips."""
        return self.head(self.blocks(self.stem((chips - 127.5) / 128)).flatten(1))


def weights(path: Path) -> dict[str, Tensor]:
    """The file's weights under this module's names. Raises BadWeights when it is another file."""
    try:
        found = {name: torch.from_numpy(array) for name, array in onnx_file.read(path).weights.items()}
        return _named(found)
    except KeyError as error:
        raise BadWeights(f"{path.name}: expected SFace of December 2021; it holds no {error}.") from error


def _norm(found: dict[str, Tensor], name: str, epsilon: float) -> tuple[Tensor, Tensor]:
    return batch_norm((found[f"{name}_{part}"] for part in ("gamma", "beta", "moving_mean", "moving_var")), epsilon)


def _named(found: dict[str, Tensor]) -> dict[str, Tensor]:
    places = {"conv_1": ("stem", 0)}
    for index in range(len(BLOCKS)):
        places |= {f"conv_{index + 2}_dw": (f"blocks.{index}", 0), f"conv_{index + 2}": (f"blocks.{index}", 2)}
    named = {}
    for source, (target, place) in places.items():
        pair = fold(found[f"{source}_conv2d_weight"], *_norm(found, f"{source}_batchnorm", _EPSILON))
        named[f"{target}.{place}.weight"], named[f"{target}.{place}.bias"] = pair
        named[f"{target}.{place + 1}.slope"] = found[f"{source}_relu_gamma"].flatten()
    named["head.weight"], named["head.bias"] = _head(found)
    return named


def _head(found: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The linear layer with the batch norm before it (per channel of its 7 × 7 input) and the one after it folded
    in."""
    scale, shift = _norm(found, "bn1", _LAST_EPSILON)
    weight = found["pre_fc1_weight"].reshape(128, 1024, 49)
    bias = found["pre_fc1_bias"] + (weight * shift[None, :, None]).sum((1, 2))
    return fold((weight * scale[None, :, None]).reshape(128, -1), *_norm(found, "fc1", _LAST_EPSILON), bias)


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> Recogniser:
    """The recogniser. Raises BadWeights when the file is not the one on record."""
    network = fill(SFace(), weights(files["weights"]), spec.title, device)
    return Recogniser(spec, network, arcface(SIZE), SIZE, "blocks", "cosine")
