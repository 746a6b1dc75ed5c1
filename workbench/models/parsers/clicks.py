"""Clicks that mend a part: one look at a face with the compact parser, then a small network per click.

The network sees a window around the clicked piece of the part, so that an ear is seen as finely as a head of hair.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import torch
from torch import Tensor

from workbench.catalog.spec import ModelSpec
from workbench.geometry import apply, compose, invert
from workbench.models.blocks.precision import fast_bfloat16
from workbench.models.files import checkpoint
from workbench.models.parsers import compact_parser
from workbench.models.parsers.click_network import DOTS, FLOODED, SIDE, ClickNetwork, marks, windows
from workbench.models.parsers.compact_network import fused
from workbench.models.parsers.compact_parser import CompactParser
from workbench.models.parsers.flooding import grown
from workbench.parts import INDEX
from workbench.values import Face, FaceFeatures

WIDE = ("skin", "hair", "hat", "cloth", "neck")
"""Parts that are large: where nothing of one is there yet, a click on it is seen in a larger window."""

HEEDED = ("image_left_eye", "image_right_eye", "mouth", "upper_lip", "lower_lip", "neck")
"""Parts whose shape the network knows better than flooding along the picture's edges finds it: chosen on half of the
validation pictures. Of the others it is asked while nothing of them is marked yet."""

NEAR = 12
"""What the network changes counts where it begins within so many cells of the click."""

LIKELY = 0.15
"""Where the parser finds a part at least so likely, the window of a first click takes it in."""


class ClickModel:
    """One click after another: `look` once, then call it."""

    def __init__(self, spec: ModelSpec, parser: CompactParser, network: ClickNetwork, device: str) -> None:
        self.spec = spec
        self._parser, self._device = parser, device
        self._dtype = torch.bfloat16 if fast_bfloat16(device) else torch.float32
        self._network = fused(network).to(device=device, dtype=self._dtype, memory_format=torch.channels_last)

    def look(self, image: np.ndarray, face: Face) -> FaceFeatures:
        """What the clicks of one face share."""
        return self._parser.look(image, face)

    def __call__(
        self,
        image: np.ndarray,
        features: FaceFeatures,
        part: str,
        mask: np.ndarray,
        clicks: Sequence[tuple[int, int, int]],
    ) -> np.ndarray:
        """(H, W) bool: the part after the clicks (x, y in photo pixels and 1 or -1), the last one newest."""
        flooded = grown(image, mask, clicks)
        if part not in HEEDED and mask.any():
            return flooded
        to_grid = features.scores.matrix.astype(np.float64)
        places = apply(to_grid, np.array([click[:2] for click in clicks], np.float64))
        box = _box(mask, to_grid, clicks[-1], features.scores.scores[INDEX[part]], part in WIDE)
        near = np.array(((places >= box[:2]) & (places <= box[2:])).all(axis=1))
        near[-1] = True
        box = np.concatenate([np.minimum(box[:2], places[-1]), np.maximum(box[2:], places[-1])])
        cells = around(box, min(features.grid.shape[1:]))
        frame = compose(invert(to_grid), cells)
        likely = torch.from_numpy(features.scores.scores)
        grid = torch.from_numpy(features.grid)
        own, known = window_input(image, grid, likely, [INDEX[part]], mask[None], frame[None], cells[None])
        at = apply(invert(cells), places[near])
        signs = np.array([click[2] for click in clicks], np.float32)[near, None]
        own[:, DOTS : DOTS + 4] = marks(torch.from_numpy(np.concatenate([at, signs], axis=1).astype(np.float32))[None])
        start = _seen(flooded.view(np.uint8) * 255, frame, cv2.BORDER_CONSTANT) > 127
        own[:, FLOODED] = torch.from_numpy(start.astype(np.float32))
        return changed(flooded, start, self._chance(own, known), frame, clicks[-1])

    @torch.inference_mode()
    def _chance(self, own: Tensor, known: Tensor) -> np.ndarray:
        put = {"device": self._device, "dtype": self._dtype, "memory_format": torch.channels_last}
        logits = self._network(own.to(**put), known.to(**put))
        return cast(np.ndarray, logits[0, 0].float().sigmoid().cpu().numpy())


def changed(
    flooded: np.ndarray, start: np.ndarray, chance: np.ndarray, frame: np.ndarray, click: tuple[int, int, int]
) -> np.ndarray:
    """(H, W) bool: the flooded mask, otherwise where the network thinks otherwise; the click itself is always heeded.

    start, chance: (n, n), the flooded mask in the window (bool) and what the network makes of it (float32). frame:
    (2, 3) from the window's cells to pixels. Where the two agree the photo's own pixels stay as they are.
    """
    rows, columns = _reach(frame, flooded.shape, len(start))
    inner = compose(invert(frame), np.array([[1.0, 0, columns.start], [0, 1, rows.start]]))
    size = (columns.stop - columns.start, rows.stop - rows.start)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    other = ((chance > 0.5) != start).astype(np.float32)
    near = cv2.dilate(other, np.ones((3, 3), np.uint8))
    seen, reached = (cv2.warpAffine(each, inner, size, flags=flags) for each in (chance, near))
    new, here = flooded.copy(), flooded[rows, columns]
    reach = NEAR * float(np.sqrt(abs(np.linalg.det(frame[:, :2]))))
    place = (click[0] - columns.start, click[1] - rows.start)
    new[rows, columns] = _near(np.where(reached > 0.5, seen > 0.5, here), here, place, reach)
    new[click[1], click[0]] = click[2] > 0
    return new


def _near(new: np.ndarray, flooded: np.ndarray, place: tuple[int, int], reach: float) -> np.ndarray:
    """The new mask where what it changes hangs together with the click; elsewhere the flooded one (progressive merge,
    Chen et al., FocalClick, arXiv 2204.02574)."""
    other = (new != flooded).astype(np.uint8)
    _, pieces = cv2.connectedComponents(cv2.dilate(other, np.ones((3, 3), np.uint8)))
    dot = cv2.circle(np.zeros(other.shape, np.uint8), place, max(round(reach), 3), 1, -1)
    hang = np.unique(pieces[dot > 0])
    return np.where((other > 0) & ~np.isin(pieces, hang[hang > 0]), flooded, new)


def _box(
    mask: np.ndarray, to_grid: np.ndarray, click: tuple[int, int, int], likely: np.ndarray, wide: bool
) -> np.ndarray:
    """(4,) on the grid: around the piece of the part that the click is about, or where the part may be."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count > 1:
        boxes = stats[1:, :4].astype(np.float64)
        far = np.maximum(boxes[:, :2] - click[:2], click[:2] - boxes[:, :2] - boxes[:, 2:]).max(axis=1)
        nearest = int(np.argmin(np.maximum(far, 0) - 1e-3 * np.sqrt(stats[1:, 4])))
        left, top, width, height = boxes[nearest]
        if far[nearest] < max(width, height):
            corners = np.array([[left, top], [left + width, top], [left, top + height], [left + width, top + height]])
            points = apply(to_grid, corners - 0.5)
            return np.concatenate([points.min(axis=0), points.max(axis=0)])
    return _guess(likely, apply(to_grid, np.array([click[:2]], np.float64))[0], wide)


def _guess(likely: np.ndarray, place: np.ndarray, wide: bool) -> np.ndarray:
    """(4,) on the grid: where a part may be that has no mask near the click."""
    x, y = np.clip(np.round(place).astype(int), 0, np.array(likely.shape[::-1]) - 1)
    _, pieces, stats, _ = cv2.connectedComponentsWithStats((likely > LIKELY).astype(np.uint8))
    if pieces[y, x]:
        left, top, width, height = stats[pieces[y, x], :4]
        return np.array([left, top, left + width, top + height], np.float64)
    half = min(likely.shape) * (0.3 if wide else 0.08)
    return np.concatenate([place - half, place + half])


def around(box: np.ndarray, photo: int, side: int = SIDE, smallest: float = 1 / 14) -> np.ndarray:
    """(2, 3) from the cells of a `side` × `side` window to pixels: the square around a box and a quarter more each way.

    box: (4,) left, top, right, bottom in pixels. photo: a length that says how small the window may get.
    """
    middle = (box[:2] + box[2:]) / 2
    size = max(float((box[2:] - box[:2]).max()) * 1.5, photo * smallest, 8.0)
    scale = size / side
    corner = middle - size / 2 + scale / 2
    return np.array([[scale, 0, corner[0]], [0, scale, corner[1]]])


def window_input(
    colours: np.ndarray,
    grid: Tensor,
    likely: Tensor,
    parts: Sequence[int] | np.ndarray,
    masks: np.ndarray,
    frames: np.ndarray,
    cells: np.ndarray,
) -> tuple[Tensor, Tensor]:
    """What the network reads of n windows, without clicks: (n, 10, 128, 128) and the features (n, 32, 64, 64).

    colours: (h, w, 3). grid, likely: (32 and 19, g, g). masks: (n, h, w) bool. frames, cells: (n, 2, 3) from window
    cells to pixels of the colours and to places of the grid.
    """
    fine = torch.from_numpy(np.asarray(cells, np.float32))
    rgb = np.stack([_seen(colours, frame, cv2.BORDER_REPLICATE) for frame in frames])
    mask = np.stack(
        [
            _seen(mask.view(np.uint8) * 255, frame, cv2.BORDER_CONSTANT)
            for mask, frame in zip(masks, frames, strict=True)
        ]
    )
    coarse = fine.clone()
    coarse[:, :, 2] += coarse[:, :, :2].sum(2) / 2
    coarse[:, :, :2] *= 2
    own = [
        torch.from_numpy(rgb).permute(0, 3, 1, 2).float().sub(118).div(64),
        torch.from_numpy(mask).float().div(255).round()[:, None],
        torch.zeros(len(parts), 5, SIDE, SIDE),
        windows(likely[torch.as_tensor(np.asarray(parts))][:, None], fine),
    ]
    return torch.cat(own, dim=1), windows(grid, coarse, SIDE // 2)


def _reach(frame: np.ndarray, shape: Sequence[int], side: int, more: int = 0) -> tuple[slice, slice]:
    """Rows and columns of the picture that a window of `side` cells covers, at least one of each, and `more` around
    them."""
    points = apply(frame, np.array([[0.0, 0], [side, 0], [0, side], [side, side]]) - 0.5)
    low = np.floor(points.min(axis=0)).astype(int) - more
    high = np.ceil(points.max(axis=0)).astype(int) + 1 + more
    left, top = np.clip(low, 0, np.array(shape[1::-1]) - 1)
    right, bottom = np.clip(high, (left + 1, top + 1), shape[1::-1])
    return slice(int(top), int(bottom)), slice(int(left), int(right))


def _seen(picture: np.ndarray, frame: np.ndarray, border: int) -> np.ndarray:
    """The picture through a window; where the window's cells are coarse, the mean of what they cover."""
    scale = float(np.sqrt(abs(np.linalg.det(frame[:, :2]))))
    rows, columns = _reach(frame, picture.shape[:2], SIDE, more=round(scale) + 2)
    part = picture[rows, columns]
    if scale > 1.5:
        part = cv2.blur(part, (round(scale), round(scale)))
    moved = frame - np.array([[0, 0, columns.start], [0, 0, rows.start]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(np.ascontiguousarray(part), moved, (SIDE, SIDE), flags=flags, borderMode=border)


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> ClickModel:
    """The model. files: `weights`, `parser`, `matte`. Raises BadWeights when they are another network's."""
    parser = compact_parser.load(spec, {"weights": files["parser"], "matte": files["matte"]}, device)
    network = checkpoint.install(ClickNetwork, checkpoint.read(files["weights"]), spec.title, device)
    return ClickModel(spec, parser, cast(ClickNetwork, network), device)
