"""Which pixel of a photo is which part of which face: every face parsed, the answers enlarged and fitted together."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import cv2
import numpy as np

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest
from workbench.geometry import apply, compose, invert
from workbench.metrics.parsing import Tally
from workbench.values import Face, FaceScores, Parsing, check_image
from workbench.watch import look

FAINT = 0.02
"""A part is enlarged only around the places where its probability is above this: elsewhere it cannot win."""


class Parser(Protocol):
    """What `parse` needs of a model."""

    spec: ModelSpec

    def __call__(self, image: np.ndarray, face: Face) -> FaceScores:
        """Part probabilities around one face of the photo."""


def parse(image: np.ndarray, parser: Parser, faces: Sequence[Face]) -> Parsing:
    """Every face's parts at the photo's size, and whose they are; what lies outside all faces' windows is background.

    Where two faces claim a pixel for a part, the higher probability counts, less the farther (in face sizes) the pixel
    is from the face. No faces: all background. Raises BadRequest for an array that is no photo, for what is no parser,
    or for more than 65,535 faces.
    """
    height, width = check_image(image).shape[:2]
    _check_parser(parser)
    if len(faces) > 65_535:
        raise BadRequest(f"Expected at most 65,535 faces, got {len(faces)}. Parse the photo in pieces.")
    labels = np.zeros((height, width), np.uint8)
    owners = np.zeros((height, width), np.uint8 if len(faces) < 256 else np.uint16)
    claims = np.zeros((height, width), np.float32) if len(faces) > 1 else None
    for number, face in enumerate(faces, start=1):
        look()
        found = parser(image, face)
        if not isinstance(found, FaceScores):
            raise BadRequest(f"Expected a parser that answers with FaceScores, got {type(found).__name__}.")
        window = _window(found, (height, width))
        if window is None:
            continue
        parts, sure = enlarge(found, window)
        taken = parts > 0
        if claims is not None:
            claim = sure * _nearness(face, window)
            taken &= claim > claims[window]
            claims[window][taken] = claim[taken]
        labels[window][taken], owners[window][taken] = parts[taken], number
    return Parsing(labels, owners, tuple(faces), parser.spec.id)


def _check_parser(parser: Any) -> None:
    if not callable(parser) or not hasattr(getattr(parser, "spec", None), "id"):
        raise BadRequest(
            f"Expected a parser: a loaded model of the task parsing, such as bench.model('compact'), got "
            f"{type(parser).__name__}."
        )


def measure(truths: Iterable[np.ndarray], predictions: Iterable[np.ndarray]) -> dict[str, Any]:
    """F1 and IoU of every part, pooled over all pictures' pixels, and the mean F1 per picture:
    `metrics_parts.Tally.figures`.

    Both give (H, W) uint8 label maps in the same order. Raises BadRequest when a pair differs in size.
    """
    tally = Tally()
    for truth, predicted in zip(truths, predictions, strict=True):
        if truth.shape != predicted.shape:
            raise BadRequest(f"Expected two label maps of one size, got {truth.shape} and {predicted.shape}.")
        tally.add(truth, predicted)
    return tally.figures()


def enlarge(found: FaceScores, window: tuple[slice, slice]) -> tuple[np.ndarray, np.ndarray]:
    """The likeliest part of every photo pixel of a window, (h, w) uint8, and its probability, (h, w) float32.

    The probabilities, not the decisions, are enlarged (bilinear), and only those of parts that win somewhere.
    """
    top, left = window[0].start, window[1].start
    shape = window[0].stop - top, window[1].stop - left
    to_grid = compose(found.matrix.astype(np.float64), np.array([[1.0, 0, left], [0, 1, top]]))
    parts = np.zeros(shape, np.uint8)
    sure = _plane(found.scores[0], to_grid, (0, 0, shape[1], shape[0]))
    for part in np.flatnonzero(np.bincount(found.scores.argmax(axis=0).ravel())):
        box = _reach(found.scores[part], to_grid, shape) if part else None
        if box is None:
            continue
        plane = _plane(found.scores[part], to_grid, box)
        here = (slice(box[1], box[3]), slice(box[0], box[2]))
        higher = plane > sure[here]
        sure[here][higher], parts[here][higher] = plane[higher], part
    parts[~_inside(found, to_grid, shape)] = 0
    return parts, sure


def _window(found: FaceScores, shape: tuple[int, int]) -> tuple[slice, slice] | None:
    """Rows and columns of the photo that the grid covers; None when it lies outside."""
    height, width = found.scores.shape[1:]
    corners = np.array([[-0.5, -0.5], [width - 0.5, -0.5], [-0.5, height - 0.5], [width - 0.5, height - 0.5]])
    return _slices(apply(invert(found.matrix.astype(np.float64)), corners), shape)


def _slices(points: np.ndarray, shape: tuple[int, int]) -> tuple[slice, slice] | None:
    left, top = np.clip(np.floor(points.min(axis=0)).astype(int), 0, shape[::-1])
    right, bottom = np.clip(np.ceil(points.max(axis=0)).astype(int) + 1, 0, shape[::-1])
    return (slice(int(top), int(bottom)), slice(int(left), int(right))) if left < right and top < bottom else None


def _reach(scores: np.ndarray, to_grid: np.ndarray, shape: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom in the window of where a part is not faint."""
    x, y, width, height = cv2.boundingRect((scores > FAINT).view(np.uint8))
    low, high = np.array([x, y]) - 1, np.array([x + width, y + height])
    corners = np.array([low, high, [low[0], high[1]], [high[0], low[1]]], np.float64)
    found = _slices(apply(invert(to_grid), corners), shape)
    return None if found is None else (found[1].start, found[0].start, found[1].stop, found[0].stop)


def _plane(scores: np.ndarray, to_grid: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """One part's probability at the photo pixels of a box, bilinear."""
    left, top, right, bottom = box
    matrix = compose(to_grid, np.array([[1.0, 0, left], [0, 1, top]]))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(
        np.ascontiguousarray(scores), matrix, (right - left, bottom - top), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )


def _inside(found: FaceScores, to_grid: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(h, w) bool: photo pixels whose centre is on the grid, which may be turned in its window."""
    height, width = found.scores.shape[1:]
    y, x = np.ogrid[: shape[0], : shape[1]]
    across, down = (row[0] * x + row[1] * y + row[2] for row in to_grid)
    inside: np.ndarray = (across >= -0.5) & (across <= width - 0.5) & (down >= -0.5) & (down <= height - 0.5)
    return inside


def _nearness(face: Face, window: tuple[slice, slice]) -> np.ndarray:
    """(h, w) float32: 1 at the middle of the face's box, 1/2 one face size away from it, less beyond."""
    y, x = np.ogrid[window[0], window[1]]
    centre = (face.box[:2] + face.box[2:]) / 2
    near: np.ndarray = 1 / (1 + ((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / face.size**2)
    return near.astype(np.float32)
