"""CVLface's vision transformer that is told where eyes, nose and mouth lie: each token's place counts relative to them.

Source: Kim et al., "KeyPoint Relative Position Encoding for Face Recognition", CVPR 2024, arXiv 2403.14852, section 3.3
(mk-minchul/CVLface). Which distances share a bucket is iRPE's product method: Wu et al., arXiv 2107.14222, equations 18
and 23. Names follow the published files.
"""

import math
from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from workbench.catalog.spec import ModelSpec
from workbench.geometry import ARCFACE_112
from workbench.models.blocks.windows import arcface
from workbench.models.files import checkpoint
from workbench.models.recognisers.arcface_ir import color_space
from workbench.models.recognisers.hub_recogniser import HubRecogniser, scaled
from workbench.models.recognisers.patch_transformer import (
    ANCHOR,
    PREFIXES,
    SIZE,
    PatchTransformer,
    Shape,
    shape_of,
    unused,
)

RATIO = 1.9
NEAR, FAR, REACH = RATIO, 2 * RATIO, 8 * RATIO
"""Distances in patches: up to `NEAR` each has a bucket of its own; beyond, logarithmically, up to `REACH`."""
STEPS = 2 * int(FAR) + 1
POINTS = 5
TEMPLATE = (ARCFACE_112 / SIZE).astype(np.float32)
"""Where the alignment puts the five points, in 0..1 of the chip: what the network is told of every face here."""


@lru_cache
def buckets(side: int) -> Tensor:
    """(T, T): the bucket of each pair of places on a grid of side × side."""
    along = torch.arange(side, dtype=torch.float32)
    steps = _step(along[:, None] - along[None])
    pairs = steps[:, None, :, None] * STEPS + steps[None, :, None]
    return pairs.reshape(side**2, side**2)


def _step(distance: Tensor) -> Tensor:
    """0 to STEPS − 1, the middle one for no distance."""
    far = NEAR + (distance.abs().clamp_min(NEAR) / NEAR).log() / math.log(REACH / NEAR) * (FAR - NEAR)
    size = torch.where(distance.abs() <= NEAR, distance.abs(), far.round().clamp_max(FAR).floor())
    return (distance.sign() * size + int(FAR)).long()


class PointedTransformer(PatchTransformer):
    """(N, 3, 112, 112) RGB in 0..255 to (N, 512), not normalised; of faces aligned to `TEMPLATE`."""

    def __init__(self, shape: Shape, bgr: bool = False) -> None:
        super().__init__(shape, bgr)
        self.keypoint_linear = nn.Linear(2 * POINTS, STEPS**2 * shape.heads * shape.depth)

    def biases(self, points: Tensor) -> Tensor:
        """(depth, N, heads, T, T) of points (N, 5, 2) in 0..1 of the chip."""
        side, heads, depth = self.shape.side, self.shape.heads, self.shape.depth
        centres = (torch.arange(side, device=points.device) + 0.5) / side
        places = torch.stack([centres.repeat(side), centres.repeat_interleave(side)], -1)
        away = (places[None, :, None] - points[:, None]).flatten(2)
        values = self.keypoint_linear(away).unflatten(-1, (depth, heads, STEPS**2)).permute(2, 0, 3, 1, 4)
        index = buckets(side).to(points.device).expand(depth, len(points), heads, -1, -1)
        return values.gather(-1, index)

    def told(self, chips: Tensor, points: Tensor) -> Tensor:
        """Vectors of chips with the five points of each, (N or 1, 5, 2) in 0..1 of the chip."""
        x = self.patch_embed(scaled(chips, self.bgr)) + self.pos_embed
        for block, bias in zip(self.blocks, self.biases(points), strict=True):
            x = block(x, bias)
        return self.feature(self.norm(x).flatten(1))

    def forward(self, chips: Tensor) -> Tensor:
        """Vectors of a batch of chips."""
        return self.told(chips, torch.from_numpy(TEMPLATE)[None].to(chips.device))


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> HubRecogniser:
    """CVLFace's ViT with KPRPE, the order of colours from its config.json. Raises BadWeights for another network's
    file."""
    bgr = color_space(files["config"]) == "BGR" if "config" in files else False
    weights = checkpoint.stripped(checkpoint.read(files["weights"]), ANCHOR, PREFIXES, drop=unused())
    network = checkpoint.install(partial(PointedTransformer, shape_of(spec), bgr), weights, spec.title, device)
    return HubRecogniser(spec, network, arcface(SIZE), SIZE, "norm")
