"""An ONNX network as a black box: it answers, and has no gradients. For files whose inside is not rebuilt in torch."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from workbench.errors import BadWeights
from workbench.models.files.onnx_session import open_session, reason


class OnnxBox(nn.Module):
    """(N, 3, S, S) RGB in 0..255 to (N, n), through onnxruntime on the CPU.

    path: the file. size: S. outputs: n. mean, deviation: of pixels in 0..1, red, green, blue. Raises BadWeights when
    the file is no ONNX network or takes or gives another shape, or answers
    with numbers that are not finite.
    """

    def __init__(
        self, path: Path, size: int, outputs: int, mean: tuple[float, ...], deviation: tuple[float, ...]
    ) -> None:
        super().__init__()
        self._mean = torch.tensor(mean)[:, None, None] * 255
        self._deviation = torch.tensor(deviation)[:, None, None] * 255
        self._session = open_session(path)
        self._input = self._session.get_inputs()[0].name
        try:
            answer = self._answer(np.zeros((1, 3, size, size), np.float32))
        except Exception as error:  # onnxruntime raises types of its own that it does not export
            raise BadWeights(
                f"{path.name}: expected a network for 3 × {size} × {size} pixels; it refuses them "
                f"({reason(error, path)})."
            ) from error
        if answer.shape != (1, outputs):
            raise BadWeights(
                f"{path.name}: expected {outputs} outputs, got {' × '.join(map(str, answer.shape[1:]))}. It is another "
                f"network's file."
            )
        if not np.isfinite(answer).all():
            raise BadWeights(f"{path.name} answers with numbers that are not finite: it is damaged. Fetch it again.")

    def forward(self, chips: Tensor) -> Tensor:
        """What the network answers to a batch of chips."""
        pixels = ((chips.detach().cpu() - self._mean) / self._deviation).numpy()
        return torch.from_numpy(np.concatenate([self._answer(pixels[at : at + 1]) for at in range(len(pixels))])).to(
            chips.device
        )

    def _answer(self, pixels: np.ndarray) -> np.ndarray:
        found = self._session.run(None, {self._input: np.ascontiguousarray(pixels, np.float32)})[0]
        return np.asarray(found, np.float32).reshape(len(pixels), -1)
