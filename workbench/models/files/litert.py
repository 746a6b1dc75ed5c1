"""Runs a .tflite file through LiteRT. Knows nothing of faces: an array goes in, arrays come out."""

import threading
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from workbench import devices
from workbench.errors import BadWeights
from workbench.models.files.whole import said


class Network:
    """A loaded .tflite network with one input; safe to call from several threads (one runs at a time)."""

    def __init__(self, path: Path, threads: int = 0) -> None:
        """Raises BadWeights when the file is not a network LiteRT can run."""
        try:
            self._interpreter = open_file(path, threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise BadWeights(
                f"{path.name} is not a network LiteRT can run ({said(error, path)}). Fetch it again: "
                "python -m workbench models fetch."
            ) from error
        details = self._interpreter.get_input_details()[0]
        self._input: int = details["index"]
        self._outputs: tuple[int, ...] = tuple(output["index"] for output in self._interpreter.get_output_details())
        self._lock = threading.Lock()
        self.input_shape: tuple[int, ...] = tuple(int(n) for n in details["shape"])
        self.output_shapes: tuple[tuple[int, ...], ...] = tuple(
            tuple(int(n) for n in output["shape"]) for output in self._interpreter.get_output_details()
        )

    def __call__(self, array: np.ndarray) -> tuple[np.ndarray, ...]:
        """The network's outputs, in the file's order, for one float32 array of `input_shape`."""
        with self._lock:
            self._interpreter.set_tensor(self._input, array)
            self._interpreter.invoke()
            return tuple(self._interpreter.get_tensor(index) for index in self._outputs)


def open_file(path: Path, threads: int = 0) -> Interpreter:
    """The file in LiteRT, with so many threads; 0: as many as the settings say, else two. Raises ValueError or
    RuntimeError for what is no such file."""
    return Interpreter(model_path=str(path), num_threads=threads or devices.threads(2))


def load_network(path: Path, expected: tuple[int, ...], outputs: tuple[tuple[int, ...], ...]) -> Network:
    """The network of a file, checked to have this input shape and these output shapes. Raises BadWeights otherwise."""
    network = Network(path)
    if network.input_shape != expected or network.output_shapes != outputs:
        raise BadWeights(
            f"{path.name}: expected input {expected} and outputs {outputs}, got {network.input_shape} and "
            f"{network.output_shapes}. "
            "The file belongs to another model; fetch it again: python -m workbench models fetch."
        )
    return network
