"""New identities packed as HyperFace's paper does it: far from each other, near a gallery of faces.

Shahreza and Marcel, "HyperFace", ICLR 2025, arXiv 2411.08470, section 3: the least distance of any two points is made
as large as it gets, and the mean distance of a point to the nearest row of a gallery is held small. The paper's
constants are not verified; those here are ours. `packing` does it otherwise: nearest neighbours pushed apart, points
held by a population's statistics, and a promise that an angle is kept.
"""

from dataclasses import dataclass

import numpy as np

from workbench import checks
from workbench.errors import BadRequest
from workbench.generation.packing import nearest
from workbench.watch import Watch

WEIGHT, RATE, ROUNDS = 0.5, 0.01, 1500
"""Of the gallery's term; of Adam; its steps."""
NOBODY = np.zeros((0, 0))


@dataclass(frozen=True, slots=True)
class Packing:
    """least: degrees between the two nearest of the points. near: share of points within `reach` degrees of a row of
    the gallery. away: mean degrees to the nearest row."""

    least: float
    near: float
    away: float
    reach: float


def measured(rows: np.ndarray, gallery: np.ndarray, reach: float) -> Packing:
    """What a packing is like. rows (n, d), gallery (m, d): any lengths; only directions count."""
    points, held = _unit(rows), _unit(gallery)
    apart = np.degrees(np.arccos(np.clip(points @ held.T, -1, 1))).min(axis=1)
    return Packing(
        nearest(points, np.zeros((0, points.shape[1]))), float((apart <= reach).mean()), float(apart.mean()), reach
    )


def packed_by_gallery(
    count: int, gallery: np.ndarray, *, weight: float = WEIGHT, seed: int = 0, watch: Watch | None = None
) -> np.ndarray:
    """(count, d) float32 unit vectors: they start at rows of the gallery (m, d), m ≥ count, drawn by the seed.

    weight: of the mean distance to the gallery against the least distance of two points; 0 forgets the gallery. Raises
    BadRequest for a gallery that is too small or a weight outside 0..10, Cancelled.
    """
    checks.number("weight", weight, 0, 10, "0 to 10")
    held = _unit(np.asarray(gallery, np.float64))
    if held.ndim != 2 or not 2 <= count <= len(held):
        raise BadRequest(f"count: expected 2 to {len(held)} (a row of the gallery each), got {count}.")
    watch = watch or Watch()
    rows = held[np.random.default_rng(seed).choice(len(held), count, replace=False)]
    first, second = np.zeros_like(rows), np.zeros_like(rows)
    best, widest = rows, -np.inf
    for number in range(1, ROUNDS + 1):
        slope, value = _slope(rows, held, weight)
        if value > widest:
            best, widest = rows, value
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        step = first / (1 - 0.9**number) / (np.sqrt(second / (1 - 0.999**number)) + 1e-8)
        rows = _unit(rows + RATE * (1 - number / ROUNDS) * step)
        if number % 50 == 0:
            watch.tell(number / ROUNDS, "moving identities apart")
    return best.astype(np.float32)


def _slope(rows: np.ndarray, gallery: np.ndarray, weight: float) -> tuple[np.ndarray, float]:
    """The gradient of least distance − weight · mean distance to the gallery, and its value."""
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -1.0)
    one, other = np.unravel_index(int(cosines.argmax()), cosines.shape)
    gap = rows[one] - rows[other]
    least = float(np.linalg.norm(gap))
    slope = np.zeros_like(rows)
    slope[one] += gap / max(least, 1e-9)
    slope[other] -= gap / max(least, 1e-9)
    closest = gallery[(rows @ gallery.T).argmax(axis=1)]
    away = rows - closest
    lengths = np.linalg.norm(away, axis=1, keepdims=True)
    slope -= weight / len(rows) * away / np.maximum(lengths, 1e-9)
    return slope, least - weight * float(lengths.mean())


def _unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12))
