"""From the mean frame to a picture: the face's own shape, an edge that fades, and a plain wall behind it, lit softly.

Tensors in, tensors out, with gradients to the colours. Knows no coefficients and no recogniser.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from workbench.mesh import OVAL, polygon
from workbench.models.portraits.appearance import Around
from workbench.models.portraits.frame import SIDE

REACH = 48.0
"""Pixels of distance that an outline's 1 stands for."""

EDGE, HAIR_EDGE = 1.6, 3.5
"""Pixels over which the person's edge fades, and where it is hair."""

GRAIN, GRAINS = 0.016, 0.45
"""Deviation of the grain, in units of −1..1, and pixels over which it is alike. Without it drawn skin has 0.6 of what
photos' skin has that is finer than 0.7 pixels, with it about as much."""

INSIDE, RIM, IN_HAIR, LEAST = 9.0, 6, 0.25, 0.1
"""Pixels within an outline from which it counts whole, and over which the face fades; how much of the network's detail
hair is given, and what is neither hair nor face."""

GAMMA, KNEE = 2.2, 0.8
"""Of the curve from light to pixels, and the light from which more adds ever less."""

CRISP, BLUR = 0.56, 1.5
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
    256, 256) in −1..1. around: hair and clothes, None as the face's. glasses: (4, 256, 256) in the frame,
    colours and
    cover, None without.
    """

    back: Tensor
    points: np.ndarray
    outlines: Tensor
    shares: Tensor
    wall: Tensor
    around: Around | None = None
    glasses: Tensor | None = None


WISHED = {
    "light": (0.86, 0.87, 0.88),
    "grey": (0.55, 0.56, 0.57),
    "blue": (0.36, 0.46, 0.62),
    "green": (0.42, 0.52, 0.44),
    "dark": (0.16, 0.17, 0.19),
}
"""Walls by the word a person asks for."""


def wall(rng: np.random.Generator, word: str = "") -> np.ndarray:
    """(3, 256, 256) float32 in −1..1: a wall of some colour, lighter around a place near the head. word: of `WISHED`,
    or
    none."""
    colour = WALLS[rng.integers(len(WALLS))] * rng.uniform(0.85, 1.15)
    colour = np.array(WISHED[word], np.float32) if word else colour
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32) / SIDE
    middle = rng.uniform((0.2, 0.15), (0.8, 0.5))
    light = np.exp(-(((x - middle[0]) ** 2 + (y - middle[1]) ** 2) / 0.35))
    shade = 0.72 + 0.42 * light
    found: np.ndarray = np.clip(colour[:, None, None] * shade, 0, 1) * 2 - 1
    return found.astype(np.float32)


def layered(colours: Tensor, outlines: Tensor) -> Tensor:
    """(n, 4, 256, 256): colours and how much of each pixel is the person, 0..1, from outlines (n, 3, 64, 64)."""
    distance = wide(outlines)
    skin, head, person = distance[:, :1], distance[:, 1:2], distance[:, 2:]
    hairy = torch.minimum(-skin / 8, head / 4 + 1).clamp(0, 1)
    edge = EDGE + (HAIR_EDGE - EDGE) * hairy
    return torch.cat([colours, smooth(torch.maximum(head, person) / (2 * edge) + 0.5)], 1)


def wide(outlines: Tensor) -> Tensor:
    """(n, 3, 256, 256) pixels of distance, of outlines (n, 3, 64, 64)."""
    return functional.interpolate(outlines, (SIDE, SIDE), mode="bicubic", align_corners=False) * REACH


def smooth(share: Tensor) -> Tensor:
    """0 to 1 with a soft start and end."""
    share = share.clamp(0, 1)
    return share * share * (3 - 2 * share)


def face(mean: np.ndarray) -> np.ndarray:
    """(1, 1, 256, 256) float32: 1 well within the face of the frame's points (468, 2), fading to 0 at its outline."""
    inner = cv2.erode(polygon(mean, OVAL, (SIDE, SIDE)), np.ones((2 * RIM + 1, 2 * RIM + 1), np.uint8))
    soft = cv2.GaussianBlur(inner.astype(np.float32) / 255, (0, 0), RIM / 1.5)
    return soft[None, None].astype(np.float32)


def detailed(outlines: Tensor, within: Tensor) -> Tensor:
    """(n, 1, 256, 256), 0..1, from outlines (n, 3, 64, 64) and `face`: how much of the network's detail is drawn. All
    of it
    within the face, less in hair, where strands are combed, and least elsewhere: outlines that are cut more sharply
    than
    photos' make it draw rims.
    """
    wide = functional.interpolate(outlines[:, :2], (SIDE, SIDE), mode="bilinear", align_corners=False) * REACH
    skin, hair = (wide[:, :1] / INSIDE).clamp(0, 1), ((wide[:, 1:2] - wide[:, :1].clamp(min=0)) / INSIDE).clamp(0, 1)
    return LEAST + (IN_HAIR - LEAST) * hair * (1 - skin) + (1 - LEAST) * skin * within


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
    noise = cv2.GaussianBlur(rng.standard_normal((SIDE, SIDE)).astype(np.float32), (0, 0), GRAINS)
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


def exposed(pixels: Tensor, gain: float) -> Tensor:
    """Pixels in −1..1 as with `gain` times the light, by the usual curve of photos; bright parts saturate softly."""
    light = ((pixels + 1) / 2).clamp(0, 1) ** GAMMA * gain
    light = torch.where(light > KNEE, KNEE + (1 - KNEE) * torch.tanh((light - KNEE) / (1 - KNEE)), light)
    return 2 * light ** (1 / GAMMA) - 1


def picture(pixels: Tensor) -> np.ndarray:
    """(h, w, 3) uint8 of (1, 3, h, w) in −1..1."""
    scaled = ((pixels.detach()[0] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(scaled.permute(1, 2, 0).cpu().numpy())
