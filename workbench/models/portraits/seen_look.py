"""What a portrait takes from a photo besides the identity: how bright the face is, how hair lies and how dark it is,
and
whether there are glasses. No pixel of it is kept.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from workbench.errors import BadRequest
from workbench.geometry import apply
from workbench.mesh import OVAL, polygon
from workbench.models.portraits.appearance import OUTLINE
from workbench.models.portraits.frame import SIDE, Frame, ring
from workbench.parts import INDEX
from workbench.values import Face, FaceScores

Parser = Callable[[np.ndarray, Face], FaceScores]

WORN = 0.03
"""Share of the face's box beyond which glasses count as worn."""

SURE = 60.0
"""How much an outline's likelihood falls with its mean distance (in units of −1..1) to what the photo shows."""

LEAST, WELL = 40, 9
"""Cells of the outlines' grid that hair must fill for its tone to be read, and pixels of the frame that are taken off
its outline first."""

GREY = np.array([0.299, 0.587, 0.114], np.float32)
UNLIKE_SKIN = ("background", "hair", "hat", "earring", "cloth")


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A face's vectors by the recogniser that a model is told and by a second one: (d,) and (e,)."""

    vector: np.ndarray
    second: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """brightness: mean grey of the face, 0..255. outlines: (o,), the logarithm of how likely each of the model's is.
    glasses: whether they are worn. hair: (3,) mean colour of the hair, 0..255, all alike for a grey photo; None where
    little or none is seen. known: who it is.
    """

    brightness: float
    outlines: np.ndarray
    glasses: bool
    hair: np.ndarray | None
    known: Known


def look(photo: np.ndarray, face: Face, parser: Parser, frame: Frame, outlines: np.ndarray, person: Known) -> Look:
    """The look of one face of a photo. outlines: (o, 3, 64, 64), the model's. Raises BadRequest without a mesh."""
    if face.mesh is None:
        raise BadRequest(
            "A portrait follows a face's landmarks, and none fit this one. Use a sharper or less turned face."
        )
    points = face.mesh[:468, :2].astype(np.float64)
    inside = polygon(face.mesh, OVAL, photo.shape[:2]) > 127
    if not inside.any():
        raise BadRequest("The face lies outside the photo. Use another one.")
    there = frame.map_from(np.concatenate([points, ring(points)]), SIDE)
    parts = _parts(parser(photo, face), there)
    known = _within(there, photo.shape)
    seen = cv2.remap(photo, there, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    face_here = polygon(frame.mean, OVAL, (SIDE, SIDE)) > 127
    hair = known & (parts == INDEX["hair"])
    return Look(
        float((photo[inside].astype(np.float32) @ GREY).mean()),
        -SURE * _apart(parts, known, outlines),
        bool((parts[face_here] == INDEX["eyeglasses"]).mean() > WORN),
        _tone(seen, hair),
        person,
    )


def _tone(seen: np.ndarray, hair: np.ndarray) -> np.ndarray | None:
    """(3,): the mean colour of hair well within its outline, where no skin and no wall shines through; None for little
    or no hair."""
    inner = cv2.erode(hair.astype(np.uint8), np.ones((WELL, WELL), np.uint8)) > 0
    enough = LEAST * (SIDE // OUTLINE) ** 2
    if hair.sum() <= enough:
        return None
    found: np.ndarray = seen[inner if inner.sum() > enough // 2 else hair].mean(0)
    return found


def _parts(scores: FaceScores, there: np.ndarray) -> np.ndarray:
    """(256, 256) uint8 part of each pixel of the frame."""
    labels = scores.scores.argmax(0).astype(np.uint8)
    grid = apply(scores.matrix.astype(np.float64), there.reshape(-1, 2).astype(np.float64)).reshape(there.shape)
    return cv2.remap(labels, grid.astype(np.float32), None, cv2.INTER_NEAREST, borderValue=INDEX["background"])


def _within(there: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    x, y = there[..., 0], there[..., 1]
    return np.asarray((x >= 0) & (y >= 0) & (x <= shape[1] - 1) & (y <= shape[0] - 1))


def _apart(parts: np.ndarray, known: np.ndarray, outlines: np.ndarray) -> np.ndarray:
    """(o,): how far skin and head of each outline are from these parts, on average over what the photo shows."""
    skin = ~np.isin(parts, [INDEX[name] for name in UNLIKE_SKIN])
    head = skin | np.isin(parts, [INDEX["hair"], INDEX["hat"]])
    cell = SIDE // OUTLINE
    small = [each.reshape(OUTLINE, cell, OUTLINE, cell).mean((1, 3)) for each in (skin, head, known)]
    weight = np.where(small[2] > 0.5, 1.0, 0.0)
    wanted = np.stack(small[:2])
    told = np.clip(outlines[:, :2] * 6 + 0.5, 0, 1)
    apart: np.ndarray = (np.abs(told - wanted) * weight).mean((1, 2, 3))
    return apart
