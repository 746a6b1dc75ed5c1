"""The expression network of `@vladmandic/face-api` (V. Mühler's face-api.js), rebuilt in torch from its TensorFlow.js
weights."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadWeights
from workbench.models.blocks.chips import ExpressionModel
from workbench.models.blocks.layers import DLIB_MEAN, Normalise, SameConv, fill
from workbench.models.blocks.windows import upright_square
from workbench.models.expressions.selector import beside
from workbench.models.files import tfjs_file

ORDER = ("neutral", "happy", "sad", "anger", "fear", "disgust", "surprise")
SIZE, WIDTH, DROP = 112, 3.4, 0.18
WIDTHS = (32, 64, 128, 256)


class Separable(nn.Sequential):
    """A 3×3 convolution per channel, then a 1×1 convolution across channels."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(SameConv(inputs, inputs, 3, stride, groups=inputs, bias=False), nn.Conv2d(inputs, outputs, 1))


class DenseBlock(nn.Module):
    """Four convolutions, each after the first adding to the sum of all before it. Halves the picture first."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        first = SameConv(inputs, outputs, 3, 2) if inputs == 3 else Separable(inputs, outputs, 2)
        self.layers = nn.ModuleList([first, *(Separable(outputs, outputs) for _ in range(3))])

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H/2, W/2)."""
        total = self.layers[0](x).relu()
        for layer in list(self.layers)[1:]:
            total = total + layer(total.relu())
        return total.relu()


class FaceApiExpression(nn.Module):
    """(N, 3, 112, 112) RGB in 0..255 to (N, 7) logits in the order of `ORDER`."""

    def __init__(self) -> None:
        super().__init__()
        self.normalise = Normalise(DLIB_MEAN, 255)
        self.blocks = nn.Sequential(*(DenseBlock(*pair) for pair in zip((3, *WIDTHS), WIDTHS, strict=False)))
        self.head = nn.Linear(WIDTHS[-1], len(ORDER))

    def forward(self, chips: Tensor) -> Tensor:
        """Logits of a batch of chips."""
        x = self.blocks(self.normalise(chips))
        return self.head(functional.avg_pool2d(x, 7, 2).mean((2, 3)))


def weights(manifest: Path, binary: Path) -> dict[str, Tensor]:
    """The files' weights under this module's names. Raises BadWeights when they are others."""
    kinds = {"filters": "weight", "depthwise_filter": "0.weight", "pointwise_filter": "1.weight", "bias": "bias"}
    named = {}
    try:
        for name, array in tfjs_file.read(manifest, binary).items():
            *layer, kind = name.split("/")
            tensor = torch.from_numpy(array)
            if layer == ["fc"]:
                named[f"head.{'bias' if kind == 'bias' else 'weight'}"] = tensor.T if tensor.ndim == 2 else tensor
                continue
            block, place = int(layer[0].removeprefix("dense")), int(layer[1].removeprefix("conv"))
            prefix = f"blocks.{block}.layers.{place}"
            part = "1.bias" if kind == "bias" and (block, place) != (0, 0) else kinds[kind]
            named[f"{prefix}.{part}"] = _kernel(tensor, kind)
    except (KeyError, ValueError, IndexError) as error:
        raise BadWeights(f"{manifest.name}: expected the expression network of face-api 1.7.15 ({error!r}).") from error
    return named


def _kernel(tensor: Tensor, kind: str) -> Tensor:
    """TensorFlow's rows × columns × in × out to torch's order (per-channel kernels: rows × columns × channels × 1)."""
    if tensor.ndim != 4:
        return tensor
    return tensor.permute(2, 3, 0, 1) if kind == "depthwise_filter" else tensor.permute(3, 2, 0, 1)


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> ExpressionModel:
    """The scorer; files: `manifest`, `weights`. Raises BadWeights when they are not the ones on record."""
    network = fill(FaceApiExpression(), weights(files["manifest"], files["weights"]), spec.title, device)
    model = ExpressionModel(spec, network, upright_square(SIZE, WIDTH, DROP), SIZE, "blocks", ORDER)
    return beside(model, files, device)
