"""Networks that say with one number how well a face can be recognised: CR-FIQA, eDifFIQA(T), and the length of
AdaFace's vectors.

Sources: Boutros et al., "CR-FIQA", CVPR 2023, arXiv 2112.06592 (weights CC BY-NC); Babnik et al., "eDifFIQA", TBIOM
2024 (OpenCV Zoo, CC BY 4.0); Kim et al., "AdaFace", arXiv 2204.00964, section 3.2: the norm of a vector follows the
quality of its picture.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from workbench.catalog.spec import ModelSpec
from workbench.models.blocks.chips import ChipModel
from workbench.models.blocks.windows import arcface
from workbench.models.files import checkpoint
from workbench.models.files.onnx_box import OnnxBox
from workbench.models.recognisers import arcface_ir
from workbench.models.recognisers.hub_recogniser import scaled, trim
from workbench.values import Face, check_image

SIZE = 112
STAGES = {"50": (3, 4, 14, 3), "100": (3, 13, 30, 3)}


class QualityNetwork(ChipModel):
    """`score`: one number, more being better. low: below it a photo is called poor; None when nobody published such a
    bound."""

    low: float | None = None

    def score(self, image: np.ndarray, face: Face) -> float:
        """The number of one face."""
        return float(self.batch(self.crop(image, face)[None])[0, 0])

    def raw(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Of one aligned chip (112, 112, 3) uint8 RGB: `quality` (1,); CR-FIQA and AdaFace also `vector` (512,), not
        normalised."""
        with torch.inference_mode():
            chips = self.tensor(check_image(image))
            found = {"quality": self.forward(chips)}
            if isinstance(self.network, IResNet):
                found["vector"] = self.network.vector(chips)
            elif isinstance(self.network, Length):
                found["vector"] = self.network.network(chips)
        return {name: value[0].cpu().numpy() for name, value in found.items()}


class Block(nn.Module):
    """Two 3×3 convolutions beside a shortcut; squeeze: the shortcut's channels weighted, as HSFace trains."""

    def __init__(self, inputs: int, outputs: int, stride: int, squeeze: bool = False) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.prelu = nn.PReLU(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        self.attn = arcface_ir.Squeeze(outputs) if squeeze else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H / stride, W / stride)."""
        inner = self.bn3(self.conv2(self.prelu(self.bn2(self.conv1(self.bn1(x))))))
        x = x if self.downsample is None else self.downsample(x)
        return inner + (x if self.attn is None else self.attn(x))


class IResNet(nn.Module):
    """(N, 3, 112, 112) RGB in 0..255 to (N, 1), CR-FIQA's quality. depth: of `STAGES`. Names follow its files.

    squeeze: the first block of each stage weights its shortcut's channels.
    """

    def __init__(self, depth: str, squeeze: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.prelu = nn.PReLU(64)
        inputs = 64
        for stage, (count, width) in enumerate(zip(STAGES[depth], (64, 128, 256, 512), strict=True), 1):
            first = Block(inputs, width, 2, squeeze)
            blocks = [first, *(Block(width, width, 1) for _ in range(count - 1))]
            self.add_module(f"layer{stage}", nn.Sequential(*blocks))
            inputs = width
        self.bn2 = nn.BatchNorm2d(512)
        self.fc = nn.Linear(512 * 49, 512)
        self.features = nn.BatchNorm1d(512)
        self.qs = nn.Linear(512, 1)

    def vector(self, chips: Tensor) -> Tensor:
        """(N, 512): the face as a recogniser would see it."""
        x = self.prelu(self.bn1(self.conv1(scaled(chips))))
        for stage in range(1, 5):
            x = self.get_submodule(f"layer{stage}")(x)
        return self.features(self.fc(self.bn2(x).flatten(1)))

    def forward(self, chips: Tensor) -> Tensor:
        """Quality of a batch of chips."""
        return self.qs(self.vector(chips))


class Length(nn.Module):
    """(N, 3, 112, 112) RGB in 0..255 to (N, 1): the length of a recogniser's vectors before they are brought to 1."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, chips: Tensor) -> Tensor:
        """Lengths of a batch of chips."""
        return self.network(chips).norm(dim=1, keepdim=True)


def load_crfiqa(spec: ModelSpec, files: Mapping[str, Path], device: str) -> QualityNetwork:
    """CR-FIQA (S) on IResNet-50 or (L) on IResNet-100, by the end of the row's id. Raises BadWeights for another
    network's file."""
    depth = "100" if spec.id.endswith("-l") else "50"
    weights = checkpoint.stripped(checkpoint.read(files["weights"]), "conv1.weight", ("module.", ""))
    network = checkpoint.install(partial(IResNet, depth), weights, spec.title, device)
    return QualityNetwork(spec, trim(network), arcface(SIZE), SIZE, "layer4")


def load_ediffiqa(spec: ModelSpec, files: Mapping[str, Path], device: str) -> QualityNetwork:
    """eDifFIQA(T), a black box. Its authors' figure shows most of LFW's photos above 0.5."""
    network = OnnxBox(files["weights"], SIZE, 1, (0.5,) * 3, (0.5,) * 3)
    model = QualityNetwork(spec, network, arcface(SIZE), SIZE, "")
    model.low = 0.5
    return model


def load_norm(spec: ModelSpec, files: Mapping[str, Path], device: str) -> QualityNetwork:
    """The length of AdaFace's vectors, from the recogniser's own file."""
    recogniser = arcface_ir.load_adaface(spec, files, device)
    return QualityNetwork(spec, Length(recogniser.network), arcface(SIZE), SIZE, "network.body")
