"""Bending a photo around a face: the face keeps its scale in the middle, everything else shrinks towards the frame, and
back.

Lin et al., Face Parsing with RoI Tanh-Warping, CVPR 2019, equation 1, in the form of FacePerceiver/facer (MIT), where
only the outer part of the frame is bent. Facer counts pixel centres at one half; SegFace's copy of the formula counts
from 0.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

FACTOR = 0.8
"""The share of the half frame that is bent."""

LIMIT = 0.999

STANDARD_POINTS = (
    np.array([(196.0, 226.0), (316.0, 226.0), (256.0, 286.0), (220.0, 360.4), (292.0, 360.4)], np.float32) / 256 - 1
)
"""Where the aligned frame, −1 to 1, wants eyes, nose tip and mouth corners."""


class TanhWarp:
    """The bent frame of one face.

    points: (5, 2) pixels of the picture that is given to `apply`, as Face.points. size: side of the frame. half_pixel:
    count pixel centres at one half. factor 0: align only, bend nothing.
    """

    def __init__(
        self,
        points: np.ndarray,
        size: int,
        half_pixel: bool = True,
        factor: float = FACTOR,
        matrix: np.ndarray | None = None,
    ) -> None:
        """matrix: (3, 3) from the picture to the unbent frame, instead of the points."""
        self.size, self.shift, self.factor = size, 0.5 if half_pixel else 0.0, factor
        self.matrix = (
            align(points, (STANDARD_POINTS + 1) * (size - 1) / 2) if matrix is None else torch.as_tensor(matrix).float()
        )

    def apply(self, images: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, size, size), bilinear, 0 outside; keeps gradients."""
        places = self._grid(self.size, self.size, images.device)
        if self.factor:
            places = self._bend(places, _unbent)
        return _sample(images, _through(places, torch.linalg.inv(self.matrix)))

    def restore(self, frames: Tensor, shape: tuple[int, int]) -> Tensor:
        """(N, C, size, size) to a picture of `shape` (height, width), bilinear, 0 where the frame saw nothing."""
        places = _through(self._grid(*shape, frames.device), self.matrix)
        if self.factor:
            places = self._bend(places, torch.tanh)
        return _sample(frames, places)

    def coverage(self, shape: tuple[int, int]) -> Tensor:
        """(1, 1, height, width): 1 where the frame saw the picture, 0 where `restore` can only answer 0."""
        return self.restore(torch.ones(1, 1, self.size, self.size), shape)

    def _grid(self, height: int, width: int, device: torch.device) -> Tensor:
        y, x = torch.meshgrid(
            torch.arange(height, device=device).float(), torch.arange(width, device=device).float(), indexing="ij"
        )
        return torch.stack([x, y], dim=-1) + self.shift

    def _bend(self, places: Tensor, curve: Callable[[Tensor], Tensor]) -> Tensor:
        """Frame pixels to frame pixels: in −1..1, what is further out than 1 − factor follows the curve.

        Sums are taken in the reference's order: near the frame's edge the curve magnifies a rounding error five
        hundredfold.
        """
        share = self.factor
        unit = places / self.size * 2 - 1
        right = curve((unit - 1.0 + share) / share) * share + 1.0 - share
        left = curve((unit + 1.0 - share) / share) * share - 1.0 + share
        bent = torch.where(unit > 1.0 - share, right, torch.where(unit < -1.0 + share, left, unit))
        return (bent + 1) / 2 * self.size


def _unbent(x: Tensor) -> Tensor:
    return x.clamp(-LIMIT, LIMIT).arctanh()


def _through(places: Tensor, matrix: Tensor) -> Tensor:
    flat = functional.pad(places.flatten(0, 1), (0, 1), value=1.0)[None]
    moved = torch.bmm(flat, matrix.to(places.device)[None].permute(0, 2, 1))
    return (moved[..., :2] / moved[..., 2:]).reshape(places.shape)


def _sample(images: Tensor, places: Tensor) -> Tensor:
    height, width = images.shape[2:]
    grid = places / torch.tensor([width, height], device=places.device) * 2 - 1
    return functional.grid_sample(images, grid.expand(len(images), -1, -1, -1), mode="bilinear", align_corners=False)


def align(points: np.ndarray, target: np.ndarray) -> Tensor:
    """The (3, 3) float32 rotation, scaling and shift that brings points (n, 2) nearest to target (n, 2) in the least
    squares."""
    here, there = torch.as_tensor(np.asarray(points)).float(), torch.as_tensor(np.asarray(target)).float()
    middle, goal = here.mean(0), there.mean(0)
    apart, wanted = here - middle, there - goal
    spread = apart.square().sum()
    along = (wanted * apart).sum() / spread
    across = (wanted[:, 0] * apart[:, 1] - wanted[:, 1] * apart[:, 0]).sum() / spread
    x = goal[0] - along * middle[0] - across * middle[1]
    y = goal[1] + across * middle[0] - along * middle[1]
    return torch.stack([along, across, x, -across, along, y, torch.zeros(()), torch.zeros(()), torch.ones(())]).reshape(
        3, 3
    )
