"""Weights from a file, by name and mapped rather than copied, and into a network that holds them once.

Reads safetensors and PyTorch archives; nothing in a file is ever executed (`weights_only`). What is no weights file,
breaks off or belongs to another network is told apart from one that fits, in words. Knows no network.
"""

import json
import logging
import math
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import safe_open
from torch import Tensor, nn

from workbench.errors import BadWeights
from workbench.models.files.layouts import looks_like
from workbench.models.files.whole import whole

Weights = dict[str, Tensor]
Value = TypeVar("Value")
log = logging.getLogger("workbench.weights")

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
"""Types of weights that are taken."""

WRAPPERS = (
    "state_dict_backbone",
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "params",
    "params_ema",
    "model_vec2face",
    "netG_state_dict",
)
"""Where training checkpoints keep the network, beside optimiser, scheduler and counters."""

COUNTER = "num_batches_tracked"
"""Last word of the names of training counters, which a frozen network does not need."""

_SIGNS = (
    (b"<!doctype", "a web page; the download was answered by a site instead of the file"),
    (b"<html", "a web page; the download was answered by a site instead of the file"),
    (b"version https://git-lfs", "a Git LFS pointer; download the file itself, not its entry in the repository"),
    (b"{", "JSON"),
    (b"gimp xcf", "a picture"),
    (b"\x89png", "a picture"),
)


def read(path: Path) -> Weights:
    """The network's weights in a file, by their names in it, mapped from the disk.

    Takes .safetensors and what `torch.save` wrote: a dictionary of tensors, or a training checkpoint that holds one
    under a name of `WRAPPERS`. Raises BadWeights when the file is none, breaks off, or is a program (TorchScript).
    """
    start = _start(path)
    kind = next((words for sign, words in _SIGNS if start.lstrip().lower().startswith(sign)), "")
    if kind:
        raise BadWeights(f"{path.name}: expected weights, got {kind}. Delete it and fetch it again.")
    if len(start) >= 9 and start[8:9] == b"{" and 2 <= struct.unpack("<Q", start[:8])[0] < 100_000_000:
        return _safetensors(path)
    if start.startswith((b"PK\x03\x04", b"\x80\x02")):
        return unwrap(_archive(path, mapped=start.startswith(b"PK")), path)
    raise BadWeights(
        f"{path.name}: expected safetensors or a PyTorch file, got a file of another kind. Delete it and fetch it again."  # noqa: E501
    )


def parts(path: Path, names: tuple[str, ...]) -> dict[str, Weights]:
    """As `groups`, from a training checkpoint that holds more beside them, such as optimisers and counters."""
    return groups(path, names, others=True)


def groups(
    path: Path, names: tuple[str, ...], other_names: Mapping[str, str] | None = None, others: bool = False
) -> dict[str, Weights]:
    """The groups of weights in a file that holds several networks, such as an adapter's `image_proj` and `ip_adapter`.

    A PyTorch file holds a dictionary per group; a safetensors file puts the group's name and a dot before each
    weight's.
    other_names: of groups in some files. others: what else the file holds is left out. Raises BadWeights unless exactly
    these groups are there.
    """
    start = _start(path)
    if start.startswith((b"PK\x03\x04", b"\x80\x02")):
        content = _archive(path, mapped=start.startswith(b"PK"))
        pairs = content.items() if isinstance(content, Mapping) else ()
        found: dict[str, Any] = told_apart((str(key), repr(key), value) for key, value in pairs)
    else:
        found = {}
        for key, value in read(path).items():
            group, _, rest = key.partition(".")
            found.setdefault(group, {})[rest] = value
    found = told_apart(((other_names or {}).get(key, key), key, value) for key, value in found.items())
    found = {key: value for key, value in found.items() if key in names} if others else found
    if set(found) != set(names) or not all(isinstance(group, Mapping) for group in found.values()):
        raise BadWeights(
            f"{path.name}: expected {', '.join(names)}; found {', '.join(sorted(found)[:5]) or 'no groups'}. Use the "
            f"model's own file."
        )
    return {name: _tensors(found[name], name, path) for name in names}


def _tensors(group: Mapping[str, object], name: str, path: Path) -> Weights:
    if not all(isinstance(value, Tensor) for value in group.values()):
        raise BadWeights(f"{path.name}: {name} holds more than weights. Use the model's own file.")
    return _of_text(group)


def metadata(path: Path) -> dict[str, str]:
    """The texts in a safetensors file's head; empty for a file of another kind."""
    try:
        with path.open("rb") as stream:
            head = json.loads(stream.read(struct.unpack("<Q", stream.read(8))[0]))
        return {str(key): str(value) for key, value in head.get("__metadata__", {}).items()}
    except (OSError, ValueError, struct.error, MemoryError, OverflowError, AttributeError):
        return {}


def unwrap(content: object, path: Path) -> Weights:
    """The dictionary of tensors in what a file held. Raises BadWeights when there is none."""
    for _ in range(3):
        if not isinstance(content, Mapping):
            break
        if content and all(isinstance(value, Tensor) for value in content.values()):
            return _of_text(content)
        inner = next((content[name] for name in WRAPPERS if isinstance(content.get(name), Mapping)), None)
        if inner is None:
            tensors = _of_text(content)
            if len(tensors) < 2:
                break
            return tensors
        content = inner
    raise BadWeights(
        f"{path.name}: expected a dictionary of weights, or one under {', '.join(WRAPPERS)}; found "
        f"{type(content).__name__}."
    )


def stripped(
    weights: Mapping[str, Tensor], anchor: str, prefixes: tuple[str, ...], drop: tuple[str, ...] = ()
) -> Weights:
    """Weights with the prefix that stands before `anchor` taken off; names outside it that start as `drop` says are
    left out.

    anchor: a name every layout of the family has. Without it, the weights as they are, for `install` to judge.
    """
    prefix = next((prefix for prefix in prefixes if f"{prefix}{anchor}" in weights), "")
    kept = {name: value for name, value in weights.items() if not name.startswith(drop)} if drop else dict(weights)
    return renamed(kept, lambda name: name.removeprefix(prefix))


def renamed(weights: Mapping[str, Tensor], name: Callable[[str], str]) -> Weights:
    """Weights under the names that `name` gives them. Raises BadWeights when two would get one name: which of them is
    meant cannot be told, and the later one would take the other's place."""
    return told_apart((name(key), key, value) for key, value in weights.items())


def _of_text(content: Mapping[Any, object]) -> Weights:
    """The tensors of a dictionary under their keys as text: the keys 1 and "1" are two spellings of one name."""
    tensors = ((str(key), repr(key), value.detach()) for key, value in content.items() if isinstance(value, Tensor))
    return told_apart(tensors)


def told_apart(named: Iterable[tuple[str, str, Value]]) -> dict[str, Value]:
    """Values by name. named: the name, how the file spells it, and the value. Raises BadWeights for a name that comes
    twice."""
    found: dict[str, Value] = {}
    spelled: dict[str, str] = {}
    for name, key, value in named:
        if name in found:
            raise BadWeights(
                f"Two weights claim one name: {spelled[name]} and {key} both mean {name!r}, and which is meant "
                f"cannot be told. Use the file as its authors publish it."
            )
        found[name], spelled[name] = value, key
    return found


def sound(weights: Mapping[str, Tensor], name: str) -> None:
    """Raises BadWeights, naming the first, when a weight is no floating-point number or holds any that is not finite.

    Their sum tells: it is finite if every number is, short of numbers no network has. Weights of 16 bits are taken, and
    said in the log: they answer a little differently from those of 32.
    """
    for key, value in weights.items():
        if value.dtype not in FLOATS or value.layout != torch.strided or value.is_meta:
            raise BadWeights(
                f"{name}: {key!r} holds {_kind(value)} where this network has floating-point numbers. The file is "
                f"quantised or of another network; use the one this model names."
            )
        if not math.isfinite(value.sum(dtype=torch.float32).item()):
            raise BadWeights(
                f"{name}: {key!r} holds numbers that are not finite (NaN or infinite). The file is damaged or its "
                f"training had failed; delete it and fetch it again."
            )
    short = sorted({_kind(value) for value in weights.values() if value.element_size() < 4})
    if short:
        log.warning("%s: weights are stored as %s; answers differ a little from those of float32.", name, short[0])


def _kind(value: Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")


def install(make: Callable[[], nn.Module], weights: Mapping[str, Tensor], name: str, device: str = "cpu") -> nn.Module:
    """The network with these weights in place, not copied: every one used, none missing but training counters, frozen.

    make: builds the network; its own start values are never made. name: of the model, for the message. Raises
    BadWeights, saying which network the file looks like, when it is not this one's, and for weights that are not
    `sound`.
    """
    with torch.device("meta"):
        network = make()
    wanted = network.state_dict()
    here = {key: value for key, value in weights.items() if key in wanted or not key.endswith(COUNTER)}
    missing = [key for key in wanted if key not in here and not key.endswith(COUNTER)]
    wrong = missing + [key for key in here if key not in wanted]
    wrong = wrong or [key for key in here if here[key].shape != wanted[key].shape]
    if wrong:
        raise BadWeights(
            f"{name}: the file looks like {looks_like(weights)}; {len(wrong)} of its weights are missing, unexpected "
            f"or of another "
            f"shape, first {wrong[0]!r}. Use the file this model names, or choose the model the file belongs to."
        )
    sound({key: value for key, value in here.items() if wanted[key].is_floating_point()}, name)
    cast = {key: value.to(wanted[key].dtype) for key, value in here.items()}
    spare = {key: torch.zeros((), dtype=torch.long) for key in wanted if key not in cast}
    network.load_state_dict(cast | spare, strict=True, assign=True)
    return network.eval().requires_grad_(False).to(device)


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            start = stream.read(512)
    except OSError as error:
        raise BadWeights(f"{path.name} cannot be read: {error.strerror}.") from error
    if not start:
        raise BadWeights(f"{path.name}: expected weights, got an empty file. Delete it and fetch it again.")
    return start


def _safetensors(path: Path) -> Weights:
    with whole(path), safe_open(path, framework="pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict


def _archive(path: Path, mapped: bool) -> object:
    if mapped:
        _refuse_programs(path)
    with whole(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old archives make torch speak of its own storage classes
        try:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped or None)
        except pickle.UnpicklingError as error:
            reason = str(error).partition("\n")[0][:160]
            raise BadWeights(
                f"{path.name} holds more than weights and is not opened, because opening it could run code ({reason})."
            ) from error


def _refuse_programs(path: Path) -> None:
    with whole(path), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any(name.endswith("constants.pkl") for name in names) and any("/code/" in name for name in names):
        raise BadWeights(f"{path.name} is a TorchScript archive: a program, not weights. It is not run.")
    if not any(name.endswith("data.pkl") for name in names):
        raise BadWeights(f"{path.name} is a zip archive, not a PyTorch file. Unpack it and use the weights inside.")
