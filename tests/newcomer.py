"""A recogniser that nobody heard of: a row of the catalogue and a loader, as a developer would add them."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from workbench.catalog.spec import ModelSpec
from workbench.models.blocks.chips import Recogniser
from workbench.models.blocks.windows import arcface

SIDE = 112
ROW = ModelSpec(
    id="newcomer", task="recognition", title="Newcomer", load="tests.newcomer:load", files=(), gradients=True
)


class Network(nn.Module):
    """Sixteen filters and what they see in sixteen places."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 16, 9, 4)
        self.pool, self.head = nn.AdaptiveAvgPool2d(4), nn.Linear(256, 64)

    def forward(self, chips: torch.Tensor) -> torch.Tensor:
        """(N, 64)."""
        return self.head(self.pool(self.body(chips / 127.5 - 1).relu()).flatten(1))


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> Recogniser:
    """The recogniser, with weights of its own making."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        network = Network().eval().requires_grad_(False)
    return Recogniser(spec, network.to(device), arcface(SIDE), SIDE, "body", "cosine")
