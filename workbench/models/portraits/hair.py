"""Hair over a drawn face: strands along the way hair lies, their lights and shades, and edges of strands.

How hair of an outline lies and where it is dark are means over the photos that the outline is a mean of; the strands
are noise drawn out along that (`combing`), after nobody's hair. Knows no coefficients and no recogniser.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from workbench.models.portraits import combing
from workbench.models.portraits.appearance import OUTLINE
from workbench.models.portraits.canvas import EDGE, Pose, smooth, wide
from workbench.models.portraits.frame import SIDE

TUFTS = ((3.5, 0.02), (1.1, 0.02))
"""Cells over which an outline's noise is alike, and its deviation as a signed distance."""

FRINGE = 0.45
"""Share of the frame's height, from the top, in which the skin's outline, there the hairline, is uneven too."""

WAVES = ((9.0, 0.14), (4.0, 0.05))
"""Cells over which strands bend alike, and by how many radians."""

FLOOR, SHEEN = 0.04, 0.16
"""Added to light (0..1) before its logarithm is taken, and the deviation of the strands' logarithm of light: with half
as much again light hair is striped, as if drawn."""

GLINT = 0.45
"""The most by which a light or shade differs from the hair's mean, as a logarithm."""

AMONG = 1.8
"""Pixels by which a strand's light or shade moves the hair's edge."""

THIN, SHADOW, FALLS = 4.0, 0.3, 5.0
"""Pixels of hair below which there is none; how dark skin beside hair is at most, and over how many pixels."""

GREY = (0.299, 0.587, 0.114)

EASY, LIGHTEST = 0.55, 0.9
"""Of the grey of a face: hair that is darker is drawn as it is told, and none is lighter on average than this. In nine
of ten photos hair is darker than 0.76 of the face, in 98 of 100 than 1.02."""


def fitting(tone: Tensor, face: float) -> Tensor:
    """A hair's mean colour (3,) in −1..1, made darker where it is too light for a face of this grey, 0..1."""
    colour = (tone + 1) / 2
    share = float((colour * colour.new_tensor(GREY)).sum()) / max(face, 0.02)
    room = LIGHTEST - EASY
    least = share if share <= EASY else EASY + room * math.tanh((share - EASY) / room)
    return colour * (least / max(share, 1e-6)) * 2 - 1


def tufts(rng: np.random.Generator) -> np.ndarray:
    """(3, 64, 64) float32 to add to the outlines of skin, head and person: nothing below the hairline, where skin meets
    clothes."""
    found = np.zeros((3, OUTLINE, OUTLINE), np.float32)
    for reach, deviation in TUFTS:
        for layer in (0, 1):
            noise = cv2.GaussianBlur(rng.standard_normal((OUTLINE, OUTLINE)).astype(np.float32), (0, 0), reach)
            found[layer] += deviation * noise / noise.std()
    down = np.linspace(0, 1, OUTLINE, dtype=np.float32)[:, None]
    found[0] *= np.clip((FRINGE - down) / 0.12, 0, 1)
    found[2] = found[1] * np.clip((0.62 - down) / 0.12, 0, 1)
    return found


def bend(rng: np.random.Generator) -> np.ndarray:
    """(64, 64) float32: radians by which strands leave their way, smoothly."""
    found = np.zeros((OUTLINE, OUTLINE), np.float32)
    for reach, deviation in WAVES:
        noise = cv2.GaussianBlur(rng.standard_normal((OUTLINE, OUTLINE)).astype(np.float32), (0, 0), reach)
        found += deviation * noise / noise.std()
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Hair:
    """flows: (o, 2, 64, 64), the way hair of each outline lies, as `combing.flow` says it. shades: (o, 64, 64), the
    logarithm of how light it is there beside the hair's mean."""

    flows: Tensor
    shades: Tensor

    @torch.no_grad()
    def over(self, layers: Tensor, pose: Pose, tone: Tensor, noise: np.ndarray, bent: np.ndarray) -> Tensor:
        """The layers (1, 4, 256, 256) with hair drawn on them. tone: (3,) its mean colour in −1..1. noise: (2, 256,
        256), what is drawn out to locks and strands. bent: `bend`."""
        flow = np.tensordot(pose.shares[0].cpu().numpy(), self.flows.cpu().numpy(), 1)
        flow = _turned(flow.astype(np.float32), bent)
        strands = _strands(noise, flow, layers)
        shade = functional.interpolate(
            (pose.shares @ self.shades.flatten(1)).reshape(1, 1, OUTLINE, OUTLINE), (SIDE, SIDE), mode="bicubic"
        )
        colour = ((tone.to(layers) + 1) / 2).clamp(0.01, 1)
        light = (colour * layers.new_tensor(GREY)).sum()
        lights = GLINT * torch.tanh((shade + SHEEN * strands) / GLINT)
        drawn = (((light + FLOOR).log() + lights).exp() - FLOOR).clamp(0, 1.2)
        return _laid(layers, pose.outlines, colour.reshape(1, 3, 1, 1) * drawn / light, strands)


def _turned(flow: np.ndarray, bent: np.ndarray) -> np.ndarray:
    """A flow whose angle is another by `bent`; twice that for the doubled angle."""
    cosine, sine = np.cos(2 * bent), np.sin(2 * bent)
    return np.stack([cosine * flow[0] - sine * flow[1], sine * flow[0] + cosine * flow[1]]).astype(np.float32)


def _strands(noise: np.ndarray, flow: np.ndarray, like: Tensor) -> Tensor:
    """(1, 1, 256, 256) of mean 0 and deviation 1."""
    large = np.stack([cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for part in flow])
    found = combing.drawn_out(noise, large)
    return torch.from_numpy((found - found.mean()) / found.std())[None, None].to(like)


def _laid(layers: Tensor, outlines: Tensor, hair: Tensor, strands: Tensor) -> Tensor:
    """The layers under hair of these colours (n, 3, 256, 256) in 0..1, with the strands' edges and a shadow beside."""
    distance = wide(outlines)
    skin, head, person = distance[:, :1], distance[:, 1:2], distance[:, 2:]
    thick = ((head - skin - THIN) / THIN).clamp(0, 1)
    there = thick * smooth((head + AMONG * strands) / 3 + 0.5) * smooth((AMONG * strands - skin) / 4 + 0.5)
    beside = functional.avg_pool2d(there, 13, 1, 6, count_include_pad=False)
    shaded = 1 - SHADOW * beside * (1 - there) * (1 - skin / (3 * FALLS)).clamp(0, 1)
    colours = (layers[:, :3] + 1) * shaded - 1
    colours = colours + there * (2 * hair.clamp(0, 1) - 1 - colours)
    hairy = thick * torch.minimum(-skin / 8, head / 4 + 1).clamp(0, 1)
    share = smooth((torch.maximum(head, person) + AMONG * hairy * strands) / (2 * EDGE) + 0.5)
    return torch.cat([colours, share], 1)
