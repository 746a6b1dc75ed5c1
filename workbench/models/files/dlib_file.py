"""Reads layer weights out of a dlib network file (.dat) without dlib: names of layers are searched, numbers are copied.

Format: dlib/serialize.h (an integer is a byte that counts the bytes that follow, highest bit: negative) and
dlib/cuda/tensor.h (version 2, then samples, k, rows, columns, then raw little-endian float32). Nothing in the file is
executed.
"""

import re
from math import prod
from pathlib import Path

import numpy as np

from workbench.errors import BadWeights
from workbench.models.files.whole import whole

_LAYER = re.compile(rb"\x01\x05(con)_4|\x01\x07(affine)_|\x01\x04(fc)_2")
"""A layer's name as a string with its length."""


def read(path: Path) -> list[tuple[str, np.ndarray]]:
    """("con" | "affine" | "fc", float32 numbers) of every layer with weights, from input to output. Raises
    BadWeights."""
    data = path.read_bytes()
    layers, at = list[tuple[str, np.ndarray]](), 0
    while match := _LAYER.search(data, at):
        kind, at = match[match.lastindex or 0].decode(), match.end()
        with whole(path, "a dlib network"):
            for _ in range(2 if kind == "fc" else 0):
                _, at = _integer(data, at)  # outputs and inputs stand before the tensor
            numbers, at = _tensor(data, at, path.name)
        layers.append((kind, numbers))
    if not layers:
        raise BadWeights(f"{path.name}: expected a dlib network, found no layers.")
    return layers


def _tensor(data: bytes, at: int, name: str) -> tuple[np.ndarray, int]:
    version, at = _integer(data, at)
    sizes = []
    for _ in range(4):
        size, at = _integer(data, at)
        sizes.append(size)
    end = at + 4 * prod(sizes)
    if version != 2 or min(sizes) < 0 or end > len(data):
        raise BadWeights(f"{name}: not a readable dlib network (tensor of {sizes} at byte {at}).")
    return np.frombuffer(data, "<f4", prod(sizes), at).copy(), end


def _integer(data: bytes, at: int) -> tuple[int, int]:
    count = data[at] & 0x0F
    value = int.from_bytes(data[at + 1 : at + 1 + count], "little")
    return (-value if data[at] & 0x80 else value), at + 1 + count
