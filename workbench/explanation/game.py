"""The inpainting game: a face of which one region is another person's, so that the true answer of a map is known.

The twin is the probe with one parsed region swapped. A map that asks why the probe is its mate rather than the twin
must point at that region: the pixels it ranks first are exchanged for the twin's until the recogniser takes the face
for the twin.
Source: Williford et al., "Explainable Face Recognition" (2020), section 3; there the region is painted by a network,
here it comes from another photo by Poisson blending, and rates are given by pixels exchanged, beside the overlap.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from workbench.errors import BadRequest
from workbench.explanation.agreement import iou
from workbench.explanation.curves import ranks
from workbench.parts import INDEX
from workbench.values import Face, Parsing

LIPS = ("mouth", "upper_lip", "lower_lip")
FACE = (
    *("skin", "nose", "image_right_eye", "image_left_eye", "image_right_brow", "image_left_brow"),
    *LIPS,
)
REGIONS: dict[str, tuple[str, ...]] = {
    "brows": ("image_left_brow", "image_right_brow"),
    "image-left eye": ("image_left_eye",),
    "image-right eye": ("image_right_eye",),
    "nose": ("nose",),
    "mouth": LIPS,
    "jaw and cheeks": ("skin",),
    "left half": FACE,
    "right half": FACE,
}
"""Region to the parts it is made of; the last three are cut further, see `region_mask`."""

GROW = 0.04
"""How far a region reaches beyond its parts, as a share of the face's width, so that no old edge is left."""
NOSE_ROOT, NOSE_TIP, CHIN = 168, 1, 152
SHARES = (0.05, 0.1, 0.2)
"""Shares of the pixels exchanged at which rates are given."""


def region_mask(parsing: Parsing, face: Face, number: int, region: str) -> np.ndarray:
    """(H, W) bool: where a region of a parsed face lies. number: the face's in the parsing, from 1.

    Jaw and cheeks are the skin below the middle of the nose; halves are cut along the nose. Raises BadRequest for an
    unknown region or a face without landmarks.
    """
    if region not in REGIONS or face.mesh is None:
        raise BadRequest(f"There is no region {region!r}, or the face has no landmarks; know: {', '.join(REGIONS)}.")
    parts = np.isin(parsing.labels, [INDEX[part] for part in REGIONS[region]])
    mask = parts & (parsing.owners == number)
    rows, columns = np.mgrid[: mask.shape[0], : mask.shape[1]]
    mesh = face.mesh[:, :2].astype(np.float64)
    down = mesh[CHIN] - mesh[NOSE_ROOT]
    middle = (mesh[NOSE_ROOT] + mesh[NOSE_TIP]) / 2
    if region == "jaw and cheeks":
        mask &= (columns - middle[0]) * down[0] + (rows - middle[1]) * down[1] > 0
    if region.endswith("half"):
        side = (columns - mesh[NOSE_ROOT, 0]) * down[1] - (rows - mesh[NOSE_ROOT, 1]) * down[0]
        mask &= side < 0 if region == "left half" else side >= 0
        return mask
    reach = max(round(GROW * float(face.box[2] - face.box[0])), 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
    grown: np.ndarray = cv2.dilate(mask.astype(np.uint8), kernel) > 0
    return grown & (parsing.owners == number)


def swapped(image: np.ndarray, face: Face, mask: np.ndarray, other: np.ndarray, other_face: Face) -> np.ndarray:
    """The photo with `mask` filled from another photo, whose face is laid on this one's, blended by Poisson's equation.

    image, other: (H, W, 3) uint8 of any sizes. Raises BadRequest for an empty mask or faces without landmarks.
    Source: Pérez et al., "Poisson Image Editing" (2003).
    """
    if face.mesh is None or other_face.mesh is None or not mask.any():
        raise BadRequest("Swapping a region needs the landmarks of both faces, and a region that is there.")
    matrix = _onto(other_face.mesh[:468, :2], face.mesh[:468, :2])
    size = (image.shape[1], image.shape[0])
    moved = cv2.warpAffine(other, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inner = mask.astype(np.uint8) * 255
    inner[[0, -1]], inner[:, [0, -1]] = 0, 0
    left, top, width, height = cv2.boundingRect(inner)
    centre = (left + width // 2, top + height // 2)
    blended = cv2.seamlessClone(moved, image, inner, centre, cv2.NORMAL_CLONE)
    return np.where(mask[..., None], blended, image)


def _onto(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(2, 3): the affine map that best takes (n, 2) points onto others."""
    ones = np.concatenate([source, np.ones((len(source), 1))], axis=1).astype(np.float64)
    found, *_ = np.linalg.lstsq(ones, target.astype(np.float64), rcond=None)
    return found.T


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One round, as one recogniser sees it: chips (1, 3, S, S) of the probe, its twin, the mate and the mate's twin.

    truth: (S, S) bool, where probe and twin differ.
    """

    model: Any
    probe: Tensor
    twin: Tensor
    mate: Tensor
    mate_twin: Tensor
    truth: np.ndarray

    def is_twin(self, chips: Tensor) -> np.ndarray:
        """(N,) bool: which chips the recogniser takes for the twin: nearer to the mate's twin than to the mate."""
        with torch.inference_mode():
            vectors = self.model.forward(chips)
            mate, twin = (self.model.forward(chip) for chip in (self.mate, self.mate_twin))
            unit = torch.nn.functional.normalize
            apart = [torch.linalg.vector_norm(unit(vectors, dim=1) - unit(each, dim=1), dim=1) for each in (twin, mate)]
        return (apart[0] < apart[1]).cpu().numpy()

    @property
    def fair(self) -> bool:
        """Whether the recogniser knows the probe from its twin at all."""
        return self.is_twin(torch.cat([self.probe, self.twin])).tolist() == [False, True]


def exchanged(case: Case, heat: np.ndarray, shares: Sequence[float] = SHARES) -> Tensor:
    """(k, 3, S, S): the probe with its hottest pixels, a growing share of them, exchanged for the twin's."""
    places = torch.from_numpy(ranks(heat)).to(case.probe.device)
    return torch.cat([torch.where(places[None, None] < share, case.twin, case.probe) for share in shares])


def play(case: Case, heat: np.ndarray, shares: Sequence[float] = SHARES) -> tuple[np.ndarray, float]:
    """Whether the face is taken for the twin at each share of exchanged pixels, (k,) bool, and the map's overlap with
    the truth (`agreement.iou`). heat: (S, S)."""
    return case.is_twin(exchanged(case, heat, shares)), iou(heat, case.truth)
