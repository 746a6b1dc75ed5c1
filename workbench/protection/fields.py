"""The tone field: light and dark laid over a made-up face in three scales, each held to what the face itself hides.

Broad shading reads as light or contour, so it may be strong; finer tones are allowed as far as the photo's own texture
masks them: brows, lashes, lids, nostrils, lips and stubble carry much, a smooth cheek next to nothing. Knows no
recogniser.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from workbench.makeup.canvas import SIDE
from workbench.makeup.looks import Look
from workbench.makeup.photo import softened, tensors
from workbench.makeup.render import Paint, paint_of, render
from workbench.protection.scene import Scene
from workbench.protection.visibility import blur, contrast, luma


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a field may go, in grey levels of 255.

    broad, middle, fine: on smooth skin. masked_middle, masked_fine: more of it per % of local contrast. most: all
    together never more. beyond: how much darker or lighter a place may become than anything near it was, so that no
    blots arise.
    cells: grid cells across the canvas of the three scales. warp: canvas pixels by which features may move. paint: how
    far the look's amounts may move, as an exponent.
    """

    broad: float = 14.0
    middle: float = 3.0
    fine: float = 1.5
    masked_middle: float = 3.0
    masked_fine: float = 4.0
    most: float = 36.0
    beyond: float = 12.0
    cells: tuple[int, int, int] = (10, 24, 72)
    warp: float = 0.35
    paint: float = 0.0

    def times(self, factor: float) -> "Bounds":
        """The same shape, stronger or weaker."""
        names = ("broad", "middle", "fine", "masked_middle", "masked_fine", "most", "beyond", "warp")
        return replace(self, **{name: getattr(self, name) * factor for name in names})


NEAR = 12
"""Canvas pixels around a place whose lightest and darkest tones it may come near: a fifth of an eye distance."""

GAIN = 1.8
"""Splines weaken numbers that alternate from cell to cell; this gives back about what they take."""


@cache
def basis(cells: int, side: int = SIDE) -> Tensor:
    """(side, cells + 3): uniform cubic B-splines over `cells` cells; every row sums to 1 and nothing is negative."""
    place = (np.arange(side) + 0.5) / side * cells
    first = np.minimum(place.astype(int), cells - 1)
    t = place - first
    values = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], 1) / 6
    matrix = np.zeros((side, cells + 3), np.float32)
    for offset in range(4):
        matrix[np.arange(side), first + offset] = values[:, offset]
    return torch.from_numpy(matrix)


def spread(grid: Tensor, side: int = SIDE) -> Tensor:
    """(N, C, n + 3, n + 3) numbers of a grid as a smooth (N, C, side, side) in -`GAIN`..`GAIN`.

    What is bent is the grid and not the picture: bent afterwards, tones that reach their bound would end in hard edges.
    """
    splines = basis(grid.shape[-1] - 3, side)
    return GAIN * (splines @ torch.tanh(grid) @ splines.T)


def amplitudes(pixels: Tensor, mask: Tensor, bounds: Bounds) -> list[Tensor]:
    """Per scale (N, 1, S, S): how far the field may go there, in grey levels."""
    busy = blur(contrast(pixels), 1.5)
    middle = (bounds.middle + bounds.masked_middle * busy).clamp_max(bounds.most / 2)
    fine = (bounds.fine + bounds.masked_fine * busy).clamp_max(bounds.most / 2)
    return [mask * bounds.broad, mask * middle, mask * fine]


def room(light: Tensor, bounds: Bounds) -> tuple[Tensor, Tensor]:
    """(N, 1, S, S) twice: how much darker, and how much lighter, each place may become, in grey levels."""
    reach = 2 * NEAR + 1
    smooth = blur(light, 1.0)
    lightest = functional.max_pool2d(smooth, reach, 1, NEAR)
    darkest = -functional.max_pool2d(-smooth, reach, 1, NEAR)
    darker = (smooth - darkest + bounds.beyond).clamp_max(bounds.most)
    lighter = (lightest - smooth + bounds.beyond).clamp_max(bounds.most)
    return blur(darker, 4.0), blur(lighter, 4.0)


def limited(tones: Tensor, darker: Tensor, lighter: Tensor) -> Tensor:
    """Tones bent so that they stay between -`darker` and `lighter`; small ones stay as they are."""
    return lighter * torch.tanh(functional.relu(tones) / lighter) - darker * torch.tanh(
        functional.relu(-tones) / darker
    )


class ToneField:
    """The free numbers of N fields, and the canvases they make of N faces in their look."""

    def __init__(self, scene: Scene, bounds: Bounds, look: Look | None = None, seed: int = 0) -> None:
        """look: painted first, under the field; None: bare faces. Starts next to no change at all."""
        self.bounds, self.mask, self.pixels = bounds, scene.field, scene.pixels
        self._look(scene, look)
        made = torch.Generator().manual_seed(seed)
        shapes = [(1, cells + 3) for cells in bounds.cells] + [(2, 13)] * bool(bounds.warp)
        self.grids = [torch.randn(len(scene), channels, n, n, generator=made) * 0.1 for channels, n in shapes]
        self.amplitudes = amplitudes(scene.pixels, scene.field, bounds)
        self.room = room(luma(self.base), bounds)
        for number in self.parameters():
            number.requires_grad_()

    def _look(self, scene: Scene, look: Look | None) -> None:
        self.paint_of_look, self.masks, self.moves = Paint(), {}, {}
        self.base = scene.pixels
        if look is None or not look.layers:
            return
        each = [tensors(softened(canvas, look)) for canvas in scene.canvases]
        self.masks = {name: torch.cat([masks[name] for masks in each]) for name in each[0]}
        self.paint_of_look = paint_of(look, scene.pixels, self.masks)
        self.base = render(scene.pixels, self.masks, self.paint_of_look)
        if self.bounds.paint:
            self.moves = {region: torch.zeros(len(scene)) for region in self.paint_of_look.amounts}

    def parameters(self) -> list[Tensor]:
        """The tensors a search moves."""
        return [*self.grids, *self.moves.values()]

    def tones(self) -> Tensor:
        """(N, 1, S, S): change of brightness in grey levels."""
        parts = [amplitude * spread(grid) for amplitude, grid in zip(self.amplitudes, self.grids, strict=False)]
        return limited(torch.stack(parts).sum(0), *self.room)

    def made_up(self) -> Tensor:
        """(N, 3, S, S): the faces in their look, its amounts as the search has moved them, without the field."""
        if not self.moves:
            return self.base
        amounts = {
            region: amount * torch.exp(self.bounds.paint * torch.tanh(self.moves[region]))
            for region, amount in self.paint_of_look.amounts.items()
        }
        return render(self.pixels, self.masks, Paint(amounts, self.paint_of_look.mixtures))

    def paint(self) -> Tensor:
        """(N, 3, S, S): the faces in look and field; the field scales brightness, so that colours keep their hue."""
        base = self.made_up()
        if self.bounds.warp:
            base = moved(base, spread(self.grids[3]) * self.mask * self.bounds.warp)
        return (base * (1 + self.tones() / luma(self.base).clamp_min(24))).clamp(0, 255)

    def keep(self) -> list[Tensor]:
        """A copy of the numbers."""
        return [number.detach().clone() for number in self.parameters()]

    def put(self, numbers: list[Tensor], where: Tensor) -> None:
        """Set the numbers of those faces for which `where` (N,) holds."""
        with torch.no_grad():
            for mine, other in zip(self.parameters(), numbers, strict=True):
                mine[where] = other[where]


def moved(canvas: Tensor, flow: Tensor) -> Tensor:
    """(N, C, S, S): every place showing what lies `flow` (N, 2, S, S) pixels to its right and below.

    By the first two terms of Taylor's series: right for less than a pixel, many times as fast as sampling, and as
    sharp.
    """
    wide = functional.pad(canvas, (1, 1, 1, 1), mode="replicate")
    right = (wide[..., 1:-1, 2:] - wide[..., 1:-1, :-2]) / 2
    down = (wide[..., 2:, 1:-1] - wide[..., :-2, 1:-1]) / 2
    return canvas + flow[:, :1] * right + flow[:, 1:] * down
