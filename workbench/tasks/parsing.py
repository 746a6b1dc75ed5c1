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

LINE, ROWS = 256, 4096
"""Pixels of one row of a list that OpenCV looks up, and rows of one list: it takes fewer than 32,767."""


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

    The probabilities, not the decisions, are enlarged (bilinear); but where the four places around a pixel agree, the
    mean of their probabilities does too, so that parts are compared along their borders only.
    """
    top, left = window[0].start, window[1].start
    shape = window[0].stop - top, window[1].stop - left
    to_grid = compose(found.matrix.astype(np.float64), np.array([[1.0, 0, left], [0, 1, top]]))
    coarse, best = _likeliest(found.scores)
    parts = _warped(coarse, to_grid, shape, cv2.INTER_NEAREST)
    sure = _warped(best, to_grid, shape, cv2.INTER_LINEAR, cv2.BORDER_REPLICATE)
    to_cell = to_grid + np.array([[0, 0, 0.5]] * 2)
    border = _warped(_differing(coarse), to_cell, shape, cv2.INTER_NEAREST)
    at = np.flatnonzero(border.view(bool))
    names = np.unique(coarse)
    for first in range(0, len(at), LINE * ROWS):
        some = at[first : first + LINE * ROWS]
        parts.ravel()[some], sure.ravel()[some] = _compared(found.scores, names, to_grid, some, shape[1])
    return parts, sure


def _likeliest(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The part that wins at every place of the grid, uint8, and its probability. Four times as fast as argmax."""
    best, parts = scores[0].copy(), np.zeros(scores.shape[1:], np.uint8)
    for part in range(1, len(scores)):
        np.copyto(parts, np.uint8(part), where=scores[part] > best)
        np.maximum(best, scores[part], out=best)
    return parts, best


def _differing(coarse: np.ndarray) -> np.ndarray:
    """(h + 1, w + 1) uint8: 1 where the four places around a cell's middle are not one part; the outermost repeat."""
    grown = cv2.copyMakeBorder(coarse, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    first = grown[:-1, :-1]
    differ: np.ndarray = (first != grown[1:, :-1]) | (first != grown[:-1, 1:]) | (first != grown[1:, 1:])
    return differ.view(np.uint8)


def _warped(
    grid: np.ndarray, to_grid: np.ndarray, shape: tuple[int, int], how: int, border: int = cv2.BORDER_CONSTANT
) -> np.ndarray:
    """A grid at the photo pixels of a window; 0 off the grid, or what its nearest place is."""
    return cv2.warpAffine(grid, to_grid, shape[::-1], flags=how | cv2.WARP_INVERSE_MAP, borderMode=border)


def _compared(
    scores: np.ndarray, names: np.ndarray, to_grid: np.ndarray, at: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """The likeliest of the parts `names`, and its probability, at single pixels of a window: `at`, counted row by row.

    Off the grid: background.
    """
    y, x = np.divmod(at.astype(np.int32), np.int32(width))
    rows = -(-len(at) // LINE)  # OpenCV's pictures are not that wide
    across, down = (np.resize((row[0] * x + row[1] * y + row[2]).astype(np.float32), (rows, LINE)) for row in to_grid)
    sure, parts = np.full(across.shape, -1, np.float32), np.zeros(across.shape, np.uint8)
    for part in names:
        plane = np.ascontiguousarray(scores[part])
        here = cv2.remap(plane, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        np.copyto(parts, np.uint8(part), where=here > sure)
        np.maximum(sure, here, out=sure)
    limits = scores.shape[2] - 0.5, scores.shape[1] - 0.5
    off = (across < -0.5) | (across > limits[0]) | (down < -0.5) | (down > limits[1])
    parts[off] = 0
    return parts.ravel()[: len(at)], sure.ravel()[: len(at)]


def _window(found: FaceScores, shape: tuple[int, int]) -> tuple[slice, slice] | None:
    """Rows and columns of the photo that the grid covers; None when it lies outside."""
    height, width = found.scores.shape[1:]
    corners = np.array([[-0.5, -0.5], [width - 0.5, -0.5], [-0.5, height - 0.5], [width - 0.5, height - 0.5]])
    return _slices(apply(invert(found.matrix.astype(np.float64)), corners), shape)


def _slices(points: np.ndarray, shape: tuple[int, int]) -> tuple[slice, slice] | None:
    left, top = np.clip(np.floor(points.min(axis=0)).astype(int), 0, shape[::-1])
    right, bottom = np.clip(np.ceil(points.max(axis=0)).astype(int) + 1, 0, shape[::-1])
    return (slice(int(top), int(bottom)), slice(int(left), int(right))) if left < right and top < bottom else None


def _nearness(face: Face, window: tuple[slice, slice]) -> np.ndarray:
    """(h, w) float32: 1 at the middle of the face's box, 1/2 one face size away from it, less beyond."""
    y, x = np.ogrid[window[0], window[1]]
    centre = (face.box[:2] + face.box[2:]) / 2
    near: np.ndarray = 1 / (1 + ((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / face.size**2)
    return near.astype(np.float32)
