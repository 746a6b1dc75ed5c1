"""A mask as run lengths and as outlines, the way COCO writes them. Knows nothing of faces or files.

COCO: run lengths go down the columns and start with the zeros; outlines run along the pixels' edges, so that a single
pixel at (x, y) is the square from (x, y) to (x + 1, y + 1).
"""

import cv2
import numpy as np

RIGHT, DOWN, LEFT, UP = range(4)
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
