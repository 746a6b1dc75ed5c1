"""ONNX files of a few hundred bytes, written by hand: the mean colour of a picture through one matrix. No onnx package
is needed."""

from pathlib import Path

import numpy as np


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _node(op: str, inputs: tuple[str, ...], output: str) -> bytes:
    return b"".join(_bytes(1, name) for name in inputs) + _bytes(2, output) + _bytes(4, op)


def _value(name: str, shape: tuple[int | str, ...]) -> bytes:
    """A tensor's name, type and shape; a size that is a word is free."""
    dims = b"".join(_bytes(1, _bytes(2, size) if isinstance(size, str) else _number(1, size)) for size in shape)
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, 1) + _bytes(2, dims)))


def write(path: Path, matrix: np.ndarray, side: int, free: bool = False) -> Path:
    """A network from (1, 3, side, side) to (1, n): the mean of each channel times `matrix` (3, n).

    free: batch, height and width are dynamic axes.
    """
    shape: tuple[int | str, ...] = ("n", 3, "h", "w") if free else (1, 3, side, side)
    batch: int | str = "n" if free else 1
    weights = matrix.astype("<f4")
    tensor = (
        b"".join(_number(1, size) for size in weights.shape)
        + _number(2, 1)
        + _bytes(8, "w")
        + _bytes(9, weights.tobytes())
    )
    graph = (
        _bytes(1, _node("GlobalAveragePool", ("x",), "pooled"))
        + _bytes(1, _node("Flatten", ("pooled",), "flat"))
        + _bytes(1, _node("MatMul", ("flat", "w"), "y"))
        + _bytes(2, "tiny")
        + _bytes(5, tensor)
        + _bytes(11, _value("x", shape))
        + _bytes(12, _value("y", (batch, matrix.shape[1])))
    )
    return _kept(path, graph)


def _kept(path: Path, graph: bytes) -> Path:
    opset = _bytes(1, "") + _number(2, 13)
    path.write_bytes(_number(1, 8) + _bytes(7, graph) + _bytes(8, opset))
    return path


def constant(path: Path, answer: np.ndarray, side: int) -> Path:
    """A network from (1, 3, side, side) that always answers `answer` (1, k), whatever it sees."""
    count = answer.shape[1]
    graph = (
        _bytes(1, _node("GlobalAveragePool", ("x",), "pooled"))
        + _bytes(1, _node("Flatten", ("pooled",), "flat"))
        + _bytes(1, _node("MatMul", ("flat", "w"), "nothing"))
        + _bytes(1, _node("Add", ("nothing", "b"), "y"))
        + _bytes(2, "constant")
        + _tensor("w", np.zeros((3, count)))
        + _tensor("b", answer)
        + _bytes(11, _value("x", (1, 3, side, side)))
        + _bytes(12, _value("y", (1, count)))
    )
    return _kept(path, graph)


def _attribute(name: str, values: tuple[int, ...]) -> bytes:
    return _bytes(5, _bytes(1, name) + b"".join(_number(8, value) for value in values) + _number(20, 7))


def _tensor(name: str, values: np.ndarray) -> bytes:
    data = np.ascontiguousarray(values, "<f4")
    shape = b"".join(_number(1, size) for size in data.shape)
    return _bytes(5, shape + _number(2, 1) + _bytes(8, name) + _bytes(9, data.tobytes()))


def places(path: Path, matrix: np.ndarray, side: int) -> Path:
    """A network from (1, 3, side, side) to (1, n, side, side): every pixel times `matrix` (n, 3)."""
    layers = [("Conv", matrix[:, :, None, None], np.zeros(len(matrix)), 1, 0)]
    return convolutions(path, layers, side, side, len(matrix))


def convolutions(path: Path, layers: list[tuple], side: int, out: int, classes: int) -> Path:
    """A chain of ("Conv", weight, bias, stride, padding) and ("Relu",), from (1, 3, side, side) to (1, classes, out,
    out)."""
    graph, tensors, name = b"", b"", "x"
    for number, (op, *rest) in enumerate(layers):
        result = "y" if number == len(layers) - 1 else f"h{number}"
        inputs: tuple[str, ...] = (name,)
        extra = b""
        if op == "Conv":
            weight, bias, stride, padding = rest
            inputs = (name, f"w{number}", f"b{number}")
            tensors += _tensor(f"w{number}", weight) + _tensor(f"b{number}", bias)
            extra = _attribute("strides", (stride,) * 2) + _attribute("pads", (padding,) * 4)
            extra += _attribute("kernel_shape", weight.shape[2:])
        graph += _bytes(1, _node(op, inputs, result) + extra)
        name = result
    shapes = _bytes(11, _value("x", (1, 3, side, side))) + _bytes(12, _value("y", (1, classes, out, out)))
    opset = _bytes(1, "") + _number(2, 13)
    path.write_bytes(_number(1, 8) + _bytes(7, graph + _bytes(2, "tiny") + tensors + shapes) + _bytes(8, opset))
    return path


def anchored(path: Path, side: int, seed: int = 0) -> Path:
    """A network shaped as SCRFD: from (1, 3, side, side) to nine outputs, scores, boxes and five points of two anchors
    a place at strides of 8, 16 and 32. Drawn from the seed; black is no face to it."""
    draw = np.random.default_rng(seed)
    graph, tensors, shapes = b"", b"", b""
    for numbers in (1, 4, 10):
        for stride in (8, 16, 32):
            name = f"o{numbers}_{stride}"
            weight = draw.normal(0, 2 / stride, (2 * numbers, 3, stride, stride))
            bias = weight.sum(axis=(1, 2, 3)) - 1 if numbers == 1 else draw.uniform(0.5, 2.5, 2 * numbers)
            tensors += _tensor(f"{name}w", weight) + _tensor(f"{name}b", bias)
            tensors += _bytes(5, _number(1, 2) + _number(2, 7) + _bytes(8, f"{name}s") + _raw([-1, numbers]))
            convolved = _attribute("strides", (stride,) * 2) + _attribute("kernel_shape", (stride,) * 2)
            graph += _bytes(1, _node("Conv", ("x", f"{name}w", f"{name}b"), f"{name}c") + convolved)
            graph += _bytes(1, _node("Transpose", (f"{name}c",), f"{name}t") + _attribute("perm", (0, 2, 3, 1)))
            last = f"{name}r" if numbers == 1 else name
            graph += _bytes(1, _node("Reshape", (f"{name}t", f"{name}s"), last))
            graph += _bytes(1, _node("Sigmoid", (last,), name)) if numbers == 1 else b""
            shapes += _bytes(12, _value(name, (2 * (side // stride) ** 2, numbers)))
    graph += _bytes(2, "tiny") + tensors + _bytes(11, _value("x", (1, 3, side, side))) + shapes
    path.write_bytes(_number(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, "") + _number(2, 13)))
    return path


def _raw(values: list[int]) -> bytes:
    return _bytes(9, np.array(values, "<i8").tobytes())
