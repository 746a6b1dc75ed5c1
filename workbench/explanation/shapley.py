"""What each parsed part of the face contributes to the score: Shapley values over the parts, on Captum."""

from collections.abc import Iterable

import numpy as np
import torch
from captum.attr import ShapleyValueSampling

from workbench.errors import BadRequest
from workbench.explanation.fills import make_fill
from workbench.explanation.question import ChipMap, Question, finite
from workbench.parts import PARTS

SMALLEST = 4
"""Parts of fewer chip pixels than this join the background."""


def part_shapley(question: Question, permutations: int = 25, fill: str = "blur") -> ChipMap:
    """The mean rise of the score when a part is uncovered, over random orders of uncovering; all parts sum to the whole
    rise.

    extra: "parts", part to its value. On the map every pixel holds its part's value over the part's area, so that heat
    summed over a part is that part's value. Source: Castro et al. (2009), by Captum; the parts come from the parser.
    Raises BadRequest when the face was not parsed, or is all one part.
    """
    if question.regions is None:
        raise BadRequest("Shapley values over parts need a parsed face: choose a parser, or another method.")
    names, features = _features(question.regions)
    shown = make_fill(fill, question.chip)
    total = permutations * len(names)
    seen = 0

    def score(chips: torch.Tensor) -> torch.Tensor:
        nonlocal seen
        seen += len(chips)
        question.watch.tell(seen / (total + 2), "Shapley values of the parts")
        return finite(shown.read(question.target, chips))

    method = ShapleyValueSampling(score)
    method.permutation_generator = _orders(question.seed)
    with torch.no_grad():
        found = method.attribute(
            question.chip,
            baselines=shown.image,
            feature_mask=torch.from_numpy(features)[None, None].to(question.chip.device),
            n_samples=permutations,
            perturbations_per_eval=min(question.batch, len(names)),
        )
    painted = found[0, 0].cpu().numpy()
    values = {name: float(painted[features == place][0]) for place, name in enumerate(names)}
    heat = sum((values[name] / (features == place).sum()) * (features == place) for place, name in enumerate(names))
    return ChipMap(np.asarray(heat, np.float32), {"parts": values})


def _features(regions: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Names of the parts there are, and (S, S) int64 with each pixel's place among them."""
    counts = np.bincount(regions.ravel(), minlength=len(PARTS))
    merged = np.where(counts[regions] < SMALLEST, 0, regions)
    present = np.unique(merged)
    if len(present) < 2:
        raise BadRequest("The parser sees only one part on this face, so there is nothing to share the score between.")
    return [PARTS[index] for index in present], np.searchsorted(present, merged).astype(np.int64)


def _orders(seed: int):  # type: ignore[no-untyped-def]
    """Captum's source of permutations, from a generator of its own instead of the process's."""

    def orders(features: int, samples: int) -> Iterable[tuple[int, ...]]:
        random = np.random.default_rng(seed)
        for _ in range(samples):
            yield tuple(random.permutation(features).tolist())

    return orders
