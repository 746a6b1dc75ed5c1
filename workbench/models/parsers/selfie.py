"""MediaPipe's selfie segmentation: how surely each pixel belongs to a person. Input to both embedded parsers."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from workbench.catalog.spec import ModelSpec
from workbench.models.files.litert import load_network
from workbench.values import check_image

SIDE = 256


class Matte:
    """Person or not, for one crop."""

    def __init__(self, path: Path, spec: ModelSpec | None = None) -> None:
        """path: selfie_segmentation.tflite. Raises BadWeights when it is another file. spec: its row, when it is a
        model of its own."""
        self.spec = spec
        self._network = load_network(path, (1, SIDE, SIDE, 3), ((1, SIDE, SIDE, 1),))

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """The crop's person probability, (H, W) float32 in 0..1, at the crop's own size (the network sees 256 ×
        256)."""
        height, width = check_image(image).shape[:2]
        probability = self.raw(image)["matte"]
        return (
            probability
            if (height, width) == (SIDE, SIDE)
            else cv2.resize(probability, (width, height), interpolation=cv2.INTER_LINEAR)
        )

    def raw(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """`matte`: (256, 256) float32, the network's own output for the image stretched to a square."""
        square = image
        if image.shape[:2] != (SIDE, SIDE):
            shrinks = max(image.shape[:2]) > SIDE
            square = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        (probability,) = self._network((square.astype(np.float32) / 255.0)[None])
        return {"matte": probability[0, :, :, 0]}


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> Matte:
    """The matte by itself. files: `matte`."""
    return Matte(files["matte"], spec)
