"""The search for a field that recognisers cannot read through: Adam on the surrogates' margins, held to a budget of
looks.

After Szegedy et al., arXiv 1312.6199 (the attack), and Zhao et al., arXiv 1911.02466 (looks as a constraint, not a
bound). It is given surrogates only: whoever judges the result is not known here.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from workbench.protection import visibility as looks
from workbench.protection.fields import ToneField
from workbench.protection.scene import Scene
from workbench.protection.views import View
from workbench.watch import Watch

EVERY = 10
"""Steps between two looks at the validation view, and between two previews."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a search goes.

    steps: of Adam. rate: its learning rate at the start, falling as a cosine. ssim, patches: the budget of looks, for
    brightness inside the face and patches on bare skin. floor: margin below which a surrogate is left alone. enough:
    margin that every surrogate must be below, on the validation view, to stop early.
    """

    steps: int = 100
    rate: float = 0.2
    ssim: float = 0.881
    patches: float = 0.98
    floor: float = -2.0
    enough: float = -math.inf


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """pixels: (N, 3, S, S) the protected canvases. margins: (N, surrogates) of them. ssim, patches: (N,). steps: how
    many were made."""

    pixels: Tensor
    margins: Tensor
    ssim: Tensor
    patches: Tensor
    steps: int


class Looks:
    """The budget of looks of N faces: what a change costs, and whether it is within. Measured against the faces as they
    were."""

    def __init__(self, scene: Scene, made_up: Tensor, plan: Plan) -> None:
        """made_up: the faces in their look alone; what the look itself costs is added to a budget it does not fit."""
        self.scene, self.light, self.busy = scene, looks.luma(scene.pixels), looks.contrast(scene.pixels)
        with torch.no_grad():
            self.least = torch.minimum(
                torch.tensor(plan.ssim), looks.ssim(scene.pixels, made_up, scene.face) - 0.6 * (1 - plan.ssim)
            )
            self.most = torch.maximum(torch.tensor(plan.patches), self.patches(made_up) + 0.25)

    def patches(self, painted: Tensor) -> Tensor:
        """(N,): patchiness."""
        with torch.no_grad():
            return looks.percentile(looks.visible(painted - self.scene.pixels, self.busy), self.scene.skin)

    def over(self, painted: Tensor, part: int) -> Tensor:
        """(N,): how far beyond the budget, 0 at it; part 0: patches, part 1: likeness. They take turns, to save
        time."""
        light = looks.luma(painted)
        if part:
            return (self.least - looks.share(looks.ssim_map(self.light, light), self.scene.face)) * 20
        seen = looks.visible(light - self.light, self.busy)
        smooth = looks.soft_patchiness(seen, self.scene.skin)
        exact = looks.percentile(seen.detach(), self.scene.skin)
        return smooth * (exact / smooth.detach()) / self.most - 1

    def holds(self, painted: Tensor) -> Tensor:
        """(N,) bool: within the budget."""
        with torch.no_grad():
            alike = looks.ssim(self.scene.pixels, painted, self.scene.face) >= self.least
            return alike & (self.patches(painted) <= self.most)

    def within(self, made_up: Tensor, painted: Tensor, rounds: int = 6) -> Tensor:
        """The painted faces, their fields weakened as far as the budget needs, by halving the interval."""
        change = painted - made_up
        low, high = torch.zeros(len(painted)), torch.ones(len(painted))
        fits = self.holds(painted)
        for _ in range(0 if bool(fits.all()) else rounds):
            middle = (low + high) / 2
            good = self.holds(made_up + change * middle[:, None, None, None])
            low, high = torch.where(good, middle, low), torch.where(good, high, middle)
        share = torch.where(fits, torch.ones_like(low), low)
        return made_up + change * share[:, None, None, None]


def search(
    field: ToneField,
    scene: Scene,
    surrogates: Sequence[View],
    plan: Plan,
    targets: Sequence[Tensor] | None = None,
    watch: Watch | None = None,
    preview: Callable[[Tensor], None] | None = None,
) -> Found:
    """Move the field until the steps are used up or every surrogate is well past its threshold.

    targets: per surrogate (N, d), whom to resemble; None: only not oneself. preview: called with canvases (N, 3, S, S)
    now and then. Raises Cancelled.
    """
    watch = watch or Watch()
    budget = Looks(scene, field.made_up().detach(), plan)
    adam = torch.optim.Adam(field.parameters(), lr=plan.rate, betas=(0.9, 0.99))
    press = torch.ones(2, len(scene))
    best, least, step = field.keep(), torch.full((len(scene),), math.inf), 0
    for step in range(1, plan.steps + 1):
        watch.tell(step / plan.steps, f"step {step} of {plan.steps}")
        adam.param_groups[0]["lr"] = plan.rate * (0.05 + 0.95 * (0.5 + 0.5 * math.cos(math.pi * step / plan.steps)))
        painted, part = field.paint(), step % 2
        over = budget.over(painted, part)
        loss = aim(painted, surrogates, targets).clamp_min(plan.floor).mean(1) + 2 * press[part] * over.clamp_min(0)
        adam.zero_grad()
        torch.autograd.backward(loss.sum(), inputs=field.parameters())
        adam.step()
        press[part] = (press[part] * torch.exp(0.5 * over.detach().clamp(-0.5, 0.5))).clamp(0.05, 30)
        if step % EVERY == 0 and (step >= 0.75 * plan.steps or preview or plan.enough > -math.inf):
            reached = _validated(field, budget, surrogates, targets, plan)
            better = reached.mean(1) < least
            best = [
                torch.where(better.reshape(-1, *[1] * (new.ndim - 1)), new, old)
                for new, old in zip(field.keep(), best, strict=True)
            ]
            least = torch.where(better, reached.mean(1), least)
            if preview:
                preview(_final(field, budget))
            if bool((reached.amax(1) < plan.enough).all()):
                break
    field.put(best, torch.isfinite(least))
    painted = _final(field, budget)
    with torch.no_grad():
        margins = aim(painted, surrogates, targets)
        return Found(painted, margins, looks.ssim(scene.pixels, painted, scene.face), budget.patches(painted), step)


def aim(painted: Tensor, surrogates: Sequence[View], targets: Sequence[Tensor] | None) -> Tensor:
    """(N, surrogates): what the search makes small: the likeness to oneself, or the lack of likeness to the target."""
    if targets is None:
        return torch.stack([view.margins(painted) for view in surrogates], 1)
    columns = []
    for view, target in zip(surrogates, targets, strict=True):
        own, other = view.both(painted, target)
        columns.append(0.3 * own - other)
    return torch.stack(columns, 1)


def _final(field: ToneField, budget: Looks) -> Tensor:
    with torch.no_grad():
        return budget.within(field.made_up(), field.paint())


def _validated(
    field: ToneField, budget: Looks, surrogates: Sequence[View], targets: Sequence[Tensor] | None, plan: Plan
) -> Tensor:
    """(N, surrogates): the aim on a view no gradient was taken on: within the budget, rounded to whole levels and a
    little blurred."""
    with torch.no_grad():
        return aim(looks.blur(_final(field, budget).round(), 0.6), surrogates, targets).clamp_min(plan.floor)
