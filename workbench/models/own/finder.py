"""A face detector of somebody's own, an ONNX file: its boxes are candidates, the mesh that confirms them is ours."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from workbench.catalog.spec import Input
from workbench.detections import Detections, join
from workbench.errors import BadWeights
from workbench.models.files.onnx_session import open_session
from workbench.models.finders.mediapipe import FaceFinder as MeshFinder
from workbench.models.finders.mtcnn import suppress

LIMIT = 0.45
"""Overlap from which two boxes are one face."""
LEAST = 0.02
USUAL = np.array([[0.31, 0.42], [0.69, 0.42], [0.5, 0.6], [0.5, 0.78], [0.0, 0.45], [1.0, 0.45]], np.float32)
"""Eyes, nose, mouth and ears of a level, frontal face, in shares of its box: where a detector gives no points."""


class OwnFinder(MeshFinder):
    """Candidates by the file, meshes by the face mesh.

    The photo is fitted into the top left of a square of `told.side` pixels; the rest is black before normalising. The
    file answers with rows of left, top, right, bottom, score (and x, y of eyes, nose and mouth corners, image left
    first), or with boxes in one output and scores in the next.
    """

    def __init__(self, files: Mapping[str, Path], told: Input) -> None:
        """files: `weights`, and those of the mesh. Raises BadWeights for a file whose answer is no list of boxes."""
        super().__init__(files)
        self._name, self._told = files["weights"].name, told
        self._session = open_session(files["weights"])
        self._input = self._session.get_inputs()[0]
        self._rows(np.full((told.side, told.side, 3), 128, np.uint8))

    def detect(self, image: np.ndarray, threshold: float = 0.5) -> Detections:
        """Every candidate of the picture, one per face, best first."""
        height, width = image.shape[:2]
        scale = self._told.side / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        square = np.zeros((self._told.side, self._told.side, 3), np.uint8)
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        square[: size[1], : size[0]] = cv2.resize(image, size, interpolation=way)
        rows = self._rows(square)
        rows = rows[rows[:, 4] >= max(threshold, LEAST)]
        rows = rows[(rows[:, 2:4] - rows[:, :2]).min(axis=1, initial=np.inf) > 1]
        rows = rows[suppress(rows, LIMIT)]
        return _detections(rows).moved(1 / scale, (0.5 / scale - 0.5,) * 2)

    glance = detect

    def raw(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """The candidates from 0.02 on: boxes (n, 4), keypoints (n, 6, 2), scores (n,)."""
        found = self.detect(image, LEAST)
        return {"boxes": found.boxes, "keypoints": found.keypoints, "scores": found.scores}

    def _rows(self, square: np.ndarray) -> np.ndarray:
        """(n, 5 or 15) float32 in pixels of the square: corners, score, and the points where there are some."""
        told = self._told
        pixels = square[..., ::-1] if told.order == "bgr" else square
        mean, std = np.array(told.mean, np.float32), np.array(told.std, np.float32)
        scaled = (pixels.astype(np.float32) / 255 - mean) / std
        last = self._input.shape[-1] == 3
        batch = scaled[None] if last else scaled.transpose(2, 0, 1)[None]
        kind = np.float16 if "float16" in self._input.type else np.float32
        try:
            found = self._session.run(None, {self._input.name: np.ascontiguousarray(batch, kind)})
        except Exception as error:  # onnxruntime raises types of its own that it does not export
            reason = str(error).partition("\n")[0][-120:]
            raise BadWeights(f"{self._name}: the network refuses {told.side} pixels ({reason}).") from error
        return _corners(_joined(found, self._name), told)


def _joined(found: Sequence[Any], name: str) -> np.ndarray:
    """(n, 5 or 15): boxes with their scores, from one output or from two. Raises BadWeights for any other answer."""
    flat = [np.asarray(each, np.float32) for each in found[:2]]
    flat = [
        each[0] if each.ndim > 2 or (each.ndim == 2 and len(flat) > 1 and len(each) == 1) else each for each in flat
    ]
    boxes = flat[0]
    if boxes.ndim == 2 and boxes.shape[1] == 4 and len(flat) > 1 and len(flat[1]) == len(boxes):
        scores = flat[1].reshape(len(boxes), -1)
        boxes = np.concatenate([boxes, scores[:, -1:]], axis=1)
    if boxes.ndim != 2 or boxes.shape[1] not in (5, 15):
        shapes = ", ".join("×".join(map(str, np.shape(each))) for each in found)
        raise BadWeights(
            f"{name}: expected rows of 5 (box, score) or 15 (and five points), or boxes n × 4 and scores; got {shapes}."
        )
    if not np.isfinite(boxes).all():
        raise BadWeights(f"{name}: the network answers NaN or infinity.")
    return boxes


def _corners(rows: np.ndarray, told: Input) -> np.ndarray:
    rows = rows.copy()
    if told.form == "centre":
        middle, half = rows[:, :2].copy(), rows[:, 2:4] / 2
        rows[:, :2], rows[:, 2:4] = middle - half, middle + half
    if told.unit == "shares":
        rows[:, :4] *= told.side
        rows[:, 5:] *= told.side
    return rows


def _detections(rows: np.ndarray) -> Detections:
    if not len(rows):
        return join([])
    boxes = rows[:, :4]
    if rows.shape[1] == 15:
        five = rows[:, 5:].reshape(-1, 5, 2)
        across, mouth = five[:, 1] - five[:, 0], five[:, 3:].mean(axis=1, keepdims=True)
        ears = np.stack([five[:, 0] - 0.6 * across, five[:, 1] + 0.6 * across], axis=1)
        keypoints = np.concatenate([five[:, :3], mouth, ears], axis=1)
    else:
        keypoints = boxes[:, None, :2] + USUAL[None] * (boxes[:, None, 2:] - boxes[:, None, :2])
    scores = np.clip(rows[:, 4], 0, 1)
    return Detections(*(np.ascontiguousarray(each, np.float32) for each in (boxes, keypoints, scores)))
