"""RestoreFormer and RestoreFormer++: a worn or badly drawn face made anew from a dictionary of parts of good faces.

Wang et al., "RestoreFormer: High-quality blind face restoration from undegraded key-value pairs", CVPR 2022, arXiv
2201.06374, and "RestoreFormer++", TPAMI 2023, arXiv 2308.07228 (wzhouxiff/RestoreFormerPlusPlus, Apache-2.0). What it
makes of a face is another face's detail: how far it went is the business of whoever asks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.catalog.spec import ModelSpec
from workbench.geometry import umeyama
from workbench.images import paste
from workbench.models.blocks.vq_decoder import Codes, Double, Residual, norm
from workbench.models.files import checkpoint
from workbench.values import Face, check_image

SIDE = 512
TEMPLATE = np.array(
    [
        [192.98138, 239.94708],
        [318.90277, 240.1936],
        [256.63416, 314.01935],
        [201.26117, 371.41043],
        [313.08905, 371.15118],
    ]
)
"""Where eyes, nose and mouth corners lie in a picture of FFHQ's 512 pixels."""
OUTSIDE = (132, 133, 135)
"""What the photo does not show, in red, green and blue, as its authors' face helper has it."""
SOFT = 48
"""Pixels over which the repaired square fades into the picture."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How the network is built. widths: of the levels, in units of `width`. attended: sides of the maps at which places
    ask each other: while a face is read, and while it is made."""

    heads: int
    attended: tuple[tuple[int, ...], tuple[int, ...]]
    width: int = 64
    levels: tuple[int, ...] = (1, 2, 2, 4, 4, 8)
    side: int = SIDE
    codes: int = 1024
    embedded: int = 256


SHAPES = {
    "restoreformer-plus": Shape(4, ((16,), (16, 32))),
    "restoreformer": Shape(8, ((16,), (16,))),
}


class Asking(nn.Module):
    """Places of one map ask those of another with several heads; added to what is asked. (N, C, h, w) to the same."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2, self._heads = norm(width), norm(width), heads
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(width, width, 1) for _ in range(4))

    def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        """other: who asks; x itself when it is None."""
        n, width, high, wide = x.shape
        here = self.norm1(x)
        asks = here if other is None else self.norm2(other)
        parts = (
            layer(seen).reshape(n, self._heads, width // self._heads, high * wide).transpose(2, 3)
            for layer, seen in ((self.q, asks), (self.k, here), (self.v, here))
        )
        found = functional.scaled_dot_product_attention(*parts).transpose(2, 3)  # type: ignore[misc]
        return x + self.proj_out(found.reshape(n, width, high, wide))


class Halve(nn.Module):
    """Half as large by a convolution that looks right and down."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H/2, W/2)."""
        return self.conv(functional.pad(x, (0, 1, 0, 1)))


def _middle(width: int, heads: int) -> nn.ModuleDict:
    return nn.ModuleDict(
        {"block_1": Residual(width, width), "attn_1": Asking(width, heads), "block_2": Residual(width, width)}
    )


def _level(
    blocks: list[nn.Module], width: int, shape: Shape, attended: bool, name: str, step: nn.Module | None
) -> nn.ModuleDict:
    asking = nn.ModuleList(Asking(width, shape.heads) for _ in blocks) if attended else nn.ModuleList()
    parts: dict[str, nn.Module] = {"block": nn.ModuleList(blocks), "attn": asking}
    return nn.ModuleDict(parts | ({name: step} if step is not None else {}))


class Reader(nn.Module):
    """Pixels (N, 3, S, S) to codes' vectors (N, Z, s, s) and what it saw at every level, by name."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        widths = [shape.width * times for times in shape.levels]
        self.conv_in = nn.Conv2d(3, shape.width, 3, padding=1)
        self.down = nn.ModuleList()
        for place, (before, after) in enumerate(zip([shape.width, *widths[:-1]], widths, strict=True)):
            blocks: list[nn.Module] = [Residual(before, after), Residual(after, after)]
            step = Halve(after) if place < len(widths) - 1 else None
            attended = shape.side >> place in shape.attended[0]
            self.down.append(_level(blocks, after, shape, attended, "downsample", step))
        self.mid = _middle(widths[-1], shape.heads)
        self.norm_out, self.conv_out = norm(widths[-1]), nn.Conv2d(widths[-1], shape.embedded, 3, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor], Tensor]:
        """The vectors, each level's map, and the middle's."""
        x, seen = self.conv_in(x), []
        for level in self.down:
            x = _through(level, x, None)  # type: ignore[arg-type]
            seen.append(x)
            x = level["downsample"](x) if "downsample" in level else x  # type: ignore[operator, index]
        seen[-1] = x = self.mid["block_1"](x)
        middle = self.mid["block_2"](self.mid["attn_1"](x))
        return self.conv_out(functional.silu(self.norm_out(middle))), seen, middle


class Maker(nn.Module):
    """Codes (N, Z, s, s) to pixels (N, 3, S, S), asked at some levels by what the reader saw there."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        widths = [shape.width * times for times in shape.levels]
        self.conv_in = nn.Conv2d(shape.embedded, widths[-1], 3, padding=1)
        self.mid = _middle(widths[-1], shape.heads)
        self.up = nn.ModuleList()
        for place, (before, after) in enumerate(zip([*widths[1:], widths[-1]], widths, strict=True)):
            blocks: list[nn.Module] = [Residual(before, after), Residual(after, after), Residual(after, after)]
            attended = shape.side >> place in shape.attended[1]
            self.up.append(_level(blocks, after, shape, attended, "upsample", Double(after) if place else None))
        self.norm_out, self.conv_out = norm(widths[0]), nn.Conv2d(widths[0], 3, 3, padding=1)

    def forward(self, x: Tensor, seen: list[Tensor], middle: Tensor) -> Tensor:
        """Pixels in about −1..1."""
        x = self.mid["block_1"](self.conv_in(x))
        x = self.mid["block_2"](self.mid["attn_1"](x, middle))
        for place in reversed(range(len(self.up))):
            level = self.up[place]
            x = _through(level, x, seen[place])  # type: ignore[arg-type]
            x = level["upsample"](x) if "upsample" in level else x  # type: ignore[operator, index]
        return self.conv_out(functional.silu(self.norm_out(x)))


def _through(level: nn.ModuleDict, x: Tensor, other: Tensor | None) -> Tensor:
    """One level's blocks, each followed by its asking where there is one."""
    for number, block in enumerate(level["block"]):  # type: ignore[arg-type]
        x = block(x)
        x = level["attn"][number](x, other) if len(level["attn"]) else x  # type: ignore[arg-type, index]
    return x


class RestoreNet(nn.Module):
    """(N, 3, S, S) RGB in −1..1 to the same, repaired."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.encoder, self.decoder = Reader(shape), Maker(shape)
        self.quantize = Codes(shape.codes, shape.embedded)
        self.quant_conv, self.post_quant_conv = (nn.Conv2d(shape.embedded, shape.embedded, 1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """Pixels."""
        vectors, seen, middle = self.encoder(x)
        return self.decoder(self.post_quant_conv(self.quantize(self.quant_conv(vectors))), seen, middle)


class RestoreFormer:
    """Repairs one face of a picture."""

    def __init__(self, spec: ModelSpec, network: nn.Module, device: str, side: int = SIDE) -> None:
        self.spec, self.network, self.device, self.side = spec, network, torch.device(device), side

    def __call__(self, image: np.ndarray, face: Face) -> np.ndarray:
        """The picture with this face repaired, its longer side at least 512 pixels; the rest as it was, but for size.

        Raises BadRequest when the face's five points coincide.
        """
        large, scale = _grown(check_image(image), self.side)
        matrix = self.window((face.points.astype(np.float64) + 0.5) * scale - 0.5)
        size, border = (self.side, self.side), cv2.BORDER_CONSTANT
        crop = cv2.warpAffine(large, matrix, size, borderMode=border, borderValue=OUTSIDE)
        return paste(large, self.repaired(crop), matrix, _soft(self.side))

    def window(self, points: np.ndarray) -> np.ndarray:
        """The (2, 3) matrix from the picture to the square, from its five points."""
        scale, rotation, shift = umeyama(points, TEMPLATE * (self.side / SIDE))
        return np.concatenate([scale * rotation, shift[:, None]], axis=1)

    def repaired(self, square: np.ndarray) -> np.ndarray:
        """A square (512, 512, 3) uint8 RGB, repaired."""
        picture = self.raw(square)["picture"].transpose(1, 2, 0)
        return np.round((picture.clip(-1, 1) + 1) * 127.5).astype(np.uint8)

    def raw(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Of one square (512, 512, 3) uint8 RGB: `picture` (3, 512, 512) in about −1..1."""
        with torch.inference_mode():
            pixels = torch.from_numpy(check_image(image).copy()).to(self.device).permute(2, 0, 1)[None].float()
            return {"picture": self.network(pixels / 127.5 - 1)[0].cpu().numpy()}


def _grown(image: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """The picture with its longer side brought to at least `side`, and the scale."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale <= 1:
        return image, 1.0
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), scale


def _soft(side: int) -> np.ndarray:
    """(side, side) 0..1: nothing at the edge, everything further inside."""
    fade = max(1, SOFT * side // SIDE)
    ramp = np.clip((0.5 + np.minimum(np.arange(side), np.arange(side)[::-1])) / fade, 0, 1)
    return np.minimum.outer(ramp, ramp).astype(np.float32)


def load(spec: ModelSpec, files: Mapping[str, Path], device: str, shape: Shape | None = None) -> RestoreFormer:
    """The model, from a training checkpoint or its weights alone. Raises BadWeights for another network's file.

    What a checkpoint holds beside `vqvae.`, such as the networks that judged it in training, is left out.
    """
    sizes = shape or SHAPES[spec.id]
    found = checkpoint.read(files["weights"])
    kept = {name: value for name, value in found.items() if name.startswith("vqvae.")} or found
    weights = checkpoint.stripped(kept, "encoder.conv_in.weight", ("vqvae.", ""))
    network = checkpoint.install(partial(RestoreNet, sizes), weights, spec.title, device)
    return RestoreFormer(spec, network, device, sizes.side)
