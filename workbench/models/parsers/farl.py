"""FaRL: a CLIP vision tower trained on faces and captions, with heads for forty attributes and for parsing
(FacePerceiver, MIT).

Zheng et al., General Facial Representation Learning in a Visual-Linguistic Manner, CVPR 2022, arXiv 2112.03109; crops
and heads as in FacePerceiver/facer and FacePerceiver/FaRL. The parsing weights are published as TorchScript archives,
which are programs: only their tensors are read (`torchscript`), into the network FaRL's training code describes. That
the archives keep its names could not be checked here; if they do not, loading says which name is missing.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.catalog.celeba import CELEBA_40
from workbench.catalog.spec import ModelSpec
from workbench.geometry import face_window, similarity
from workbench.models.blocks.chips import ChipModel
from workbench.models.blocks.pixels import CLIP, batch
from workbench.models.blocks.tanh_warp import STANDARD_POINTS, TanhWarp, align
from workbench.models.blocks.uper_head import UPerHead
from workbench.models.files import torchscript
from workbench.models.files.checkpoint import install, read
from workbench.models.parsers.hub_parser import CELEBA_ORDER, LAPA_ORDER, HubParser
from workbench.models.parsers.segface import UNSEEN, WIDE, wide_window
from workbench.values import Face, Scores, check_image

WIDTH = 768
LAYERS = 12
HEADS = 12
PATCH = 16
TAPS = (3, 5, 7, 11)
ATTRIBUTE_SIDE = 224
PARSING_SIDE = 448
ATTRIBUTE_POINTS = np.array(
    [(85.82991, 85.7792), (169.0532, 84.3381), (127.574, 137.0006), (90.6964, 174.7014), (167.3069, 173.3733)],
    np.float64,
)
"""Where a 256-pixel crop wants eyes, nose tip and mouth corners; the attribute head sees it 30 pixels lower and from
further away."""


class Attention(nn.MultiheadAttention):
    """Self-attention under the names torch gives it."""

    def rows(self, x: Tensor) -> Tensor:
        """(N, n, 768) to the same."""
        parts = functional.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        mixed = functional.scaled_dot_product_attention(
            *(part.unflatten(2, (HEADS, -1)).transpose(1, 2) for part in parts)
        )
        return self.out_proj(mixed.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention and a perceptron with CLIP's quick GELU, each behind a norm and a way around."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = Attention(WIDTH, HEADS)
        self.ln_1 = nn.LayerNorm(WIDTH)
        self.mlp = nn.Module()
        self.mlp.c_fc, self.mlp.c_proj = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        self.ln_2 = nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """(N, n, 768) to the same."""
        x = x + self.attn.rows(self.ln_1(x))
        inner = self.mlp.c_fc(self.ln_2(x))  # type: ignore[operator]
        return x + self.mlp.c_proj(inner * torch.sigmoid(1.702 * inner))  # type: ignore[operator]


class Tower(nn.Module):
    """Normalised pixels to the tokens after every layer."""

    def __init__(self, side: int, ends: bool) -> None:
        """side: of the input in pixels. ends: carry CLIP's last norm and projection along, unused."""
        super().__init__()
        self.class_embedding = nn.Parameter(torch.zeros(WIDTH))
        self.positional_embedding = nn.Parameter(torch.zeros((side // PATCH) ** 2 + 1, WIDTH))
        self.conv1 = nn.Conv2d(3, WIDTH, PATCH, PATCH, bias=False)
        self.ln_pre = nn.LayerNorm(WIDTH)
        self.transformer = nn.Module()
        self.transformer.resblocks = nn.ModuleList(Block() for _ in range(LAYERS))
        if ends:
            self.ln_post = nn.LayerNorm(WIDTH)
            self.proj = nn.Parameter(torch.zeros(WIDTH, 512))

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """(N, 3, S, S) to twelve (N, 1 + (S / 16)², 768), the class token first."""
        rows = self.conv1(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(len(rows), 1, -1), rows], dim=1)
        x = self.ln_pre(x + self.positional_embedding)
        found = []
        for block in self.transformer.resblocks:  # type: ignore[union-attr]
            x = block(x)
            found.append(x)
        return found


class AttributeNet(nn.Module):
    """Normalised pixels (N, 3, 224, 224) to (N, 40) logits: mean, maximum and class token of the last layer, normed and
    weighed."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Tower(ATTRIBUTE_SIDE, ends=False)
        self.head = nn.Module()
        self.head.weights = nn.Parameter(torch.ones(1, 3, 1))
        self.head.final_fc = nn.Linear(WIDTH, len(CELEBA_40))
        for index in range(3):
            self.head.add_module(f"norm_{index}", nn.LayerNorm(WIDTH))

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits."""
        last = self.backbone(pixels)[-1]
        views = (last[:, 1:].mean(1), last[:, 1:].amax(1), last[:, 0])
        normed = [self.head.get_submodule(f"norm_{index}")(view) for index, view in enumerate(views)]
        mixed = (torch.stack(normed, dim=1) * self.head.weights.softmax(dim=1)).sum(1)  # type: ignore[operator]
        return self.head.final_fc(mixed)  # type: ignore[operator]


class ParsingNet(nn.Module):
    """Pixels 0..1 (N, 3, 448, 448) to logits (N, classes, 448, 448)."""

    def __init__(self, classes: int, ends: bool) -> None:
        super().__init__()
        self.backbone = nn.Module()
        self.backbone.register_buffer("image_mean", torch.zeros(1, 3, 1, 1))
        self.backbone.register_buffer("image_std", torch.ones(1, 3, 1, 1))
        self.backbone.visual = Tower(PARSING_SIDE, ends)
        double = [nn.ConvTranspose2d(WIDTH, WIDTH, 2, 2) for _ in range(3)]
        first = nn.Sequential(double[0], nn.BatchNorm2d(WIDTH), nn.GELU(), double[1])
        self.backbone.fpns = nn.ModuleList([first, double[2], nn.Identity(), nn.MaxPool2d(2, 2)])
        self.head = nn.Module()
        self.head.head = UPerHead([WIDTH] * 4, WIDTH, classes)

    def maps(self, pixels: Tensor) -> list[Tensor]:
        """Pixels 0..1 to four maps (N, 768, h, w) at a quarter, an eighth, a sixteenth and a thirty-second."""
        normal = (pixels - self.backbone.image_mean) / self.backbone.image_std  # type: ignore[operator]
        side = pixels.shape[-1] // PATCH
        tokens = self.backbone.visual(normal)  # type: ignore[operator]
        grids = [tokens[at][:, 1:].transpose(1, 2).unflatten(2, (side, side)) for at in TAPS]
        return [level(found) for level, found in zip(self.backbone.fpns, grids, strict=True)]  # type: ignore[call-overload]

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits."""
        scores = self.head.head(self.maps(pixels))  # type: ignore[operator]
        return functional.interpolate(scores, pixels.shape[2:], mode="bilinear", align_corners=False)


def attribute_target(side: int = ATTRIBUTE_SIDE) -> np.ndarray:
    """(5, 2) pixels where the attribute head's crop wants the points."""
    return (ATTRIBUTE_POINTS + np.array([0, 30]) - 128 + 250) * side / 500


class FarlAttributes(ChipModel):
    """The forty attributes of CelebA, each a probability of its own."""

    exclusive = False

    def __init__(self, spec: ModelSpec, network: nn.Module, device: str) -> None:
        target = attribute_target()
        super().__init__(spec, network, lambda face: similarity(face.points, target - 0.5), ATTRIBUTE_SIDE, "backbone")
        self.labels = CELEBA_40
        self.device = torch.device(device)

    def forward(self, chips: Tensor) -> Tensor:
        """(N, 3, 224, 224) in 0..255 to (N, 40) logits, with gradients to the chips."""
        return self.network(CLIP(chips))

    def values(self, chips: Tensor) -> Tensor:
        """(N, 40) probabilities."""
        return self.forward(chips).sigmoid()

    def scores(self, image: np.ndarray, face: Face) -> Scores:
        """The probability of every attribute of one face."""
        return Scores(self.labels, self.batch(self.crop(image, face)[None])[0], self.spec.id, exclusive=False)

    def raw(self, image: np.ndarray, points: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """{"logits": (40,), "probabilities": (40,)} float32 of a photo, cut out by bilinear sampling as the authors do.

        points: (5, 2) eyes, nose tip and mouth corners where pixel centres lie at one half; without any, the photo is
        the crop.
        """
        warp = _plain_warp(check_image(image), points, ATTRIBUTE_SIDE, lambda found: align(found, attribute_target()))
        with torch.inference_mode():
            logits = self.network(CLIP(warp.apply(batch(image, self.device))))[0].cpu()
        return {"logits": logits.numpy(), "probabilities": logits.sigmoid().numpy()}


def _plain_warp(
    image: np.ndarray, points: np.ndarray | None, side: int, matrix: Callable[[np.ndarray], Tensor]
) -> TanhWarp:
    """Alignment without bending; without points, the whole photo stretched to the frame."""
    height, width = image.shape[:2]
    found = torch.diag(torch.tensor([side / width, side / height, 1.0])) if points is None else matrix(points)
    return TanhWarp(np.zeros((5, 2)), side, factor=0.0, matrix=found.numpy())


def quad_matrix(points: np.ndarray, side: int = PARSING_SIDE) -> Tensor:
    """The (3, 3) matrix to CelebA-HQ's square as facer cuts it, in single precision: photo and frame count pixel
    centres at one half.

    Karras et al., arXiv 1710.10196, appendix C, as in `geometry.celeba_quad`, which counts them from 0.
    """
    found = np.asarray(points, np.float32)
    eyes, mouth = (found[0] + found[1]) * 0.5 + 0.5, (found[3] + found[4]) * 0.5 + 0.5
    across, down = found[1] - found[0], mouth - eyes
    x = across - np.array([-down[1], down[0]])
    x = x / np.hypot(*x) * max(np.hypot(*across) * 2.0, np.hypot(*down) * 1.8)
    y, middle = np.array([-x[1], x[0]]), eyes + down * 0.1
    corners = np.stack([middle - x - y, middle + x - y, middle + x + y, middle - x + y])
    return align(corners, np.array([(0, 0), (side, 0), (side, side), (0, side)]))


class FarlParser(HubParser):
    """The parser for LaPa's eleven classes, on the bent frame, or CelebAMask-HQ's nineteen, on the plain square."""

    def __init__(self, spec: ModelSpec, network: nn.Module, bent: bool, device: str) -> None:
        order, window = (LAPA_ORDER, wide_window) if bent else (CELEBA_ORDER, face_window)
        super().__init__(spec, network, PARSING_SIDE, CLIP, order, device, window, "backbone.visual")
        self.bent = bent

    def forward(self, chips: Tensor) -> Tensor:
        """(N, 3, 448, 448) in 0..255, cut by `crop`, to (N, 19, 448, 448) canonical logits, with gradients to the
        chips."""
        if not self.bent:
            return self.canonical(self.network(chips / 255))
        middle = self.size / 2
        points = ((STANDARD_POINTS + 1) * (self.size - 1) / 2 + 0.5 - middle) / WIDE + middle
        warp = TanhWarp(points, self.size)
        logits = warp.restore(self.network(warp.apply(chips / 255)), (self.size, self.size))
        unseen = UNSEEN * (1 - warp.coverage((self.size, self.size)))
        return self.canonical(torch.cat([logits[:, :1] + unseen, logits[:, 1:]], dim=1))

    def raw(self, image: np.ndarray, points: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """{"warped": (classes, 448, 448) on the frame, "logits": (classes, H, W) on the photo}, float32, as facer gives
        them.

        points: (5, 2) eyes, nose tip and mouth corners where pixel centres lie at one half; without any, the photo is
        the frame. Classes in facer's order; where the frame saw nothing, all logits are 0.
        """
        height, width = check_image(image).shape[:2]
        if points is not None and self.bent:
            warp = TanhWarp(np.asarray(points), self.size)
        else:
            warp = _plain_warp(image, points, self.size, quad_matrix)
        with torch.inference_mode():
            warped = self.network(warp.apply(batch(image, self.device) / 255))
            logits = warp.restore(warped, (height, width))
        return {"warped": warped[0].cpu().numpy(), "logits": logits[0].cpu().numpy()}


def load_attributes(spec: ModelSpec, files: Mapping[str, Path], device: str) -> FarlAttributes:
    """The attribute model from facer's state dict. Raises BadWeights, naming what the file looks like, for another
    one."""
    return FarlAttributes(spec, install(AttributeNet, read(files["weights"]), spec.title, device), device)


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> FarlParser:
    """The parser, from a state dict in FaRL's training layout or from the tensors of a TorchScript archive, whose code
    never runs.

    The row's id ends in its data, lapa or celebm. Raises BadWeights.
    """
    weights = torchscript.read(files["weights"]) if torchscript.is_program(files["weights"]) else read(files["weights"])
    bent = spec.id.endswith("lapa")
    classes = len(LAPA_ORDER if bent else CELEBA_ORDER)
    network = install(lambda: ParsingNet(classes, _has_ends(weights)), weights, spec.title, device)
    return FarlParser(spec, network, bent, device)


def _has_ends(weights: Mapping[str, Tensor]) -> bool:
    return "backbone.visual.proj" in weights
