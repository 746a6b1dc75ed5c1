"""Masks as other tools write them: Label Studio's packed runs, COCO's counts and polygons. Pixels only, no files.

Both formats are documented by their own readers: Label Studio's brush converter (after thi.ng/rle-pack) and COCO's mask
API (Lin et al. 2014, "Microsoft COCO").
"""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from workbench.errors import StudyError

MOST_PIXELS = 25_000_000
"""Pixels of one foreign mask; whatever claims more is refused before anything is unpacked."""
_SIZES = (3, 4, 8, 16)
"""Bits in which Label Studio's runs say how long they are; each run picks the shortest that holds it."""
_HEADER = 32 + 5 + 4 * 4


def packed(mask: np.ndarray) -> list[int]:
    """(h, w) bool as Label Studio's brush `rle`: runs of an RGBA picture, drawn cells 255 in all four channels."""
    bits = [f"{4 * mask.size:032b}", f"{8 - 1:05b}", *(f"{size - 1:04b}" for size in _SIZES)]
    for value, length in _runs(np.asarray(mask, bool).ravel()):
        left = 4 * length
        while left:
            some = min(left, 1 << _SIZES[-1])
            index = next(k for k, size in enumerate(_SIZES) if some <= 1 << size)
            bits.append(f"1{index:02b}{some - 1:0{_SIZES[index]}b}{255 * value:08b}")
            left -= some
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return list(int(text, 2).to_bytes(len(text) // 8, "big"))


def unpacked(rle: Any, width: Any, height: Any) -> np.ndarray:
    """(height, width) bool from Label Studio's brush `rle`: where its alpha is not 0. Raises StudyError."""
    check_size(width, height)
    if not isinstance(rle, list) or not all(type(byte) is int and 0 <= byte <= 255 for byte in rle):
        raise StudyError("a brush's rle is a list of numbers from 0 to 255.")
    bits = "".join(f"{byte:08b}" for byte in rle)
    lengths, values = [], []
    try:
        count, word = int(bits[:32], 2), int(bits[32:37], 2) + 1
        sizes = [int(bits[at : at + 4], 2) + 1 for at in range(37, _HEADER, 4)]
        if count != 4 * width * height:
            raise StudyError(
                f"a brush's rle holds {count} values; {width} × {height} pixels have {4 * width * height}."
            )
        at, done = _HEADER, 0
        while done < count:
            size = sizes[int(bits[at + 1 : at + 3], 2)]
            some = int(bits[at + 3 : at + 3 + size], 2) + 1
            repeated, start = bits[at] == "1", at + 3 + size
            at = start + word * (1 if repeated else some)
            read = [int(bits[k : k + word], 2) for k in range(start, at, word)]
            lengths += [some] if repeated else [1] * some
            values += read
            done += some
    except (ValueError, IndexError) as error:
        raise StudyError("a brush's rle breaks off before the picture is full.") from error
    full = np.repeat(np.array(values) > 0, lengths)
    if len(full) != count:
        raise StudyError("a brush's rle runs past the end of its picture.")
    return np.asarray(full.reshape(height, width, 4)[:, :, 3])


def counts(mask: np.ndarray) -> dict[str, Any]:
    """(h, w) bool as COCO's uncompressed run lengths: column by column, outside first."""
    flat = np.asarray(mask, bool).ravel(order="F")
    lengths = [length for _, length in _runs(flat)]
    return {"size": [int(mask.shape[0]), int(mask.shape[1])], "counts": [0] * bool(len(flat) and flat[0]) + lengths}


def uncounted(segmentation: Any, width: Any, height: Any) -> np.ndarray:
    """(height, width) bool from a COCO segmentation: counts, a compressed text of them, or polygons. Raises
    StudyError."""
    check_size(width, height)
    if isinstance(segmentation, list):
        return _polygons(segmentation, width, height)
    if not isinstance(segmentation, dict) or segmentation.get("size") != [height, width]:
        raise StudyError(f"a segmentation is polygons, or runs with the size [{height}, {width}] of its picture.")
    told: Any = segmentation.get("counts")
    lengths: Any = _uncompressed(told) if isinstance(told, str) else told
    good = isinstance(lengths, list) and all(type(n) is int and 0 <= n <= width * height for n in lengths)
    if not good or sum(lengths) != width * height:
        raise StudyError(f"the runs of a segmentation do not fill its picture of {width} × {height} pixels.")
    flat = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    return np.asarray(flat.reshape(width, height).T)


def union(masks: Iterable[np.ndarray]) -> np.ndarray:
    """(h, w) bool: where any of these masks is, of which one after the other is held. Raises StudyError for other sizes
    than the first's."""
    rest = iter(masks)
    whole = next(rest).copy()
    for mask in rest:
        if mask.shape != whole.shape:
            raise StudyError("what is drawn is of pictures of different sizes.")
        whole |= mask
    return whole


def resized(mask: np.ndarray, width: int, height: int) -> np.ndarray:
    """(height, width) bool: every cell as the mask is at its middle. There and back through a larger size changes
    nothing."""
    rows = ((np.arange(height) + 0.5) * mask.shape[0] / height).astype(int)
    columns = ((np.arange(width) + 0.5) * mask.shape[1] / width).astype(int)
    return np.asarray(mask[rows][:, columns])


def is_lossy(mask: np.ndarray, width: int, height: int) -> bool:
    """Whether a mask at this size does not come back as it was: the photo has fewer pixels than the mask has cells."""
    return bool(mask.shape[0] > height or mask.shape[1] > width)


def check_size(width: Any, height: Any) -> None:
    """Raises StudyError unless these are the sides of a picture that can be held."""
    if not (type(width) is int and type(height) is int and width > 0 and height > 0 and width * height <= MOST_PIXELS):
        raise StudyError(
            f"a picture's sides are whole numbers with at most {MOST_PIXELS / 1e6:.0f} megapixels between them, got "
            f"{str(width)[:20]} and {str(height)[:20]}."
        )


def _runs(flat: np.ndarray) -> list[tuple[int, int]]:
    """(value, length) of the runs of (n,) bool."""
    edges = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1, [len(flat)]])
    return [(int(flat[a]), int(b - a)) for a, b in itertools.pairwise(edges) if b > a]


def _uncompressed(text: str) -> list[int]:
    """COCO's compressed counts: five bits a character, from 48 on, the sixth says that more follow; from the third on
    each is told by its difference to the one two before."""
    lengths: list[int] = []
    at = 0
    while at < len(text):
        value = shift = 0
        more = True
        while more and at < len(text) and shift < 40:
            code = ord(text[at]) - 48
            value |= (code & 31) << shift
            shift += 5
            more, at = bool(code & 32), at + 1
            if not more and code & 16:
                value -= 1 << shift
        lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
    return lengths


def _polygons(polygons: Sequence[Any], width: int, height: int) -> np.ndarray:
    from PIL import Image, ImageDraw

    canvas = Image.new("1", (width, height))
    for polygon in polygons:
        good = isinstance(polygon, list) and len(polygon) >= 6 and len(polygon) % 2 == 0
        if not good or not all(type(n) in (int, float) and abs(n) < 1e6 for n in polygon):
            raise StudyError("a polygon of a segmentation is a list of x and y in turn, three corners at least.")
        ImageDraw.Draw(canvas).polygon(
            [(x - 0.5, y - 0.5) for x, y in zip(polygon[::2], polygon[1::2], strict=True)], 1
        )
    return np.array(canvas, bool)
