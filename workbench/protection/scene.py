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

CHEEKS = ((117, 50, 205, 101), (346, 280, 425, 330))
ABOVE_LIP = (98, 97, 2, 326, 327, 410, 270, 267, 0, 37, 40, 186)
CHIN = (212, 182, 17, 406, 432, 365, 379, 400, 377, 152, 148, 176, 150, 136)
"""Mesh points around both cheeks, and around the skin where moustaches and beards grow."""

COLOURED = ("shadow", "liner", "brow", "lip")
"""Regions whose makeup is meant to be seen: no patch is looked for there."""

WORN = {"brow": 0.6, "liner": 1.0, "shadow": 0.4, "lip": 0.4}
"""By what share more brows, the lash line, lids and lips may change than skin: denser brows or darker lashes are taken
for makeup."""

HOLES, EDGES, RIMS = 0.25, 0.1, 0.06
"""Gaps in the face that are filled before its outer edge is softened, how soft it becomes, and over which way a change
grows from nothing beside eyes, mouth and frames; in eye distances."""

WITHIN = 0.05
"""How far inside its edge a face begins to be its own: on the edge hair and skin are mixed."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """N faces on their canvases, S × S.

    pixels: (N, 3, S, S) float32 RGB, 0..255, as they are. field: (N, 1, S, S) 0..1, where tones may change: the face
    without eyeballs, teeth, glasses and hair, feathered on every side. oval: the same with eyes and mouth, where
    features may move. face: where looks are measured. skin: bare skin, without lids, brows, lips and nostrils.
    hairless: skin above the lip and on the chin where no moustache or beard grows. worn: by what share more a place may
    change, since a change there is taken for makeup. own: 0..1, the face itself with eyes and mouth: what lies beside
    it hides nothing on it. frontal: (N,) 1 from the front, 0
    from 25° on.
    """

    canvases: tuple[Canvas, ...]
    faces: tuple[Face, ...]
    pixels: Tensor
    field: Tensor
    face: Tensor
    skin: Tensor
    oval: Tensor
    hairless: Tensor
    worn: Tensor
    own: Tensor
    frontal: Tensor

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
    smooth = np.stack([beardless(canvas, face) for canvas, face in zip(canvases, faces, strict=True)])
    pixels = torch.from_numpy(np.stack([canvas.pixels for canvas in canvases]))
    rims = np.stack([_rims(canvas) for canvas in canvases])
    return Scene(
        canvases,
        tuple(faces),
        pixels,
        _tensor(whole * soft * rims),
        _tensor((whole > 0.5).astype(np.float32)),
        _tensor(bare),
        _tensor(soft * frame()),
        _tensor(smooth),
        _tensor(np.stack([_worn(canvas) for canvas in canvases])),
        _tensor(np.stack([_own(canvas, face) for canvas, face in zip(canvases, faces, strict=True)])),
        torch.tensor([frontal(face) for face in faces]),
    )


def frontal(face: Face) -> float:
    """1 for a face up to 10° sideways, falling to 0 at 25°; 1 for one whose pose is not known."""
    return 1.0 if face.pose is None else float(np.clip((25 - abs(face.pose.yaw)) / 15, 0, 1))


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


def beardless(canvas: Canvas, face: Face) -> np.ndarray:
    """(S, S) float32 0..1: skin above the lip and on the chin, as far as nothing grows there.

    No parser knows beards: a place counts as bearded where it is darker than the cheeks (from 0.85 of their brightness
    on, wholly at 0.75), and all of it where the chin is covered with hair-fine contrast, as grey beards are.
    """
    assert face.mesh is not None
    points = images.apply(canvas.matrix, face.mesh[:, :2].astype(np.float64)).astype(np.float32)
    light = 0.299 * canvas.pixels[0] + 0.587 * canvas.pixels[1] + 0.114 * canvas.pixels[2]
    lips = _grown(shapes.area(points, LIPS_OUTER, SIDE), LINES / 2)
    cheeks = np.maximum(*(shapes.area(points, line, SIDE) for line in CHEEKS)) * canvas.masks["skin"]
    usual = np.median(light[cheeks > 0.5]) if (cheeks > 0.5).any() else light.mean()
    grain = (light - cv2.GaussianBlur(light, (0, 0), 0.8)) ** 2
    found, hairy = [], 0.0
    for place in (CHIN, ABOVE_LIP):
        area = shapes.area(points, place, SIDE) * (lips < 0.1)
        inside = area > 0.5
        if not inside.any():
            continue
        if place is CHIN:
            hairy = float(np.clip((np.sqrt(grain[inside].mean()) - 2.4) / 0.6, 0, 1))
        dark = float(np.clip((0.85 - light[inside].mean() / max(usual, 1.0)) / 0.1, 0, 1))
        found.append(area * (1 - max(dark, hairy)))
    made = np.maximum.reduce(found) if found else np.zeros_like(light)
    return shapes.soft(made, 0.05 * UNIT) * canvas.masks["skin"]


def _worn(canvas: Canvas) -> np.ndarray:
    """(S, S) float32: `WORN`, with soft edges."""
    shares = [share * np.clip(canvas.masks[region], 0, 1) for region, share in WORN.items()]
    return shapes.soft(np.maximum.reduce(shares), 1.5)


def _own(canvas: Canvas, face: Face) -> np.ndarray:
    """(S, S) float32: the face with its eyes and its open mouth, without what lies beside or before it."""
    assert face.mesh is not None
    points = images.apply(canvas.matrix, face.mesh[:, :2].astype(np.float64)).astype(np.float32)
    whole = np.maximum.reduce([canvas.masks["face"], canvas.masks["eyes"], shapes.mouth(points, SIDE, UNIT)])
    joined = cv2.morphologyEx((whole > 0.5).astype(np.float32), cv2.MORPH_CLOSE, _disc(WITHIN))
    return shapes.soft(cv2.erode(joined, _disc(WITHIN)), 1.0)


def _rims(canvas: Canvas) -> np.ndarray:
    """(S, S) float32: 0 beside eyes, mouth and frames, 1 from `RIMS` on: what ended hard there drew pen lines on
    lids."""
    inside = (canvas.masks["face"] > 0.5).astype(np.uint8)
    filled = cv2.morphologyEx(inside, cv2.MORPH_CLOSE, _disc(HOLES))
    away = cv2.distanceTransform(np.maximum(inside, 1 - filled), cv2.DIST_L2, 5)
    ramp = np.clip(away / (RIMS * UNIT), 0, 1)
    soft: np.ndarray = (ramp * ramp * (3 - 2 * ramp)).astype(np.float32)
    return soft


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
