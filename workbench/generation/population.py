"""Where a recogniser puts faces: a mean, the directions of most variance, and how long vectors are.

Measured on synthetic faces by `training.identity_statistics`; the table holds no face and no person's vector.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from workbench import WEIGHTS
from workbench.batch import write_atomically

FILE = WEIGHTS / "identities.npz"
KEPT = 64
"""Directions kept; the rest of the variance is spread evenly over what is left."""


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """mean: (d,). axes: (k, d), orthonormal. spread: (k,) standard deviation along each. rest: along any other
    direction.

    length: mean and standard deviation of the vectors' lengths.
    """

    mean: np.ndarray
    axes: np.ndarray
    spread: np.ndarray
    rest: float
    length: tuple[float, float]

    @classmethod
    def of(cls, vectors: np.ndarray) -> "Population":
        """The statistics of (n, d) vectors, n > d."""
        rows = np.asarray(vectors, np.float64)
        mean = rows.mean(axis=0)
        values, columns = np.linalg.eigh(np.cov(rows.T))
        kept = min(KEPT, rows.shape[1])
        rest = float(np.sqrt(values[:-kept].mean())) if kept < rows.shape[1] else 0.0
        lengths = np.linalg.norm(rows, axis=1)
        spread = np.sqrt(np.maximum(values[::-1][:kept], 0))
        return cls(mean, columns[:, ::-1][:, :kept].T, spread, rest, (float(lengths.mean()), float(lengths.std())))

    @classmethod
    def even(cls, size: int, length: float = 1.0) -> "Population":
        """What is assumed of a recogniser nobody measured: every direction alike."""
        return cls(np.zeros(size), np.zeros((0, size)), np.zeros(0), length / np.sqrt(size), (length, 0.0))

    def sample(self, count: int, seed: int) -> np.ndarray:
        """(count, d) vectors from a Gaussian with these statistics."""
        rng = np.random.default_rng(seed)
        free = rng.standard_normal((count, len(self.mean)))
        along = free @ self.axes.T
        return self.mean + self.rest * (free - along @ self.axes) + (along * self.spread) @ self.axes

    def strangeness(self, vectors: np.ndarray) -> np.ndarray:
        """(n,) how far vectors lie from the mean, in standard deviations per direction: about 1 for a usual face
        (Mahalanobis)."""
        away = np.asarray(vectors, np.float64) - self.mean
        return np.sqrt((away * self.pull(vectors)).sum(1) / len(self.mean))

    def pull(self, vectors: np.ndarray) -> np.ndarray:
        """(n, d): covariance⁻¹ (vector − mean), half the gradient of the squared Mahalanobis distance."""
        away = np.asarray(vectors, np.float64) - self.mean
        along = away @ self.axes.T
        rest = max(self.rest, 1e-6)
        return (away - along @ self.axes) / rest**2 + (along / np.maximum(self.spread, 1e-6) ** 2) @ self.axes


def save(populations: Mapping[str, Population], path: Path) -> None:
    """Write the table, directions in half precision."""
    arrays: dict[str, np.ndarray] = {}
    for name, found in populations.items():
        arrays[f"{name}.mean"], arrays[f"{name}.axes"] = found.mean.astype(np.float32), found.axes.astype(np.float16)
        arrays[f"{name}.rest"] = np.array([found.rest, *found.length], np.float32)
        arrays[f"{name}.spread"] = found.spread.astype(np.float32)
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    write_atomically(path, stream.getvalue())


@cache
def population(model_id: str, path: Path = FILE) -> Population | None:
    """A recogniser's statistics; None when nobody measured them."""
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as table:
        if f"{model_id}.mean" not in table:
            return None
        mean, axes, spread = (table[f"{model_id}.{name}"].astype(np.float64) for name in ("mean", "axes", "spread"))
        rest, length, deviation = (float(x) for x in table[f"{model_id}.rest"])
    axes = np.linalg.qr(axes.T)[0].T * np.sign(np.diag(np.linalg.qr(axes.T)[1]))[:, None]
    return Population(mean, axes, spread, rest, (length, deviation))
