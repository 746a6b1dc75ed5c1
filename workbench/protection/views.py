"""What each recogniser sees of the canvas: its own aligned chip, with gradients back to the canvas."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from workbench.errors import BadRequest
from workbench.geometry import compose, invert
from workbench.makeup.canvas import SIDE, Canvas
from workbench.protection.scene import Scene
from workbench.thresholds import Metric
from workbench.values import Face

ENLARGED, TURNED, MOVED = 0.04, 0.03, 0.02
"""How far a shaken view differs, standard deviations: as a share, in radians, and in halves of the canvas."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One recogniser's eye on N canvases. grid: (N, s, s, 2), where its chips lie on them. own: (N, d), the faces as
    they are."""

    model: Any
    grid: Tensor
    own: Tensor

    def margins(self, canvas: Tensor) -> Tensor:
        """(N,): how far beyond the threshold each canvas is like its face: 1 identical, 0 at it, below 0 a stranger."""
        return margin(self.model, see(self.model, canvas, self.grid), self.own)

    def both(self, canvas: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
        """The same, and how far each is like `others` (N, d)."""
        vectors = see(self.model, canvas, self.grid)
        return margin(self.model, vectors, self.own), margin(self.model, vectors, others)

    def shaken(self, random: torch.Generator, reach: float = 1.0) -> "View":
        """The same eye, each of its chips a little enlarged, turned and moved: what is found through many such eyes
        also holds for one that aligns otherwise. Expectation over transformations, Athalye et al., arXiv 1707.07397.
        """
        count = len(self.grid)
        angle = reach * TURNED * torch.randn(count, generator=random)
        scale = 1 + reach * ENLARGED * torch.randn(count, 1, 1, generator=random)
        cos, sin = angle.cos(), angle.sin()
        turn = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2) * scale
        middle = self.grid.mean((1, 2), keepdim=True)
        moved = middle + reach * MOVED * torch.randn(count, 1, 1, 2, generator=random)
        return replace(self, grid=torch.einsum("nij,nhwj->nhwi", turn, self.grid - middle) + moved)


def margin(model: Any, vectors: Tensor, others: Tensor) -> Tensor:
    """(N,): `tasks.recognition.Match.margin` with gradients. Raises BadRequest for a recogniser without a threshold."""
    if model.threshold is None:
        raise BadRequest(f"{model.spec.title} has no calibrated threshold: it can neither be attacked nor judge.")
    cosine = model.metric is Metric.COSINE
    score = (vectors * others).sum(1) if cosine else ((vectors - others) ** 2).sum(1).add(1e-8).sqrt()
    found: Tensor = model.metric.margin(score, model.threshold)
    return found


def see(model: Any, canvas: Tensor, grid: Tensor) -> Tensor:
    """(N, d): the recogniser's vectors of canvases (N, 3, S, S)."""
    chips = functional.grid_sample(canvas, grid, mode="bilinear", padding_mode="border", align_corners=True)
    where = next(model.network.parameters()).device
    vectors: Tensor = model.forward(chips.contiguous(memory_format=torch.channels_last).to(where))
    return vectors.to(canvas.device)  # the canvas is painted on the processor, wherever the recogniser is


def views(models: Sequence[Any], scene: Scene) -> tuple[View, ...]:
    """A view per recogniser over a batch of faces."""
    found = []
    for model in models:
        model.network.to(memory_format=torch.channels_last)
        grid = torch.cat([_grid(model, canvas, face) for canvas, face in zip(scene.canvases, scene.faces, strict=True)])
        with torch.no_grad():
            found.append(View(model, grid, see(model, scene.pixels, grid)))
    return tuple(found)


def _grid(model: Any, canvas: Canvas, face: Face) -> Tensor:
    """(1, s, s, 2): for each place of the chip, where on the canvas it lies, in -1..1."""
    matrix, size = model.window(face)
    to_canvas = compose(canvas.matrix, invert(matrix))
    y, x = np.mgrid[:size, :size].astype(np.float64)
    places = np.stack([x, y, np.ones_like(x)], -1) @ to_canvas.T
    return torch.from_numpy((places / (SIDE - 1) * 2 - 1).astype(np.float32))[None]
