"""Readers of foreign weight files: small files written here by the format's rules come back as they were."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from workbench.errors import BadWeights
from workbench.models.files import dlib_file, onnx_file, tfjs_file


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def _field(number: int, content: bytes | int) -> bytes:
    if isinstance(content, int):
        return _varint(number << 3) + _varint(content)
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _onnx_file(path: Path) -> Path:
    kernel = np.arange(6, dtype="<f4").reshape(2, 3)
    raw = _field(1, 2) + _field(1, 3) + _field(2, 1) + _field(8, b"kernel") + _field(9, kernel.tobytes())
    packed = _field(1, b"\x02") + _field(2, 1) + _field(4, struct.pack("<2f", 0.5, -1)) + _field(8, b"packed")
    integers = _field(1, 2) + _field(2, 7) + _field(7, _varint(-3) + _varint(5)) + _field(8, b"integers")
    attributes = (
        _field(5, _field(1, b"axis") + _field(3, -1))
        + _field(5, _field(1, b"pads") + _field(8, 1) + _field(8, 2))
        + _field(5, _field(1, b"ratio") + _varint(2 << 3 | 5) + struct.pack("<f", 0.25))
        + _field(5, _field(1, b"mode") + _field(4, b"constant"))
    )
    node = _field(1, b"x") + _field(1, b"kernel") + _field(2, b"y") + _field(4, b"Gemm") + attributes
    graph = _field(1, node) + b"".join(_field(5, tensor) for tensor in (raw, packed, integers))
    path.write_bytes(_field(1, 8) + _field(7, graph))
    return path


def test_an_onnx_graph_comes_back(tmp_path) -> None:
    graph = onnx_file.read(_onnx_file(tmp_path / "net.onnx"))

    node = graph.nodes[0]
    assert (node.op, node.inputs, node.outputs) == ("Gemm", ("x", "kernel"), ("y",))
    assert node.attributes == {"axis": -1, "pads": [1, 2], "ratio": 0.25, "mode": "constant"}
    np.testing.assert_array_equal(graph.weights["kernel"], np.arange(6, dtype=np.float32).reshape(2, 3))
    np.testing.assert_array_equal(graph.weights["packed"], np.array([0.5, -1], np.float32))
    np.testing.assert_array_equal(graph.weights["integers"], [-3, 5])


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_an_onnx_file_that_breaks_off_is_refused(tmp_path, cut: int) -> None:
    path = _onnx_file(tmp_path / "net.onnx")
    path.write_bytes(path.read_bytes()[:-cut])

    with pytest.raises(BadWeights):
        onnx_file.read(path)


def test_a_type_that_is_not_known_is_refused(tmp_path) -> None:
    path = tmp_path / "half.onnx"
    path.write_bytes(_field(7, _field(5, _field(1, 1) + _field(2, 10) + _field(8, b"half") + _field(9, b"\0\0"))))

    with pytest.raises(BadWeights, match="data type 10"):
        onnx_file.read(path)


def _integer(value: int) -> bytes:
    size = max(1, (value.bit_length() + 7) // 8)
    return bytes([size]) + value.to_bytes(size, "little")


def _dlib_layer(name: bytes, numbers: np.ndarray, before: bytes = b"") -> bytes:
    sizes = b"".join(_integer(size) for size in (numbers.size, 1, 1, 1))
    return (
        b"\x01"
        + bytes([len(name)])
        + name
        + before
        + _integer(2)
        + sizes
        + numbers.astype("<f4").tobytes()
        + b"\x01\x07"
    )


def test_dlib_layers_come_in_the_order_of_the_file(tmp_path) -> None:
    path = tmp_path / "net.dat"
    con, affine, fc = np.arange(300.0), np.arange(4.0), np.arange(5.0)
    path.write_bytes(
        b"\x01\x0dloss_metric_2\x03\x0a\xd7\xa3" + _dlib_layer(b"con_4", con) + _dlib_layer(b"affine_", affine)
        + _dlib_layer(b"fc_2", fc, before=_integer(128) + _integer(256))
    )  # fmt: skip

    layers = dlib_file.read(path)

    assert [kind for kind, _ in layers] == ["con", "affine", "fc"]
    for (_, found), expected in zip(layers, (con, affine, fc), strict=True):
        np.testing.assert_array_equal(found, expected.astype(np.float32))


def test_a_dlib_file_that_breaks_off_is_refused(tmp_path) -> None:
    path = tmp_path / "net.dat"
    path.write_bytes(_dlib_layer(b"con_4", np.arange(300.0))[:-100])

    with pytest.raises(BadWeights, match="not a readable dlib network"):
        dlib_file.read(path)


def _tfjs(tmp_path, entries: list[dict], data: bytes, wrapped: bool = False) -> tuple[Path, Path]:
    manifest, binary = tmp_path / "model.json", tmp_path / "model.bin"
    groups = [{"paths": ["model.bin"], "weights": entries}]
    manifest.write_text(json.dumps({"weightsManifest": groups} if wrapped else groups))
    binary.write_bytes(data)
    return manifest, binary


@pytest.mark.parametrize("wrapped", [False, True])
def test_tensorflow_js_weights_are_widened_and_scaled(tmp_path, wrapped: bool) -> None:
    entries = [
        {"name": "plain", "shape": [2], "dtype": "float32"},
        {
            "name": "byte",
            "shape": [1, 3],
            "dtype": "float32",
            "quantization": {"dtype": "uint8", "scale": 0.5, "min": -1.0},
        },
        {
            "name": "half",
            "shape": [2],
            "dtype": "float32",
            "quantization": {"dtype": "float16", "original_dtype": "float32"},
        },
        {"name": "whole", "shape": [2], "dtype": "int32"},
    ]
    data = (
        struct.pack("<2f", 1.5, -2)
        + bytes([0, 2, 255])
        + np.array([0.25, 3], "<f2").tobytes()
        + struct.pack("<2i", 1, 2)
    )

    found = tfjs_file.read(*_tfjs(tmp_path, entries, data, wrapped))

    np.testing.assert_array_equal(found["plain"], np.array([1.5, -2], np.float32))
    np.testing.assert_array_equal(found["byte"], np.array([[-1, 0, 126.5]], np.float32))
    np.testing.assert_array_equal(found["half"], np.array([0.25, 3], np.float32))
    np.testing.assert_array_equal(found["whole"], [1, 2])


@pytest.mark.parametrize("data", [b"", b"\0" * 7, b"\0" * 9])
def test_a_binary_of_another_length_is_refused(tmp_path, data: bytes) -> None:
    with pytest.raises(BadWeights):
        tfjs_file.read(*_tfjs(tmp_path, [{"name": "w", "shape": [2], "dtype": "float32"}], data))
