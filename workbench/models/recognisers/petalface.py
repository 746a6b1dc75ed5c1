"""The Swin transformer that PETALface starts from, trained on WebFace for high-resolution faces.

Source: Narayan et al., "PETALface", WACV 2025, arXiv 2412.07771 (Kartik-3004/PETALface, MIT). Names follow its files.
Its released code shifts windows and computes which tokens to keep apart, and does not use that; nor is it used here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from workbench.catalog.spec import ModelSpec
from workbench.models.blocks import swin
from workbench.models.blocks.windows import arcface
from workbench.models.files import checkpoint
from workbench.models.recognisers.hub_recogniser import HubRecogniser, scaled

SIZE, VECTOR = 120, 512


@dataclass(frozen=True, slots=True)
class Shape:
    """width of the first tokens, blocks and heads by stage, tokens along a window, pixels along a patch."""

    width: int = 384
    depths: Sequence[int] = (2, 18, 2)
    heads: Sequence[int] = (8, 16, 16)
    window: int = 5
    patch: int = 6


class PetalFace(nn.Module):
    """(N, 3, 120, 120) RGB in 0..255 to (N, 512), not normalised."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        side, last = SIZE // shape.patch, len(shape.depths) - 1
        self.patch_embed = swin.Patches(shape.width, shape.patch)
        self.absolute_pos_embed = nn.Parameter(torch.zeros(1, side**2, shape.width))
        self.layers = swin.stages(shape.width, side, shape.window, shape.depths, shape.heads, cut=False)
        self.norm = nn.LayerNorm(shape.width << last)
        numbers = (shape.width << last) * (side >> last) ** 2
        self.feature_layer = nn.Sequential(
            nn.BatchNorm1d(numbers), nn.Dropout(), nn.Linear(numbers, VECTOR), nn.BatchNorm1d(VECTOR)
        )

    def forward(self, chips: Tensor) -> Tensor:
        """Vectors of a batch of chips."""
        x = self.patch_embed(scaled(chips))
        x = x + self.absolute_pos_embed.reshape(1, *x.shape[1:])
        for layer in self.layers:
            x = layer(x)
        return self.feature_layer(self.norm(x.flatten(1, 2)).flatten(1))


def load(spec: ModelSpec, files: Mapping[str, Path], device: str, shape: Shape = Shape()) -> HubRecogniser:
    """The backbone before its adapters. Raises BadWeights for the file of another network."""
    weights = checkpoint.stripped(
        checkpoint.read(files["weights"]), "patch_embed.proj.weight", ("module.", "model.", "backbone.", "")
    )
    network = checkpoint.install(partial(PetalFace, shape), swin.learned(weights), spec.title, device)
    return HubRecogniser(spec, network, arcface(SIZE), SIZE, "norm")
