"""Soft mattes: how much of each pixel a person, a person's hair or face covers, from parts, a person matte and edges.

The parts say what is surely inside and outside; between the two, the edge follows the photo's own colours.
"""

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest
from workbench.parts import INDEX
from workbench.values import Face, Parsing, check_image
from workbench.watch import look

_TWICE = tuple(f"image_{side}_{name}" for side in ("left", "right") for name in ("eye", "brow", "ear"))
FACE = ("skin", "nose", "eyeglasses", "mouth", "upper_lip", "lower_lip", *_TWICE)
SUBJECTS: dict[str, tuple[str, ...]] = {"person": tuple(INDEX)[1:], "hair": ("hair",), "face": FACE}
"""What can be cut out, and the parts it is made of."""

BAND, HAIR_BAND = 0.04, 0.06
"""How far from the parts' edge a pixel may be mixed, in face sizes: anywhere, and where hair ends."""

AROUND = 3.2
"""Side of the square about a face in which the person is looked for again, in face sizes: closer, so finer."""

WORK = 1400
"""The longer side, in pixels, at which edges are looked for; what is found is carried to the photo's own size."""

AGREED = (0.3, 0.7)
"""A part is the person's where the person matte says at least the first, and what is no part where it says at least the
second."""

SIGHT = 3
"""How far the edge filter looks, in bands."""

SOFTNESS = 1e-4
"""Variance of colours below which the photo counts as flat and says nothing of an edge."""


class PersonMatte(Protocol):
    """What `matte` needs of a model."""

    spec: ModelSpec

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """(H, W) float32: the probability that a pixel is a person."""


def matte(
    image: np.ndarray, parsing: Parsing, people: PersonMatte | None, subject: str = "person", face: int = 0
) -> np.ndarray:
    """(H, W) float32 in 0..1: how much of each pixel the subject covers.

    subject: "person" (which asks `people`, as parts end at the shoulders), "hair" or "face". face: whose, from 1; 0 for
    all. Edges: guided filter (He, Sun, Tang, PAMI 2013; its fast form, arXiv 1505.00996) between what is surely inside
    and surely outside. Raises BadRequest for another subject or face, or for sizes that differ.
    """
    if subject not in SUBJECTS:
        raise BadRequest(f"Expected one of {', '.join(SUBJECTS)} to cut out, got {str(subject)[:40]!r}.")
    if check_image(image).shape[:2] != parsing.labels.shape:
        raise BadRequest(f"Expected a photo as large as its parsing, {parsing.labels.shape}, got {image.shape[:2]}.")
    if not isinstance(face, int) or not 0 <= face <= len(parsing.faces):
        raise BadRequest(f"There is no face {str(face)[:12]} in this photo: it has {len(parsing.faces)}.")
    parts = np.isin(parsing.labels, [INDEX[name] for name in SUBJECTS[subject]])
    if face:
        parts &= parsing.owners == face
    inside = parts
    if subject == "person":
        if people is None:
            raise BadRequest("A person is cut out with the person matte, which is not here.")
        likely = _people(image, people, parsing.faces, face)
        inside = _touching(np.where(parts, likely > AGREED[0], likely > AGREED[1]), parts)
    if not inside.any():
        return np.zeros(inside.shape, np.float32)
    unit = float(np.median([each.size for each in parsing.faces])) if parsing.faces else max(inside.shape) / 3
    return _edged(image, inside, parsing.labels == INDEX["hair"], unit, sharp=subject == "face")


def _touching(inside: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """The pieces of a mask that hold much of the parts: no stranger behind, no crumbs."""
    count, pieces = cv2.connectedComponents(inside.astype(np.uint8))
    held = np.bincount(pieces[parts & inside], minlength=count)
    kept = held > 0.2 * held[1:].max(initial=0)
    kept[0] = False
    return np.asarray(kept[pieces])


def _people(image: np.ndarray, people: PersonMatte, faces: Sequence[Face], only: int) -> np.ndarray:
    """(H, W) float32: the person probability of the whole photo, seen closer about each face; with `only`, about that
    face alone."""
    found = np.zeros(image.shape[:2], np.float32) if only else people(image)
    for number, face in enumerate(faces, start=1):
        if only not in (0, number):
            continue
        look()
        centre, half = (face.box[:2] + face.box[2:]) / 2 + [0, face.size * 0.35], AROUND * face.size / 2
        left, top = np.clip(np.round(centre - half), 0, None).astype(int)
        right, bottom = np.clip(np.round(centre + half), 1, image.shape[1::-1]).astype(int)
        closer = people(np.ascontiguousarray(image[top:bottom, left:right]))
        trust = _inner(closer.shape, (left > 0, top > 0, right < image.shape[1], bottom < image.shape[0]))
        here = (slice(top, bottom), slice(left, right))
        found[here] = closer * trust + found[here] * (1 - trust)
    return found


def _inner(shape: tuple[int, ...], fades: tuple[bool, bool, bool, bool]) -> np.ndarray:
    """(h, w) float32: 1, falling to 0 over a tenth of the square towards the left, top, right and bottom, if asked."""
    weights = []
    for size, low, high in ((shape[1], fades[0], fades[2]), (shape[0], fades[1], fades[3])):
        along = (np.arange(size, dtype=np.float32) + 0.5) / (0.1 * size)
        weights.append(
            np.minimum(along if low else 1, along[::-1] if high else 1).clip(0, 1) * np.ones(size, np.float32)
        )
    return np.minimum(weights[0][None], weights[1][:, None])


def _edged(image: np.ndarray, inside: np.ndarray, hair: np.ndarray, unit: float, sharp: bool) -> np.ndarray:
    """The mask with soft edges where the photo's are."""
    rows, columns = _around(inside, round(unit * HAIR_BAND * 2) + 4)
    scale = min(1.0, WORK / max(rows.stop - rows.start, columns.stop - columns.start))
    size = tuple(max(1, round((cut.stop - cut.start) * scale)) for cut in (columns, rows))
    photo = np.ascontiguousarray(image[rows, columns])
    small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA) if scale < 1 else photo
    mask, locks = (_resized(each[rows, columns], size) for each in (inside, hair))
    wide = 0.5 if sharp else 1.0
    near, far = (max(1, round(unit * scale * band * wide)) for band in (BAND, HAIR_BAND))
    sure, gone = _sure(mask, locks, near, near if sharp else far)
    slope, level = _guided(small, mask.astype(np.float32), max(2, SIGHT * near), SOFTNESS)
    slope = cv2.resize(slope, photo.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    level = cv2.resize(level, photo.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    soft = (slope * (photo.astype(np.float32) / 255)).sum(axis=2) + level
    alpha = np.zeros(image.shape[:2], np.float32)
    gone_here, sure_here = (_resized(each, photo.shape[1::-1]) for each in (gone, sure))
    alpha[rows, columns] = np.where(sure_here, 1, np.where(gone_here, 0, _spread(soft)))
    return alpha


def _spread(soft: np.ndarray) -> np.ndarray:
    """A filtered mask that reaches 0 and 1 again."""
    return np.clip((soft - 0.05) / 0.9, 0, 1)


def _sure(mask: np.ndarray, hair: np.ndarray, near: int, far: int) -> tuple[np.ndarray, np.ndarray]:
    """What is surely inside and surely outside: at least `near` from the edge, or `far` from one of hair."""
    inner = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3)
    outer = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3)
    locks = cv2.dilate(hair.astype(np.uint8), np.ones((2 * far + 1, 2 * far + 1), np.uint8)) > 0
    width = np.where(locks, far, near)
    return inner > width * 0.75, outer > width


def _guided(guide: np.ndarray, plane: np.ndarray, radius: int, softness: float) -> tuple[np.ndarray, np.ndarray]:
    """(h, w, 3) and (h, w) float32: slope and level that tell the plane from the guide's colours (eq. 19 there)."""
    size = (2 * radius + 1, 2 * radius + 1)

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.blur(values, size, borderType=cv2.BORDER_REFLECT)

    colours = guide.astype(np.float32) / 255
    middle, level = mean(colours), mean(plane)
    pairs = [(i, j) for i in range(3) for j in range(i, 3)]
    spread = np.empty((*plane.shape, 3, 3), np.float32)
    for i, j in pairs:
        both = mean(colours[..., i] * colours[..., j]) - middle[..., i] * middle[..., j]
        spread[..., i, j] = spread[..., j, i] = both + (softness if i == j else 0)
    together = mean(colours * plane[..., None]) - middle * level[..., None]
    slope = np.linalg.solve(spread, together[..., None])[..., 0].astype(np.float32)
    offset = level - (slope * middle).sum(axis=2)
    return mean(slope), mean(offset)


def _resized(mask: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """A mask at another (width, height), its edge where it was."""
    if mask.shape == size[::-1]:
        return mask
    shrinks = size[0] < mask.shape[1]
    filter = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(mask.astype(np.float32), size, interpolation=filter) > 0.5


def _around(mask: np.ndarray, margin: int) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        slice(max(int(rows[0]) - margin, 0), min(int(rows[-1]) + 1 + margin, mask.shape[0])),
        slice(max(int(columns[0]) - margin, 0), min(int(columns[-1]) + 1 + margin, mask.shape[1])),
    )
