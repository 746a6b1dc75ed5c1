"""New identities: points on the hypersphere of a recogniser's vectors that are far from each other and from people who
exist.

After Shahreza and Marcel, "HyperFace: Generating Synthetic Face Recognition Datasets by Exploring Face Embedding
Hypersphere", ICLR 2025, section 3: the nearest neighbours are pushed apart by gradient descent, while a second term
holds every point where faces are.
"""

from typing import Any

import numpy as np

from workbench import checks
from workbench.errors import BadRequest
from workbench.generation.identity import angle, angle_at
from workbench.generation.population import Population
from workbench.generation.population import population as measured
from workbench.thresholds import Metric
from workbench.watch import Watch

MOST = 1000
ROUNDS = 240
RATE = 0.015
TEMPERATURE = 0.02
PUSHES = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 40.0)
"""How much more being apart counts than being usual: tried in this order until the angle is kept."""


def new_identities(
    count: int,
    least: float,
    metric: str,
    population: Population,
    *,
    gallery: np.ndarray | None = None,
    seed: int = 0,
    watch: Watch | None = None,
) -> np.ndarray:
    """(count, d) float32 vectors of nobody, as the metric wants them; row 0 is the seed's first, and so on.

    Every one keeps `least` degrees from every other and from every row of the gallery (m, d); among sets that do, the
    first found that stays nearest to the population. Raises BadRequest for a count outside 1..1000, an angle outside
    0..120, or when so many do not fit so far apart: it says which angle did. Raises Cancelled.
    """
    checks.whole("count", count, 1, MOST, f"1 to {MOST} new identities")
    checks.number("least angle", least, 0, 120, "0 to 120 degrees")
    watch = watch or Watch()
    length = population.length[0] if Metric.of(metric) is Metric.L2 else 1.0
    others = np.zeros((0, len(population.mean))) if gallery is None else _unit(np.asarray(gallery, np.float64))
    start = _unit(population.sample(count, seed))
    found, reached = _apart(start, others, least, population, watch)
    if reached >= least:
        return (length * found).astype(np.float32)
    watch.check()
    raise BadRequest(
        f"{count} identities at least {least:.0f}° "
        f"apart{' from each other and from the gallery' if len(others) else ''} were not found; "
        f"{np.floor(10 * reached) / 10:.1f}° were. Ask for fewer, or for a smaller angle."
    )


def moved_apart(
    rows: np.ndarray, least: float, recogniser: str, model: Any, gallery: np.ndarray | None, watch: Watch | None = None
) -> tuple[np.ndarray, float]:
    """Vectors (n, d) of a recogniser (its id and itself) turned as little as needed to lie `least` degrees apart and
    from the gallery, each of its own length, float32; and the angle that was reached, which may be less."""
    others = np.zeros((0, rows.shape[1])) if gallery is None else _unit(np.asarray(gallery, np.float64))
    known, lengths = measured(recogniser) or _anywhere(model), np.linalg.norm(rows, axis=1, keepdims=True)
    found, reached = _apart(_unit(np.asarray(rows, np.float64)), others, least, known, watch or Watch())
    return (lengths * found).astype(np.float32), reached


def _apart(
    start: np.ndarray, others: np.ndarray, least: float, population: Population, watch: Watch
) -> tuple[np.ndarray, float]:
    """Unit rows moved until `least` degrees lie between any two and any other; the widest found, and its angle."""
    best, widest = start, -1.0
    for number, push in enumerate(PUSHES):
        part = watch.part(number / len(PUSHES), 1.0)
        found = start if push == 0 else packed(start, others, population, population.length[0], push, least, part)
        reached = nearest(found, others)
        if reached > widest:
            best, widest = found, reached
        if reached >= least:
            break
    return best, widest


def invented(
    count: int,
    least: float,
    recogniser: str,
    model: Any,
    *,
    gallery: np.ndarray | None = None,
    seed: int = 0,
    watch: Watch | None = None,
) -> np.ndarray:
    """`new_identities` for a recogniser (its id and itself): near the faces it was measured on, else anywhere on its
    sphere.

    least: degrees apart; 0 means as far as its threshold for two people.
    """
    known = measured(recogniser) or _anywhere(model)
    apart = bound(least, recogniser, model)
    return new_identities(count, apart, model.metric, known, gallery=gallery, seed=seed, watch=watch)


def bound(least: float, recogniser: str, model: Any) -> float:
    """Degrees that two people keep from each other by a recogniser (its id and itself): `least`, or for 0 as many as
    its threshold for two people is."""
    if least or model.threshold is None:
        return least
    known = measured(recogniser) or _anywhere(model)
    return angle_at(model.threshold, model.metric, known.length[0] if model.metric is Metric.L2 else 1.0)


def _anywhere(model: Any) -> Population:
    """All directions alike; how long vectors are is asked of a grey chip."""
    (vector,) = model.batch(np.full((1, model.size, model.size, 3), 128, np.uint8))
    return Population.even(len(vector), 1.0 if model.metric is Metric.COSINE else float(np.linalg.norm(vector)))


def packed(
    start: np.ndarray, others: np.ndarray, population: Population, scale: float, push: float, least: float, watch: Watch
) -> np.ndarray:
    """Unit rows moved apart: Adam on a soft maximum of every row's cosines, `push` to one against strangeness beyond
    the usual 1."""
    rows, first, second = start.copy(), np.zeros_like(start), np.zeros_like(start)
    best, widest = rows, nearest(rows, others)
    for number in range(1, ROUNDS + 1):
        strange = np.maximum(population.strangeness(scale * rows)[:, None], 1.0)
        slope = (
            push * _crowding(rows, others) + (1 - 1 / strange) * scale * population.pull(scale * rows) / rows.shape[1]
        )
        slope -= (slope * rows).sum(1, keepdims=True) * rows
        first, second = 0.9 * first + 0.1 * slope, 0.99 * second + 0.01 * slope**2
        step = first / (1 - 0.9**number) / (np.sqrt(second / (1 - 0.99**number)) + 1e-9)
        rows = _unit(rows - RATE * (1 - number / ROUNDS) * step)
        if number % 10 == 0:
            watch.tell(number / ROUNDS, "moving identities apart")
            reached = nearest(rows, others)
            if reached >= least:
                return rows
            if reached > widest:
                best, widest = rows, reached
    return best


def nearest(rows: np.ndarray, others: np.ndarray) -> float:
    """The smallest angle, in degrees, between two rows or a row and one of the others; 180 when there is no pair."""
    cosines = rows @ np.concatenate([rows, others]).T
    np.fill_diagonal(cosines, -1.0)
    row, column = np.unravel_index(int(cosines.argmax()), cosines.shape)
    return float(angle(rows[row], np.concatenate([rows, others])[column])) if cosines.size > 1 else 180.0


def _crowding(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The gradient, by row, of the mean over rows of T · log Σ exp(cosine / T) over all other points."""
    everyone = np.concatenate([rows, others])
    cosines = rows @ everyone.T
    np.fill_diagonal(cosines, -np.inf)
    weights = (
        np.exp((cosines - cosines.max(axis=1, keepdims=True)) / TEMPERATURE)
        if everyone.shape[0] > 1
        else np.zeros_like(cosines)
    )
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    return weights @ everyone + weights[:, : len(rows)].T @ rows


def _unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))
