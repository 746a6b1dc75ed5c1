"""A batch of faces on the canvas as tensors, and where on it looks are measured. Knows no recogniser."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from workbench import images
from workbench.makeup import shapes
from workbench.makeup.canvas import SIDE, UNIT, Canvas, check_face, make_canvas
from workbench.makeup.photo import EDGE
from workbench.mesh import LIPS_OUTER
from workbench.values import Face, Parsing

LIDS, LINES = 0.2, 0.08
"""How far, in eye distances, lids reach around the eyes, and the edges of brows, lips and nostrils around these."""

COLOURED = ("shadow", "liner", "brow", "lip")
"""Regions whose makeup is meant to be seen: no patch is looked for there."""

HOLES, EDGES = 0.25, 0.1
"""Gaps in the face that are filled before its outer edge is softened, and how soft it becomes; in eye distances."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """N faces on their canvases, S × S.

    pixels: (N, 3, S, S) float32 RGB, 0..255, as they are. field: (N, 1, S, S) 0..1, where tones may change: the face
    without eyeballs, teeth, glasses and hair, feathered. face: where looks are measured. skin: bare skin, without lids,
    brows, lips and nostrils.
    """

    canvases: tuple[Canvas, ...]
    faces: tuple[Face, ...]
    pixels: Tensor
    field: Tensor
    face: Tensor
    skin: Tensor

    def __len__(self) -> int:
        return len(self.canvases)


def make_scene(photos: Sequence[np.ndarray], faces: Sequence[Face], parsings: Sequence[Parsing | None]) -> Scene:
    """Bring one face of each photo onto its canvas.

    Raises FaceTooSmall below 80 px between the cheeks, BadRequest for a profile or a face without landmarks.
    """
    for face in faces:
        check_face(face)
    canvases = tuple(
        make_canvas(photo, face, parsing) for photo, face, parsing in zip(photos, faces, parsings, strict=True)
    )
    whole = np.stack([canvas.masks["face"] * frame() for canvas in canvases])
    soft = np.stack([_inwards(canvas) for canvas in canvases])
    bare = np.stack([_bare(canvas, face) for canvas, face in zip(canvases, faces, strict=True)])
    pixels = torch.from_numpy(np.stack([canvas.pixels for canvas in canvases]))
    return Scene(
        canvases, tuple(faces), pixels, _tensor(whole * soft), _tensor((whole > 0.5).astype(np.float32)), _tensor(bare)
    )


def frame() -> np.ndarray:
    """(S, S) float32: 1 inside, falling to 0 at the canvas's edge, as the change fades out there."""
    ramp = np.clip(np.minimum(np.arange(SIDE), np.arange(SIDE)[::-1]) / EDGE, 0, 1).astype(np.float32)
    ramped: np.ndarray = ramp[:, None] * ramp[None]
    return ramped


def _tensor(masks: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(masks, np.float32))[:, None]


def _bare(canvas: Canvas, face: Face) -> np.ndarray:
    """(S, S) of 0 and 1: skin that makeup leaves bare or only evens, away from the face's edge and from what covers
    it."""
    assert face.mesh is not None
    points = images.apply(canvas.matrix, face.mesh[:, :2].astype(np.float64)).astype(np.float32)
    lids = _grown(shapes.openings(points, SIDE), LIDS)
    coloured = np.maximum.reduce([canvas.masks[name] for name in COLOURED])
    lines = np.maximum.reduce(
        [*(shapes.area(points, brow, SIDE) for brow in shapes.BROWS), shapes.area(points, LIPS_OUTER, SIDE)]
    )
    lines = np.maximum(_grown(lines, LINES), _grown(shapes.nostrils(points, SIDE, UNIT), LINES))
    inner = cv2.erode((canvas.masks["skin"] > 0.5).astype(np.uint8), _disc(0.1))
    return ((inner > 0) & (np.maximum(lids, lines) < 0.5) & (coloured < 0.03) & (canvas.masks["face"] > 0.9)).astype(
        np.float32
    )


def _inwards(canvas: Canvas) -> np.ndarray:
    """(S, S) float32: 1 on the face, falling to 0 where hair and background begin, softly and on the face's side.

    A broad tone that ended within a pixel would draw the parsing's edge. Eyes, mouth and thin frames are no edge here.
    """
    filled = np.maximum(canvas.masks["face"], canvas.masks["eyes"]) > 0.5
    filled = cv2.morphologyEx(filled.astype(np.float32), cv2.MORPH_CLOSE, _disc(HOLES))
    soft: np.ndarray = cv2.GaussianBlur(cv2.erode(filled, _disc(EDGES)), (0, 0), EDGES * UNIT / 2)
    return soft


def _grown(mask: np.ndarray, by: float) -> np.ndarray:
    return cv2.dilate(mask, _disc(by))


def _disc(radius: float) -> np.ndarray:
    reach = round(radius * UNIT)
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
