"""A small DCGAN that draws 64 × 64 faces of nobody: for demo studies and as a start for latent search.

Radford et al., Unsupervised Representation Learning with DCGANs, arXiv 1511.06434, section 3. Trained on synthetic
renders.
"""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest
from workbench.models.files import checkpoint

LATENT = 100
SIDE = 64
_WIDTHS = (LATENT, 512, 256, 128, 64, 3)


class Generator(nn.Module):
    """Five transposed convolutions from a (n, 100, 1, 1) latent to (n, 3, 64, 64) in −1..1."""

    def __init__(self) -> None:
        """Untrained layers, numbered as in the published weights."""
        super().__init__()
        layers: list[nn.Module] = []
        for index, (wide, narrow) in enumerate(pairwise(_WIDTHS)):
            stride, padding = (1, 0) if index == 0 else (2, 1)
            layers.append(nn.ConvTranspose2d(wide, narrow, 4, stride, padding, bias=False))
            layers += [nn.Tanh()] if narrow == 3 else [nn.BatchNorm2d(narrow), nn.ReLU(inplace=True)]
        self.main = nn.Sequential(*layers)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """(n, 100) or (n, 100, 1, 1) standard normal → (n, 3, 64, 64) in −1..1; keeps gradients."""
        pixels: torch.Tensor = self.main(z.reshape(len(z), LATENT, 1, 1))
        return pixels


class Dcgan:
    """Draws faces from a seed."""

    def __init__(self, network: Generator, device: str) -> None:
        """`network`: trained, in evaluation mode, on `device`."""
        self.network = network
        self.device = device

    def latents(self, n: int, seed: int) -> np.ndarray:
        """(n, 100) float32 standard normal; the same seed gives the same ones, and more of them begin with fewer."""
        return np.random.default_rng(seed).standard_normal((n, LATENT), dtype=np.float32)

    def draw(self, latents: np.ndarray) -> list[np.ndarray]:
        """One 64 × 64 × 3 uint8 RGB picture per row of an (n, 100) float32 array. Raises BadRequest for another
        shape."""
        if latents.ndim != 2 or latents.shape[1] != LATENT:
            raise BadRequest(f"latents: expected n × {LATENT}, got {' × '.join(map(str, latents.shape))}.")
        with torch.inference_mode():
            pixels = self.network(torch.from_numpy(np.ascontiguousarray(latents, np.float32)).to(self.device))
        scaled = ((pixels + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        return list(scaled.permute(0, 2, 3, 1).cpu().numpy())

    def raw(self, latents: np.ndarray) -> dict[str, np.ndarray]:
        """{"pixels": (n, 3, 64, 64) float32 in −1..1} of an (n, 100) array."""
        with torch.inference_mode():
            return {"pixels": self.network(torch.from_numpy(latents).to(self.device)).cpu().numpy()}

    def __call__(self, n: int, seed: int = 0) -> list[np.ndarray]:
        """`n` faces, 64 × 64 × 3 uint8 RGB; the same seed gives the same faces. Raises BadRequest unless n is 1 to
        1000."""
        if not 1 <= n <= 1000:
            raise BadRequest(f"n: expected 1 to 1000 faces, got {n}.")
        return self.draw(self.latents(n, seed))


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> Dcgan:
    """The generator from its checkpoint, read without unpickling code. Raises BadWeights when the file is not one."""
    return Dcgan(checkpoint.install(Generator, checkpoint.read(files["weights"]), spec.title, device), device)
