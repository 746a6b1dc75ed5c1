"""One training picture becomes another: moved, flipped, relit, spoilt as cameras spoil, and given parts of other
pictures.

Every draw comes from the generator that is passed.
"""

import cv2
import numpy as np
from numpy.random import Generator

from training.parser_data import MAP_SIDE, SIDE, STORED, Faces
from training.parser_lend import PASTES, Pair, elsewhere
from training.parser_light import relight
from training.parser_loss import IGNORE
from workbench.mesh import FLIP, MAPS
from workbench.parts import INDEX, MIRROR

ANCHORS = (10, 152, 234, 454, 33, 263, 1)
"""Mesh points that tell how one face must be moved onto another."""

THIN = tuple(
    INDEX[name]
    for name in ("earring", "necklace", "eyeglasses", "hat", "image_left_ear", "image_right_ear", "mouth", "cloth")
)
"""Parts that are small, thin, rare or often mistaken."""

_MIRROR = np.array([*MIRROR, *range(len(MIRROR), 256)], np.uint8)
_ACROSS, _MATTE, _HERE = MAPS.index("across"), MAPS.index("matte"), MAPS.index("mesh_here")
_ORDER = [MAPS.index(name) for name in STORED]


class Augmenter:
    """Draws training samples: `sample(index, side, rng)`."""

    def __init__(self, faces: Faces, pool: np.ndarray, closer: float = 0.0) -> None:
        """pool: the pictures that may lend parts, which are those trained on. closer: the share of samples that look
        closely at a small or rare part."""
        self._faces = faces
        self._pool = pool
        self._closer = closer
        self._donors = {
            name: pool[faces.areas[pool, INDEX[name]] > 40] for name in ("eyeglasses", "hat", "earring", "necklace")
        }
        self._turn = _turns(faces.meshes)

    def sample(self, index: int, side: int, rng: Generator) -> tuple[np.ndarray, np.ndarray]:
        """(side, side, 16) uint8 for `compact_network.prepare`, and (side/2, side/2) uint8 labels, 255 outside the
        picture."""
        image, mask = self._lent(index, rng)
        close = self._closer > 0 and rng.random() < self._closer
        matrix, flipped = _close_up(mask, side, rng) if close else _placement(side, rng)
        colours = _moved(image, matrix, side, rng)
        labels = _nearest(mask, _rescaled(matrix, 0.5), side // 2)
        maps = self._maps(index, matrix, side, flipped, rng)
        labels = _MIRROR[labels] if flipped else labels
        return np.concatenate([relight(colours, rng), maps], axis=2), labels

    def fine(self, index: int, side: int, rng: Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(side, side, 16) uint8 as `sample`, and the same view at 512 px: (512, 512, 3) colours, (512, 512) labels."""
        image, mask = self._lent(index, rng)
        matrix, flipped = _placement(side, rng)
        closer = _rescaled(matrix, SIDE / side)
        colours = relight(_moved(image, closer, SIDE, rng), rng)
        labels = _nearest(mask, closer, SIDE)
        crop = cv2.resize(colours, (side, side), interpolation=cv2.INTER_AREA)
        crop = np.concatenate([crop, self._maps(index, matrix, side, flipped, rng)], axis=2)
        return crop, colours, _MIRROR[labels] if flipped else labels

    def _maps(self, index: int, matrix: np.ndarray, side: int, flipped: bool, rng: Generator) -> np.ndarray:
        out = np.zeros((side, side, len(MAPS)), np.uint8)
        draw = rng.random()
        if draw < 0.35:
            return out
        jitter = np.array([[1, 0, rng.normal(0, 0.004) * side], [0, 1, rng.normal(0, 0.004) * side], [0, 0, 1]])
        moved = (jitter @ np.vstack([matrix, [0, 0, 1]]))[:2]
        grid = moved.copy()
        grid[:, :2] *= SIDE / MAP_SIDE
        grid[:, 2] += moved[:, :2].sum(axis=1) * (SIDE / MAP_SIDE - 1) / 2
        for group, stored in enumerate(self._faces.maps[index]):
            border = cv2.BORDER_REPLICATE if group == 0 else cv2.BORDER_CONSTANT
            channels = _ORDER[4 * group : 4 * group + 4]
            out[..., channels] = cv2.warpAffine(stored, grid, (side, side), flags=cv2.INTER_LINEAR, borderMode=border)
        out[..., _HERE] = 255
        if flipped:
            out = out[..., list(FLIP)]
            out[..., _ACROSS] = np.where(out[..., _ACROSS] > 0, np.uint8(255) - out[..., _ACROSS], 0).clip(0, 255)
        if 0.35 <= draw < 0.42:
            out[..., _MATTE] = 0
        if 0.42 <= draw < 0.5 or not self._faces.has_mesh(index):
            out[..., [channel for channel in range(len(MAPS)) if channel != _MATTE]] = 0
        return out

    def _lent(self, index: int, rng: Generator) -> Pair:
        """The picture and its mask, perhaps with another's glasses, hat, earrings, necklace, neckline or background."""
        image, mask = self._faces.images[index], self._faces.righted(index)
        for name, chance, paste in PASTES:
            if rng.random() < chance:
                pool = self._donors.get(name, self._pool)
                donor = self._matched(index, pool, rng) if len(pool) and self._faces.has_mesh(index) else None
                if donor is not None:
                    image, mask = paste(np.array(image), np.array(mask), *donor, rng)
        if rng.random() < 0.1:
            image = elsewhere(np.array(image), mask, self._faces.images[int(rng.choice(self._pool))], rng)
        return image, mask

    def _matched(self, index: int, pool: np.ndarray, rng: Generator) -> Pair | None:
        """Of eight drawn donors (or their mirror images) the one turned most like this face, laid onto it."""
        drawn = rng.choice(pool, 8)
        gaps = np.stack([np.abs(self._turn[drawn] - self._turn[index]), np.abs(-self._turn[drawn] - self._turn[index])])
        gaps = np.where(np.isfinite(gaps), gaps, 9)
        flipped, best = np.unravel_index(int(gaps.argmin()), gaps.shape)
        donor = int(drawn[best])
        if gaps.min() > 0.25 or donor == index:
            return None
        source = self._faces.meshes[donor, list(ANCHORS), :2].copy()
        if flipped:
            source = source[[0, 1, 3, 2, 5, 4, 6]]
        image, mask = self._faces.images[donor], self._faces.righted(donor)
        if flipped:
            source[:, 0] = SIDE - 1 - source[:, 0]
            image, mask = np.ascontiguousarray(image[:, ::-1]), _MIRROR[mask[:, ::-1]]
        affine, _ = cv2.estimateAffinePartial2D(source, self._faces.meshes[index, list(ANCHORS), :2])
        if affine is None:
            return None
        moved = cv2.warpAffine(image, affine, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return moved, _nearest(mask, affine, SIDE)


def _turns(meshes: np.ndarray) -> np.ndarray:
    """(n,): where the nose tip lies between the cheeks, -1 to 1, a stand-in for yaw; NaN without a mesh."""
    low, high, tip = meshes[:, 234, 0], meshes[:, 454, 0], meshes[:, 1, 0]
    turn: np.ndarray = (2 * tip - low - high) / (high - low)
    return turn


def _moved(image: np.ndarray, matrix: np.ndarray, side: int, rng: Generator) -> np.ndarray:
    border, fill = _border(rng)
    size = (side, side)
    return cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=border, borderValue=fill)


def _nearest(mask: np.ndarray, matrix: np.ndarray, side: int) -> np.ndarray:
    """The mask moved to a grid of `side`, with 255 outside the picture."""
    size = (side, side)
    return cv2.warpAffine(
        mask, matrix, size, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=IGNORE
    )


def _placement(side: int, rng: Generator) -> tuple[np.ndarray, bool]:
    """(2, 3) from the 512 px picture to the crop: scale 0.72 to 1.4, turn, shift, stretch, and in half of the draws a
    flip."""
    scale = side / SIDE * np.exp(rng.uniform(np.log(0.75), np.log(1.35)))
    middle = np.full(2, (SIDE - 1) / 2)
    return _laid(middle, (side - 1) / 2 + rng.uniform(-0.09, 0.09, 2) * side, float(scale), rng)


def _close_up(mask: np.ndarray, side: int, rng: Generator) -> tuple[np.ndarray, bool]:
    """As `_placement`, as large as the network sees faces in use (448 to 528 px), about a place of one of the
    `THIN` parts the picture shows, each as likely as the next."""
    shown = [part for part in THIN if (mask == part).any()]
    about = np.full(2, (SIDE - 1) / 2)
    if shown:
        rows, columns = np.nonzero(mask == shown[int(rng.integers(len(shown)))])
        place = int(rng.integers(len(rows)))
        about = np.array([columns[place], rows[place]], np.float64)
    target = (side - 1) / 2 + rng.uniform(-0.3, 0.3, 2) * side
    return _laid(about, target, float(np.exp(rng.uniform(np.log(0.8), np.log(1.25)))), rng)


def _laid(about: np.ndarray, target: np.ndarray, scale: float, rng: Generator) -> tuple[np.ndarray, bool]:
    """(2, 3): this place of the picture onto that of the crop, scaled, turned, stretched; and whether it is flipped."""
    angle, stretch = np.deg2rad(np.clip(rng.normal(0, 9), -25, 25)), np.exp(rng.uniform(-0.07, 0.07))
    cos, sin = np.cos(angle), np.sin(angle)
    linear = scale * np.array([[cos * stretch, -sin], [sin, cos / stretch]])
    flipped = bool(rng.random() < 0.5)
    if flipped:
        linear = linear @ np.diag([-1.0, 1.0])
    return np.concatenate([linear, (target - linear @ about)[:, None]], axis=1), flipped


def _rescaled(matrix: np.ndarray, factor: float) -> np.ndarray:
    """The same placement on a grid `factor` times as fine."""
    return np.concatenate([matrix[:, :2] * factor, ((matrix[:, 2] + 0.5) * factor - 0.5)[:, None]], axis=1)


def _border(rng: Generator) -> tuple[int, tuple[int, int, int]]:
    draw = rng.random()
    if draw < 0.4:
        return cv2.BORDER_REPLICATE, (0, 0, 0)
    return (cv2.BORDER_REFLECT_101, (0, 0, 0)) if draw < 0.6 else (cv2.BORDER_CONSTANT, (118, 118, 118))
