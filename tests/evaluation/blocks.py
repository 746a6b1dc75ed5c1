"""Random block matrices of confidences: groups of like faces, and others."""

import numpy as np


def blocks(seed: int) -> np.ndarray:
    """A symmetric matrix with 0 to 3 groups, of noise that depends on the seed."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(3, 16, rng.integers(0, 4))
    n = int(sizes.sum() + rng.integers(2, 8))
    inside, noise = rng.uniform(0.6, 0.95), rng.uniform(0.02, 0.2)
    found = rng.uniform(0.0, 0.15, (n, n)) + noise * rng.normal(size=(n, n))
    start = 0
    for size in sizes:
        found[start : start + size, start : start + size] = inside + noise * rng.normal(size=(size, size))
        start += size
    found = np.clip((found + found.T) / 2, 0, 1)
    np.fill_diagonal(found, 1.0)
    return found
