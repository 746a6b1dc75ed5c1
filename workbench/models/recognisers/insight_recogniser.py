"""InsightFace's recognisers, as the portrait models want them: IResNet-100 from its weights, and ONNX files as black
boxes.

Source: Deng et al., "ArcFace", CVPR 2019, arXiv 1801.07698 (deepinsight/insightface). Packs of InsightFace itself are
for non-commercial research only.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from workbench.catalog.spec import ModelSpec
from workbench.models.attributes.face_quality import IResNet
from workbench.models.blocks.windows import arcface
from workbench.models.files import checkpoint
from workbench.models.files.onnx_box import OnnxBox
from workbench.models.recognisers.hub_recogniser import HubRecogniser, trim

SIZE, VECTOR = 112, 512

LENGTH = VECTOR**0.5
"""How long vectors are before they are brought to unit length, about: the last layer is a batch norm whose scale is
held at 1, so that each of the 512 numbers has unit variance over the training set."""


def full_length(vectors: Tensor) -> Tensor:
    """Vectors (n, 512) for networks trained on undivided ones: those of unit length are made `LENGTH` long, longer ones
    stay."""
    lengths = vectors.norm(dim=1, keepdim=True)
    return torch.where(lengths < 1.5, vectors / lengths.clamp_min(1e-6) * LENGTH, vectors)


class VectorNetwork(IResNet):
    """(N, 3, 112, 112) RGB in 0..255 to (N, 512), not normalised. Names follow InsightFace's files."""

    def __init__(self, depth: str, squeeze: bool = False) -> None:
        super().__init__(depth, squeeze)
        del self.qs

    def forward(self, chips: Tensor) -> Tensor:
        """Vectors of a batch of chips."""
        return self.vector(chips.contiguous())


def load_torch(spec: ModelSpec, files: Mapping[str, Path], device: str) -> HubRecogniser:
    """IResNet-100 from a `.pth` file. Raises BadWeights for another network's file."""
    return _torch(spec, files, device, "100")


def load_torch_50(spec: ModelSpec, files: Mapping[str, Path], device: str) -> HubRecogniser:
    """IResNet-50 from a `.pth` file, with weighted shortcuts if it holds any. Raises BadWeights for another network's
    file."""
    return _torch(spec, files, device, "50")


def _torch(spec: ModelSpec, files: Mapping[str, Path], device: str, depth: str) -> HubRecogniser:
    weights = checkpoint.stripped(checkpoint.read(files["weights"]), "conv1.weight", ("module.", "model.", ""))
    squeeze = "layer1.0.attn.fc1.weight" in weights
    network = checkpoint.install(partial(VectorNetwork, depth, squeeze), weights, spec.title, device)
    network = network if squeeze else trim(network)  # weighted shortcuts double what folding costs in the last digit
    return HubRecogniser(spec, network, arcface(SIZE), SIZE, "layer4")


def load_onnx(spec: ModelSpec, files: Mapping[str, Path], device: str) -> HubRecogniser:
    """An ONNX file with InsightFace's inputs (112 × 112, red first, (x − 127.5) / 127.5): a black box without
    gradients."""
    return HubRecogniser(spec, OnnxBox(files["weights"], SIZE, VECTOR, (0.5,) * 3, (0.5,) * 3), arcface(SIZE), SIZE, "")
