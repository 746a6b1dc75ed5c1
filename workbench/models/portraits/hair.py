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
from workbench.models.portraits.clothing import worn
from workbench.models.portraits.frame import SIDE
from workbench.models.portraits.gloss import lit
from workbench.models.portraits.shading import GREY, Course, coloured

TUFTS = ((3.5, 0.02), (1.1, 0.008))
"""Cells over which an outline's noise is alike, and its deviation as a signed distance."""

FRINGE = 0.45
"""Share of the frame's height, from the top, in which the skin's outline, there the hairline, is uneven too."""

WAVES = ((9.0, 0.14), (4.0, 0.07))
"""Cells over which strands bend alike, and by how many radians."""

AMONG, EVEN, SOFT, HAIRLINE = 2.0, 0.7, 8.0, (8.0, 5.0)
"""Pixels by which a strand's light or shade moves the hair's edge, and how much less it does beside cheeks; over which
hair fades towards the wall (in photos 5 from 15 to 85 % of the way at the median) and towards skin,
at the forehead and beside cheeks."""

LOOSE, STRAYS = 0.5, 5.0
"""How much a stray strand covers at most, and pixels outside the hair over which there are ever fewer."""

WELL = 4.0
"""Pixels within its outline from which on hair counts for its mean colour."""

THIN, SHADOW, FALLS, BESIDE = 5.0, 0.3, 5.0, 21
"""Pixels of hair below which there is none; how dark skin beside hair is at most, and over how many pixels; and over
how many skin is looked at whose colour goes on where there is no room for hair."""

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
    def over(self, layers: Tensor, pose: Pose, tone: Tensor, noise: "Noise", side: float) -> Tensor:
        """The layers (1, 4, 256, 256) with hair drawn on them. tone: (3,) its mean colour in −1..1. side: −1..1, from
        which side light comes."""
        flow = np.tensordot(pose.shares[0].cpu().numpy(), self.flows.cpu().numpy(), 1)
        flow = _turned(flow.astype(np.float32), noise.bend)
        strands, locks = noise.combed(flow)
        shade = functional.interpolate(
            (pose.shares @ self.shades.flatten(1)).reshape(1, 1, OUTLINE, OUTLINE), (SIDE, SIDE), mode="bicubic"
        )
        distance = wide(pose.outlines)
        back, gloss = lit(distance[0, 1].cpu().numpy(), _large(flow, SIDE), locks, side)
        combed, locked, sent, shine = (
            torch.from_numpy(each)[None, None].to(layers) for each in (strands, locks, back, gloss)
        )
        seen = ((distance[:, 1:2] > WELL) & (distance[:, :1] < -WELL)).to(layers)
        hair = coloured(((tone.to(layers) + 1) / 2).clamp(0.01, 1), Course(shade, combed, locked, sent, shine, seen))
        return _laid(layers, distance, hair, combed, locked)


@torch.no_grad()
def bared(layers: Tensor, outlines: Tensor) -> Tensor:
    """The layers (n, 4, 256, 256) with skin, as it is beside, where a head's outline leaves too little room for hair: a
    dark rim else, at jaws and necks."""
    distance = wide(outlines)
    skin, head = distance[:, :1], distance[:, 1:2]
    sure = (skin > 3).to(layers)
    blurred = [functional.avg_pool2d(each, BESIDE, 1, BESIDE // 2) for each in (layers[:, :3] * sure, sure)]
    there = (1 - _thick(skin, head)) * smooth(0.5 - skin / 4) * (head > -3).to(layers) * (4 * blurred[1]).clamp(0, 1)
    colours = blurred[0] / blurred[1].clamp(min=1e-3)
    return torch.cat([layers[:, :3] + there * (colours - layers[:, :3]), layers[:, 3:]], 1)


def _thick(skin: Tensor, head: Tensor) -> Tensor:
    """0 where there is no room for hair between these distances, 1 where there is."""
    return ((head - skin - THIN) / THIN).clamp(0, 1)


def _turned(flow: np.ndarray, bent: np.ndarray) -> np.ndarray:
    """A flow whose angle is another by `bent`; twice that for the doubled angle."""
    cosine, sine = np.cos(2 * bent), np.sin(2 * bent)
    return np.stack([cosine * flow[0] - sine * flow[1], sine * flow[0] + cosine * flow[1]]).astype(np.float32)


def _large(flow: np.ndarray, side: int) -> np.ndarray:
    return np.stack([cv2.resize(part, (side, side), interpolation=cv2.INTER_CUBIC) for part in flow])


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """A picture's own hair. strands: (1, 256, 256) and locks: (1, 128, 128), what is drawn out along the way hair lies;
    bend: (64, 64), radians by which that is another."""

    strands: np.ndarray
    locks: np.ndarray
    bend: np.ndarray

    def combed(self, flow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Strands and locks along a flow (2, 64, 64): (256, 256) float32 each, of mean 0 and deviation 1."""
        fine = combing.drawn_out(self.strands, _large(flow, SIDE))
        broad = combing.drawn_out(self.locks, _large(flow, SIDE // 2))
        broad = cv2.resize(broad, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        return (fine - fine.mean()) / fine.std(), (broad - broad.mean()) / broad.std()


def drawn(rng: np.random.Generator) -> Noise:
    """A picture's own."""
    return Noise(combing.noise(rng, combing.STRANDS), combing.noise(rng, combing.LOCKS, SIDE // 2), bend(rng))


def _laid(layers: Tensor, distance: Tensor, hair: Tensor, strands: Tensor, locks: Tensor) -> Tensor:
    """The layers under hair of these colours (n, 3, 256, 256) in 0..1, whose edges are strands ever fewer, with a
    shadow beside. distance: (n, 3, 256, 256), pixels within skin, head and person."""
    skin, head, person = distance[:, :1], distance[:, 1:2], distance[:, 2:]
    uneven = AMONG * (0.6 * strands + 0.6 * locks)
    thick = _thick(skin, head)
    down = torch.linspace(0, 1, SIDE, device=skin.device).reshape(1, 1, SIDE, 1)
    below = smooth((down - 0.35) / 0.15)
    over_skin = HAIRLINE[0] + (HAIRLINE[1] - HAIRLINE[0]) * below
    there = thick * smooth((head + uneven) / 3 + 1.2) * smooth((uneven * (1 - EVEN * below) - skin) / over_skin + 0.5)
    beside = functional.avg_pool2d(there, 13, 1, 6, count_include_pad=False)
    shaded = 1 - SHADOW * beside * (1 - there) * (1 - skin / (3 * FALLS)).clamp(0, 1)
    colours = (worn(layers[:, :3], distance) + 1) * shaded - 1
    colours = colours + there * (2 * hair.clamp(0, 1) - 1 - colours)
    hairy = thick * torch.minimum(-skin / 8, head / 4 + 2.5).clamp(0, 1)
    edge = 2 * EDGE + (SOFT - 2 * EDGE) * hairy
    outer = torch.maximum(head, person)
    share = smooth((outer + uneven * hairy) / edge + 0.5)
    strays = hairy * LOOSE * ((strands - 1.0) / 1.2).clamp(0, 1) * (outer / STRAYS).clamp(max=0).exp()
    return torch.cat([colours, torch.maximum(share, strays)], 1)
