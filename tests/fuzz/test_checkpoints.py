"""Damaged weights files are refused in a sentence or load; they never raise anything else, and nothing in them runs.

`FUZZ_CASES=500` asks for more than the suite does. Seeds are numbers: a case that failed is made again by its own.
"""

import io
import json
import os
import random
import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import nn

from tests.models import tiny_onnx
from workbench.errors import BadWeights
from workbench.models.blocks.layers import fill
from workbench.models.files import checkpoint, dlib_file, onnx_file, torchscript

CASES = int(os.environ.get("FUZZ_CASES", "24"))
"""Of each kind of file."""


class Small(nn.Module):
    """A network of every kind of weight: convolution, norm with a counter, an embedding and whole numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(16, 5))
        self.register_buffer("places", torch.arange(6)[None])


NET = Small().state_dict()
TEXTS = ("", "0", "module.", "conv", "weight", "data.pkl", "\x00", "../../x", "é", "9" * 30)
NUMBERS = (0, 1, -1, 2, 255, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**64 - 1)


def _saved(content: object, new: bool = True) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream, _use_new_zipfile_serialization=new)
    return stream.getvalue()


def _program() -> bytes:
    stream = io.BytesIO()
    torch.jit.save(torch.jit.script(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))), stream)
    return stream.getvalue()


def _written(write: Callable[[Path], object]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "file")
        return (Path(folder) / "file").read_bytes()


def _dlib() -> bytes:
    """A convolution and a fully connected layer as dlib writes them."""
    tensor = b"\x01\x02" + b"\x01\x01" * 2 + b"\x01\x02\x01\x03" + np.arange(6, dtype="<f4").tobytes()
    return b"\x01\x05con_4" + tensor + b"\x01\x04fc_2" + b"\x01\x04\x01\x03" + tensor


FILES: dict[str, Callable[[], bytes]] = {
    "safetensors": lambda: save(NET, metadata={"config": "{}"}),
    "zip": lambda: _saved(NET),
    "training zip": lambda: _saved({"state_dict": NET, "epoch": 3, "optimizer": {"state": {0: torch.ones(2)}}}),
    "old pickle": lambda: _saved(NET, new=False),
    "program": _program,
    "onnx": lambda: _written(lambda path: tiny_onnx.write(path, np.ones((3, 2)), 8)),
    "dlib": _dlib,
}


def bits(data: bytes, chance: random.Random) -> bytes:
    """A few bytes changed."""
    found = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        found[chance.randrange(len(found))] = chance.randrange(256)
    return bytes(found)


def early(data: bytes, chance: random.Random) -> bytes:
    """Bytes changed where heads and names stand."""
    found = bytearray(data)
    for _ in range(chance.choice((1, 2, 4))):
        found[chance.randrange(min(len(found), 700))] = chance.randrange(256)
    return bytes(found)


def late(data: bytes, chance: random.Random) -> bytes:
    """Bytes changed where a zip keeps its directory."""
    found = bytearray(data)
    for _ in range(chance.choice((1, 2, 4))):
        found[-1 - chance.randrange(min(len(found), 700))] = chance.randrange(256)
    return bytes(found)


def cut(data: bytes, chance: random.Random) -> bytes:
    """Broken off, or with a piece taken out, doubled or filled with noise."""
    start = chance.randrange(len(data))
    end = min(len(data), start + chance.choice((1, 8, 64, 512, len(data))))
    middle = chance.choice((b"", data[start:end] * 2, chance.randbytes(end - start), b"\0" * (end - start)))
    return data[:start] + middle + data[end:]


def number(data: bytes, chance: random.Random) -> bytes:
    """A whole number of four or eight bytes set to one at an edge."""
    kind, at = chance.choice(("<I", "<Q", ">I", "<q")), chance.randrange(len(data) - 8)
    value = chance.choice(NUMBERS)
    size = struct.calcsize(kind)
    return data[:at] + (value & (1 << 8 * size) - 1).to_bytes(size, "little") + data[at + size :]


def head(data: bytes, chance: random.Random) -> bytes:
    """A safetensors file whose head says something else in one place."""
    if data[8:9] != b"{":
        return bits(data, chance)
    length = struct.unpack("<Q", data[:8])[0]
    content = json.loads(data[8 : 8 + length])
    entry = content[chance.choice(list(content))]
    odd: tuple[object, ...] = (*NUMBERS, *TEXTS, None, [], {}, [-1, 4], "F16", "I64", "BOOL", "F8_E4M3", 1.5, True)
    entry[chance.choice([*entry, "more"])] = chance.choice(odd)
    if chance.random() < 0.2:
        content[chance.choice(TEXTS)] = chance.choice((*odd, entry))
    text = json.dumps(content).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


def member(data: bytes, chance: random.Random) -> bytes:
    """A zip with one member changed, left out, renamed, doubled, or packed."""
    if not data.startswith(b"PK"):
        return cut(data, chance)
    stream, what = io.BytesIO(), chance.choice(("change", "drop", "rename", "double", "pack", "empty"))
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w") as new:
        chosen = chance.choice(old.namelist())
        for name in old.namelist():
            content = old.read(name)
            if name == chosen and what == "drop":
                continue
            if name == chosen and what in ("change", "empty"):
                content = bits(content, chance) if what == "change" and content else b""
            named = name + chance.choice(TEXTS).replace("\x00", "") if name == chosen and what == "rename" else name
            packing = zipfile.ZIP_DEFLATED if what == "pack" else zipfile.ZIP_STORED
            new.writestr(zipfile.ZipInfo(named), content, packing)
            if name == chosen and what == "double":
                new.writestr(zipfile.ZipInfo(f"{name}2"), content)
    return stream.getvalue()


def content(data: bytes, chance: random.Random) -> bytes:
    """A whole file of odd things under the right names, or of the right things under odd names."""
    odd = (
        torch.full((4,), float("nan")), torch.zeros(4, dtype=torch.int8), torch.zeros(0), torch.zeros(()), None, 3,
        "text", [torch.zeros(2)], {"a": torch.zeros(2)}, torch.zeros(4).to_sparse(),
        torch.zeros(4, dtype=torch.complex64), torch.zeros(4, dtype=torch.float8_e4m3fn),
        torch.zeros(4, device="meta"), torch.zeros(1).expand(4),
        torch.quantize_per_tensor(torch.zeros(4), 0.1, 0, torch.qint8),
    )  # fmt: skip
    changed: dict[object, object] = dict(NET)
    key = chance.choice((*NET, *["norm.bias"] * len(NET)))
    changed[chance.choice((key, 7, b"bytes", ("a", 1), f"module.{key}", *TEXTS))] = chance.choice(odd)
    wrapped = chance.choice((changed, {"state_dict": changed}, {"model": {"net": changed}}, [changed], changed[key]))
    return _saved(wrapped, new=chance.random() < 0.8)


BYTES, STRUCTURES = (bits, early, late, cut, number), (head, member, content)


def mutated(kind: str, seed: int) -> bytes:
    """The file of this seed: one to three changes, of its structure only while it is whole."""
    chance = random.Random(f"{kind} {seed}")
    data = chance.choice((*BYTES, *STRUCTURES))(FILES[kind](), chance)
    for _ in range(chance.choice((0, 0, 0, 1, 2))):
        data = chance.choice(BYTES)(data, chance) if len(data) > 16 else data
    return data


def _readers(path: Path) -> Iterator[Callable[[], object]]:
    """Every way a loader may take with a file."""
    yield lambda: checkpoint.install(
        Small, checkpoint.stripped(checkpoint.read(path), "conv.weight", ("module.", "")), "x"
    )
    yield lambda: fill(Small(), checkpoint.read(path), "x")
    yield lambda: checkpoint.groups(path, ("conv", "head", "norm"))
    yield lambda: checkpoint.metadata(path)
    yield lambda: torchscript.read(path) if torchscript.is_program(path) else None
    yield lambda: onnx_file.read(path)
    yield lambda: dlib_file.read(path)


def faults(kind: str, seed: int, path: Path) -> list[str]:
    """What was raised that is no BadWeights."""
    path.write_bytes(mutated(kind, seed))
    found = []
    for number_, reader in enumerate(_readers(path)):
        try:
            reader()
        except BadWeights:
            continue
        except Exception as error:
            found.append(f"{kind} {seed}, reader {number_}: {type(error).__name__}: {str(error)[:120]}")
    return found


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.filterwarnings("ignore")
def test_a_mutated_file_is_refused_in_words_or_loads(kind: str, tmp_path: Path) -> None:
    found = [fault for seed in range(CASES) for fault in faults(kind, seed, tmp_path / "file")]

    assert not found, "\n".join(found)


def test_every_kind_of_file_loads_when_nothing_is_changed(tmp_path: Path) -> None:
    for kind, read in (("onnx", onnx_file.read), ("dlib", dlib_file.read), ("program", torchscript.read)):
        (tmp_path / kind).write_bytes(FILES[kind]())
        assert read(tmp_path / kind)
    for kind in ("safetensors", "zip", "training zip", "old pickle"):
        (tmp_path / kind).write_bytes(FILES[kind]())
        assert checkpoint.install(Small, checkpoint.read(tmp_path / kind), "x").state_dict().keys() == NET.keys()
