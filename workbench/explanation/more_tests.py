"""Three more tests of a map, of other kinds than the curves: ROAD, infidelity, sensitivity; and maps joined by worth.

Infidelity and sensitivity are Captum's, which is kept and already here; ROAD is written from its paper and equals
pytorch-grad-cam's imputer (a test compares them).
Sources: Rong et al., "A Consistent and Efficient Evaluation Strategy for Attribution Methods" (2022); Yeh et al., "On
the (In)fidelity and Sensitivity of Explanations" (2019).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor

from workbench.errors import BadRequest
from workbench.explanation.curves import ranks
from workbench.explanation.fills import make_fill
from workbench.explanation.question import ChipMap, Question
from workbench.explanation.randomisation import Draw

SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Shares of the pixels that ROAD takes away."""
NOISE, SQUARES, REDRAWN, NUDGE = 1.0, 60, 3, 5.0
"""Deviation of ROAD's noise in levels of brightness; squares of infidelity; noisy faces of sensitivity and their noise,
in levels."""
# fmt: off
NEAR = (((0, 1), 1 / 6), ((0, -1), 1 / 6), ((1, 0), 1 / 6), ((-1, 0), 1 / 6),
        ((1, 1), 1 / 12), ((1, -1), 1 / 12), ((-1, 1), 1 / 12), ((-1, -1), 1 / 12))
# fmt: on


@dataclass(frozen=True, slots=True)
class MoreTests:
    """road: how much more the shown score falls when the hottest pixels are smoothed away than when the coldest are,
    half the mean difference; above 0 the map tells them apart, in the unit of the score. unexplained: the share of the
    score's changes under random squares that the map cannot account for, 0 to 1 (infidelity over that of an empty map).
    sensitivity: the largest change of the map, over its length, when the face is nudged by noise nobody sees; low is
    calm.
    """

    road: float
    unexplained: float
    sensitivity: float


def more_tests(question: Question, heat: ChipMap, draw: Draw) -> MoreTests:
    """The three figures of a map; `draw` makes it again. Raises Cancelled, and BadRequest for scores that are not
    finite."""
    watch = question.watch
    found = road(replace(question, watch=watch.part(0.0, 0.3)), heat.values)
    unexplained = infidelity(replace(question, watch=watch.part(0.3, 0.5)), heat.values)
    return MoreTests(found, unexplained, sensitivity(replace(question, watch=watch.part(0.5, 1.0)), draw))


def road(question: Question, heat: np.ndarray) -> float:
    """ROAD's combined figure: (coldest away − hottest away) / 2, mean over SHARES, on the shown scale."""
    places = ranks(heat)
    chips = []
    for done, share in enumerate(SHARES):
        question.watch.tell(done / len(SHARES), "ROAD")
        chips += [imputed(question.chip, keep, question.seed) for keep in (places >= share, places < 1 - share)]
    scores = question.scores(torch.cat(chips), shown=True).reshape(len(SHARES), 2)
    return float((scores[:, 1] - scores[:, 0]).mean() / 2)


def imputed(chip: Tensor, keep: np.ndarray, seed: int = 0, noise: float = NOISE) -> Tensor:
    """The chip (1, 3, S, S) whose pixels outside `keep` (S, S) are the weighted mean of their neighbours, all at once.

    Sides weigh a sixth, corners a twelfth, less at the border; a little noise goes on top. Source: Rong et al., section
    4.
    """
    from scipy.sparse import csc_matrix
    from scipy.sparse.linalg import splu

    missing = np.flatnonzero(~keep.ravel())
    if not len(missing):
        return chip.clone()
    side = keep.shape[0]
    number = np.full(keep.size, -1)
    number[missing] = np.arange(len(missing))
    pixels = chip[0].flatten(1).cpu().double().numpy().T
    rows, columns, values = [], [], []
    whole, right = np.zeros(len(missing)), np.zeros((len(missing), 3))
    for (down, across), weight in NEAR:
        row, column = missing // side + down, missing % side + across
        there = np.flatnonzero((row >= 0) & (row < side) & (column >= 0) & (column < side))
        other = row[there] * side + column[there]
        whole[there] += weight
        known = number[other] < 0
        right[there[known]] += weight * pixels[other[known]]
        rows.append(there[~known])
        columns.append(number[other[~known]])
        values.append(np.full((~known).sum(), -weight))
    spots = (np.concatenate([*rows, np.arange(len(missing))]), np.concatenate([*columns, np.arange(len(missing))]))
    system = csc_matrix((np.concatenate([*values, whole]), spots))
    nothing = np.broadcast_to(pixels.mean(axis=0), right.shape)
    solved = splu(system).solve(right) if keep.any() else nothing
    result = pixels.copy()
    result[missing] = solved + noise * np.random.default_rng(seed).standard_normal(solved.shape)
    return torch.from_numpy(result.T.reshape(1, 3, side, side)).to(chip)


def infidelity(question: Question, heat: np.ndarray, squares: int = SQUARES) -> float:
    """Share of the score's changes under random squares of blur that the heat under them does not foretell.

    Captum's infidelity, scaled as it offers, over that of an empty map; 1 for an empty map. A square is a quarter to a
    half of the chip wide.
    """
    from captum.metrics import infidelity as captums

    shown = make_fill("blur", question.chip)
    whole = torch.ones((1, 1, question.size, question.size), device=question.chip.device)
    told = torch.from_numpy(np.ascontiguousarray(heat)).to(whole)[None, None]

    def score(keep: Tensor) -> Tensor:
        question.watch.check()
        return shown.score(question.target, question.chip, keep)

    def drawn() -> Any:
        random = np.random.default_rng(question.seed)

        def squares_of(keep: Tensor) -> tuple[Tensor, Tensor]:
            taken = torch.zeros_like(keep)
            for each in taken:
                side = int(random.integers(question.size // 4, question.size // 2 + 1))
                top, left = random.integers(0, question.size - side + 1, 2)
                each[:, top : top + side, left : left + side] = 1
            return taken, keep - taken

        return squares_of

    with torch.no_grad():
        asked: dict[str, Any] = {"n_perturb_samples": squares, "max_examples_per_batch": min(question.batch, squares)}
        nothing = float(captums(score, drawn(), whole, torch.zeros_like(told), **asked)[0])
        if not heat.any() or nothing <= 0:
            return 1.0
        left = float(captums(score, drawn(), whole, told, normalize=True, **asked)[0])
    return min(max(left / nothing, 0.0), 1.0)


def sensitivity(question: Question, draw: Draw, times: int = REDRAWN, nudge: float = NUDGE) -> float:
    """Captum's largest relative change of the map over `times` nudged faces (uniform noise up to `nudge` levels)."""
    from captum.metrics import sensitivity_max

    generator = torch.Generator().manual_seed(question.seed)
    done = 0

    def nudged(chips: Any, radius: float) -> Any:
        first = chips[0] if isinstance(chips, tuple) else chips
        noise = (2 * torch.rand(first.shape, generator=generator) - 1).to(first.device) * radius
        return (first + noise,) if isinstance(chips, tuple) else first + noise

    def again(chips: Any) -> Any:
        nonlocal done
        first = chips[0] if isinstance(chips, tuple) else chips
        maps = []
        for chip in first:
            question.watch.tell(min(done / (times + 1), 1.0), "sensitivity")
            done += 1
            with torch.enable_grad():  # Captum asks without
                maps.append(torch.from_numpy(draw(replace(question, chip=chip[None])).values))
        found = torch.stack(maps)[:, None]
        return (found,) if isinstance(chips, tuple) else found

    found = sensitivity_max(again, question.chip, nudged, nudge, n_perturb_samples=times, max_examples_per_batch=1)
    return float(found[0])


def consensus(maps: Sequence[np.ndarray], worth: Sequence[float]) -> np.ndarray:
    """(S, S) float32, 0 to 1: the mean rank of each pixel over maps, each weighed by how far it passed chance.

    maps: of one shape. worth: gain less the random maps' 95th percentile (`Verdict.gain` − `Verdict.chance`); a map
    that did not pass counts nothing. Raises BadRequest when none passed, or the numbers differ.
    """
    weights = np.maximum(np.asarray(worth, np.float64), 0)
    if len(maps) != len(weights) or not weights.sum() > 0:
        raise BadRequest("A consensus needs at least one map that passed chance, and a worth for each map.")
    placed = [(rankdata(heat).reshape(heat.shape) - 1) / max(heat.size - 1, 1) for heat in maps]
    return np.average(placed, axis=0, weights=weights).astype(np.float32)
