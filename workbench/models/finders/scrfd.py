"""SCRFD, from InsightFace's packs: the picture fitted into a square of 640 pixels, boxes and five points in one look.

Guo et al., "Sample and Computation Redistribution for Efficient Face Detection", ICLR 2022, arXiv 2105.04714; how the
file is asked and read follows insightface/model_zoo/scrfd.py (MIT). A black box of ONNX. The mesh of a candidate is
still the face mesh's.
"""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from workbench.catalog.spec import ModelSpec
from workbench.detections import Detections, from_five, join, suppress_whole
from workbench.errors import BadWeights
from workbench.models.files.onnx_session import open_session
from workbench.models.finders.mediapipe import FaceFinder as MeshFinder
from workbench.values import check_image

SIDE, STRIDES, PAIR = 640, (8, 16, 32), 2
LEAST, OVERLAP = 0.02, 0.4
NUMBERS = (1, 4, 10)
"""What is said of an anchor: its score, its box, its points; for each of the strides in turn."""


class Scrfd(MeshFinder):
    """Candidates by SCRFD, meshes by the face mesh."""

    def __init__(self, spec: ModelSpec, files: Mapping[str, Path]) -> None:
        """files: `scrfd`, and those of the mesh. Raises BadWeights when one of them is another network."""
        super().__init__(files)
        self._name, self._title = files["scrfd"].name, spec.title
        self._session = open_session(files["scrfd"])
        given = self._session.get_inputs()[0]
        self._input, size = given.name, given.shape[2:4]
        self.side = size[0] if size and isinstance(size[0], int) else SIDE
        self._answers(np.zeros((self.side, self.side, 3), np.uint8))

    def detect(self, image: np.ndarray, threshold: float = 0.5) -> Detections:
        """Every candidate of the whole picture, one per face, best first."""
        fitted, scale = self._fitted(check_image(image))
        scores, boxes, points = self._answers(fitted)
        good = np.flatnonzero(scores >= max(float(threshold), LEAST))
        order = good[np.argsort(-scores[good], kind="stable")]
        if not len(order):
            return join([])
        boxes, points = boxes[order] / scale, points[order] / scale
        return from_five(boxes, points, scores[order]).take(suppress_whole(boxes, OVERLAP))

    glance = detect

    def raw(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """The candidates from 0.02 on: boxes (n, 4), keypoints (n, 6, 2), scores (n,)."""
        found = self.detect(image, LEAST)
        return {"boxes": found.boxes, "keypoints": found.keypoints, "scores": found.scores}

    def _fitted(self, image: np.ndarray) -> tuple[np.ndarray, float]:
        """The picture in the square's top-left corner, black beside it, and its scale."""
        height, width = image.shape[:2]
        tall = height / width
        high, wide = (self.side, int(self.side / tall)) if tall > 1 else (int(self.side * tall), self.side)
        square = np.zeros((self.side, self.side, 3), np.uint8)
        square[: max(high, 1), : max(wide, 1)] = cv2.resize(image, (max(wide, 1), max(high, 1)))
        return square, max(high, 1) / height

    def _answers(self, square: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Scores (A,), boxes (A, 4) and points (A, 5, 2) of every anchor, in pixels of the square."""
        pixels = ((square.astype(np.float32) - 127.5) / 128).transpose(2, 0, 1)[None]
        found = self._asked(np.ascontiguousarray(pixels))
        scores, boxes, points = [], [], []
        for place, stride in enumerate(STRIDES):
            middles = _middles(self.side // stride, stride)
            said = [found[place + 3 * part].reshape(len(middles), -1) for part in range(3)]
            scores.append(said[0][:, 0])
            boxes.append(np.concatenate([middles, middles], 1) + said[1] * stride * [-1, -1, 1, 1])
            points.append(middles[:, None] + said[2].reshape(-1, 5, 2) * stride)
        return (
            np.concatenate(scores),
            np.concatenate(boxes).astype(np.float32),
            np.concatenate(points).astype(np.float32),
        )

    def _asked(self, pixels: np.ndarray) -> list[np.ndarray]:
        try:
            found = self._session.run(None, {self._input: pixels})
        except Exception as error:  # onnxruntime raises types of its own that it does not export
            raise BadWeights(f"{self._name} does not take a picture of {self.side} pixels: it is no SCRFD.") from error
        wanted = [PAIR * (self.side // stride) ** 2 * count for count in NUMBERS for stride in STRIDES]
        if [np.size(part) for part in found] != wanted:
            raise BadWeights(
                f"{self._name}: {self._title} answers with scores, boxes and five points for anchors at strides of "
                f"8, 16 and 32; this file answers otherwise. Use the det_*.onnx of InsightFace's packs."
            )
        return found


def _middles(cells: int, stride: int) -> np.ndarray:
    """(A, 2): each cell's corner, as often as it has anchors."""
    columns, rows = np.meshgrid(np.arange(cells), np.arange(cells))
    return np.repeat(np.stack([columns, rows], axis=-1).reshape(-1, 2) * float(stride), PAIR, axis=0)


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> Scrfd:
    """The finder, from a `det_*.onnx`. It runs on the processor whatever the device. Raises BadWeights."""
    return Scrfd(spec, files)
