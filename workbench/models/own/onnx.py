"""An ONNX file of somebody's own, run by onnxruntime: a black box without gradients."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from workbench.catalog.spec import Input, ModelSpec
from workbench.errors import BadWeights
from workbench.models.files.onnx_session import open_session
from workbench.models.own.wrapped import checked, wrapped


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> Any:
    """The model for the row's task. Raises BadWeights when the file is no ONNX network, refuses its input or gives
    another shape; BadRequest for labels that cannot be mapped."""
    told = spec.input or Input(112)
    if spec.task == "detection":
        from workbench.models.own.finder import OwnFinder

        return OwnFinder(files, told)
    network = Network(files["weights"], told)
    grey = torch.full((1, 3, told.side, told.side), 128.0)
    checked(network(grey).numpy(), spec.task, spec.labels, files["weights"].name)
    return wrapped(spec, network, spec.labels, told.side, "", "cpu")


class Network(nn.Module):
    """(N, 3, S, S) RGB in 0..255 to whatever the file's first output is, one chip at a time where its batch is fixed.

    Takes channels first or last, as the file's input says.
    """

    def __init__(self, path: Path, told: Input) -> None:
        super().__init__()
        self._name, self._told = path.name, told
        self._session = open_session(path)
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or "float" not in inputs[0].type:
            words = ", ".join(f"{each.name} {each.shape} {each.type}" for each in inputs)
            raise BadWeights(
                f"{path.name}: expected one input of pixels, N × 3 × S × S in floating point, got {words}."
            )
        self._input, shape = inputs[0].name, inputs[0].shape
        self._half = "float16" in inputs[0].type
        self._last = shape[3] == 3 and shape[1] != 3
        self._many = not isinstance(shape[0], int)
        fixed = [side for side in (shape[1:3] if self._last else shape[2:]) if isinstance(side, int)]
        if any(side != told.side for side in fixed):
            raise BadWeights(
                f"{path.name}: its input is {' × '.join(map(str, fixed))} pixels, the row says {told.side}."
            )

    def forward(self, chips: Tensor) -> Tensor:
        """What the network answers to a batch of chips."""
        pixels = chips.detach().cpu().numpy()
        pixels = pixels[:, ::-1] if self._told.order == "bgr" else pixels
        mean, std = (np.array(v, np.float32)[:, None, None] for v in (self._told.mean, self._told.std))
        scaled = (pixels / 255 - mean) / std
        scaled = scaled.transpose(0, 2, 3, 1) if self._last else scaled
        scaled = np.ascontiguousarray(scaled, np.float16 if self._half else np.float32)
        parts = [scaled] if self._many else [scaled[at : at + 1] for at in range(len(scaled))]
        return torch.from_numpy(np.concatenate([self._answer(part) for part in parts]))

    def _answer(self, pixels: np.ndarray) -> np.ndarray:
        try:
            found = np.asarray(self._session.run(None, {self._input: pixels})[0], np.float32)
        except Exception as error:
            reason = str(error).partition("\n")[0][-120:]
            raise BadWeights(f"{self._name}: the network refuses {pixels.shape[1:]} pixels ({reason}).") from error
        if self._last and found.ndim == 4:
            found = np.ascontiguousarray(found.transpose(0, 3, 1, 2))
        return found if found.ndim == 4 else found.reshape(len(pixels), -1)
