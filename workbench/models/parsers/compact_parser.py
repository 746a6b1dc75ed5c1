"""The compact parser: one network, trained here, that colours every part of one face.

Crops the photo as CelebA-HQ does, renders the face's mesh and a person matte beside the colours, and averages what the
network says of the crop and of its mirror image, a little larger. Faces without a mesh are parsed from colours and
matte alone. The network runs in 8 bits where that file is given (`compact_int8`), else in torch (`compact_torch`),
which is loaded when it is first needed.
"""

import copy
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from workbench import mesh as mesh_regions
from workbench.catalog.spec import ModelSpec
from workbench.images import aligned, apply, celeba_quad, compose, invert, stretch, warp
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

FINER = 0.18
"""How much larger the mirror image is shown to the network: a second look at another scale sees other things."""

FADE = 12
"""Cells of the grid over which the second look, which sees the square only, fades out towards the square's border."""

MATTE = mesh_regions.MAPS.index("matte")

_FLIP = (0, 1, 2, *(3 + source for source in mesh_regions.FLIP))

CRUMB = 0.2
"""A piece that touches nothing else of the person and is smaller than this share of the largest piece is taken for
background."""


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
        wide, side = square + np.array([[0, 0, margin]] * 2), self.side + 2 * margin
        finer = round(self.side * (1 + FINER) / STEPS) * STEPS
        to_finer = compose(stretch((self.side, self.side), finer), square)
        crop = self._planes(image, face.mesh, wide, (side, side))
        matte = warp(crop[3 + MATTE], compose(to_finer, invert(wide)), (finer, finer))
        scores = self._scores(crop, mirror(self._planes(image, face.mesh, to_finer, (finer, finer), matte)))
        border = (scores.shape[-1] - finer // 2) // 2
        to_grid = compose(stretch((finer, finer), finer // 2), to_finer) + np.array([[0, 0, border]] * 2)
        return FaceScores(without_crumbs(scores) if margin else scores, to_grid.astype(np.float32))

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
    ) -> np.ndarray:
        """(16, height, width) uint8: what `input` gives, channel by channel."""
        colours = warp(image, matrix, size)
        if matte is None:
            matte = np.round(self._matte(colours) * 255).astype(np.uint8)
        points = None if mesh is None else apply(matrix, mesh[:, :2].astype(np.float64))
        return np.concatenate([np.stack(cv2.split(colours)), mesh_regions.maps(points, matte, size[::-1])])

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

    def _scores(self, planes: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
        """(19, h, w) on the finer grid of the mirrored square, and as much of its surroundings as the crop shows.

        The mean of what is seen in both, after the prior is put right; the surroundings are seen once, and the two fade
        into each other.
        """
        network = self._quick or self._torch
        seen, finer = network(planes), network(mirrored)[list(MIRROR), :, ::-1]
        scale = finer.shape[-1] / (self.side // 2)
        border = int((seen.shape[-1] - self.side // 2) / 2 * scale)
        side = finer.shape[-1] + 2 * border
        scores = network.middle(seen, side, scale)
        inner = scores[:, border : side - border, border : side - border]
        inner += (finer - inner) * (_fading(finer.shape[-1]) if border else np.float32(1)) / 2
        return scores


def _fading(side: int) -> np.ndarray:
    """(side, side): 1, but falling to 0 over the last `FADE` cells before each border."""
    steps = np.arange(side, dtype=np.float32)
    along = np.minimum((np.minimum(steps + 0.5, side - 0.5 - steps) / FADE), 1)
    return np.minimum(along[:, None], along[None])


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
    """(19, h, w): the same, but background where a small piece lies apart from the person.

    Training pictures end at the CelebA-HQ square; in the margin around it, curtains and lamps now and then pass for
    hair.
    """
    count, pieces, stats, _ = cv2.connectedComponentsWithStats((scores[1:].max(axis=0) > scores[0]).view(np.uint8))
    if count < 3:
        return scores
    areas = stats[:, cv2.CC_STAT_AREA]
    crumbs = areas < CRUMB * areas[1:].max()
    crumbs[0] = False
    apart = crumbs[pieces]
    cleaned = np.where(apart, np.float32(0), scores)
    cleaned[0, apart] = 1
    return cleaned


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> CompactParser:
    """The parser. files: `weights`, `matte`, perhaps `int8`. Raises BadWeights when they are another network's."""

    def read() -> Any:
        from workbench.models.parsers import compact_torch

        return compact_torch.read(files["weights"], spec.title, device)

    quick = Int8Network(files["int8"]) if "int8" in files else None
    return CompactParser(spec, read, Matte(files["matte"]), quick)
