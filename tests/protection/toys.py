"""A drawn face on its canvas and recognisers small enough to run in a blink: for tests of fields, searches and
verdicts."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from workbench.geometry import similarity
from workbench.makeup.canvas import SIDE, Canvas
from workbench.protection.scene import Scene
from workbench.thresholds import Metric
from workbench.values import Embedding, Face

POINTS = np.array([[114, 121], [174, 121], [144, 150], [124, 180], [164, 180]], np.float64)
"""Eyes, nose tip and mouth corners on the canvas."""


def hurry(monkeypatch: Any, steps: int = 3, more: int = 1) -> None:
    """Searches of a few steps at the first level and `more` at each other, wherever a Request is searched."""
    from workbench.protection.protect import Request

    real = vars(Request)["plan"].fget
    monkeypatch.setattr(Request, "plan", property(lambda self: replace(real(self), steps=steps, more=more)))


class ToyRecogniser:
    """Sees the canvas's middle, averaged to 12 × 12; a fixed random layer makes the vector."""

    def __init__(self, name: str, seed: int, metric: str = "cosine", threshold: float = 0.9) -> None:
        made = torch.Generator().manual_seed(seed)
        self.spec = SimpleNamespace(id=name, title=name)
        self.metric, self.threshold, self.size = Metric.of(metric), threshold, 48
        self.network = nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(3 * 12 * 12, 16)).requires_grad_(False)
        self.network[2].weight.copy_(torch.randn(16, 3 * 12 * 12, generator=made) / 20)
        self.network[2].bias.zero_()

    def window(self, face: Face, shape: tuple[int, ...] = ()) -> tuple[np.ndarray, int]:
        """The middle half of a canvas, wherever the face's five points have brought it."""
        return similarity(face.points, (POINTS - SIDE / 4) * self.size / (SIDE / 2)), self.size

    def forward(self, chips: Tensor) -> Tensor:
        """(N, 16)."""
        vectors = self.network((chips - 127.5) / 64)
        return nn.functional.normalize(vectors, dim=1) if self.metric == "cosine" else vectors

    def embed(self, image: np.ndarray, face: Face) -> Embedding:
        """One vector."""
        from workbench import images

        matrix, size = self.window(face)
        chip = torch.from_numpy(images.warp(image, matrix, (size, size))).permute(2, 0, 1)[None].float()
        return Embedding(self.forward(chip)[0].numpy(), self.metric, self.spec.id)


class Spy(ToyRecogniser):
    """A judge that may not be touched while `closed`."""

    closed = True

    def forward(self, chips: Tensor) -> Tensor:
        if self.closed:
            raise AssertionError("the search asked a judge")
        return super().forward(chips)


def face() -> Face:
    """A face in the middle of a canvas-sized photo, with a mesh that has no shape."""
    return Face(
        np.array([74, 70, 214, 240], np.float32), POINTS.astype(np.float32), 0.9, np.zeros((478, 3), np.float32), 1.0
    )


def scene(count: int = 1, seed: int = 0) -> Scene:
    """Skin with grain, two dark brows that hide much, and a face mask with a soft edge."""
    rng = np.random.default_rng(seed)
    pixels = np.empty((count, 3, SIDE, SIDE), np.float32)
    pixels[:] = np.array([205, 160, 135], np.float32)[:, None, None]
    pixels += rng.normal(0, 1.5, (count, 1, SIDE, SIDE))
    pixels[:, :, 100:110, 90:130] -= rng.uniform(20, 110, (count, 1, 10, 40))
    pixels[:, :, 100:110, 160:200] -= rng.uniform(20, 110, (count, 1, 10, 40))
    y, x = np.mgrid[:SIDE, :SIDE]
    inside = (((x - 144) / 80) ** 2 + ((y - 155) / 105) ** 2 < 1).astype(np.float32)
    skin = inside * (np.abs(y - 105) > 20)
    canvas = Canvas(np.array([[1.0, 0, 0], [0, 1.0, 0]]), 60.0, pixels[0], {"face": inside, "skin": skin})

    def masks(mask: np.ndarray) -> Tensor:
        return torch.from_numpy(np.repeat(mask[None, None].astype(np.float32), count, 0))

    made: Any = torch.from_numpy(pixels.clip(0, 255))
    lip = inside * (np.abs(y - 185) < 8) * (np.abs(x - 144) < 25)
    feathered, oval = masks(inside), masks(inside)
    return Scene(
        (canvas,) * count,
        (face(),) * count,
        made,
        feathered,
        masks(inside),
        masks(skin),
        oval,
        masks(lip),
        masks(0.5 * lip),
        masks(inside),
        torch.ones(count),
    )
