"""MiVOLO v2: apparent age and sex from a face, as the network was trained with a body beside it.

Sources: Kuprashevich and Tolstykh, "MiVOLO", arXiv 2307.04616 and 2403.02302 (WildChlamydia/MiVOLO; file
iitolstykh/mivolo_v2); Yuan et al., "VOLO", arXiv 2106.13112. Names follow the file. No body is looked for: its place is
black, which is what the authors' code puts where a face has none.
"""

import json
import math
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadWeights
from workbench.models.blocks.chips import AttributeModel, NumberModel
from workbench.models.blocks.pixels import IMAGENET
from workbench.models.blocks.volo import Asking, Block, ClassBlock, Grid, Halving, Mlp, Outlook
from workbench.models.files import checkpoint
from workbench.values import Face, check_image

PREFIXES = ("mivolo.model.", "model.", "module.", "")
SEXES = ("female", "male")
"""The file's order is male, female."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Pixels a side; widths of the first and the later stages; their heads; blocks by stage; channels of the stem."""

    side: int = 384
    widths: tuple[int, int] = (192, 384)
    heads: tuple[int, int] = (6, 12)
    depths: tuple[int, ...] = (4, 4, 8, 2)
    stem: int = 64

    @property
    def grid(self) -> int:
        """Patches of eight pixels along one side."""
        return self.side // 8


D1 = Shape()


class Places(nn.Module):
    """How far apart two places are, by row and by column: learned."""

    def __init__(self, grid: int, width: int) -> None:
        super().__init__()
        self.grid = grid
        self.height_rel = nn.Parameter(torch.zeros(2 * grid - 1, width))
        self.width_rel = nn.Parameter(torch.zeros(2 * grid - 1, width))

    def forward(self, queries: Tensor) -> Tensor:
        """Queries (N, T, C) to what is added to attention, (N, T, T)."""
        side = self.grid
        along = torch.arange(side, device=queries.device)
        apart = (along[None] - along[:, None] + side - 1)[None, None]
        square = queries.unflatten(1, (side, side))
        across = (square @ self.width_rel.T).gather(3, apart.expand(*square.shape[:3], side))
        turned = (square @ self.height_rel.T).transpose(1, 2)
        down = turned.gather(3, apart.expand(*turned.shape[:3], side)).transpose(1, 2)
        return (down[..., :, None] + across[..., None, :]).flatten(3).flatten(1, 2)


class Exchange(nn.Module):
    """Face and body ask each other, and become one map."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width, grid = shape.widths[0], shape.grid
        self.qkv_f = nn.Conv2d(width, 3 * width, 1, bias=False)
        self.qkv_p = nn.Conv2d(width, 3 * width, 1, bias=False)
        self.pos_embed = Places(grid, width)
        self.norm = nn.LayerNorm([2 * width, grid, grid])
        self.mlp = Mlp(2 * width, 4 * width, width, conv=True)

    def _asked(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        bias = self.pos_embed(queries)
        return functional.scaled_dot_product_attention(queries, keys, values, attn_mask=bias).transpose(1, 2)

    def forward(self, face: Tensor, body: Tensor) -> Tensor:
        """Two (N, C, h, w) to one."""
        faces, bodies = (
            conv(x).flatten(2).transpose(1, 2).chunk(3, -1) for conv, x in ((self.qkv_f, face), (self.qkv_p, body))
        )
        both = torch.cat([self._asked(faces[0], *bodies[1:]), self._asked(bodies[0], *faces[1:])], 1)
        return self.mlp(self.norm(both.reshape(len(face), -1, *face.shape[2:])))


def _stem(width: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, kernel, stride in ((3, 7, 2), (width, 3, 1), (width, 3, 1)):
        layers += [nn.Conv2d(inputs, width, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*layers)


class Patches(nn.Module):
    """Face and body, normalised (N, 3, S, S) each, to one map of patches."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.conv1, self.conv2 = _stem(shape.stem), _stem(shape.stem)
        self.proj1, self.proj2 = (nn.Conv2d(shape.stem, shape.widths[0], 4, 4) for _ in range(2))
        self.map = Exchange(shape)

    def forward(self, face: Tensor, body: Tensor) -> Tensor:
        """(N, C, S / 8, S / 8)."""
        return self.map(self.proj1(self.conv1(face)), self.proj2(self.conv2(body)))


class MiVolo(nn.Module):
    """(N, 3, S, S) RGB in 0..255 to (N, 3): two logits, male and female, and an age in units of its own."""

    def __init__(self, shape: Shape = D1) -> None:
        super().__init__()
        first, later = shape.widths
        self.patch_embed = Patches(shape)
        self.pos_embed = nn.Parameter(torch.zeros(1, shape.grid // 2, shape.grid // 2, later))
        outlooks = [Block(first, Outlook(first, shape.heads[0])) for _ in range(shape.depths[0])]
        stages = [
            nn.Sequential(*(Block(later, Grid(later, shape.heads[1])) for _ in range(n))) for n in shape.depths[1:]
        ]
        self.network = nn.ModuleList([nn.Sequential(*outlooks), Halving(first, later), *stages])
        self.post_network = nn.ModuleList(ClassBlock(later, Asking(later, shape.heads[1])) for _ in range(2))
        self.cls_token = nn.Parameter(torch.zeros(1, 1, later))
        self.aux_head, self.norm, self.head = nn.Linear(later, 3), nn.LayerNorm(later), nn.Linear(later, 3)

    def told(self, face: Tensor, body: Tensor) -> Tensor:
        """The three numbers of normalised faces and bodies."""
        x = self.network[1](self.network[0](self.patch_embed(face, body).permute(0, 2, 3, 1))) + self.pos_embed
        for stage in self.network[2:]:
            x = stage(x)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x.flatten(1, 2)], 1)
        for block in self.post_network:
            x = block(x)
        x = self.norm(x)
        return self.head(x[:, 0]) + 0.5 * self.aux_head(x[:, 1:]).amax(1)

    def forward(self, chips: Tensor) -> Tensor:
        """Faces, with nobody's body."""
        return self.told(IMAGENET(chips), IMAGENET(torch.zeros_like(chips)))


class Years(nn.Module):
    """(N, 3, S, S) RGB in 0..255 to (N, 1) years."""

    def __init__(self, network: MiVolo, unit: float, middle: float) -> None:
        super().__init__()
        self.network, self.unit, self.middle = network, unit, middle

    def forward(self, chips: Tensor) -> Tensor:
        """Years of a batch of chips."""
        return self.network(chips)[:, 2:] * self.unit + self.middle


class Sexes(nn.Module):
    """(N, 3, S, S) RGB in 0..255 to (N, 2) logits in the order of `SEXES`."""

    def __init__(self, network: MiVolo) -> None:
        super().__init__()
        self.network = network

    def forward(self, chips: Tensor) -> Tensor:
        """Logits of a batch of chips."""
        return self.network(chips)[:, [1, 0]]


def box_of(face: Face, shape: Sequence[int]) -> tuple[int, int, int, int]:
    """The face's box in whole pixels of the photo; at least one pixel."""
    left, top, right, bottom = (round(float(value)) for value in face.box)
    height, width = (int(n) for n in (shape or (max(bottom, 1), max(right, 1)))[:2])
    left, top = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
    return left, top, max(min(right, width), left + 1), max(min(bottom, height), top + 1)


def window(face: Face, shape: Sequence[int], side: int) -> np.ndarray:
    """The (2, 3) matrix of `letterboxed`."""
    left, top, right, bottom = box_of(face, shape)
    scale = side / max(right - left, bottom - top)
    shift = [
        (side - scale * (high - low)) / 2 - scale * (low - 0.5) - 0.5 for low, high in ((left, right), (top, bottom))
    ]
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])


def letterboxed(image: np.ndarray, side: int) -> np.ndarray:
    """The picture as large as it fits into a black square, as the authors make it."""
    scale = side / max(image.shape[:2])
    height, width = (max(1, round(n * scale)) for n in image.shape[:2])
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    above, before = math.floor((side - height) / 2), math.floor((side - width) / 2)
    chip = np.zeros((side, side, 3), np.uint8)
    chip[above : above + height, before : before + width] = small
    return chip


class _Boxed:
    """Sees the face's box alone, letterboxed."""

    size: int

    def window(self, face: Face, shape: Sequence[int] = ()) -> tuple[np.ndarray, int]:
        """The (2, 3) matrix from photo points to chip points, and the chip's side in pixels."""
        return window(face, tuple(shape), self.size), self.size

    def crop(self, image: np.ndarray, face: Face) -> np.ndarray:
        """The chip of a face: (S, S, 3) uint8."""
        left, top, right, bottom = box_of(face, check_image(image).shape)
        return letterboxed(image[top:bottom, left:right], self.size)


class BoxedYears(_Boxed, NumberModel):
    """Apparent age."""


class BoxedSexes(_Boxed, AttributeModel):
    """Apparent sex: two shares of one probability."""


_shared: "weakref.WeakValueDictionary[tuple[str, int, str], MiVolo]" = weakref.WeakValueDictionary()
"""The network of a file while somebody holds it: its rows keep one copy of the weights."""


def _network(spec: ModelSpec, path: Path, device: str, shape: Shape) -> MiVolo:
    key = str(path), path.stat().st_mtime_ns, device
    network = _shared.get(key)
    if network is None:
        weights = checkpoint.stripped(checkpoint.read(path), "patch_embed.proj1.weight", PREFIXES)
        network = checkpoint.install(partial(MiVolo, shape), weights, spec.title, device)  # type: ignore[assignment]
        _shared[key] = network  # type: ignore[assignment]
    return network  # type: ignore[return-value]


def years(path: Path) -> tuple[float, float]:
    """How many years one unit is, and the middle age, from the repository's config.json. Raises BadWeights."""
    try:
        told = json.loads(path.read_text())
        least, most, middle = (float(told[key]) for key in ("min_age", "max_age", "avg_age"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadWeights(f"{path.name}: expected min_age, max_age and avg_age ({error!r}). Fetch it again.") from error
    if not 0 <= least < most <= 200 or not least <= middle <= most:
        raise BadWeights(f"{path.name}: expected ages from 0 to 200, got {least:g}, {most:g} and {middle:g}.")
    return most - least, middle


def load_age(spec: ModelSpec, files: Mapping[str, Path], device: str, shape: Shape = D1) -> BoxedYears:
    """How old somebody looks. files: `weights` and `config`. Raises BadWeights for the file of another network."""
    network = Years(_network(spec, files["weights"], device, shape), *years(files["config"]))
    return BoxedYears(spec, network, lambda face: window(face, (), shape.side), shape.side, "network.network.4")


def load_sex(spec: ModelSpec, files: Mapping[str, Path], device: str, shape: Shape = D1) -> BoxedSexes:
    """Which of two sexes somebody looks like. Raises BadWeights for the file of another network."""
    network = Sexes(_network(spec, files["weights"], device, shape))
    return BoxedSexes(spec, network, lambda face: window(face, (), shape.side), shape.side, "network.network.3")
