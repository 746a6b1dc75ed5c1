"""Writes the compact parser in whole numbers of 8 bits, as ONNX Runtime multiplies them on any processor.

    python -m training.parser_quantise --data DIR --pictures DIR [--weights FILE] [--to FILE]

Post-training quantisation: nothing is learnt. The ranges of the network's numbers are found on training pictures;
weights keep 7 of 8 bits, because processors without VNNI add two products in 16 bits, which 8 would overflow. The
file takes the crop's bytes as they are; the correction of the prior is part of its last layer. Needs the package
`onnx`, which using the file does not.
"""

import argparse
import hashlib
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from training import parser_data
from training.parser_check import whole_crop
from training.parser_data import Faces
from workbench import WEIGHTS
from workbench.mesh import MAPS
from workbench.models.files import checkpoint
from workbench.models.parsers.compact_int8 import GREY, MAP_CODES, codes
from workbench.models.parsers.compact_network import Network, fused
from workbench.models.parsers.compact_torch import PRIOR

PICTURES = 64
"""Training pictures whose ranges are looked at; a fourth of them without maps."""


class Coded(nn.Module):
    """The network on coded bytes, less `GREY` and over 64; its answer is logits with the prior put right."""

    def __init__(self, network: Network, prior: Tensor) -> None:
        super().__init__()
        self.network = fused(network)
        self.network.stem[0].weight.data[:, 3:] *= 64 / MAP_CODES
        bias = self.network.head.bias
        assert bias is not None
        bias.data += prior

    def forward(self, x: Tensor) -> Tensor:
        """(n, 16, h, w) to (n, 19, h/2, w/2)."""
        return cast(Tensor, self.network(x))


def numbers(crop: np.ndarray) -> np.ndarray:
    """(1, 16, h, w) float32: what `Coded` reads of a (h, w, 16) crop."""
    coded = codes(crop.transpose(2, 0, 1))
    return ((coded.astype(np.float32) - GREY) / 64)[None]


def looks(faces: Faces, pool: np.ndarray, side: int, seed: int = 0) -> Iterator[dict[str, np.ndarray]]:
    """Inputs over which ranges are found."""
    drawn = np.random.default_rng(seed).choice(pool, PICTURES, replace=False)
    for turn, index in enumerate(drawn):
        yield {"x": numbers(whole_crop(faces, int(index), side, with_maps=turn % 4 > 0))}


def quantise(weights: Path, inputs: Iterator[dict[str, np.ndarray]], path: Path) -> None:
    """Writes the 8-bit twin of a weights file."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(inputs, None)

    tensors = checkpoint.read(weights)
    prior = tensors.pop(PRIOR).float()
    network: Any = checkpoint.install(Network, tensors, weights.name, "cpu")
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain, ready, whole = (f"{folder}/{name}.onnx" for name in ("plain", "ready", "whole"))
        sizes = {"x": {2: "height", 3: "width"}}
        torch.onnx.export(
            Coded(network, prior).eval(), (torch.zeros(1, 3 + len(MAPS), 64, 64),), plain, dynamo=False,
            opset_version=17, input_names=["x"], output_names=["logits"], dynamic_axes=sizes,
        )  # fmt: skip
        quant_pre_process(plain, ready, skip_symbolic_shape=True)
        head = [node.name for node in onnx.load(ready).graph.node if node.name.startswith("/network/head")]
        quantize_static(
            ready, whole, Reader(), quant_format=QuantFormat.QDQ, per_channel=True, reduce_range=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, nodes_to_exclude=head,
        )  # fmt: skip
        model = onnx.load(whole)
        _take_bytes(model)
        about = {
            "digest": hashlib.sha256(weights.read_bytes()).hexdigest(),
            "side": checkpoint.metadata(weights)["side"],
        }
        onnx.helper.set_model_props(model, about)
        partial = path.with_suffix(".partial")
        onnx.save(model, str(partial))
        partial.replace(path)


def _take_bytes(model: Any) -> None:
    """The first rounding goes: the input is the bytes themselves, in the codes of `compact_int8.codes`."""
    import onnx
    from onnx import numpy_helper

    graph = model.graph
    first = next(node for node in graph.node if node.op_type == "QuantizeLinear" and node.input[0] == "x")
    read = next(node for node in graph.node if node.input[0] == first.output[0])
    kept = dict(zip(("scale", "zero"), read.input[1:], strict=True))
    for tensor in graph.initializer:
        if tensor.name == kept["scale"]:
            tensor.CopyFrom(numpy_helper.from_array(np.float32(1 / 64).reshape(()), tensor.name))
        elif tensor.name == kept["zero"]:
            tensor.CopyFrom(numpy_helper.from_array(np.uint8(GREY).reshape(()), tensor.name))
    read.input[0] = "x"
    graph.node.remove(first)
    graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8


def main() -> int:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, required=True, help="folder with images/ and masks/")
    options.add_argument("--pictures", type=Path, required=True, help="folder for the prepared pictures")
    options.add_argument("--weights", type=Path, default=WEIGHTS / "compact_parser.safetensors")
    options.add_argument("--to", type=Path, default=WEIGHTS / "compact_parser_int8.onnx")
    given = options.parse_args()
    faces = parser_data.open_faces(given.data, given.pictures, *parser_data.built_in_models())
    pool, _ = parser_data.split(faces.stems, faces.areas)
    side = int(checkpoint.metadata(given.weights)["side"])
    quantise(given.weights, looks(faces, pool, side), given.to)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
