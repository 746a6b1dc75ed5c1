"""What the parsers from the Hub have in common: a square chip of a face in, scores for the canonical parts out.

Each family counts its classes in its own order; the tables here say which canonical part each of them is. Data sets
that call a part `l_…` mean the person's left, which lies on the image's right, except LaPa, which means the image's
left (its published sample picture and colour map show it).
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from workbench import images
from workbench.catalog.spec import ModelSpec
from workbench.geometry import face_window
from workbench.models.blocks.pixels import Normal, batch
from workbench.parts import INDEX, PARTS
from workbench.values import Face, FaceScores, check_image

Window = Callable[[Face, tuple[int, ...], int], np.ndarray]
"""From a face, the photo's shape and the chip's side to the (2, 3) matrix photo → chip."""

CELEBA_ORDER = [
    "background",
    "neck",
    "skin",
    "cloth",
    "image_right_ear",
    "image_left_ear",
    "image_right_brow",
    "image_left_brow",
    "image_right_eye",
    "image_left_eye",
    "nose",
    "mouth",
    "lower_lip",
    "upper_lip",
    "hair",
    "eyeglasses",
    "hat",
    "earring",
    "necklace",
]
"""SegFace's and FaRL's 19 classes of CelebAMask-HQ: their dataset code numbers the files in this order, `l_ear` before
`r_ear`."""

BISENET_ORDER = [
    "background",
    "skin",
    "image_right_brow",
    "image_left_brow",
    "image_right_eye",
    "image_left_eye",
    "eyeglasses",
    "image_right_ear",
    "image_left_ear",
    "earring",
    "nose",
    "mouth",
    "upper_lip",
    "lower_lip",
    "neck",
    "necklace",
    "cloth",
    "hair",
    "hat",
]
"""The 19 classes of face-parsing.PyTorch and yakhyo/face-parsing."""

LAPA_ORDER = [
    "background",
    "skin",
    "image_left_brow",
    "image_right_brow",
    "image_left_eye",
    "image_right_eye",
    "nose",
    "upper_lip",
    "mouth",
    "lower_lip",
    "hair",
]
"""LaPa's and Helen's 11 classes."""

ABSENT = -1e4
"""The logit of a part the network does not know: never the largest, no share in a softmax."""


class HubParser:
    """A network that tells parts apart on one square chip.

    network: normalised pixels (N, 3, S, S) to logits (N, classes, h, w), frozen. size: S. normal: how pixels are
    normalised.
    order: the canonical part each class is. window: where in the photo the chip lies. layer: of the network, for
    activation maps.
    """

    def __init__(
        self,
        spec: ModelSpec,
        network: nn.Module,
        size: int,
        normal: Normal,
        order: Sequence[str],
        device: str,
        window: Window = face_window,
        layer: str = "backbone",
    ) -> None:
        self.spec, self.network, self.size, self.normal, self.layer = spec, network, size, normal, layer
        self.device = torch.device(device)
        self._window = window
        self._places = torch.tensor(
            [order.index(part) if part in order else len(order) for part in PARTS], device=self.device
        )
        assert set(order) <= set(INDEX)

    @property
    def features(self) -> nn.Module:
        """The part of the network whose output still has places in it."""
        return self.network.get_submodule(self.layer)

    def window(self, face: Face, shape: Sequence[int] = ()) -> tuple[np.ndarray, int]:
        """The (2, 3) matrix from photo points to chip points, and the chip's side in pixels."""
        return self._window(face, tuple(shape), self.size), self.size

    def crop(self, image: np.ndarray, face: Face) -> np.ndarray:
        """The chip of a face: (S, S, 3) uint8; what lies outside the photo repeats its edge."""
        matrix, size = self.window(face, check_image(image).shape)
        return images.warp(image, matrix, (size, size))

    def forward(self, chips: Tensor) -> Tensor:
        """(N, 3, S, S) in 0..255 to (N, 19, h, w) logits of the canonical parts, with gradients to the chips."""
        return self.canonical(self.network(self.normal(chips)))

    def canonical(self, logits: Tensor) -> Tensor:
        """(N, classes, h, w) in the network's order to (N, 19, h, w) in that of `parts.PARTS`; `ABSENT` where it has no
        class."""
        absent = torch.full_like(logits[:, :1], ABSENT)
        return torch.cat([logits, absent], dim=1).index_select(1, self._places)

    def __call__(self, image: np.ndarray, face: Face) -> FaceScores:
        """The probability of every canonical part around one face."""
        matrix, size = self.window(face, check_image(image).shape)
        with torch.inference_mode():
            shares = self.forward(batch(self.crop(image, face), self.device))[0].softmax(0)
        return FaceScores(shares.cpu().numpy(), rescaled(matrix, shares.shape[1] / size).astype(np.float32))


def rescaled(matrix: np.ndarray, factor: float) -> np.ndarray:
    """The matrix to a grid `factor` times as fine, pixel areas kept in place."""
    half = (factor - 1) / 2
    return np.asarray(matrix * factor + np.array([[0, 0, half], [0, 0, half]]))
