"""The compact parser: one network, trained here, that colours every part of one face.

Crops the photo as CelebA-HQ does, renders the face's mesh and a person matte beside the colours, and averages what the
network says of the crop and of its mirror image, a little larger. Faces without a mesh are parsed from colours and
matte alone.
"""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar, cast

import cv2
import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from workbench import mesh as mesh_regions
from workbench.catalog.spec import ModelSpec
from workbench.errors import BadWeights
from workbench.images import aligned, apply, celeba_quad, compose, invert, stretch, warp
from workbench.models.blocks.precision import fast_bfloat16
from workbench.models.files import checkpoint
from workbench.models.parsers.compact_network import STEPS, Convolution, Network, Wide, prepare
from workbench.models.parsers.selfie import Matte
from workbench.parts import MIRROR, PARTS
from workbench.values import Face, FaceFeatures, FaceScores, check_image

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

CRUMB = 0.2
"""A piece that touches nothing else of the person and is smaller than this share of the largest piece is taken for
background."""

PRIOR = "log_prior"
"""The tensor beside the network's weights that is added to its log probabilities."""


class CompactParser:
    """One face at a time: `parser(image, face)`."""

    def __init__(self, spec: ModelSpec, network: Network, prior: Tensor, side: int, matte: Matte, device: str) -> None:
        self.spec = spec
        self.network = network
        self.side = side
        self._prior = prior
        self._matte = matte
        self._device = device
        self._dtype = torch.bfloat16 if fast_bfloat16(device) else torch.float32
        self._fast = fused(network).to(device=device, dtype=self._dtype, memory_format=torch.channels_last)

    @property
    def features(self) -> nn.Module:
        """The part of the network whose output still has places: the last grid before the decoder's finest steps."""
        return self.network.to_eighth

    def __call__(self, image: np.ndarray, face: Face) -> FaceScores:
        """Part probabilities around one face of the photo. Raises BadRequest for an array that is no photo."""
        square, margin = self._window(face, check_image(image).shape)
        wide, side = square + np.array([[0, 0, margin]] * 2), self.side + 2 * margin
        finer = round(self.side * (1 + FINER) / STEPS) * STEPS
        to_finer = compose(stretch((self.side, self.side), finer), square)
        crop = self.input(image, face.mesh, wide, (side, side))
        matte = warp(crop[..., 3 + MATTE], compose(to_finer, invert(wide)), (finer, finer))
        scores = self._scores(crop, mirror(self.input(image, face.mesh, to_finer, (finer, finer), matte)))
        border = (scores.shape[-1] - finer // 2) // 2
        to_grid = compose(stretch((finer, finer), finer // 2), to_finer) + np.array([[0, 0, border]] * 2)
        return FaceScores(without_crumbs(scores) if margin else scores, to_grid.astype(np.float32))

    def look(self, image: np.ndarray, face: Face) -> FaceFeatures:
        """One look at a face: part probabilities, and the grid of 32 numbers per place they come from."""
        square, margin = self._window(face, check_image(image).shape)
        wide, side = square + np.array([[0, 0, margin]] * 2), self.side + 2 * margin
        crop = torch.from_numpy(self.input(image, face.mesh, wide, (side, side))[None])
        with torch.inference_mode():
            grid = self._fast.features(prepare(crop.to(self._device), self._dtype))[0]
            scores = (self._fast.head(grid)[0].float().cpu() + self._prior[:, None, None]).softmax(0)
        to_grid = compose(stretch((side, side), side // 2), wide).astype(np.float32)
        return FaceFeatures(FaceScores(scores.numpy(), to_grid), grid[0].float().cpu().contiguous().numpy())

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
        colours = warp(image, matrix, size)
        if matte is None:
            matte = np.round(self._matte(colours) * 255).astype(np.uint8)
        points = None if mesh is None else apply(matrix, mesh[:, :2].astype(np.float64))
        return np.concatenate([colours, mesh_regions.maps(points, matte, size[::-1]).transpose(1, 2, 0)], axis=2)

    def window(self, face: Face, shape: Sequence[int] = ()) -> tuple[np.ndarray, int]:
        """The (2, 3) matrix of the CelebA-HQ square, or of the whole photo where `shape` shows it about is one, and the
        side in pixels."""
        quad = celeba_quad(face.points, self.side)
        whole = bool(shape) and aligned(quad, tuple(shape), self.side, NEARLY_WHOLE)
        return (stretch(tuple(shape), self.side) if whole else quad), self.side

    def crop(self, image: np.ndarray, face: Face) -> np.ndarray:
        """(side, side, 3) uint8: the square of `window`."""
        return warp(image, self.window(face, image.shape)[0], (self.side, self.side))

    def forward(self, chips: Tensor) -> Tensor:
        """(N, 3, S, S) RGB, 0 to 255, to (N, 19, S/2, S/2) logits with gradients: from colours alone, no mesh, no
        matte."""
        x = prepare(torch.zeros(1, 1, 1, 3 + len(mesh_regions.MAPS)), torch.float32)
        maps = x[:, 3:].expand(len(chips), -1, *chips.shape[2:])
        return cast(Tensor, self.network(torch.cat([(chips - 118) / 64, maps], dim=1)) + self._prior[:, None, None])

    def values(self, chips: Tensor) -> Tensor:
        """`forward` as probabilities."""
        return self.forward(chips).softmax(dim=1)

    def raw(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """`logits`: (19, side/2, side/2) float32 of the picture stretched to the input's square, with its matte and no
        mesh, one pass."""
        matrix = stretch(check_image(image).shape, self.side)
        crop = self.input(image, None, matrix, (self.side, self.side))
        return {"logits": self._logits(crop[None])[0].numpy()}

    def _scores(self, crop: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
        """(19, h, w) on the finer grid of the mirrored square, and as much of its surroundings as the crop shows.

        The mean of what is seen in both, after the prior is put right; the surroundings are seen once, and the two fade
        into each other.
        """
        prior = self._prior[:, None, None]
        seen = (self._logits(crop[None])[0] + prior).softmax(0)
        finer = (self._logits(mirrored[None])[0] + prior).softmax(0).flip(-1)[list(MIRROR)]
        scale = finer.shape[-1] / (self.side // 2)
        border = int((seen.shape[-1] - self.side // 2) / 2 * scale)
        side = finer.shape[-1] + 2 * border
        scores = _about_the_middle(seen, side, scale)
        inner = scores[:, border : side - border, border : side - border]
        inner += (finer - inner) * (_fading(finer.shape[-1]) if border else 1) / 2
        return cast(np.ndarray, scores.numpy())

    @torch.inference_mode()
    def _logits(self, crops: np.ndarray) -> Tensor:
        x = prepare(torch.from_numpy(crops).to(self._device), self._dtype)
        return cast(Tensor, self._fast(x).float().cpu())


def _about_the_middle(grids: Tensor, side: int, scale: float) -> Tensor:
    """(c, n, n) `scale` times finer, bilinear, and of that the middle `side` × `side`."""
    share = side / scale / grids.shape[-1]
    places = functional.affine_grid(
        torch.tensor([[[share, 0, 0], [0, share, 0]]]), [1, 1, side, side], align_corners=False
    )
    return functional.grid_sample(grids[None], places, mode="bilinear", padding_mode="border", align_corners=False)[0]


def _fading(side: int) -> Tensor:
    """(side, side): 1, but falling to 0 over the last `FADE` cells before each border."""
    along = (torch.arange(side) + 0.5).minimum(side - 0.5 - torch.arange(side)).div(FADE).clamp(max=1)
    return torch.minimum(along[:, None], along[None])


def mirror(crop: np.ndarray) -> np.ndarray:
    """(h, w, 16) flipped left to right as a photo of the mirrored scene: sides change places, `across` points the other
    way."""
    maps = crop[:, ::-1, 3:][..., list(mesh_regions.FLIP)].copy()
    across = maps[..., mesh_regions.MAPS.index("across")]
    np.subtract(255, across, out=across, where=across > 0)
    return np.ascontiguousarray(np.concatenate([crop[:, ::-1, :3], maps], axis=2))


def without_crumbs(scores: np.ndarray) -> np.ndarray:
    """(19, h, w): the same, but background where a small piece lies apart from the person.

    Training pictures end at the CelebA-HQ square; in the margin around it, curtains and lamps now and then pass for
    hair.
    """
    count, pieces, stats, _ = cv2.connectedComponentsWithStats((scores.argmax(axis=0) > 0).astype(np.uint8))
    if count < 3:
        return scores
    areas = stats[:, cv2.CC_STAT_AREA]
    crumbs = areas < CRUMB * areas[1:].max()
    crumbs[0] = False
    apart = crumbs[pieces]
    cleaned = np.where(apart, np.float32(0), scores)
    cleaned[0, apart] = 1
    return cleaned


N = TypeVar("N", bound=nn.Module)


def fused(network: N) -> N:
    """A copy for inference only: every convolution takes in the normalisation that follows it."""
    twin = copy.deepcopy(network)
    twin.eval().requires_grad_(False)
    for module in twin.modules():
        if isinstance(module, Convolution):
            module[0] = fuse_conv_bn_eval(cast(nn.Conv2d, module[0]), cast(nn.BatchNorm2d, module[1]))
            module[1] = nn.Identity()
        elif isinstance(module, Wide):
            module.look, module.norm = fuse_conv_bn_eval(module.look, module.norm), nn.Identity()
            module.narrow, module.scale = fuse_conv_bn_eval(module.narrow, module.scale), nn.Identity()
    return twin


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> CompactParser:
    """The parser. files: `weights`, `matte`. Raises BadWeights when they are another network's."""
    weights = checkpoint.read(files["weights"])
    about = checkpoint.metadata(files["weights"])
    prior = weights.pop(PRIOR, None)
    side = int(about.get("side", "0")) if about.get("side", "0").isdigit() else 0
    if prior is None or prior.shape != (len(PARTS),) or not side or side % STEPS:
        raise BadWeights(
            f"{files['weights'].name}: expected the compact parser's weights with {PRIOR!r} and an input side in the "
            f"file's head."
        )
    network = cast(Network, checkpoint.install(Network, weights, spec.title, device))
    return CompactParser(spec, network, prior.float(), side, Matte(files["matte"]), device)
