"""Goldens of networks that answer with pictures: of each answer every n-th value, and figures that any other value
would change."""

import json
from collections.abc import Mapping

import numpy as np
import torch

from tests.golden.archive import HERE, Golden

KEPT = 2000


def digest(array: np.ndarray) -> dict[str, np.ndarray]:
    """`slice`: about two thousand values, an odd step apart; `figures`: mean, deviation, mean size, sum weighted by a
    wave; `shape`."""
    flat = np.ascontiguousarray(array, np.float64).ravel()
    step = max(1, flat.size // KEPT) | 1
    wave = np.cos(np.arange(flat.size, dtype=np.float64))
    figures = np.array([flat.mean(), flat.std(), np.abs(flat).mean(), (flat * wave).sum() / np.sqrt(flat.size)])
    return {"slice": flat[::step].astype(np.float32), "figures": figures, "shape": np.array(array.shape)}


class Pictures(Golden):
    """What the official code answered, case by case; `cases` says how each input was made."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name
        self.cases: dict[str, dict] = json.loads(self._arrays.pop("cases").tobytes().decode())

    def outputs(self, case: str) -> list[str]:
        """Names of the answers in a case."""
        return sorted({key.split("|")[1] for key in self._arrays if key.startswith(f"{case}|")})

    def difference(self, case: str, output: str, ours: np.ndarray) -> float:
        """The largest difference over kept values and figures, relative to the largest golden value; infinite for
        another shape."""
        golden = {part: self[f"{case}|{output}|{part}"] for part in ("slice", "figures", "shape")}
        if tuple(ours.shape) != tuple(golden["shape"]):
            return float("inf")
        mine = digest(ours)
        apart = max(float(np.abs(mine[part] - golden[part]).max()) for part in ("slice", "figures"))
        return apart / float(np.abs(golden["slice"]).max()) if np.isfinite(apart) else float("inf")

    def weights(self, seed: int = 0) -> dict[str, torch.Tensor]:
        """Every weight, filled from its name; the tables of relative positions are those the architecture defines."""
        tables = {
            key: _positions(key, tuple(int(n) for n in shape.split("x")))
            for key, _, shape in self.keys
            if "relative_" in key
        }
        return super().weights(seed) | {key: table for key, table in tables.items() if table is not None}


def _positions(key: str, shape: tuple[int, ...]) -> torch.Tensor | None:
    """A Swin transformer's own table: which offset each pair of places in a window has, or the offsets themselves."""
    from torchvision.models.swin_transformer import ShiftedWindowAttention, ShiftedWindowAttentionV2

    word = key.rpartition(".")[2]
    if word not in ("relative_position_index", "relative_coords_table"):
        return None
    window = round(shape[0] ** 0.25) if word == "relative_position_index" else (shape[1] + 1) // 2
    kind = ShiftedWindowAttentionV2 if window == 8 else ShiftedWindowAttention
    return getattr(kind(8, [window, window], [0, 0], 1), word).reshape(shape).clone()


def save(
    name: str,
    state: Mapping[str, torch.Tensor],
    cases: Mapping[str, dict],
    found: Mapping[str, Mapping[str, np.ndarray]],
) -> None:
    """Write a golden. state: the official network's; cases: how inputs were made; found: answers by case and name."""
    lines = "\n".join(
        f"{key} {str(value.dtype).removeprefix('torch.')} {'x'.join(map(str, value.shape))}"
        for key, value in state.items()
    )
    arrays = {
        f"{case}|{output}|{part}": kept
        for case, all in found.items()
        for output, array in all.items()
        for part, kept in digest(array).items()
    }
    for key, text in {"keys": lines, "cases": json.dumps(cases)}.items():
        arrays[key] = np.frombuffer(text.encode(), np.uint8)
    np.savez_compressed(HERE / f"{name}.npz", **arrays)  # type: ignore[arg-type] # numpy's stub takes them for its flag
