"""Golden files: what the official code answered, and the names, types and shapes of the weights it was filled with."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from tests.golden.fill import fill

HERE = Path(__file__).parent


class Golden:
    """One family's answers: `golden["output"]`, and `weights` to ask ours the same."""

    def __init__(self, name: str) -> None:
        with np.load(HERE / f"{name}.npz") as archive:
            self._arrays = {key: archive[key] for key in archive.files}
        self.keys = [line.split(" ") for line in self._arrays.pop("keys").tobytes().decode().splitlines()]

    def __getitem__(self, name: str) -> np.ndarray:
        return self._arrays[name]

    def weights(self, seed: int = 0) -> dict[str, torch.Tensor]:
        """Every weight the official network has, filled from its name."""
        return {
            key: torch.from_numpy(np.asarray(fill(key, tuple(int(n) for n in shape.split("x") if n), kind, seed)))
            for key, kind, shape in self.keys
        }

    def file(self, folder: Path, **changes: torch.Tensor) -> Path:
        """A safetensors file of these weights."""
        path = folder / "weights.safetensors"
        save_file(self.weights() | changes, path)
        return path


def apart(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference, relative to the largest value of theirs."""
    assert ours.shape == theirs.shape
    return float(np.abs(ours.astype(np.float64) - theirs).max() / np.abs(theirs).max())


def stacked(model: object, images: Iterable[np.ndarray], name: str) -> np.ndarray:
    """One of `model.raw`'s outputs for each image."""
    return np.stack([model.raw(image)[name] for image in images])  # type: ignore[attr-defined]
