"""The search for a field that recognisers cannot read through: Adam on the surrogates' margins, held to a visibility.

After Szegedy et al., arXiv 1312.6199 (the attack), and Zhao et al., arXiv 1911.02466 (looks as a constraint, not a
bound). One search climbs from the least visibility asked for to the most and keeps what it found at each. It is given
surrogates only: whoever judges the result is not known here.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from workbench.errors import BadRequest
from workbench.protection import seeing
from workbench.protection import visibility as looks
from workbench.protection.fields import ToneField
from workbench.protection.scene import Scene
from workbench.protection.views import View
from workbench.watch import Watch

SEED = 0
"""Of the views: the same search gives the same file."""

EVERY = 10
"""Steps between two looks at the validation view, and between two previews."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a search goes.

    levels: visibilities in just noticeable differences, rising; each is searched from where the one before ended.
    steps: of Adam for the first, more: for every further one. rate: its learning rate, falling as a cosine within each.
    floor: margin below which a surrogate is left alone. enough: margin that every surrogate must be below, on the
    validation view, to leave a level early. shake: how far the surrogates' views differ from step to step, in what
    `View.shaken` makes; 0: not at all. asked: how many surrogates each step asks, in turn; 0: all.
    """

    levels: tuple[float, ...] = (2.0,)
    steps: int = 120
    more: int = 50
    rate: float = 0.2
    floor: float = -2.0
    enough: float = -math.inf
    shake: float = 1.0
    asked: int = 1

    def __post_init__(self) -> None:
        if not self.levels or sorted(self.levels) != list(self.levels) or self.levels[0] <= 0:
            raise BadRequest(f"levels: expected visibilities above 0, rising, got {self.levels}.")

    def lengths(self) -> list[int]:
        """Steps of each level."""
        return [self.steps, *[self.more] * (len(self.levels) - 1)]


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """What was found at one visibility.

    level: the visibility allowed. pixels: (N, 3, S, S) the protected canvases. bare: the canvases as they came, their
    features moved as `flow` (N, 2, S, S; None: not moved) says. look: the same in their makeup. visibility: (N,)
    reached. margins: (N, surrogates).
    """

    level: float
    pixels: Tensor
    bare: Tensor
    look: Tensor
    flow: Tensor | None
    visibility: Tensor
    margins: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """stages: by rising visibility. steps: how many were made."""

    stages: tuple[Stage, ...]
    steps: int

    @property
    def last(self) -> Stage:
        """What was found at the greatest visibility."""
        return self.stages[-1]


class Looks:
    """The budget of looks of N faces at one visibility; measured against the faces in their makeup, features moved."""

    def __init__(self, sight: seeing.Sight, level: float) -> None:
        self.sight, self.level = sight, level

    def over(self, base: Tensor, painted: Tensor) -> Tensor:
        """(N,): how far beyond the budget, 0 at it, with gradients."""
        return seeing.smooth_worst(seeing.seen(base, painted, self.sight, grain=False), self.sight) / self.level - 1

    def visibility(self, base: Tensor, painted: Tensor) -> Tensor:
        """(N,): of the tones."""
        with torch.no_grad():
            return seeing.worst(seeing.seen(base, painted, self.sight, grain=False), self.sight)

    def within(self, base: Tensor, painted: Tensor, rounds: int = 6) -> Tensor:
        """The painted faces, their tones weakened as far as the budget needs, by halving the interval."""
        change = painted - base
        low, high = torch.zeros(len(painted)), torch.ones(len(painted))
        fits = self.visibility(base, painted) <= self.level
        for _ in range(0 if bool(fits.all()) else rounds):
            middle = (low + high) / 2
            good = self.visibility(base, base + change * middle[:, None, None, None]) <= self.level
            low, high = torch.where(good, middle, low), torch.where(good, high, middle)
        share = torch.where(fits, torch.ones_like(low), low)
        return base + change * share[:, None, None, None]


class Climb:
    """One search as it goes on: the field, what it may not see through, and the price of being seen."""

    def __init__(
        self, field: ToneField, scene: Scene, surrogates: Sequence[View], targets: Sequence[Tensor] | None, plan: Plan
    ) -> None:
        self.field, self.scene, self.surrogates, self.targets, self.plan = field, scene, surrogates, targets, plan
        self.adam = torch.optim.Adam(field.parameters(), lr=plan.rate, betas=(0.9, 0.99))
        self.press = torch.ones(len(scene))
        self.random, self.turn = torch.Generator().manual_seed(SEED), 0

    def step(self, budget: Looks, share: float) -> None:
        """One step; share: of the level's steps that are made, 0..1."""
        self.adam.param_groups[0]["lr"] = self.plan.rate * (0.05 + 0.95 * (0.5 + 0.5 * math.cos(math.pi * share)))
        base, painted = self.field.both()
        over = budget.over(base, painted)
        loss = self._glimpse(painted).clamp_min(self.plan.floor).mean(1) + 2 * self.press * over.clamp_min(0)
        self.adam.zero_grad()
        torch.autograd.backward(loss.sum(), inputs=self.field.parameters())
        self.adam.step()
        self.press = (self.press * torch.exp(0.5 * over.detach().clamp(-0.5, 0.5))).clamp(0.05, 30)

    def aim(self, painted: Tensor) -> Tensor:
        """(N, surrogates): what is to become small."""
        return aim(painted, self.surrogates, self.targets)

    def _glimpse(self, painted: Tensor) -> Tensor:
        """(N, asked): the aim of the surrogates whose turn it is, through shaken eyes."""
        count = len(self.surrogates)
        turn = [(self.turn + number) % count for number in range(min(self.plan.asked or count, count))]
        self.turn += len(turn)
        eyes = [self.surrogates[number] for number in turn]
        if self.plan.shake:
            eyes = [eye.shaken(self.random, self.plan.shake) for eye in eyes]
        return aim(painted, eyes, None if self.targets is None else [self.targets[number] for number in turn])

    def level(
        self, level: float, steps: int, tell: Callable[[], None], preview: Callable[[Tensor], None] | None
    ) -> int:
        """Search at one visibility; the field ends as the best that was seen. The number of steps made."""
        budget, made = Looks(self.field.sight, level), 0
        best, least = self.field.keep(), torch.full((len(self.scene),), math.inf)
        for made in range(1, steps + 1):
            tell()
            self.step(budget, made / steps)
            early = preview is not None or self.plan.enough > -math.inf
            if made != steps and (made % EVERY or (made < 0.75 * steps and not early)):
                continue
            base, painted = self.result(budget)
            reached = self._validated(painted)
            better = reached.mean(1) < least
            best = [
                torch.where(better.reshape(-1, *[1] * (new.ndim - 1)), new, old)
                for new, old in zip(self.field.keep(), best, strict=True)
            ]
            least = torch.where(better, reached.mean(1), least)
            if preview:
                preview(painted - base)
            if bool((reached.amax(1) < self.plan.enough).all()):
                break
        self.field.put(best, torch.isfinite(least))
        return made

    def result(self, budget: Looks) -> tuple[Tensor, Tensor]:
        """The faces in their look, and protected within the budget."""
        with torch.no_grad():
            base, painted = self.field.both()
            return base, budget.within(base, painted)

    def stage(self, level: float) -> Stage:
        """What the field is at this visibility."""
        from workbench.protection.fields import moved

        budget = Looks(self.field.sight, level)
        base, painted = self.result(budget)
        with torch.no_grad():
            flow = self.field.flow()
            bare = self.scene.pixels if flow is None else moved(self.scene.pixels, flow)
            return Stage(level, painted, bare, base, flow, budget.visibility(base, painted), self.aim(painted))

    def _validated(self, painted: Tensor) -> Tensor:
        """(N, surrogates): the aim on a view no gradient was taken on: rounded to whole levels and a little blurred."""
        with torch.no_grad():
            return self.aim(looks.blur(painted.round(), 0.6)).clamp_min(self.plan.floor)


def search(
    field: ToneField,
    scene: Scene,
    surrogates: Sequence[View],
    plan: Plan,
    targets: Sequence[Tensor] | None = None,
    watch: Watch | None = None,
    preview: Callable[[Tensor], None] | None = None,
) -> Found:
    """Move the field level by level until the steps are used up or every surrogate is well past its threshold.

    targets: per surrogate (N, d), whom to resemble; None: only not oneself. preview: called with changes (N, 3, S, S)
    now and then. Raises Cancelled.
    """
    watch = watch or Watch()
    climb = Climb(field, scene, surrogates, targets, plan)
    stages, done, total = [], 0, sum(plan.lengths())

    def tell() -> None:
        nonlocal done
        done += 1
        watch.tell(done / total, f"step {done} of {total}")

    made = 0
    for level, steps in zip(plan.levels, plan.lengths(), strict=True):
        made += climb.level(level, steps, tell, preview)
        stages.append(climb.stage(level))
    return Found(tuple(stages), made)


def aim(painted: Tensor, surrogates: Sequence[View], targets: Sequence[Tensor] | None) -> Tensor:
    """(N, surrogates): what the search makes small: the likeness to oneself, or the lack of likeness to the target."""
    if targets is None:
        return torch.stack([view.margins(painted) for view in surrogates], 1)
    columns = []
    for view, target in zip(surrogates, targets, strict=True):
        own, other = view.both(painted, target)
        columns.append(0.3 * own - other)
    return torch.stack(columns, 1)
