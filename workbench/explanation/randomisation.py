"""Does a heatmap depend on what the network has learnt? Shuffle its weights, from the output back, and look again.

Source: Adebayo et al., "Sanity Checks for Saliency Maps" (2018), section 3.2, cascading randomisation. A map that stays
the same without the learnt weights explains the photo, not the model.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.stats import spearmanr
from skimage.metrics import structural_similarity
from torch import nn

from workbench.explanation.question import ChipMap, Question
from workbench.explanation.targets import copy_of
from workbench.watch import Watch

STAYS = 0.5
"""A rank correlation with the original map above this, with every weight shuffled, fails the check."""

Draw = Callable[[Question], ChipMap]


@dataclass(frozen=True, slots=True)
class Randomisation:
    """What is left of a map, stage by stage; each figure compares with the original.

    stages: the layers shuffled so far, output first. spearman: rank correlation of the maps, sign and all; it decides.
    sizes: rank correlation of the maps' sizes, whatever they speak for. ssim: structural similarity of the sizes,
    scaled to 0..1.
    """

    stages: tuple[str, ...]
    spearman: tuple[float, ...]
    sizes: tuple[float, ...]
    ssim: tuple[float, ...]
    passed: bool
    sentence: str


def randomisation_check(
    question: Question, draw: Draw, original: ChipMap, stages: int = 4, watch: Watch | None = None
) -> Randomisation:
    """Draw the map again after each stage of shuffling; `draw` makes it. An empty map passes nothing and fails nothing:
    refused as failed.

    Raises Cancelled.
    """
    watch = watch or question.watch
    if not original.values.any():
        return Randomisation(
            (), (), (), (), False, "The map is empty, so there is nothing to check against shuffled weights."
        )
    twin = copy_of(question.target.model)
    groups = _groups(twin.network, stages)
    generator = torch.Generator().manual_seed(question.seed)
    found = []
    for place, (_, modules) in enumerate(groups):
        part = watch.part(place / len(groups), (place + 1) / len(groups))
        part.tell(0.0, "shuffling weights")
        for module in modules:
            _shuffle(module, generator)
        asked = replace(question, target=question.target.of(twin), watch=part)
        found.append(likeness(original.values, draw(asked).values))
    spearman, sizes, ssim = (tuple(values) for values in zip(*found, strict=True))
    passed = spearman[-1] < STAYS
    names = tuple(name for name, _ in groups)
    return Randomisation(names, spearman, sizes, ssim, passed, _sentence(passed, spearman[-1], sizes[-1]))


def _sentence(passed: bool, rank: float, sizes: float) -> str:
    if passed:
        text = (
            f"The map depends on what the model has learnt: with all weights shuffled it changes (rank correlation "
            f"{rank:.2f})."
        )
        if sizes >= STAYS:
            text += (
                f" But where it is strong stays much the same ({sizes:.2f}): that follows the photo; what it "
                f"speaks for is the model's."
            )
        return text
    return (
        f"The map hardly depends on what the model has learnt: with all weights shuffled it stays alike (rank "
        f"correlation {rank:.2f}). "
        "It shows the photo more than the model."
    )


def likeness(one: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
    """How alike two maps are: rank correlation, rank correlation of their sizes, structural similarity of the sizes
    scaled to 0..1.

    An empty map is unlike everything: (0, 0, 0).
    """
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0, 0.0, 0.0
    sizes = [np.abs(heat).astype(np.float64) for heat in (one, other)]
    scaled = [(heat - heat.min()) / max(np.ptp(heat), 1e-12) for heat in sizes]
    window = min(7, (one.shape[0] - 1) | 1)
    similar = float(structural_similarity(*scaled, data_range=1.0, win_size=window))
    return _ranks_alike(one, other), _ranks_alike(*sizes), similar


def _ranks_alike(one: np.ndarray, other: np.ndarray) -> float:
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(spearmanr(one.ravel(), other.ravel()).statistic)


def _groups(network: nn.Module, stages: int) -> list[tuple[str, list[nn.Module]]]:
    """Modules with weights of their own, output first, in at most `stages` groups of about equal number; named by the
    last one."""
    named = [
        (name or "network", module)
        for name, module in network.named_modules()
        if any(True for _ in module.parameters(recurse=False))
    ]
    named.reverse()
    count = min(stages, len(named))
    cuts = np.linspace(0, len(named), count + 1).round().astype(int)
    pieces = [named[start:end] for start, end in itertools.pairwise(cuts)]
    return [(piece[-1][0], [module for _, module in piece]) for piece in pieces]


def _shuffle(module: nn.Module, generator: torch.Generator) -> None:
    """Each weight tensor keeps its values and loses their places: the network stays in scale and knows nothing."""
    with torch.no_grad():
        for parameter in module.parameters(recurse=False):
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))
