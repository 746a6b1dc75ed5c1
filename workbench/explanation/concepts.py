"""Does a model's answer hang on a concept that has a name: a part of the face, or what another model says of it?

A concept is a direction in the last layer that tells chips that show it from chips that do not; its score is the share
of faces whose answer rises along it. Random directions say what such a share is worth.
Source: Kim et al., "Interpretability Beyond Feature Attribution" (2018), sections 3.2 to 3.5. Captum's TCAV writes
activations to the disk as pickles and wants scikit-learn; this one keeps them in memory and solves a ridge regression.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workbench.errors import BadRequest
from workbench.explanation.activations import as_grid
from workbench.explanation.fills import make_fill
from workbench.explanation.targets import Target
from workbench.watch import Watch

LEVEL, RIDGE, BATCH, LEAST, TOLD = 0.05, 1e-2, 16, 8, 0.7
"""The level of significance, shared by all concepts; the ridge, of the mean variance; chips per call; and how many
examples a concept needs at least; and the accuracy below which a direction is not in the layer."""


@dataclass(frozen=True, slots=True)
class ConceptScore:
    """score: share of the faces whose answer rises along the concept, mean over the random sets. chance: the same of
    random directions. accuracy: how well the direction tells held-out examples from random ones. p: two-sided, that
    score and chance are the same. significant: after Bonferroni, and with an accuracy of TOLD or more.
    """

    concept: str
    examples: int
    accuracy: float
    score: float
    low: float
    high: float
    chance: float
    p: float
    significant: bool


def tcav(
    target: Target, chips: Tensor, concepts: Mapping[str, tuple[Tensor, Sequence[Tensor]]], watch: Watch | None = None
) -> tuple[ConceptScore, ...]:
    """Score every concept for a target over faces (N, 3, S, S), most significant first.

    concepts: name to chips (M, 3, S, S) that show it and three random sets or more like them that need not. Raises
    BadRequest for too few examples or sets, or a model without gradients or places, and Cancelled.
    """
    watch = watch or Watch()
    rises = derivatives(target, chips)
    found = []
    for done, (name, (shown, randoms)) in enumerate(concepts.items()):
        watch.tell(done / len(concepts), name)
        if len(shown) < LEAST or len(randoms) < 3:
            raise BadRequest(f"{name}: expected {LEAST} examples and 3 random sets or more, got {len(shown)}.")
        mine, others = layer(target, shown), [layer(target, each) for each in randoms]
        scores = np.array([share(rises, direction(mine, each)) for each in others])
        null = np.array([share(rises, direction(a, b)) for a, b in itertools.permutations(others, 2)])
        right = float(np.mean([held_out(mine, each) for each in others]))
        p = differ(scores, null)
        counts = p < LEVEL / len(concepts) and right >= TOLD
        spread = 1.96 * float(scores.std(ddof=1)) / len(scores) ** 0.5
        mean = float(scores.mean())
        low, high = max(mean - spread, 0.0), min(mean + spread, 1.0)
        found.append(ConceptScore(name, len(shown), right, mean, low, high, float(null.mean()), p, counts))
    return tuple(sorted(found, key=lambda each: (each.p, each.concept)))


def layer(target: Target, chips: Tensor) -> np.ndarray:
    """(N, C) float64: the last layer with places, averaged over them."""
    with torch.no_grad():
        parts = [_watched(target, part)[0] for part in chips.split(BATCH)]
    return torch.cat([as_grid(part.detach()).mean(dim=(2, 3)) for part in parts]).double().cpu().numpy()


def derivatives(target: Target, chips: Tensor) -> np.ndarray:
    """(N, C) float64: how the score of each face rises with each channel, summed over places."""
    found = []
    for part in chips.split(BATCH):
        acts, score = _watched(target, part)
        if not score.requires_grad:
            raise BadRequest("Concepts need a model with gradients.")
        (grads,) = torch.autograd.grad(score.sum(), acts, allow_unused=True)
        found.append(as_grid(torch.zeros_like(acts) if grads is None else grads).sum(dim=(2, 3)))
    return torch.cat(found).double().cpu().numpy()


def _watched(target: Target, chips: Tensor) -> tuple[Tensor, Tensor]:
    kept: list[Tensor] = []

    def keep(module: Any, inputs: Any, output: Any) -> Any:
        if not isinstance(output, Tensor):
            raise BadRequest("Concepts need a network whose last layer still has places.")
        fresh = output.detach().requires_grad_()
        kept.append(fresh)
        return fresh

    handle = target.model.features.register_forward_hook(keep)
    try:
        score = target.score(chips)
    finally:
        handle.remove()
    return kept[-1], score


def direction(shown: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(C,) of unit length: the ridge regression that tells (n, C) that show a concept from (m, C) that need not."""
    rows = np.concatenate([shown, others])
    centred = rows - rows.mean(axis=0)
    truth = np.concatenate([np.ones(len(shown)), -np.ones(len(others))])
    truth -= truth.mean()
    square = centred.T @ centred
    ridge = RIDGE * max(float(np.trace(square)) / len(square), 1e-12)
    found = np.linalg.solve(square + ridge * np.eye(len(square)), centred.T @ truth)
    length = float(np.linalg.norm(found))
    return found / length if length else found


def held_out(shown: np.ndarray, others: np.ndarray) -> float:
    """Accuracy on every second example of a direction made from the rest, cut half way between the two means."""
    line = direction(shown[::2], others[::2])
    cut = (shown[::2].mean(axis=0) + others[::2].mean(axis=0)) @ line / 2
    return float((np.mean(shown[1::2] @ line > cut) + np.mean(others[1::2] @ line <= cut)) / 2)


def share(rises: np.ndarray, line: np.ndarray) -> float:
    """Share of faces (n, C) whose score rises along a direction (C,)."""
    return float((rises @ line > 0).mean())


def differ(scores: np.ndarray, null: np.ndarray) -> float:
    """Two-sided p that both come from one mean (Welch 1947); 0 or 1 where neither varies."""
    from scipy.stats import t

    parts = [float(each.var(ddof=1)) / len(each) for each in (scores, null)]
    apart = float(scores.mean() - null.mean())
    if sum(parts) == 0:
        return float(apart == 0)
    freedom = sum(parts) ** 2 / sum(p**2 / (len(e) - 1) for p, e in zip(parts, (scores, null), strict=True))
    return float(2 * t.sf(abs(apart) / sum(parts) ** 0.5, freedom))


def showing(chip: Tensor, mask: np.ndarray) -> Tensor:
    """The chip (1, 3, S, S) of which only `mask` (S, S) bool shows; the rest is grey."""
    keep = torch.from_numpy(mask.astype(np.float32)).to(chip.device)[None, None]
    return make_fill("grey", chip).composite(chip, keep)


def elsewhere(mask: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The same shape somewhere else: (S, S) bool, moved around the borders by a random way."""
    return np.roll(mask, tuple(random.integers(0, side) for side in mask.shape), (0, 1))
