"""Weights that anybody can make again from nothing but their names, shapes and a seed. No file of weights is kept.

A golden file holds what the official code answered when its parameters were filled this way; ours, filled the same way,
must answer the same. Scales are such that activations neither die nor explode through a hundred layers.
"""

import hashlib

import numpy as np

ONE_DIMENSIONAL_SCALES = ("weight", "gamma", "alpha", "slope")


def fill(key: str, shape: tuple[int, ...], dtype: str = "float32", seed: int = 0) -> np.ndarray:
    """The array of a weight: PCG64 seeded from a hash of its name and `seed`.

    Convolutions and matrices: normal, of deviation 1 / sqrt(inputs). Norm weights: 1 ± 0.1. Biases and running means:
    normal of deviation 0.1. Running variances: 0.5 to 1.5. Whole numbers: 1.
    """
    digest = hashlib.sha256(f"{seed}:{key}".encode()).digest()
    random = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))
    if not np.issubdtype(np.dtype(dtype), np.floating):
        return np.ones(shape, dtype)
    return np.asarray(_values(key.rpartition(".")[2], shape, random)).astype(dtype, copy=False)


def _values(word: str, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    if word == "running_var":
        return random.uniform(0.5, 1.5, shape)
    if len(shape) <= 1 and word in ONE_DIMENSIONAL_SCALES:
        return random.uniform(0.9, 1.1, shape)
    if len(shape) <= 1:
        return 0.1 * random.standard_normal(shape)
    return random.standard_normal(shape, np.float32) * np.float32(1 / np.sqrt(np.prod(shape[1:])))
