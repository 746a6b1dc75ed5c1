"""YuNet, run by OpenCV's own detector: the whole picture in one look at its own size, faces down to ten pixels.

Wu, Peng and Yu, "YuNet: A tiny millisecond-level face detector", Machine Intelligence Research 20, 2023. The mesh of a
candidate is still the face mesh's.
"""

import threading
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from workbench.catalog.spec import ModelSpec
from workbench.detections import Detections, from_five, join
from workbench.errors import BadWeights
from workbench.images import shrink
from workbench.models.finders.mediapipe import FaceFinder as MeshFinder

LEAST = 0.02
"""Candidates below are never asked for: OpenCV would sort thousands of them."""
SIDE = 2048
"""A longer picture is made smaller first: the network needs 70 bytes of memory a pixel."""
MOST = 5000


class YuNet(MeshFinder):
    """Candidates by YuNet, meshes by the face mesh. One picture at a time, whoever asks."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        """files: `yunet`, and those of the mesh. Raises BadWeights when one of them is another network."""
        super().__init__(files)
        self._guard = threading.Lock()
        try:
            self._network = cv2.FaceDetectorYN.create(str(files["yunet"]), "", (320, 320), 0.5, 0.3, MOST)
        except cv2.error as error:
            raise BadWeights(f"{files['yunet'].name} is no YuNet that OpenCV reads. Fetch it again.") from error

    def detect(self, image: np.ndarray, threshold: float = 0.5) -> Detections:
        """Every candidate of the whole picture, one per face, best first."""
        small, scale = shrink(image, SIDE)
        with self._guard:
            self._network.setInputSize(small.shape[1::-1])
            self._network.setScoreThreshold(max(float(threshold), LEAST))
            _, rows = self._network.detect(np.ascontiguousarray(small[..., ::-1]))
        if rows is None:
            return join([])
        return _read(rows).moved(1 / scale, (0.5 / scale - 0.5,) * 2)

    glance = detect

    def raw(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """The candidates from 0.02 on: boxes (n, 4), keypoints (n, 6, 2), scores (n,)."""
        found = self.detect(image, LEAST)
        return {"boxes": found.boxes, "keypoints": found.keypoints, "scores": found.scores}


def _read(rows: np.ndarray) -> Detections:
    """Detections of rows of 15: left, top, width, height, eyes, nose, mouth corners (all image left first), score."""
    boxes = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1)
    order = np.argsort(-rows[:, 14], kind="stable")
    return from_five(boxes, rows[:, 4:14].reshape(-1, 5, 2), rows[:, 14]).take(order)


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> YuNet:
    """The finder. It runs on the processor whatever the device. Raises BadWeights for damaged files."""
    return YuNet(files)
