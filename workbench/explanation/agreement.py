"""How well a heatmap agrees: with the parts of the face, with a mask people drew, with another heatmap. Arrays in,
numbers out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from workbench.errors import BadRequest
from workbench.parts import PARTS


@dataclass(frozen=True, slots=True)
class Share:
    """One part's share of the positive heat and of the area, 0 to 1; heat above area: the map favours this part."""

    part: str
    heat: float
    area: float


def part_shares(heat: np.ndarray, labels: np.ndarray) -> tuple[Share, ...]:
    """Share of heat and area of every part there is, most heat first. heat: (H, W); labels: (H, W) canonical parts."""
    _same(heat, labels)
    warm = np.maximum(heat, 0).astype(np.float64)
    total = warm.sum()
    sums = np.bincount(labels.ravel(), weights=warm.ravel(), minlength=len(PARTS))
    counts = np.bincount(labels.ravel(), minlength=len(PARTS))
    shares = [
        Share(name, float(sums[i] / total) if total else 0.0, float(counts[i] / labels.size))
        for i, name in enumerate(PARTS)
        if counts[i]
    ]
    return tuple(sorted(shares, key=lambda share: -share.heat))


def cam_cos(heat: np.ndarray, units: np.ndarray) -> float:
    """Cosine of the flattened map (its positive part) and a map of action units, 0 to 1; 0 when either is empty.

    Source: Belharbi et al., "Guided Interpretable Facial Expression Recognition via Spatial Action Unit Cues" (2024),
    CAM-COS.
    """
    _same(heat, units)
    one, two = np.maximum(heat, 0).astype(np.float64).ravel(), units.astype(np.float64).ravel()
    norms = np.linalg.norm(one) * np.linalg.norm(two)
    return float(one @ two / norms) if norms else 0.0


def iou(heat: np.ndarray, mask: np.ndarray) -> float:
    """Intersection over union of a mask and as many of the hottest pixels as the mask has; 0 to 1, 0 for an empty map
    or mask.

    A map without knowledge of a mask of area share a reaches a/(2 − a), see `chance_iou`. No threshold is chosen by
    hand.
    """
    _same(heat, mask)
    wanted = mask.astype(bool)
    count = int(wanted.sum())
    if not count or not (heat > 0).any():
        return 0.0
    order = np.argsort(-heat.ravel(), kind="stable")[:count]
    hot = np.zeros(heat.size, bool)
    hot[order] = True
    hot &= heat.ravel() > 0
    return float((hot & wanted.ravel()).sum() / (hot | wanted.ravel()).sum())


def chance_iou(mask: np.ndarray) -> float:
    """What `iou` gives, on average, for hot pixels thrown anywhere."""
    share = float(mask.astype(bool).mean())
    return share / (2 - share) if share else 0.0


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Normalised correlation coefficient of two maps, −1 to 1; 0 when either does not vary."""
    _same(one, other)
    a, b = (x.astype(np.float64).ravel() - x.astype(np.float64).mean() for x in (one, other))
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    return float(np.clip(a @ b / norms, -1, 1)) if norms > 1e-12 else 0.0


def rank_agreement(maps: Sequence[np.ndarray]) -> np.ndarray:
    """(n, n) Spearman rank correlation of every two of n maps: 1 they order the pixels alike, 0 they have nothing in
    common."""
    return table_of(
        correlation, [rankdata(heat).reshape(heat.shape) if np.ptp(heat) else np.zeros(heat.shape) for heat in maps]
    )


def table_of(measure: Callable[[np.ndarray, np.ndarray], float], maps: Sequence[np.ndarray]) -> np.ndarray:
    """(n, n) of a symmetric measure between every two maps."""
    table = np.eye(len(maps))
    for i in range(len(maps)):
        for j in range(i):
            table[i, j] = table[j, i] = measure(maps[i], maps[j])
    return table


def _same(one: np.ndarray, other: np.ndarray) -> None:
    if one.shape != other.shape:
        raise BadRequest(f"Two maps of one face must have one shape, got {one.shape} and {other.shape}.")
