"""The mesh parser: parts of a face from its mesh, a person matte and a colour model of this one photo. Nothing was
trained.

The mesh says where eyes, brows, nose and lips are. Skin, hair, ears, neck and clothes each start as a place in the
face's own frame; the colours found there tell more of them, twice over; a guided filter (He et al., PAMI 2013) settles
their edges on the photo's. Glasses, hats and jewellery it cannot see.
"""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from workbench import mesh as mesh_regions
from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest
from workbench.images import aligned, apply, celeba_quad, stretch, warp
from workbench.models.parsers.selfie import Matte
from workbench.parts import INDEX, PARTS
from workbench.values import Face, FaceScores, check_image

SIDE = 256
MARGIN = 48
"""Side of the grid that shows the CelebA-HQ square, and how much more is looked at on every side where the photo has
it."""

AREAS = ("background", "skin", "hair", "neck", "cloth", "image_left_ear", "image_right_ear")
"""What the colours decide between; the rest comes from the mesh."""

BINS = 12
"""Steps of each colour axis in the histograms."""

ROUNDS = 2

# fmt: off
NOSE = (168, 193, 245, 188, 174, 198, 131, 48, 64, 98, 97, 2, 326, 327, 294, 278, 360, 420, 399, 412, 465, 417)
# fmt: on
REGIONS = mesh_regions.REGIONS | {"nose": NOSE}
"""The outlines painted, with a broader bridge of the nose than the one the compact parser reads."""

NUDGE = {"brow": 0.005, "lip": 0.006, "mouth": 0.003}
"""How far below the mesh's outline these parts lie, in face heights; medians over portraits."""


class MeshParser:
    """One face at a time: `parser(image, face)`."""

    def __init__(self, spec: ModelSpec, matte: Matte) -> None:
        self.spec = spec
        self._matte = matte

    def __call__(self, image: np.ndarray, face: Face) -> FaceScores:
        """Part probabilities around one face. Raises BadRequest for a face without landmarks and for an array that is
        no photo."""
        if face.mesh is None:
            raise BadRequest(
                "The mesh parser needs a face with landmarks, got one without. Use the compact parser, or a sharper photo."  # noqa: E501
            )
        matrix, side = _grid(face, check_image(image).shape)
        crop = warp(image, matrix, (side, side))
        points = apply(matrix, face.mesh[:, :2].astype(np.float64))
        areas = self._areas(crop, points)
        return FaceScores(_with_features(areas, points, crop), matrix.astype(np.float32))

    def raw(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """`matte`: (256, 256) float32 person probability of the picture stretched to a square; the mesh is the
        detector's to give."""
        return self._matte.raw(image)

    def _areas(self, crop: np.ndarray, points: np.ndarray) -> dict[str, np.ndarray]:
        """(h, w) float32 probability of each of `AREAS`, summing to 1."""
        person = self._matte(crop)
        places = prior(points, person)
        colours = _colours(crop)
        likely = places * _sure_places(points, person.shape)
        for _ in range(ROUNDS):
            likely = places * _colour_evidence(colours, likely)
            likely /= likely.sum(axis=0) + 1e-9
            places = _with_long_hair(places, likely, points)
        smooth = np.stack([guided_filter(crop, plane) for plane in likely]).clip(1e-6, 1)
        return dict(zip(AREAS, smooth / smooth.sum(axis=0), strict=True))


def prior(points: np.ndarray, person: np.ndarray) -> np.ndarray:
    """(7, h, w) float32: how likely each of `AREAS` is at each place, from the face's frame and the matte; colours
    unseen."""
    across, down = mesh_regions.place(points, person.shape)
    width = float(np.linalg.norm(points[454, :2] - points[234, :2])) / 2
    face = mesh_regions.signed_distance(mesh_regions.polygon(points, mesh_regions.OVAL, person.shape)) / max(width, 1.0)
    side = np.abs(across)
    within = _rise(face, 0.0, 0.05)
    # Fringes fall over the forehead and temples, never over the middle of the face.
    fringe = _rise(-down, 0.35, 0.12) + 0.5 * _rise(side, 0.8, 0.08)
    neck = (
        _rise(down, 0.75, 0.12) * _rise(-side, -0.75 - 0.35 * np.clip(down - 1, 0, 1), 0.12) * _rise(-down, -2.0, 0.3)
    )
    neck = np.maximum(neck, 0.2 * _rise(down, 1.1, 0.1))
    forehead = _rise(down, -1.28, 0.06) * _rise(-side, -0.75, 0.1) * (1 - within) * (down < 0)
    cloth = _rise(down, 1.05 + 0.3 * np.exp(-((side / 0.6) ** 2)), 0.15)
    around = _rise(-down, -0.7, 0.35) + 0.45 * _rise(side, 0.75, 0.15) * _rise(-down, -1.15, 0.25)
    turned = _turn(points)
    # The nearer ear stands off the outline, the farther one hides behind it.
    at = 1.08 - 0.45 * turned * np.sign(across)
    ear = 2.0 * np.exp(-(((side - at) / 0.16) ** 2) - ((down - 0.05) / 0.38) ** 2) * (1 - within)
    planes = {
        "background": np.where(face > -0.02, 0.0, 1.0) * (1 - person) * 2 + 0.01,
        "skin": within * (1 - 0.45 * fringe.clip(0, 1))
        + 0.5 * forehead * (down < 0)
        + 0.25 * _rise(face, -0.16, 0.04) * _rise(-down, -1.0, 0.1),
        "hair": ((1 - within) * around + 0.45 * within * fringe.clip(0, 1)) * person,
        "neck": 1.5 * neck * (1 - within) * person,
        "cloth": 1.6 * cloth * (1 - within) * person,
        "image_left_ear": ear * (across < 0) * person * float(np.clip(1.6 + 4.0 * turned, 0, 1.6)),
        "image_right_ear": ear * (across > 0) * person * float(np.clip(1.6 - 4.0 * turned, 0, 1.6)),
    }
    stacked = np.stack([planes[name] for name in AREAS]).astype(np.float32).clip(1e-4, None)
    normal: np.ndarray = stacked / stacked.sum(axis=0)
    return normal


def _sure_places(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(7, h, w) float32, 0..1: where an area's first colours are taken from; hair not beside the jaw, where much else
    may be."""
    _, down = mesh_regions.place(points, shape)
    sure = np.ones((len(AREAS), *shape), np.float32)
    sure[AREAS.index("hair")] = _rise(-down, 0.1, 0.2)
    return sure


def _with_long_hair(places: np.ndarray, likely: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The prior once it is seen whether hair falls beside the jaw: then it goes on below, and clothes begin under
    it."""
    across, down = mesh_regions.place(points, places.shape[1:])
    side = np.abs(across)
    beside = (down > 0.55) & (down < 1.0) & (side > 1.0) & (side < 1.45)
    length = float(likely[AREAS.index("hair")][beside].mean()) if beside.any() else 0.0
    below = _rise(down, 0.9, 0.15) * _rise(side, 0.45, 0.15)
    changed = places.copy()
    changed[AREAS.index("hair")] *= 1 + below * (3.0 * length - 0.9)
    changed[AREAS.index("cloth")] *= 1 + below * (0.8 - 1.6 * length)
    normal: np.ndarray = changed / changed.sum(axis=0)
    return normal


def guided_filter(guide: np.ndarray, plane: np.ndarray, radius: int = 6, softness: float = 2e-3) -> np.ndarray:
    """The plane with its edges moved onto those of the guide's brightness. He, Sun, Tang, "Guided image filtering",
    PAMI 2013, alg. 1.

    guide: (h, w, 3) uint8. plane: (h, w) float32. softness: the variance below which the guide counts as flat.
    """
    grey = cv2.cvtColor(guide, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    size = (2 * radius + 1, 2 * radius + 1)
    mean, target = cv2.blur(grey, size), cv2.blur(plane, size)
    slope = (cv2.blur(grey * plane, size) - mean * target) / (cv2.blur(grey * grey, size) - mean * mean + softness)
    offset = target - slope * mean
    filtered: np.ndarray = cv2.blur(slope, size) * grey + cv2.blur(offset, size)
    return filtered


def _grid(face: Face, shape: tuple[int, ...]) -> tuple[np.ndarray, int]:
    """The matrix to the grid, and its side: the whole photo if it is an aligned crop, else the CelebA-HQ square and a
    margin."""
    quad = celeba_quad(face.points, SIDE)
    if aligned(quad, shape, SIDE):
        return stretch(shape, SIDE), SIDE
    return quad + np.array([[0, 0, MARGIN]] * 2), SIDE + 2 * MARGIN


def _rise(values: np.ndarray, middle: float | np.ndarray, width: float) -> np.ndarray:
    """From 0 to 1 around `middle`."""
    rise: np.ndarray = 1 / (1 + np.exp(-np.clip((values - middle) / width * 2, -30, 30)))
    return rise


def _turn(points: np.ndarray) -> float:
    """Where the nose tip lies between the cheeks, -1 (image left) to 1: which ear is hidden."""
    low, high, tip = points[234], points[454], points[1]
    along = high - low
    return float(np.clip(2 * np.dot(tip - low, along) / max(np.dot(along, along), 1e-6) - 1, -1, 1))


def _colours(crop: np.ndarray) -> np.ndarray:
    """(h, w) int: the histogram cell of each pixel's colour in CIE Lab, where chroma is stretched because skin and hair
    differ in it."""
    lab = cv2.cvtColor(cv2.GaussianBlur(crop, (0, 0), 1.0), cv2.COLOR_RGB2LAB).astype(np.float32)
    light = lab[..., 0] / 256
    red, yellow = ((lab[..., axis] - 128) / 96 + 0.5 for axis in (1, 2))
    cells = [np.clip(value * BINS, 0, BINS - 1).astype(np.int64) for value in (light, red, yellow)]
    index: np.ndarray = (cells[0] * BINS + cells[1]) * BINS + cells[2]
    return index


def _colour_evidence(cells: np.ndarray, likely: np.ndarray) -> np.ndarray:
    """(7, h, w): how much the photo's own colours speak for each area, given where they are thought to be."""
    evidence = np.empty_like(likely)
    for number, plane in enumerate(likely):
        sure = np.where(plane > 0.5, plane, 0)
        counts = np.bincount(cells.ravel(), sure.ravel(), BINS**3).reshape(BINS, BINS, BINS).astype(np.float32)
        spread = _blurred(counts)
        evidence[number] = (spread / max(spread.sum(), 1e-6) + 2e-4).ravel()[cells]
    skin, neck = AREAS.index("skin"), AREAS.index("neck")
    evidence[neck] = (evidence[neck] + evidence[skin]) / 2
    evidence[[AREAS.index("image_left_ear"), AREAS.index("image_right_ear")]] = evidence[skin]
    return evidence


def _blurred(counts: np.ndarray) -> np.ndarray:
    """A histogram blurred by about one cell along each axis."""
    for axis in range(3):
        moved = np.moveaxis(counts, axis, 0)
        padded = np.concatenate([moved[:1], moved, moved[-1:]])
        counts = np.moveaxis(0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:], 0, axis)
    return counts


def _with_features(areas: dict[str, np.ndarray], points: np.ndarray, crop: np.ndarray) -> np.ndarray:
    """(19, h, w) float32: the areas, and over them what the mesh draws."""
    shape = crop.shape[:2]
    scores = np.zeros((len(PARTS), *shape), np.float32)
    for name, plane in areas.items():
        scores[INDEX[name]] = plane
    for name, mask in feature_masks(points, crop).items():
        scores *= 1 - mask
        scores[INDEX[name]] += mask
    return scores / scores.sum(axis=0)


def feature_masks(points: np.ndarray, crop: np.ndarray) -> dict[str, np.ndarray]:
    """(h, w) float32, 0..1, of every part the mesh outlines, in the order they are painted."""
    shape = crop.shape[:2]
    upright = points[152] - points[10]
    masks = {}
    for name, path in REGIONS.items():
        moved = points + NUDGE.get(name.rpartition("_")[2], 0.0) * upright
        masks[name] = mesh_regions.polygon(moved, path, shape).astype(np.float32) / 255
    gap, width = np.linalg.norm(points[13] - points[14]), np.linalg.norm(points[61] - points[291])
    if gap < 0.03 * width:
        masks["mouth"] *= 0
    for name in ("image_left_brow", "image_right_brow"):
        masks[name] = _darker(crop, masks[name], float(np.linalg.norm(upright)))
    return masks


def _darker(crop: np.ndarray, mask: np.ndarray, height: float) -> np.ndarray:
    """A brow's outline, widened, where the photo is darker than the skin around it."""
    reach = 2 * max(round(height * 0.012), 1) + 1
    wide = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    around = cv2.dilate(wide, np.ones((reach, reach), np.uint8)) > 0.5
    if not (wide > 0.5).any():
        return mask
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    inside, outside = np.median(grey[mask > 0.5]) if (mask > 0.5).any() else 0.0, np.median(grey[around & (wide < 0.5)])
    contrast = outside - inside
    if contrast < 8:
        return mask
    dark = _rise(-grey, -(outside - 0.35 * contrast), 0.25 * contrast)
    darker: np.ndarray = np.clip(wide * dark + 0.35 * mask, 0, 1).astype(np.float32)
    return darker


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> MeshParser:
    """The parser. files: `matte`. It runs on the processor whatever the device. Raises BadWeights for a damaged
    file."""
    return MeshParser(spec, Matte(files["matte"]))
