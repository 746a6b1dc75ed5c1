"""SegFace: a token per facial class over a Swin, ConvNeXt, EfficientNet or MobileNet backbone (Kartik-3004/SegFace,
MIT).

Narayan, VS and Patel, SegFace: Face Segmentation of Long-Tail Classes, AAAI 2025, arXiv 2412.08647. The CelebAMask-HQ
models see a photo cut like that data set's; the LaPa models bend what is around the face into the frame (`tanh_warp`);
the Helen model, as released, sees a plain square. The ResNet variant is not here: the released code never stores its
features.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest
from workbench.geometry import similarity, square_crop
from workbench.models.blocks.face_decoder import FaceDecoder, FaceNetwork
from workbench.models.blocks.pixels import BICUBIC, IMAGENET, batch, resized
from workbench.models.blocks.tanh_warp import STANDARD_POINTS, TanhWarp
from workbench.models.files.checkpoint import install, read
from workbench.models.parsers.hub_parser import CELEBA_ORDER, LAPA_ORDER, HubParser
from workbench.values import Face

CELEB_TOKENS = [
    "background",
    "neck",
    "face",
    "cloth",
    "rightear",
    "leftear",
    "rightbro",
    "leftbro",
    "righteye",
    "lefteye",
    "nose",
    "innermouth",
    "lowerlip",
    "upperlip",
    "hair",
    "glass",
    "hat",
    "earring",
    "necklace",
]
LAPA_TOKENS = [
    "background",
    "face",
    "leftbro",
    "rightbro",
    "lefteye",
    "righteye",
    "nose",
    "upperlip",
    "innermouth",
    "lowerlip",
    "hair",
]
WIDE = 1.5
"""How much more than the aligned face the LaPa models are shown, so that hair and shoulders are on the picture."""

JAW_AND_BROWS = (234, 454, 132, 361, 172, 397, 152, 70, 63, 105, 66, 107, 336, 296, 334, 293, 300)
"""Mesh points that span what the 68 landmarks span: jaw, chin and the upper edges of the brows."""

UNSEEN = 20.0
"""Added to the background's logit where the bent frame holds nothing, for the canonical answer only."""


@dataclass(frozen=True, slots=True)
class Backbone:
    """A torchvision network: its builder, the modules whose outputs are taken, and their channels."""

    build: Callable[[], nn.Sequential]
    taps: tuple[int, int, int, int]
    channels: tuple[int, int, int, int]
    inner: bool = True
    rows_last: bool = False


def _features(name: str) -> Callable[[], nn.Sequential]:
    def build() -> nn.Sequential:
        from torchvision import models

        network: Any = getattr(models, name)(weights=None)
        if name.startswith("swin"):
            return nn.Sequential(network.features, network.norm)
        return nn.Sequential(network.features) if name.startswith("convnext") else network.features

    return build


BACKBONES = {
    "swinb": Backbone(_features("swin_b"), (1, 3, 5, 7), (128, 256, 512, 1024), rows_last=True),
    "swinv2b": Backbone(_features("swin_v2_b"), (1, 3, 5, 7), (128, 256, 512, 1024), rows_last=True),
    "convnext": Backbone(_features("convnext_base"), (1, 3, 5, 7), (128, 256, 512, 1024)),
    "efficientnet": Backbone(_features("efficientnet_v2_m"), (2, 3, 5, 8), (48, 80, 176, 1280), inner=False),
    "mobilenet": Backbone(_features("mobilenet_v3_large"), (3, 6, 12, 16), (24, 40, 112, 960), inner=False),
}


class SegFaceNet(FaceNetwork):
    """Normalised pixels (N, 3, R, R) to logits (N, classes, R, R), classes in the order of the tokens."""

    def __init__(self, backbone: str, tokens: list[str]) -> None:
        """backbone: one of `BACKBONES`. Untrained."""
        made = BACKBONES[backbone]
        decoder = FaceDecoder([(f"{name}_token", 1) for name in tokens])
        super().__init__(made.build(), made.taps, made.channels, decoder, made.inner, made.rows_last)

    def forward(self, pixels: Tensor) -> Tensor:  # type: ignore[override]
        """Logits."""
        return super().forward(pixels)["logits"]


class SegFace(HubParser):
    """The CelebAMask-HQ models, and Helen's."""

    def raw(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """{"logits": (classes, R, R) float32} of a whole photo, made R × R by Pillow's bicubic filter, as the authors
        do.

        The classes stand in the authors' order: 19 as in `CELEB_TOKENS`, or 11 as in `LAPA_TOKENS`.
        """
        with torch.inference_mode():
            chips = batch(resized(image, self.size, self.size, BICUBIC), self.device)
            return {"logits": self.network(IMAGENET(chips))[0].cpu().numpy()}


class WarpedSegFace(SegFace):
    """The LaPa models: the network sees the face bent by `tanh_warp`, and its logits are bent back."""

    def raw(self, image: np.ndarray, points: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """{"logits": (11, R, R) float32} of a whole photo, made R × R by Pillow's bicubic filter, warped, parsed and
        warped back.

        points: (5, 2) photo pixels, eyes, nose tip and mouth corners as the authors' data counts them; without any, the
        photo is taken for an aligned face. Where the network saw nothing, all logits are 0.
        """
        height, width = image.shape[:2]
        places = (
            self._standard()
            if points is None
            else np.asarray(points, np.float64) * (self.size / width, self.size / height)
        )
        chips = batch(resized(image, self.size, self.size, BICUBIC), self.device)
        with torch.inference_mode():
            return {"logits": self._bent(chips, places)[0].cpu().numpy()}

    def forward(self, chips: Tensor) -> Tensor:
        """(N, 3, R, R) in 0..255, cut by `crop`, to (N, 19, R, R) canonical logits, with gradients to the chips."""
        seen = TanhWarp(self._placed(), self.size, half_pixel=False).coverage((self.size, self.size))
        logits = self._bent(chips, self._placed())
        return self.canonical(torch.cat([logits[:, :1] + UNSEEN * (1 - seen), logits[:, 1:]], dim=1))

    def _bent(self, chips: Tensor, points: np.ndarray) -> Tensor:
        warp = TanhWarp(points, self.size, half_pixel=False)
        return warp.restore(self.network(warp.apply(IMAGENET(chips))), (self.size, self.size))

    def _standard(self) -> np.ndarray:
        return (STANDARD_POINTS + 1) * (self.size - 1) / 2

    def _placed(self) -> np.ndarray:
        """Where the points of a face cut by `window` lie on the chip."""
        middle = (self.size - 1) / 2
        return (self._standard() - middle) / WIDE + middle


def wide_window(face: Face, shape: tuple[int, ...], size: int) -> np.ndarray:
    """The (2, 3) matrix to a square in which the face's points stand as in the aligned frame, `WIDE` times smaller."""
    middle = (size - 1) / 2
    return similarity(face.points, STANDARD_POINTS * middle / WIDE + middle)


def helen_window(face: Face, shape: tuple[int, ...], size: int) -> np.ndarray:
    """The (2, 3) matrix to the upright square Helen's crops show: 1.2 times the extent of brows, jaw and chin.

    Without a mesh, the detector's box stands for that extent.
    """
    low, high = face.box[:2], face.box[2:]
    if face.mesh is not None:
        extent = face.mesh[list(JAW_AND_BROWS), :2]
        low, high = extent.min(axis=0), extent.max(axis=0)
    return square_crop((low + high) / 2, 1.2 * float((high - low).max()), 0.0, size)


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> SegFace:
    """The variant a row's id names: segface-<backbone>-<celeba | lapa | helen>-<side>.

    Takes the authors' training checkpoint or safetensors. Raises BadWeights, naming the variant the file looks like,
    for another one's; the same for a file that breaks off or is none.
    """
    backbone, data, side = (*spec.id.split("-"), "", "", "")[1:4]
    if backbone not in BACKBONES or data not in ("celeba", "lapa", "helen") or not side.isdecimal():
        raise BadRequest(f"{spec.id}: expected segface-<{', '.join(BACKBONES)}>-<celeba, lapa or helen>-<side>.")
    tokens = CELEB_TOKENS if data == "celeba" else LAPA_TOKENS
    network = install(lambda: SegFaceNet(backbone, tokens), read(files["weights"]), spec.title, device)
    if data == "celeba":
        return SegFace(spec, network, int(side), IMAGENET, CELEBA_ORDER, device)
    if data == "helen":
        return SegFace(spec, network, int(side), IMAGENET, LAPA_ORDER, device, helen_window)
    return WarpedSegFace(spec, network, int(side), IMAGENET, LAPA_ORDER, device, wide_window)
