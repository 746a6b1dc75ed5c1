"""Arithmetic with identities: a recogniser's vectors averaged, mixed, turned a little, varied.

Everything here takes and gives vectors as the recogniser's metric wants them: of unit length for "cosine", and of their
own length for "l2", where the direction is worked with and the length carried along. Knows no pictures; no torch.
"""

import numpy as np

from workbench.errors import BadRequest
from workbench.generation.population import Population
from workbench.thresholds import Metric

STEEPEST = 90.0
"""Degrees of drift beyond which nothing of the identity is left."""


def mean(vectors: np.ndarray, metric: str) -> np.ndarray:
    """(d,) float32: the identity that several (n, d) photos of one person share.

    The mean direction, which is what averaging templates amounts to on the sphere (Mardia and Jupp, Directional
    Statistics, 2000, section 9.2); for l2 at the mean length, as a plain mean of vectors is shorter than any face's.
    """
    rows = _checked(vectors, metric)
    return _restored(_unit(rows).mean(axis=0), metric, float(np.linalg.norm(rows, axis=1).mean()))


def between(first: np.ndarray, second: np.ndarray, share: float, metric: str) -> np.ndarray:
    """(d,) float32: a face between two people. share: 0 is the first, 1 the second.

    Along the great circle at even speed (Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985, section
    3.3); for l2 the length goes evenly from one to the other. Raises BadRequest for a share outside 0..1 or opposite
    vectors.
    """
    if not 0 <= share <= 1:
        raise BadRequest(f"share: expected 0 (the first person) to 1 (the second), got {share}.")
    a, b = _checked(np.stack([first, second]), metric)
    u, v = _unit(a), _unit(b)
    angle = np.arccos(np.clip(u @ v, -1, 1))
    if angle < 1e-4:
        direction = u
    elif angle > np.pi - 1e-3:
        raise BadRequest("The two vectors point in opposite directions; there is no one way between them.")
    else:
        direction = (np.sin((1 - share) * angle) * u + np.sin(share * angle) * v) / np.sin(angle)
    return _restored(direction, metric, float((1 - share) * np.linalg.norm(a) + share * np.linalg.norm(b)))


def drift(
    vector: np.ndarray, degrees: float, metric: str, seed: int, population: Population | None = None
) -> np.ndarray:
    """(d,) float32: an identity turned by exactly `degrees` on the hypersphere, in a direction that the seed chooses.

    population: the direction is then one in which faces differ from each other, not just any. Length is kept. Raises
    BadRequest unless degrees is 0 to 90.
    """
    if not 0 <= degrees <= STEEPEST:
        raise BadRequest(f"drift: expected 0 to {STEEPEST:.0f} degrees, got {degrees}.")
    (row,) = _checked(np.asarray(vector)[None], metric)
    here = _unit(row)
    found = population or Population.even(len(row))
    aside = found.sample(1, seed)[0] - found.mean
    aside = _unit(aside - (aside @ here) * here)
    angle = np.radians(degrees)
    return _restored(np.cos(angle) * here + np.sin(angle) * aside, metric, float(np.linalg.norm(row)))


def perturb(vector: np.ndarray, sigma: float, count: int, metric: str, seed: int) -> np.ndarray:
    """(count, d) float32: variations within one identity; row i depends on (seed, i) alone.

    Gaussian noise on every component, then back to the vector's own length (Wu et al., "Vec2Face", ICLR 2025, section
    3.4). sigma: in units of the vector's root-mean-square component, which is about 1 for the vectors that paper uses
    (there 0.2 to 0.7). The expected turn is about atan(sigma). Raises BadRequest for a sigma outside 0..2.
    """
    if not 0 <= sigma <= 2:
        raise BadRequest(f"sigma: expected 0 to 2, got {sigma}.")
    (row,) = _checked(np.asarray(vector)[None], metric)
    length = float(np.linalg.norm(row))
    noise = np.stack([np.random.default_rng([seed, number]).standard_normal(len(row)) for number in range(count)])
    moved = row + sigma * length / np.sqrt(len(row)) * noise
    return np.stack([_restored(each, metric, length) for each in moved])


def angle(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Degrees between vectors, over the last axis."""
    return np.degrees(np.arccos(np.clip((_unit(first) * _unit(second)).sum(-1), -1, 1)))


def angle_at(threshold: float, metric: str, length: float = 1.0) -> float:
    """The angle, in degrees, that a recogniser's threshold is; for l2 between two vectors of this length."""
    if Metric.of(metric) is Metric.COSINE:
        return float(np.degrees(np.arccos(np.clip(threshold, -1, 1))))
    return float(2 * np.degrees(np.arcsin(np.clip(threshold / (2 * length), 0, 1))))


def _checked(vectors: np.ndarray, metric: str) -> np.ndarray:
    rows = np.asarray(vectors, np.float64)
    Metric.of(metric)
    if (
        rows.ndim != 2
        or not len(rows)
        or not np.isfinite(rows).all()
        or not (np.linalg.norm(rows, axis=1) > 1e-9).all()
    ):
        raise BadRequest(
            f"vectors: expected n × d finite numbers, no row of them all 0, got {' × '.join(map(str, rows.shape))}."
        )
    return rows


def _unit(vectors: np.ndarray) -> np.ndarray:
    rows = np.asarray(vectors, np.float64)
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)


def _restored(direction: np.ndarray, metric: str, length: float) -> np.ndarray:
    """A direction as the metric wants it."""
    return (_unit(direction) * (1.0 if Metric.of(metric) is Metric.COSINE else length)).astype(np.float32)
