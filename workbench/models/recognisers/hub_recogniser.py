"""What the recognisers of the Hub and of the attack literature share: their outputs by name, published thresholds,
faster layers."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from workbench import geometry, images
from workbench.catalog.spec import ModelSpec
from workbench.models.blocks.chips import Recogniser
from workbench.models.blocks.layers import PReLU
from workbench.models.blocks.windows import Window
from workbench.thresholds import calibrated
from workbench.values import Face, check_image


class HubRecogniser(Recogniser):
    """A recogniser compared by cosine, whose network gives the vector before it is brought to unit length.

    published: from a false-accept rate to the cosine above which two faces count as one person, as a paper gives it;
    the one at 1 % is the threshold where none was calibrated here. paper_crop: see as the attack papers do, the whole
    CelebA-HQ-like square made smaller bilinearly, instead of the alignment of `window`; figures then compare with
    theirs.
    """

    def __init__(
        self,
        spec: ModelSpec,
        network: nn.Module,
        window: Window,
        size: int,
        layer: str,
        published: Mapping[float, float] | None = None,
        paper_crop: bool = False,
    ) -> None:
        super().__init__(spec, network, window, size, layer, "cosine")
        self.published = dict(published or {})
        self.threshold = calibrated(spec.id) or self.published.get(0.01)
        self.paper_crop = paper_crop

    def window(self, face: Face, shape: Sequence[int] = ()) -> tuple[np.ndarray, int]:
        """The (2, 3) matrix from photo points to chip points, and the chip's side in pixels.

        shape: of the photo; the papers' crop takes a photo that already is an aligned square whole.
        """
        if not self.paper_crop:
            return super().window(face, shape)
        return (
            geometry.face_window(face, tuple(shape), self.size)
            if shape
            else geometry.celeba_quad(face.points, self.size)
        ), self.size

    def crop(self, image: np.ndarray, face: Face) -> np.ndarray:
        """The chip of a face: (S, S, 3) uint8; what lies outside the photo repeats its edge."""
        if not self.paper_crop:
            return super().crop(image, face)
        matrix, size = self.window(face, check_image(image).shape)
        return images.warp(image, matrix, (size, size))

    def raw(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Of one chip (S, S, 3) uint8 RGB: `vector` (d,) as the network gives it, `norm` (1,) its length, `output` (d,)
        of unit length.

        AdaFace's own code returns (`output`, `norm`), CVLFace's `vector`; FaceNet's, IR-SE-50's and MobileFaceNet's
        return `output`; face.evoLVe's IR-152 `vector`.
        """
        with torch.inference_mode():
            vector = self.network(self.tensor(check_image(image)))
            norm = vector.norm(dim=1, keepdim=True)
            found = {"vector": vector, "norm": norm, "output": vector / norm}
        return {name: value[0].cpu().numpy() for name, value in found.items()}


def trim(network: nn.Module) -> nn.Module:
    """The same frozen network, faster: batch norms that follow a convolution folded into it, PReLU with a cheap
    backward pass.

    Channels lie last in memory. Equal within rounding (about 1e-6 of the output). Only neighbours inside one Sequential
    are folded.
    """
    for block in network.modules():
        if isinstance(block, nn.Sequential):
            _fold(block)
        for name, child in block.named_children():
            if isinstance(child, nn.PReLU):
                setattr(block, name, _relus(child))
    return network.to(memory_format=torch.channels_last)


def _fold(block: nn.Sequential) -> None:
    names = list(block._modules)
    for first, second in pairwise(names):
        conv, norm = block._modules[first], block._modules[second]
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            block._modules[first] = nn.utils.fusion.fuse_conv_bn_eval(conv, norm).requires_grad_(False)
            block._modules[second] = nn.Identity()


class Slope(PReLU):
    """PReLU: torch's own where nobody asks for gradients, otherwise two ReLUs, whose backward pass takes half the
    time."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        return super().forward(x) if x.requires_grad and torch.is_grad_enabled() else nn.functional.prelu(x, self.slope)


def _relus(layer: nn.PReLU) -> Slope:
    cheap = Slope(layer.num_parameters)
    cheap.slope = nn.Parameter(layer.weight.detach(), requires_grad=False)
    return cheap


def scaled(chips: Tensor, bgr: bool = False) -> Tensor:
    """Pixels 0..255 to −1..1, as (x / 255 − 0.5) / 0.5; channels turned round when a network wants blue first."""
    pixels = (chips - 127.5) / 127.5
    return pixels.flip(1) if bgr else pixels
