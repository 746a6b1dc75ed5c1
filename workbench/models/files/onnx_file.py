"""Reads the nodes and weights of an ONNX file, so that a network can be rebuilt in torch and asked for gradients.

Only the protobuf wire format and the few fields used here (onnx/onnx.proto): graph, node, initializer, attribute.
Nothing in the file is executed. Knows nothing of torch or of any one model.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench.errors import BadWeights
from workbench.models.files.whole import whole

_FLOAT, _INT64 = 1, 7
"""TensorProto.DataType values that occur in the files read here."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operation: its type, the names of what goes in and out, and its attributes (numbers, lists, text or
    arrays)."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, object]


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes in the order they run, and the weights by name."""

    nodes: tuple[Node, ...]
    weights: dict[str, np.ndarray]


def read(path: Path) -> Graph:
    """The graph in an ONNX file. Raises BadWeights when it is no ONNX file or holds a type that is not float32 or
    int64."""
    with whole(path, "an ONNX file"):
        graph = next((value for field, value in _fields(memoryview(path.read_bytes())) if field == 7), None)
        if not isinstance(graph, memoryview):
            raise BadWeights(f"{path.name}: expected an ONNX graph, found none.")
        parts = list(_fields(graph))
        weights = dict(_tensor(value) for field, value in parts if field == 5 and isinstance(value, memoryview))
        return Graph(
            tuple(_node(value) for field, value in parts if field == 1 and isinstance(value, memoryview)), weights
        )


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Field number and raw value of every field of a message (protobuf encoding, "wire types")."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            number, at = _varint(data, at)
            yield key >> 3, number
            continue
        if kind not in (1, 2, 5):
            raise ValueError(f"wire type {kind} at byte {at}")
        length, at = _varint(data, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
        if at + length > len(data):
            raise ValueError(f"a field of {length} bytes runs past the end at byte {at}")
        yield key >> 3, data[at : at + length]
        at += length


def _integers(value: int | memoryview) -> list[int]:
    """A repeated int64, packed or not; negative numbers come as their 64-bit complement."""
    if isinstance(value, int):
        return [value - (1 << 64) if value >> 63 else value]
    numbers, at = [], 0
    while at < len(value):
        number, at = _varint(value, at)
        numbers.append(number - (1 << 64) if number >> 63 else number)
    return numbers


def _tensor(data: memoryview) -> tuple[str, np.ndarray]:
    name, kind, shape, raw = "", 0, list[int](), b""
    floats, integers = b"", list[int]()
    for field, value in _fields(data):
        if field == 1:
            shape += _integers(value)
        elif field == 2 and isinstance(value, int):
            kind = value
        elif field == 7:
            integers += _integers(value)
        elif isinstance(value, memoryview):
            name = str(value, "utf-8") if field == 8 else name
            floats += bytes(value) if field == 4 else b""
            raw = bytes(value) if field == 9 else raw
    if kind not in (_FLOAT, _INT64):
        raise ValueError(f"tensor {name!r} has data type {kind}; expected float32 or int64")
    if kind == _FLOAT:
        return name, np.frombuffer(raw or floats, "<f4").reshape(shape).copy()
    return name, np.array(np.frombuffer(raw, "<i8") if raw else integers, np.int64).reshape(shape)


def _attribute(data: memoryview) -> tuple[str, object]:
    name, found = "", list[object]()
    integers: list[int] = []
    for field, value in _fields(data):
        if field == 1 and isinstance(value, memoryview):
            name = str(value, "utf-8")
        elif field == 2 and isinstance(value, memoryview):
            found.append(float(np.frombuffer(value, "<f4")[0]))
        elif field == 3 and isinstance(value, int):
            found.append(_integers(value)[0])
        elif field == 4 and isinstance(value, memoryview):
            found.append(str(value, "utf-8"))
        elif field == 5 and isinstance(value, memoryview):
            found.append(_tensor(value)[1])
        elif field == 8:
            integers += _integers(value)
    return name, integers or (found[0] if found else None)


def _node(data: memoryview) -> Node:
    op, inputs, outputs, attributes = "", list[str](), list[str](), dict[str, object]()
    for field, value in _fields(data):
        if not isinstance(value, memoryview):
            continue
        if field == 1:
            inputs.append(str(value, "utf-8"))
        elif field == 2:
            outputs.append(str(value, "utf-8"))
        elif field == 4:
            op = str(value, "utf-8")
        elif field == 5:
            name, content = _attribute(value)
            attributes[name] = content
    return Node(op, tuple(inputs), tuple(outputs), attributes)
