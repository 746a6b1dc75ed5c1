"""A mask as run lengths and as outlines, the way COCO writes them. Knows nothing of faces or files.

COCO: run lengths go down the columns and start with the zeros; outlines run along the pixels' edges, so that a single
pixel at (x, y) is the square from (x, y) to (x + 1, y + 1).
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from workbench.errors import BadRequest

RIGHT, DOWN, LEFT, UP = range(4)
MOST_CORNERS = 100_000
"""Of one outline that is read."""
_STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))


def run_lengths(mask: np.ndarray) -> list[int]:
    """Lengths of the runs of zeros and ones in turn, down the columns, zeros first (perhaps none)."""
    flat = np.asarray(mask, bool).ravel(order="F")
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return [0, *lengths] if flat.size and flat[0] else lengths


def compressed_rle(mask: np.ndarray) -> str:
    """The run lengths as COCO's text: from the fourth on as differences to the last but one, five bits per
    character."""
    lengths = run_lengths(mask)
    text = []
    for place, length in enumerate(lengths):
        rest = length - lengths[place - 2] if place > 2 else length
        more = True
        while more:
            bits, rest = rest & 31, rest >> 5
            more = rest != (-1 if bits & 16 else 0)
            text.append(chr(48 + bits + (32 if more else 0)))
    return "".join(text)


def uncompressed(counts: Any, shape: tuple[int, ...]) -> np.ndarray:
    """(H, W) bool: the mask of run lengths, COCO's text or a list. Raises BadRequest for those of another size."""
    lengths = _lengths(counts) if isinstance(counts, str) else counts
    whole = isinstance(lengths, list) and all(isinstance(n, int) and 0 <= n <= shape[0] * shape[1] for n in lengths)
    if not whole or sum(lengths) != shape[0] * shape[1]:
        raise BadRequest(f"The run lengths of a mask do not fill its photo of {shape[1]} × {shape[0]} pixels.")
    flat = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    return flat.reshape(shape[1], shape[0]).T


def _lengths(text: str) -> list[int]:
    lengths: list[int] = []
    value = place = 0
    for letter in text:
        bits = ord(letter) - 48
        if not 0 <= bits < 64 or place > 40:
            raise BadRequest("The run lengths of a mask are damaged.")
        value |= (bits & 31) << place
        place += 5
        if not bits & 32:
            value -= (1 << place) if bits & 16 else 0
            lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
            value = place = 0
    return lengths


def filled(outlines: Sequence[Sequence[float]], shape: tuple[int, ...]) -> np.ndarray:
    """(H, W) bool: the pixels whose centres lie in COCO outlines, [x, y, x, y, ...] each. Raises BadRequest."""
    mask = np.zeros(shape, np.uint8)
    for outline in outlines:
        points = np.asarray(outline, np.float64).reshape(-1, 2)
        if not 3 <= len(points) <= MOST_CORNERS or not np.isfinite(points).all() or np.abs(points).max() > 1e5:
            raise BadRequest(f"An outline of a mask needs 3 to {MOST_CORNERS} points, within reach of its photo.")
        mask |= _inside(points, shape)
    return mask > 0


def _inside(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(H, W) uint8: even-odd rule at pixel centres, row by row."""
    out = np.zeros((shape[0], shape[1] + 1), np.int32)
    ends = np.roll(points, -1, axis=0)
    for (x0, y0), (x1, y1) in zip(points, ends, strict=True):
        if y0 == y1:
            continue
        low, high = min(y0, y1), max(y0, y1)
        rows = np.arange(max(int(np.ceil(low - 0.5)), 0), min(int(np.ceil(high - 0.5)), shape[0]))
        crossing = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
        np.add.at(out, (rows, np.clip(np.ceil(crossing - 0.5), 0, shape[1]).astype(int)), 1)
    return (out.cumsum(axis=1)[:, :-1] % 2).astype(np.uint8)


def polygons(mask: np.ndarray) -> list[np.ndarray]:
    """Outlines, each (n, 2) integers x, y, that together fill exactly the mask.

    An outline cannot have holes: a piece with some is cut in two through one of them, until none is left.
    """
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(np.asarray(mask, np.uint8), connectivity=4)
    found: list[np.ndarray] = []
    for number in range(1, count):
        left, top, width, height = (int(n) for n in stats[number, :4])
        corner = np.array([left, top])
        found += [corner + outline for outline in _solid(pieces[top : top + height, left : left + width] == number)]
    return found


def _solid(piece: np.ndarray) -> list[np.ndarray]:
    """Outlines of one connected piece that fills its array from edge to edge."""
    hole = _row_through_a_hole(piece)
    if hole is None:
        return [_outline(piece)]
    return [*polygons(piece[:hole]), *(np.array([0, hole]) + outline for outline in polygons(piece[hole:]))]


def _row_through_a_hole(piece: np.ndarray) -> int | None:
    """A row to cut at so that a hole is opened; None when there is no hole."""
    outside = np.pad(~piece, 1, constant_values=True).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(outside, connectivity=8)
    if count <= 2:
        return None
    holes = stats[1:][stats[1:, cv2.CC_STAT_LEFT] > 0]  # only what is outside touches the padding at column 0
    cuts = holes[:, cv2.CC_STAT_TOP] - 1 + (holes[:, cv2.CC_STAT_HEIGHT] + 1) // 2
    return int(cuts[np.abs(cuts - len(piece) / 2).argmin()])  # near the middle, so that cutting does not go deep


def _outline(piece: np.ndarray) -> np.ndarray:
    """The corners of a piece without holes, clockwise, from its first top-left pixel.

    Every pixel edge between inside and outside is walked with the inside on the right; where two pixels touch only at a
    corner, the walk stays with the pixel it came along.
    """
    edges = _edges(piece)
    start = (int(np.flatnonzero(piece[0])[0]), 0)
    here, heading, corners = start, RIGHT, [start]
    while True:
        x, y = here[0] + _STEPS[heading][0], here[1] + _STEPS[heading][1]
        here = (x, y)
        turned = next(h for h in ((heading + 1) % 4, heading, (heading + 3) % 4) if edges[h][y, x])
        if here == start and turned == RIGHT:
            return np.array(corners, np.int64)
        if turned != heading:
            corners.append(here)
        heading = turned


def _edges(piece: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """For each heading, at [y, x] of the corner it starts from: is there an edge that way, inside on the right?"""
    inside = np.pad(piece, 1)
    height, width = piece.shape
    north_west, north_east = inside[: height + 1, : width + 1], inside[: height + 1, 1:]
    south_west, south_east = inside[1:, : width + 1], inside[1:, 1:]
    return south_east & ~north_east, south_west & ~south_east, north_west & ~south_west, north_east & ~north_west
