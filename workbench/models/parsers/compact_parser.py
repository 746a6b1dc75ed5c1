"""The compact parser: one network, trained here, that colours every part of one face.

Crops the photo as CelebA-HQ does, renders the face's mesh and a person matte beside the colours, and averages what the
network says of the crop and of the face's mirror image, larger. Where an earring or a necklace is likely, it looks a
third time, closer (`closer_look`). Faces without a mesh are parsed from colours and matte alone. The network runs in
8 bits where that file is given (`compact_int8`), else in torch (`compact_torch`), which is loaded when first needed.
"""

import copy
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from workbench import mesh as mesh_regions
from workbench.catalog.spec import ModelSpec
from workbench.images import aligned, apply, celeba_quad, compose, invert, stretch, warp
from workbench.models.parsers import closer_look
from workbench.models.parsers.compact_int8 import Int8Network
from workbench.models.parsers.selfie import Matte
from workbench.parts import MIRROR
from workbench.values import Face, FaceFeatures, FaceScores, check_image

if TYPE_CHECKING:
    from torch import Tensor, nn

    from workbench.models.parsers.compact_network import Network
    from workbench.models.parsers.compact_torch import TorchNetwork

STEPS = 32
"""Height and width of the network's input are multiples of this."""

MARGIN = 1 / 8
"""How much more than the CelebA-HQ square is looked at on every side, where the photo shows more, in sides of that
square."""

NEARLY_WHOLE = 0.2
"""A photo whose corners are no farther than this share of its side from the square's is taken whole: training moved
faces as far."""

COARSER, FINER = -0.09, 0.18
"""How much smaller than `side` the face is shown to the network at first, and how much larger its mirror image: a
second look at another scale sees other things, and most of what the first sees it sees as well from fewer pixels."""

MATTE, OVAL = (mesh_regions.MAPS.index(name) for name in ("matte", "oval"))

_FLIP = (0, 1, 2, *(3 + source for source in mesh_regions.FLIP))

CRUMB = 0.2
"""A piece that touches nothing else of the person and is smaller than this share of the largest piece is taken for
background."""


HALF = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25]])
"""From the network's input to the grid of its answer."""


class Look(NamedTuple):
    """A look at a face: the matrix of its crop, the crop's planes, and what the network says."""

    matrix: np.ndarray
    planes: np.ndarray
    scores: np.ndarray

    @property
    def to_grid(self) -> np.ndarray:
        """The matrix from the photo to the grid of the scores."""
        return compose(HALF, self.matrix)


class CompactParser:
    """One face at a time: `parser(image, face)`."""

    def __init__(
        self, spec: ModelSpec, read: "Callable[[], TorchNetwork]", matte: Matte, quick: Int8Network | None = None
    ) -> None:
        """read: gives the network in torch, once, when it is first needed. quick: its twin in 8 bits, which then parses
        in its place."""
        self.spec = spec
        self._read, self._guard, self._given = read, threading.Lock(), list["TorchNetwork"]()
        self._matte = matte
        self._quick = quick
        self.side = quick.side if quick else self._torch.side

    @property
    def _torch(self) -> "TorchNetwork":
        with self._guard:
            if not self._given:
                self._given.append(self._read())
            return self._given[0]

    @property
    def network(self) -> "Network":
        """The network in torch, in full precision."""
        return self._torch.network

    @network.setter
    def network(self, network: "Network") -> None:
        """Of this copy alone; what it parses with stays as it was."""
        own = copy.copy(self._torch)
        own.network = network
        self._given = [own]

    @property
    def features(self) -> "nn.Module":
        """The part of the network whose output still has places: the last grid before the decoder's finest steps."""
        return self._torch.features

    def __call__(self, image: np.ndarray, face: Face) -> FaceScores:
        """Part probabilities around one face of the photo. Raises BadRequest for an array that is no photo."""
        square, margin = self._window(face, check_image(image).shape)
        share = 1 + 2 * MARGIN if margin else 1
        first = self._first(image, face, square, share)
        side = self._sized(FINER)
        to_finer = compose(stretch((self.side, self.side), side), square)
        left, top, *size = closer_look.face_box(first.scores, compose(to_finer, invert(first.to_grid)), side)
        to_box = to_finer - np.array([[0, 0, left], [0, 0, top]])
        finer = self._mirrored(image, face, first, to_box, (size[0], size[1]))
        scores, border = self._joined(first.scores, finer, side // 2, share, (left // 2, top // 2))
        to_grid = compose(HALF, to_finer) + np.array([[0, 0, border]] * 2)
        scores = self._closer(image, face, first, scores, square, to_grid)
        return FaceScores(without_crumbs(scores) if margin else scores, to_grid.astype(np.float32))

    def _sized(self, more: float) -> int:
        return round(self.side * (1 + more) / STEPS) * STEPS

    def _first(self, image: np.ndarray, face: Face, square: np.ndarray, share: float) -> Look:
        """The coarser look, at the square and as much of its surroundings as makes `share` of its side."""
        side = math.ceil(self._sized(COARSER) * share / STEPS - 0.5) * STEPS
        zoom, shift = side / share / self.side, (side - side / share) / 2
        matrix = compose(np.array([[zoom, 0, (zoom - 1) / 2 + shift], [0, zoom, (zoom - 1) / 2 + shift]]), square)
        planes = self._planes(image, face.mesh, matrix, (side, side))
        return Look(matrix, planes, (self._quick or self._torch)(planes))

    def _mirrored(
        self, image: np.ndarray, face: Face, first: Look, matrix: np.ndarray, size: tuple[int, int]
    ) -> np.ndarray:
        """(19, height/2, width/2): what the network says of the crop's mirror image, turned back."""
        scores = (self._quick or self._torch)(mirror(self._again(image, face, first, matrix, size)))
        return np.stack([cv2.flip(scores[part], 1) for part in MIRROR])

    def _again(
        self, image: np.ndarray, face: Face, first: Look, matrix: np.ndarray, size: tuple[int, int]
    ) -> np.ndarray:
        """(16, height, width): what a further look reads, with the matte and the distances of the first."""
        over = compose(matrix, invert(first.matrix))
        matte, oval = (warp(first.planes[3 + known], over, size) for known in (MATTE, OVAL))
        return self._planes(image, face.mesh, matrix, size, matte, oval)

    def _closer(
        self, image: np.ndarray, face: Face, first: Look, scores: np.ndarray, square: np.ndarray, to_grid: np.ndarray
    ) -> np.ndarray:
        """The scores with a third look where small things are likely and the photo shows more of them."""
        where = closer_look.where(scores)
        to_look = compose(stretch((self.side, self.side), closer_look.SIDE), square)
        if where is None or closer_look.pointless(to_look):
            return scores
        matrix, size = closer_look.window(where, to_look, to_grid)
        seen = (self._quick or self._torch)(self._again(image, face, first, matrix, size))
        return closer_look.joined(scores, seen, where, compose(HALF, compose(matrix, invert(to_grid))))

    def look(self, image: np.ndarray, face: Face) -> FaceFeatures:
        """One look at a face: part probabilities, and the grid of 32 numbers per place they come from."""
        square, margin = self._window(face, check_image(image).shape)
        wide, side = square + np.array([[0, 0, margin]] * 2), self.side + 2 * margin
        scores, grid = self._torch.grid(self._planes(image, face.mesh, wide, (side, side)))
        to_grid = compose(stretch((side, side), side // 2), wide).astype(np.float32)
        return FaceFeatures(FaceScores(scores, to_grid), grid)

    def _window(self, face: Face, shape: Sequence[int]) -> tuple[np.ndarray, int]:
        """The square's matrix, and how many pixels more are looked at on each of its sides."""
        square, _ = self.window(face, shape)
        whole = aligned(square, tuple(shape), self.side)
        return square, 0 if whole else round(self.side * MARGIN / (STEPS // 2)) * (STEPS // 2)

    def input(
        self,
        image: np.ndarray,
        mesh: np.ndarray | None,
        matrix: np.ndarray,
        size: tuple[int, int],
        matte: np.ndarray | None = None,
    ) -> np.ndarray:
        """(height, width, 16) uint8: the crop's colours, then `mesh_regions.MAPS`. size: (width, height). matte: if
        already known."""
        return np.ascontiguousarray(self._planes(image, mesh, matrix, size, matte).transpose(1, 2, 0))

    def _planes(
        self,
        image: np.ndarray,
        mesh: np.ndarray | None,
        matrix: np.ndarray,
        size: tuple[int, int],
        matte: np.ndarray | None = None,
        oval: np.ndarray | None = None,
    ) -> np.ndarray:
        """(16, height, width) uint8: what `input` gives, channel by channel. oval: that map, if already known."""
        colours = warp(image, matrix, size)
        if matte is None:
            matte = np.round(self._matte(colours) * 255).astype(np.uint8)
        points = None if mesh is None else apply(matrix, mesh[:, :2].astype(np.float64))
        return np.concatenate([np.stack(cv2.split(colours)), mesh_regions.maps(points, matte, size[::-1], oval)])

    def window(self, face: Face, shape: Sequence[int] = ()) -> tuple[np.ndarray, int]:
        """The (2, 3) matrix of the CelebA-HQ square, or of the whole photo where `shape` shows it about is one, and the
        side in pixels."""
        quad = celeba_quad(face.points, self.side)
        whole = bool(shape) and aligned(quad, tuple(shape), self.side, NEARLY_WHOLE)
        return (stretch(tuple(shape), self.side) if whole else quad), self.side

    def crop(self, image: np.ndarray, face: Face) -> np.ndarray:
        """(side, side, 3) uint8: the square of `window`."""
        return warp(image, self.window(face, image.shape)[0], (self.side, self.side))

    def forward(self, chips: "Tensor") -> "Tensor":
        """(N, 3, S, S) RGB, 0 to 255, to (N, 19, S/2, S/2) logits with gradients: from colours alone, no mesh, no
        matte."""
        return self._torch.forward(chips)

    def values(self, chips: "Tensor") -> "Tensor":
        """`forward` as probabilities."""
        return self.forward(chips).softmax(dim=1)

    def raw(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """`logits`: (19, side/2, side/2) float32 of the picture stretched to the input's square, with its matte and no
        mesh, one pass."""
        matrix = stretch(check_image(image).shape, self.side)
        crop = self.input(image, None, matrix, (self.side, self.side))
        return {"logits": self._logits(crop[None])[0].numpy()}

    def _logits(self, crops: np.ndarray) -> "Tensor":
        return self._torch.logits(crops)

    def _joined(
        self, seen: np.ndarray, finer: np.ndarray, cells: int, share: float, corner: tuple[int, int]
    ) -> tuple[np.ndarray, int]:
        """(19, h, w) on the second look's grid, all that the first look shows, and how many cells surround the square.

        The mean of what is seen in both, after the prior is put right; the surroundings are seen once, and the two fade
        into each other. cells: of the square's side. share: the first look's side over the square's. corner: the left
        and top cell of the second look in the square. Writes over `finer`.
        """
        border = int(cells * (share - 1) / 2)
        scores = (self._quick or self._torch).middle(seen, cells + 2 * border, cells * share / seen.shape[-1])
        left, top = corner
        height, width = finer.shape[1:]
        inner = scores[:, border + top : border + top + height, border + left : border + left + width]
        ends = [
            ((at > 0 or border > 0), (at + size < cells or border > 0)) for at, size in ((top, height), (left, width))
        ]
        finer -= inner
        finer *= closer_look.fading(height, *ends[0])[:, None] * closer_look.fading(width, *ends[1]) / 2
        inner += finer
        return scores, border


def mirror(planes: np.ndarray) -> np.ndarray:
    """(16, h, w) flipped left to right as a photo of the mirrored scene: sides change places, `across` points the other
    way."""
    out = np.empty(planes.shape, np.uint8)
    for channel, source in enumerate(_FLIP):
        cv2.flip(np.ascontiguousarray(planes[source]), 1, dst=out[channel])
    across = out[3 + mesh_regions.MAPS.index("across")]
    np.subtract(255, across, out=across, where=across > 0)
    return out


def without_crumbs(scores: np.ndarray) -> np.ndarray:
    """(19, h, w): the same array, but background where a small piece lies apart from the person.

    Training pictures end at the CelebA-HQ square; in the margin around it, curtains and lamps now and then pass for
    hair.
    """
    count, pieces, stats, _ = cv2.connectedComponentsWithStats((scores[1:].max(axis=0) > scores[0]).view(np.uint8))
    if count < 3:
        return scores
    areas = stats[:, cv2.CC_STAT_AREA]
    crumbs = areas < CRUMB * areas[1:].max()
    crumbs[0] = False
    scores[:, crumbs[pieces]] = np.eye(len(scores), 1, dtype=np.float32)
    return scores


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> CompactParser:
    """The parser. files: `weights`, `matte`, perhaps `int8`. Raises BadWeights when they are another network's."""

    def read() -> Any:
        from workbench.models.parsers import compact_torch

        return compact_torch.read(files["weights"], spec.title, device)

    quick = Int8Network(files["int8"]) if "int8" in files else None
    return CompactParser(spec, read, Matte(files["matte"]), quick)
