"""How a drawn face is brought nearer to a vector: a few steps downhill through recogniser, canvas, network and linear
part.

As Nguyen et al. (arXiv 1605.09304) move a generator's code by a classifier's gradient. Only the texture's coefficients
move; attributes (pose, light, mouth) and brightness are held, so that the recogniser cannot turn a head or a lamp to
please itself, nor bleach a skin.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from workbench.geometry import ARCFACE_112, DLIB_CHIP_150, DLIB_POINTS, similarity
from workbench.models.blocks.chips import Recogniser
from workbench.models.portraits.appearance import Appearance
from workbench.models.portraits.canvas import Pose, detailed, layered, shown, through
from workbench.models.portraits.detail import DetailNetwork
from workbench.models.portraits.seen_look import Known
from workbench.values import Face

FIVE = ((33, 133), (362, 263), (1,), (61,), (291,))
"""Points of the mesh whose means are the middles of the eyes, the nose and the corners of the mouth."""

Told = Callable[[int, Tensor], None]
"""Told the steps done, counted from 1, and the coefficients (1, k)."""


@dataclass(frozen=True, slots=True)
class Search:
    """rate: length of the first step, in deviations of the coefficients. momentum: share of a step that is as the one
    before.
    pull: weight of the mean squared way from where the face was proposed, beside the squared distance of vectors. soft:
    share of the steps, the first ones, that look at the soft colours without detail, which is quicker. jitter: pixels
    of the chip by which the crop is moved in each step, so that what is found is a face and not a weakness of the
    recogniser. most: deviations beyond which no coefficient goes. share: weight of one minus the second recogniser's
    cosine. every: in one of how many steps it is asked, the last among them: it costs twice what the first does.
    """

    rate: float = 1.2
    momentum: float = 0.5
    pull: float = 0.02
    soft: float = 0.7
    jitter: float = 1.5
    most: float = 3.0
    share: float = 1.0
    every: int = 2


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """vector: (1, d), who shall be seen. second: (1, e), the same person by the second recogniser; None where it is not
    known. sure: 0..1, how far the two are of one person."""

    vector: Tensor
    second: Tensor | None = None
    sure: float = 1.0


class Painter:
    """Coefficients to layers of the frame, with or without the network's detail."""

    def __init__(self, model: Appearance, network: DetailNetwork, within: Tensor, fast: bool = False) -> None:
        """within: `canvas.face` of the frame. fast: multiply in bfloat16."""
        self.model, self.network, self.within, self.fast = model, network, within, fast

    def layers(self, coefficients: Tensor, pose: Pose, noise: Tensor | None) -> Tensor:
        """(n, 4, 256, 256) of (n, k) within the pose's outlines, with its hair's tone and glasses. noise: (n, 1, 128,
        128),
        of the detail; None: soft colours."""
        colours = self.model.drawn(coefficients, pose.outlines, pose.around)
        if noise is not None:
            with torch.autocast(colours.device.type, torch.bfloat16, enabled=self.fast):
                fine = self.network(colours.contiguous(memory_format=torch.channels_last), pose.outlines, noise).float()
            colours = colours + detailed(pose.outlines, self.within) * (fine - colours)
        if pose.glasses is not None:
            colours = colours + pose.glasses[3:] * (pose.glasses[:3] - colours)
        return layered(colours, pose.outlines)


class Guide:
    """What the search asks: a recogniser, of the chip it would cut out of the picture."""

    def __init__(self, painter: Painter, recogniser: Recogniser, second: Recogniser) -> None:
        """second: which compares by the cosine; it is asked where its own vector of the person is known."""
        self.painter, self.recogniser, self.second = painter, recogniser, second
        for each in (recogniser, second):
            each.network.requires_grad_(False)

    def known(self, photo: np.ndarray, face: Face) -> Known:
        """What both recognisers see in a photo."""
        return Known(*(each.embed(photo, face).vector for each in (self.recogniser, self.second)))

    def see(self, layers: Tensor, pose: Pose, move: np.ndarray) -> Tensor:
        """(1, d): the vector of the picture's chip, moved by `move` (2,) pixels of the chip; with gradients to the
        layers."""
        return self._read(
            self.recogniser, layers, pose, similarity(pose.points[list(DLIB_POINTS)], DLIB_CHIP_150), move
        )

    def see_too(self, layers: Tensor, pose: Pose, move: np.ndarray) -> Tensor:
        """The same by the second recogniser, of unit length."""
        points = np.stack([pose.points[list(part)].mean(0) for part in FIVE])
        seen = self._read(self.second, layers, pose, similarity(points, ARCFACE_112), move)
        return functional.normalize(seen, dim=1)

    def _read(self, recogniser: Recogniser, layers: Tensor, pose: Pose, matrix: np.ndarray, move: np.ndarray) -> Tensor:
        matrix[:, 2] += move
        into, here = through(pose.back, matrix, recogniser.size)
        behind = functional.grid_sample(pose.wall, here, mode="bilinear", padding_mode="border", align_corners=False)
        chip = (shown(layers, into, behind).clamp(-1, 1) + 1) * 127.5
        with torch.autocast(chip.device.type, torch.bfloat16, enabled=self.painter.fast):
            return recogniser.network(chip).float()

    def _apart(self, layers: Tensor, pose: Pose, wanted: Wanted, move: np.ndarray, share: float) -> Tensor:
        """How far what is seen is from who is wanted. share: of the second recogniser's."""
        apart = ((self.see(layers, pose, move) - wanted.vector) ** 2).sum()
        if wanted.second is None or not share * wanted.sure:
            return apart
        return apart + share * wanted.sure * (1 - (self.see_too(layers, pose, move) * wanted.second).sum())

    def search(
        self,
        proposed: Tensor,
        wanted: Wanted,
        pose: Pose,
        noise: Tensor,
        moves: np.ndarray,
        plan: Search,
        told: Told | None = None,
        age: bool = False,
    ) -> Tensor:
        """The coefficients (1, k), moved so that the recognisers see who is wanted. moves: (steps, 2) standard
        normal. age: hold it too."""
        model, steps = self.painter.model, len(moves)
        moved, pace = proposed, torch.zeros_like(proposed)
        for done in range(steps):
            with torch.enable_grad():
                tried = moved.detach().requires_grad_(True)
                layers = self.painter.layers(tried, pose, noise if done >= plan.soft * steps else None)
                share = plan.share if (steps - 1 - done) % plan.every == 0 else 0.0
                loss = self._apart(layers, pose, wanted, plan.jitter * moves[done], share)
                loss = loss + plan.pull * ((tried - proposed) ** 2).mean()
                (slope,) = torch.autograd.grad(loss, tried)
            slope = model.held(slope * model.mobile, age) * (model.mobile > 0)
            pace = plan.momentum * pace + (1 - plan.momentum) * slope / slope.norm(dim=1, keepdim=True).clamp(min=1e-8)
            moved = moved - plan.rate * (1 - done / steps) ** 0.5 * pace
            moved = torch.maximum(
                torch.minimum(moved, proposed.abs().clamp(min=plan.most)), -proposed.abs().clamp(min=plan.most)
            )
            if told:
                told(done + 1, moved)
        return moved
