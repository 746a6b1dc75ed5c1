"""What a picture changed of a face, part by part: how far a part's points moved, and how its colour changed. Geometry
and
colours of two meshes; no model."""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from workbench.geometry import apply, umeyama
from workbench.mesh import LIPS_OUTER, OVAL, REGIONS, polygon
from workbench.values import Face

PARTS: Mapping[str, tuple[tuple[int, ...], ...]] = {
    "eyes": (REGIONS["image_left_eye"], REGIONS["image_right_eye"]),
    "brows": (REGIONS["image_left_brow"], REGIONS["image_right_brow"]),
    "nose": (REGIONS["nose"],),
    "lips": (LIPS_OUTER,),
    "outline": (OVAL,),
}
"""Paths of each part over mesh points."""

EYES = (33, 263)


@dataclass(frozen=True, slots=True)
class Change:
    """moved: mean way of the part's points, heads turned and scaled alike, in distances between the outer eye corners.
    colour: CIE 1976 difference of mean colours; 2 is just seen, 10 at a glance.
    """

    moved: float
    colour: float


def changes(before: np.ndarray, face: Face, after: np.ndarray, other: Face) -> dict[str, Change]:
    """Of every part, from a photo's face to a picture's; empty where either has no mesh."""
    if face.mesh is None or other.mesh is None:
        return {}
    first, second = face.mesh[:468].astype(np.float64), other.mesh[:468].astype(np.float64)
    scale, rotation, shift = umeyama(second, first)
    unit = max(float(np.linalg.norm(first[EYES[1]] - first[EYES[0]])), 1e-6)
    ways = np.linalg.norm(scale * second @ rotation.T + shift - first, axis=1) / unit
    found = {}
    for name, paths in PARTS.items():
        points = [point for path in paths for point in path]
        one, two = (_colour(image, mesh, paths) for image, mesh in ((before, face.mesh), (after, other.mesh)))
        found[name] = Change(float(ways[points].mean()), float(np.linalg.norm(one - two)))
    return found


def _colour(image: np.ndarray, mesh: np.ndarray, paths: tuple[tuple[int, ...], ...]) -> np.ndarray:
    """(3,) mean CIE L*a*b* of a part, on a crop of at most 160 pixels."""
    low, high = mesh[:468, :2].min(0), mesh[:468, :2].max(0)
    scale = min(1.0, 160 / max(float((high - low).max()), 1.0))
    matrix = np.array([[scale, 0, -scale * low[0]], [0, scale, -scale * low[1]]])
    size = tuple(int(x) for x in np.ceil(scale * (high - low) + 1))
    crop = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    points = apply(matrix, mesh[:468, :2].astype(np.float64))
    inside = np.zeros(crop.shape[:2], bool)
    for path in paths:
        inside |= polygon(points, path, crop.shape[:2]) > 127
    if not inside.any():
        return np.full(3, np.nan)
    lab = cv2.cvtColor(crop.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    mean: np.ndarray = lab[inside].mean(0)
    return mean
