"""From the mean frame to a picture: the face's own shape, an edge that fades, and a plain wall behind it, lit softly.

Tensors in, tensors out, with gradients to the colours. Knows no coefficients and no recogniser.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from workbench.models.portraits.frame import SIDE

REACH = 48.0
"""Pixels of distance that an outline's 1 stands for."""

EDGE, HAIR_EDGE = 1.6, 3.5
"""Pixels over which the person's edge fades, and where it is hair."""

STRANDS, GRAIN = 0.075, 0.008
"""Deviation of the strands' brightness, as a share of the hair's, and of the grain, in units of −1..1."""

CRISP, BLUR = 0.45, 1.5
"""How much of what is finer than a blur of so many pixels is added again."""

WALLS = np.array(
    [
        (0.46, 0.50, 0.54),
        (0.60, 0.61, 0.62),
        (0.52, 0.49, 0.45),
        (0.36, 0.40, 0.44),
        (0.66, 0.64, 0.60),
        (0.43, 0.47, 0.44),
    ],
    np.float32,
)
"""Colours behind the person, 0..1: greys a little to one side."""


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """Where a drawn face is. back: (1, 256, 256, 2), places of the frame in −1..1 as `grid_sample` wants them, of each
    pixel of the picture. points: (468, 2) pixels of the picture. outlines: (1, 3, 64, 64) in the frame. wall: (1, 3,
    256, 256) in −1..1.
    """

    back: Tensor
    points: np.ndarray
    outlines: Tensor
    wall: Tensor


def wall(rng: np.random.Generator) -> np.ndarray:
    """(3, 256, 256) float32 in −1..1: a wall of some colour, lighter around a place near the head."""
    colour = WALLS[rng.integers(len(WALLS))] * rng.uniform(0.85, 1.15)
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32) / SIDE
    middle = rng.uniform((0.2, 0.15), (0.8, 0.5))
    light = np.exp(-(((x - middle[0]) ** 2 + (y - middle[1]) ** 2) / 0.35))
    shade = 0.72 + 0.42 * light
    found: np.ndarray = np.clip(colour[:, None, None] * shade, 0, 1) * 2 - 1
    return found.astype(np.float32)


def layered(colours: Tensor, outlines: Tensor) -> Tensor:
    """(n, 4, 256, 256): colours and how much of each pixel is the person, 0..1, from outlines (n, 3, 64, 64)."""
    wide = functional.interpolate(outlines, (SIDE, SIDE), mode="bicubic", align_corners=False) * REACH
    skin, head, person = wide[:, :1], wide[:, 1:2], wide[:, 2:]
    hairy = torch.minimum(-skin / 8, head / 4 + 1).clamp(0, 1)
    edge = EDGE + (HAIR_EDGE - EDGE) * hairy
    share = (torch.maximum(head, person) / (2 * edge) + 0.5).clamp(0, 1)
    return torch.cat([colours, share * share * (3 - 2 * share)], 1)


def combed(layers: Tensor, outlines: Tensor, strands: Tensor) -> Tensor:
    """The layers with strands (n, 1, 256, 256) where they are hair: brighter and darker by a share of how bright the
    hair is."""
    wide = functional.interpolate(outlines, (SIDE, SIDE), mode="bicubic", align_corners=False) * REACH
    hairy = (wide[:, 1:2] / 6 + 0.5).clamp(0, 1) * (0.5 - wide[:, :1] / 6).clamp(0, 1)
    change = STRANDS * strands * (layers[:, :3] + 1.25)
    return torch.cat([layers[:, :3] + hairy * change, layers[:, 3:]], 1)


def crisp(layers: Tensor) -> Tensor:
    """The layers with edges of their colours drawn more sharply: what is finer than a blur is added again, `CRISP`
    times."""
    line = torch.arange(-4, 5, device=layers.device, dtype=layers.dtype)
    bell = torch.exp(-((line / BLUR) ** 2) / 2)
    bell = (bell / bell.sum()).expand(3, 1, 1, -1)
    soft = functional.conv2d(functional.pad(layers[:, :3], (4, 4, 4, 4), mode="replicate"), bell, groups=3)
    soft = functional.conv2d(soft, bell.transpose(2, 3), groups=3)
    return torch.cat([layers[:, :3] + CRISP * (layers[:, :3] - soft), layers[:, 3:]], 1)


def grain(rng: np.random.Generator) -> np.ndarray:
    """(256, 256) float32: what a sensor adds, in units of −1..1."""
    noise = cv2.GaussianBlur(rng.standard_normal((SIDE, SIDE)).astype(np.float32), (0, 0), 0.7)
    found: np.ndarray = GRAIN * noise / noise.std()
    return found


def shown(layers: Tensor, grid: Tensor, behind: Tensor) -> Tensor:
    """(n, 3, h, w): layers of the frame (n, 4, 256, 256) seen through a grid (n, h, w, 2), before what is behind (n, 3,
    h, w)."""
    seen = functional.grid_sample(layers, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return seen[:, 3:] * seen[:, :3] + (1 - seen[:, 3:]) * behind


def grid(places: np.ndarray, device: torch.device | str = "cpu") -> Tensor:
    """Places in pixels (h, w, 2) as `grid_sample` wants them: (1, h, w, 2) in −1..1."""
    return torch.from_numpy(((2 * places + 1) / SIDE - 1).astype(np.float32))[None].to(device)


def through(back: Tensor, matrix: np.ndarray, size: int) -> tuple[Tensor, Tensor]:
    """What a crop sees: grids (1, size, size, 2) into the frame and into the picture. matrix: (2, 3), picture to
    crop."""
    linear = np.linalg.inv(matrix[:, :2])
    y, x = np.mgrid[:size, :size]
    places = (np.stack([x, y], 2) - matrix[:, 2]) @ linear.T
    here = grid(places, back.device)
    into = functional.grid_sample(
        back.permute(0, 3, 1, 2), here, mode="bilinear", padding_mode="border", align_corners=False
    )
    return into.permute(0, 2, 3, 1), here


def picture(pixels: Tensor) -> np.ndarray:
    """(h, w, 3) uint8 of (1, 3, h, w) in −1..1."""
    scaled = ((pixels.detach()[0] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(scaled.permute(1, 2, 0).cpu().numpy())
