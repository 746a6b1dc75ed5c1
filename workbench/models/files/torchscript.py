"""The weights in a TorchScript archive, without running, or even compiling, the program that is in it too.

An archive is a zip: `data.pkl` holds the tree of modules, `data/` the numbers. The tree is read by an unpickler that
knows tensors, numbers and lists, turns every other class into an empty shell, and refuses everything else.
"""

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workbench.models.files import checkpoint
from workbench.models.files.whole import whole

_STORAGES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "BoolStorage": torch.bool,
    "ByteStorage": torch.uint8,
}


class Shell:
    """What is left of a module: its attributes."""

    def __setstate__(self, state: object) -> None:
        """Keep a dictionary of attributes; forget any other state."""
        self.__dict__.update(state if isinstance(state, dict) else {})


class _Tree(pickle.Unpickler):
    """Reads `data.pkl` and nothing that could act."""

    def __init__(self, archive: zipfile.ZipFile, root: str) -> None:
        super().__init__(io.BytesIO(archive.read(f"{root}/data.pkl")))
        self._archive, self._root = archive, root

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("__torch__"):
            return Shell
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        known = {
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch._utils", "_rebuild_parameter"): lambda tensor, *rest: tensor,
            ("collections", "OrderedDict"): OrderedDict,
        }
        if module == "torch.jit._pickle":
            return lambda values, *rest: values
        if (module, name) in known:
            return known[module, name]
        raise pickle.UnpicklingError(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> Tensor:
        _, dtype, key, _, _ = pid
        return torch.frombuffer(bytearray(self._archive.read(f"{self._root}/data/{key}")), dtype=dtype)


def _tensor(storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *rest: object) -> Tensor:
    return torch.as_strided(storage, size, stride, offset)


def is_program(path: Path) -> bool:
    """Whether a file is a TorchScript archive. Raises BadWeights for a damaged zip."""
    with whole(path):
        if not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())


def read(path: Path) -> dict[str, Tensor]:
    """Every tensor of the archive's modules by its dotted name, as `state_dict` would give them; nothing runs.

    Raises BadWeights when the archive breaks off or holds anything but modules, numbers and tensors.
    """
    with whole(path, "a TorchScript archive of modules and tensors"), zipfile.ZipFile(path) as archive:
        root = next(name for name in archive.namelist() if name.endswith("/data.pkl")).rpartition("/")[0]
        named = _named(_Tree(archive, root).load(), "")
    return checkpoint.told_apart((name, name, value) for name, value in named)


def _named(tree: object, prefix: str) -> list[tuple[str, Tensor]]:
    found: list[tuple[str, Tensor]] = []
    for name, value in vars(tree).items() if isinstance(tree, Shell) else ():
        if isinstance(value, Tensor):
            found.append((prefix + name, value))
        else:
            found += _named(value, f"{prefix}{name}.")
    return found
