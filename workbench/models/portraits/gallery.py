"""Drawn faces that ship as pictures: people who do not exist, for examples, demo studies and protection's targets. A
`FaceGenerator` whose seed chooses among them."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest, BadWeights

SIDE, COLUMNS = 256, 8
"""Of a face in the sheet, in pixels; and how many faces stand beside each other."""


class Gallery:
    """The faces of one sheet."""

    def __init__(self, spec: ModelSpec, faces: tuple[np.ndarray, ...]) -> None:
        self.spec, self.faces = spec, faces

    def __call__(self, n: int, seed: int = 0) -> list[np.ndarray]:
        """`n` faces of different people, 256 × 256 × 3 uint8 RGB, from the one of this seed on; after the last comes
        the
        first. Raises BadRequest for more than there are.
        """
        if isinstance(n, bool) or not 1 <= n <= len(self.faces):
            raise BadRequest(f"n: expected 1 to {len(self.faces)} faces, got {n}.")
        return [self.faces[(seed + place) % len(self.faces)].copy() for place in range(n)]


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> Gallery:
    """The faces of a sheet of 256-pixel squares, eight beside each other. Raises BadWeights for another picture."""
    sheet = cv2.imread(str(files["sheet"]), cv2.IMREAD_COLOR)
    if sheet is None or sheet.shape[1] != SIDE * COLUMNS or sheet.shape[0] % SIDE:
        raise BadWeights(f"{files['sheet'].name} is no sheet of faces, {COLUMNS} of {SIDE} pixels beside each other.")
    sheet = cv2.cvtColor(sheet, cv2.COLOR_BGR2RGB)
    rows, step = range(0, sheet.shape[0], SIDE), range(0, sheet.shape[1], SIDE)
    return Gallery(spec, tuple(sheet[y : y + SIDE, x : x + SIDE].copy() for y in rows for x in step))
