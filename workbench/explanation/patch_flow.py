"""Two faces compared patch by patch: the cheapest way to carry one face's patches over to the other's.

Each patch is a place of the recogniser's last map. The earth mover's distance says how alike the two are when every
patch may find its partner elsewhere, which helps where a part is covered.
Source: Phan and Nguyen, "DeepFace-EMD" (2022), sections 3.2 to 3.4.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.errors import BadRequest
from workbench.explanation.activations import as_grid
from workbench.explanation.choices import MARGINALS
from workbench.explanation.question import ChipMap, Question

SOFTNESS = 0.05
"""How far from the cheapest plan the flow may be, in units of the cost."""
ROUNDS, STILL = 100, 0.1
"""Rounds of Sinkhorn's algorithm at most, and the mean change below which it stops."""


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """Faces as a recogniser sees them place by place.

    each: (N, R, C) vectors of unit length, row by row. centre: (N, C), of their mean map, unit length.
    """

    each: Tensor
    centre: Tensor

    def __getitem__(self, places: Any) -> "Patches":
        """Some of the faces."""
        return Patches(self.each[places], self.centre[places])


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """How N faces' patches (rows) are carried to one face's (columns).

    plan: (N, R, R), how much of row i goes to column j. alike: (N, R, R) cosines. rows, columns: (N, R), what each
    patch has to give and to take.
    """

    plan: Tensor
    alike: Tensor
    rows: Tensor
    columns: Tensor

    @property
    def similarity(self) -> Tensor:
        """(N,): the cosines of the partners, weighted by what flows between them."""
        return torch.nan_to_num((self.plan * self.alike).sum(dim=(1, 2)))


def patch_flow(question: Question, grid: int = 4, weights: str = "apc") -> ChipMap:
    """What each patch of this face adds to the patchwise likeness to the other, over its even share of it.

    Positive: more than its share. grid: patches a side. extra: "emd" the likeness, "patches" what each adds, which sums
    to it, and "partners" the other face's patch that gives it most, row by row, with "mass" what flows between the two.
    Raises BadRequest without another face.
    """
    target = question.target
    if target.other is None:
        raise BadRequest("Patch flow compares two faces: give the other one too.")
    question.watch.tell(0.0, "patch flow")
    here = patches_of(target.model, question.chip, grid)
    question.watch.tell(0.5, "patch flow")
    found = flow(here, patches_of(target.model, target.other, grid), weights)
    added = (found.plan * found.alike).sum(dim=1)[0]
    mass, partners = found.plan[0].max(dim=0)
    fine = functional.interpolate(
        (added - added.mean()).reshape(1, 1, grid, grid),
        (question.size, question.size),
        mode="bilinear",
        align_corners=True,
    )
    extra = {
        "emd": float(found.similarity[0]),
        "patches": [round(value, 5) for value in added.tolist()],
        "partners": partners.tolist(),
        "mass": [round(value, 5) for value in mass.tolist()],
    }
    return ChipMap(fine[0, 0].cpu().numpy(), extra)


def patches_of(model: Any, chips: Tensor, grid: int = 4) -> Patches:
    """Patches of chips (N, 3, S, S), from the last layer of the model that still has places."""
    kept: list[Tensor] = []

    def keep(module: nn.Module, inputs: Any, output: Any) -> None:
        kept.append(output[0] if isinstance(output, (tuple, list)) else output)

    handle = model.features.register_forward_hook(keep)
    try:
        with torch.no_grad():
            model.forward(chips)
    finally:
        handle.remove()
    maps = as_grid(kept[0])
    each = functional.adaptive_avg_pool2d(maps, grid).flatten(2).transpose(1, 2)
    return Patches(functional.normalize(each, dim=2), functional.normalize(maps.mean(dim=(2, 3)), dim=1))


def flow(query: Patches, gallery: Patches, weights: str = "apc") -> Flow:
    """The flow from every face of `gallery` (rows) to the one of `query` (columns).

    weights: what each patch has to give or take: "apc" how much it looks like the other face as a whole, "uniform" all
    the same, "sc" how far it is from all the other's patches, "uew" as apc, without balancing the two faces.
    """
    alike = gallery.each @ query.each[0].T
    rows, columns = marginals(alike, query, gallery, weights)
    return Flow(sinkhorn(torch.exp((alike - 1) / SOFTNESS), rows, columns), alike, rows, columns)


def marginals(alike: Tensor, query: Patches, gallery: Patches, weights: str) -> tuple[Tensor, Tensor]:
    """(N, R) each: what the rows give and the columns take. Raises BadRequest for other weights than MARGINALS."""
    if weights not in MARGINALS:
        raise BadRequest(f"There are no weights {str(weights)[:40]!r}; expected one of: {', '.join(MARGINALS)}.")
    if weights == "uniform":
        even = torch.full(alike.shape[:2], 1 / alike.shape[1], dtype=alike.dtype, device=alike.device)
        return even, even
    if weights == "sc":
        rows, columns = (1 - alike).sum(dim=2), (1 - alike).sum(dim=1)
    else:
        rows = (gallery.each @ query.centre[0]).relu()
        columns = (gallery.centre @ query.each[0].T).relu()
    totals = rows.sum(dim=1, keepdim=True), columns.sum(dim=1, keepdim=True)
    if weights == "uew":
        totals = (totals[0] + totals[1],) * 2
    return rows / (totals[0] + 1e-7), columns / (totals[1] + 1e-7)


def sinkhorn(kernel: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """(N, R, R): the plan of these margins whose shape is `kernel`'s. Columns are met exactly, rows as far as it went.

    Every plan stops by itself, so that it does not depend on what else is in the batch. Source: Cuturi, "Sinkhorn
    Distances" (2013), algorithm 1.
    """
    left, right = torch.ones_like(rows), torch.ones_like(columns)
    going = torch.ones(len(rows), 1, dtype=torch.bool, device=rows.device)
    for _ in range(ROUNDS):
        fresh = rows / (kernel @ right[..., None])[..., 0]
        moved = (fresh - left).abs().mean(dim=1, keepdim=True)
        left = torch.where(going, fresh, left)
        right = torch.where(going, columns / (kernel.transpose(1, 2) @ left[..., None])[..., 0], right)
        going = going & (moved >= STILL)
        if not going.any():
            break
    return left[..., None] * right[:, None] * kernel
