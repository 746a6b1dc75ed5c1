"""Reads the weights of a TensorFlow.js model: a JSON manifest beside one binary file of raw, 8-bit or 16-bit numbers.

Format: tfjs-core, io/types and io_utils decodeWeights: a uint8 weight is q · scale + min, a float16 one is widened.
"""

import json
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import BadWeights
from workbench.models.files.whole import whole


def read(manifest: Path, binary: Path) -> dict[str, np.ndarray]:
    """Weights by name, float32 (integers stay integers). Raises BadWeights when the two files do not belong
    together."""
    with whole(manifest, "the manifest of a TensorFlow.js model, and its numbers beside it"):
        content = json.loads(manifest.read_text())
        groups = content["weightsManifest"] if isinstance(content, dict) else content
        entries = [entry for group in groups for entry in group["weights"]]
        data, at = binary.read_bytes(), 0
        found = {}
        for entry in entries:
            found[entry["name"]], at = _weight(entry, data, at)
    if at != len(data):
        raise BadWeights(f"{binary.name}: expected {at} bytes by its manifest, got {len(data)}.")
    return found


def _weight(entry: dict[str, Any], data: bytes, at: int) -> tuple[np.ndarray, int]:
    shape, rule = entry["shape"], entry.get("quantization", {})
    kind = np.dtype(rule.get("dtype", entry["dtype"])).newbyteorder("<")
    numbers = np.frombuffer(data, kind, prod(shape), at)
    at += numbers.nbytes
    if "scale" in rule:
        return (numbers.astype(np.float32) * np.float32(rule["scale"]) + np.float32(rule["min"])).reshape(shape), at
    return numbers.astype(np.float32 if kind.kind == "f" else np.int32).reshape(shape), at
