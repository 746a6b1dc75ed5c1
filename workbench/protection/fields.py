"""The tone field: light and dark laid over a made-up face in three scales, and features moved by less than is seen.

How far a tone may go is counted in just noticeable differences of its place: brows, lashes, lids, nostrils, lips and
stubble carry much, a smooth cheek little. Knows no recogniser.
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
from workbench.protection.seeing import Sight, sight
from workbench.protection.visibility import blur, luma


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a field may go.

    reach: just noticeable differences per scale. most: grey levels, all together. beyond: how many levels darker or
    lighter a place may become than anything near it was, so that no blots arise. cells: grid cells across the canvas of
    the three scales. warp: canvas pixels by which features may move (60 lie between the eyes). even: share of the field
    that is the same on both sides of a frontal face. richer: share by which a place may gain colour when it is
    lightened. paint: how far the look's amounts may move, as an exponent.
    """

    reach: float = 6.0
    most: float = 36.0
    beyond: float = 12.0
    cells: tuple[int, int, int] = (10, 26, 72)
    warp: float = 0.9
    even: float = 0.7
    richer: float = 0.02
    paint: float = 0.0

    def times(self, factor: float) -> "Bounds":
        """The same shape, tones stronger or weaker; features move no further."""
        names = ("reach", "most", "beyond")
        return replace(self, **{name: getattr(self, name) * factor for name in names})


NEAR = 12
"""Canvas pixels around a place whose lightest and darkest tones it may come near: a fifth of an eye distance."""

WARPS = 16
"""Cells across the canvas of the grid that moves features: a third of an eye distance each."""

GAIN = 1.8
"""Splines weaken numbers that alternate from cell to cell; this gives back about what they take."""

SOFT, SHARP = 0.15, 0.4
"""Detail finer than 0.8 pixels over that of 3 pixels: photos up to the first get no fine tones, from the second on
all."""


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
    """(N, C, n + 3, n + 3) numbers of a grid, -1..1, as a smooth (N, C, side, side) in -`GAIN`..`GAIN`.

    What is bent is the grid and not the picture: bent afterwards, tones that reach their bound would end in hard edges.
    """
    splines = basis(grid.shape[-1] - 3, side)
    return GAIN * (splines @ grid @ splines.T)


def evened(grid: Tensor, share: Tensor, sign: Tensor | float = 1.0) -> Tensor:
    """The grid, a share (N,) of it replaced by the mean of both sides. sign: -1 for what points sideways."""
    share = share[:, None, None, None]
    return (1 - share / 2) * grid + share / 2 * sign * grid.flip(-1)


def sharpness(pixels: Tensor, face: Tensor) -> Tensor:
    """(N,): 0 for a photo with no detail finer than a canvas pixel, 1 for a sharp one; between `SOFT` and `SHARP`."""
    from workbench.protection.seeing import bands

    found = bands(luma(pixels))  # of full size, then of half
    fine, middle = (
        (band**2 * where).sum((1, 2, 3)) / where.sum((1, 2, 3)).clamp_min(1)
        for band, where in ((found[0], face), (found[2], functional.avg_pool2d(face, 2)))
    )
    return (((fine / middle.clamp_min(1e-6)).sqrt() - SOFT) / (SHARP - SOFT)).clamp(0, 1)


def amplitudes(scene: Scene, known: Sight, bounds: Bounds) -> list[Tensor]:
    """Per scale (N, 1, S, S): how far the field may go there, in grey levels."""
    broad, middle, fine = (functional.interpolate(known.thresholds[n], size=SIDE, mode="bilinear") for n in (5, 3, 2))
    sharp = sharpness(scene.pixels, scene.face)[:, None, None, None]
    return [
        scene.field * (bounds.reach * threshold).clamp_max(bounds.most / 2)
        for threshold in (blur(broad, 4.0), blur(middle, 3.0), blur(fine, 1.5) * sharp)
    ]


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


def toned(base: Tensor, tones: Tensor, richer: float) -> Tensor:
    """Colours (N, 3, S, S) made lighter or darker by tones (N, 1, S, S): lighter ones gain at most the share `richer`
    of colour, since reddish skin scaled up turns orange; darker ones lose half of what brightness loses, since skin in
    grey shade looks dirty and in warm shade contoured."""
    light = luma(base)
    scale = (1 + tones / light.clamp_min(24)).clamp_min(0.05)
    return light * scale + (base - light) * torch.where(scale < 1, scale.sqrt(), scale.clamp_max(1 + richer))


class ToneField:
    """The free numbers of N fields, and the canvases they make of N faces in their look."""

    def __init__(self, scene: Scene, bounds: Bounds, look: Look | None = None, seed: int = 0) -> None:
        """look: painted first, under the field; None: bare faces. Starts next to no change at all."""
        self.bounds, self.scene, self.pixels = bounds, scene, scene.pixels
        self._look(scene, look)
        made = torch.Generator().manual_seed(seed)
        shapes = [(1, cells + 3) for cells in bounds.cells] + [(2, WARPS + 3)] * bool(bounds.warp)
        self.grids = [torch.randn(len(scene), channels, n, n, generator=made) * 0.1 for channels, n in shapes]
        self.sight = sight(self.base, scene.face, scene.hairless, scene.worn, scene.own)
        self.amplitudes = amplitudes(scene, self.sight, bounds)
        self.room = room(luma(self.base), bounds)
        self.even = bounds.even * scene.frontal
        bare = np.zeros((SIDE, SIDE), np.float32)
        self.glasses = torch.from_numpy(np.stack([one.masks.get("glasses", bare) for one in scene.canvases]))[:, None]
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
        grids = [evened(torch.tanh(grid), self.even) for grid in self.grids[:3]]
        parts = [amplitude * spread(grid) for amplitude, grid in zip(self.amplitudes, grids, strict=True)]
        return limited(torch.stack(parts).sum(0), *self.room)

    def flow(self) -> Tensor | None:
        """(N, 2, S, S): by how many canvas pixels each place moves to the right and down; None: features stay."""
        if not self.bounds.warp:
            return None
        sideways = torch.tensor([-1.0, 1.0])[:, None, None]
        free = spread(evened(torch.tanh(self.grids[3]), self.even, sideways)) * self.bounds.warp
        length = free.square().sum(1, keepdim=True)
        free = free / torch.sqrt(1 + length / self.bounds.warp**2)
        return in_one_piece(free, self.glasses) * self.scene.oval

    def made_up(self) -> Tensor:
        """(N, 3, S, S): the faces in their look, its amounts as the search has moved them, without the field."""
        if not self.moves:
            return self.base
        amounts = {
            region: amount * torch.exp(self.bounds.paint * torch.tanh(self.moves[region]))
            for region, amount in self.paint_of_look.amounts.items()
        }
        return render(self.pixels, self.masks, Paint(amounts, self.paint_of_look.mixtures))

    def both(self) -> tuple[Tensor, Tensor]:
        """(N, 3, S, S) twice: the faces in their look with features moved, and the same under the tones."""
        base, flow, tones = self.made_up(), self.flow(), self.tones()
        if flow is not None:
            base = moved(base, flow)
        return base, toned(base, tones, self.bounds.richer).clamp(0, 255)

    def paint(self) -> Tensor:
        """(N, 3, S, S): the faces in look and field."""
        return self.both()[1]

    def keep(self) -> list[Tensor]:
        """A copy of the numbers."""
        return [number.detach().clone() for number in self.parameters()]

    def put(self, numbers: list[Tensor], where: Tensor) -> None:
        """Set the numbers of those faces for which `where` (N,) holds."""
        with torch.no_grad():
            for mine, other in zip(self.parameters(), numbers, strict=True):
                mine[where] = other[where]


def in_one_piece(flow: Tensor, share: Tensor) -> Tensor:
    """A flow (N, 2, S, S) that goes the same way all over what is worn, share (N, 1, S, S) 0..1: the way it goes there
    on average, so that rims do not bend."""
    mean = (flow * share).sum((2, 3), keepdim=True) / share.sum((2, 3), keepdim=True).clamp_min(1e-6)
    return share * mean + (1 - share) * flow


def moved(canvas: Tensor, flow: Tensor) -> Tensor:
    """(N, C, S, S): every place showing what lies `flow` (N, 2, S, S) pixels to its right and below."""
    side = canvas.shape[-1]
    line = torch.arange(side, dtype=canvas.dtype)
    x, y = line[None, None, :] + flow[:, 0], line[None, :, None] + flow[:, 1]
    grid = torch.stack([x, y], -1) / (side - 1) * 2 - 1
    return functional.grid_sample(canvas, grid, mode="bilinear", padding_mode="border", align_corners=True)
