"""The compact parser in whole numbers of 8 bits, through ONNX Runtime: bytes in, probabilities out. Imports no torch.

`training/parser_quantise.py` writes the file. Several threads may ask one session at once.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from workbench import devices
from workbench.errors import BadWeights
from workbench.models.files.onnx_session import open_session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

GREY = 118
"""The code of what is absent, and of the grey that pictures are padded with."""

MAP_CODES = 137
"""A map's 1 to 255 take the codes from `GREY` + 1 up to this many more."""

THREADS = 4
"""Threads of one look, where the processor has as many cores: more gain little in so small a network."""

_TABLE = (GREY + np.round(np.arange(256) * MAP_CODES / 255)).astype(np.uint8)


def codes(planes: np.ndarray) -> np.ndarray:
    """(16, h, w) uint8: colours as they are, maps in the codes the file reads; a copy."""
    out = np.empty(planes.shape, np.uint8)
    out[:3] = planes[:3]
    for plane, coded in zip(planes[3:], out[3:], strict=True):
        cv2.LUT(np.ascontiguousarray(plane), _TABLE, dst=coded)
    return out


def softmax(logits: np.ndarray) -> np.ndarray:
    """(19, h, w) float32 that sum to one at every place; writes over the logits."""
    logits -= logits.max(axis=0)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=0)
    return logits


class Int8Network:
    """`network(planes)` with coded planes, as `codes` gives them."""

    def __init__(self, path: Path) -> None:
        """Raises BadWeights when the file is not the compact parser's."""
        self._path, self._session = path, open_session(path, THREADS)
        self._threads = devices.threads(THREADS)
        self._guard, self._running = threading.Lock(), 0
        self._alone: InferenceSession | None = None
        about = self._session.get_modelmeta().custom_metadata_map
        takes = [value.type for value in self._session.get_inputs()]
        if takes != ["tensor(uint8)"] or not about.get("digest"):
            raise BadWeights(f"{path.name}: expected the compact parser in 8 bits; it is another network's file.")
        self.made_from = about["digest"]
        self.side = int(about["side"])

    def __call__(self, planes: np.ndarray) -> np.ndarray:
        """(16, h, w) uint8 to (19, h/2, w/2) float32 that sum to one at every place, the prior put right."""
        with self._sessions() as session:
            (answer,) = session.run(None, {"x": codes(planes)[None]})
        return softmax(answer[0])

    @contextmanager
    def _sessions(self) -> Iterator["InferenceSession"]:
        """The session for one more look: beside as many as half the cores, one of a single thread, because threads that
        wait for each other took a tenth more of the processor."""
        with self._guard:
            session = self._session_for(self._running + 1)
            self._running += 1
        try:
            yield session
        finally:
            with self._guard:
                self._running -= 1

    def _session_for(self, looks: int) -> "InferenceSession":
        """The session for one of so many looks at once."""
        if self._threads == 1 or looks <= max(1, (os.cpu_count() or 1) // 2):
            return self._session
        self._alone = self._alone or open_session(self._path, threads=1)
        return self._alone

    @staticmethod
    def middle(grids: np.ndarray, side: int, scale: float) -> np.ndarray:
        """(c, n, n) `scale` times finer, bilinear, and of that the middle `side` × `side`."""
        shift = (grids.shape[-1] - side / scale) / 2 + 0.5 / scale - 0.5
        matrix = np.array([[1 / scale, 0, shift], [0, 1 / scale, shift]])
        out = np.empty((len(grids), side, side), np.float32)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        for grid, finer in zip(grids, out, strict=True):
            cv2.warpAffine(grid, matrix, (side, side), dst=finer, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return out
