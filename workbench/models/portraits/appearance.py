"""The linear part: standard coefficients to colours and a shape in the mean frame, and which coefficients a face's
vector asks for.

Principal components of photos brought to the mean frame (Cootes, Edwards and Taylor, "Active appearance models", PAMI
2001, section 2), least squares from a recogniser's vector to them, and the covariance of what that leaves open, from
which a picture's own noise is drawn. A few attributes (how the head is turned, where light comes from, how the mouth
stands) are linear in the coefficients too: to set one, all coefficients move as the normal distribution expects when it
is known. Knows no pixels of anybody and no search.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from workbench.models.portraits.clothing import calm

TEXTURE, HAIR, CLOTH, OUTLINE = 128, 32, 16, 64
"""Sides of the grids of the colours of skin, hair and clothes, and of the three outlines: of skin, of head (skin and
hair), of person."""

LAYERS = 3

FACE = (slice(72, 248), slice(56, 200))
"""Rows and columns of the frame in which the face itself is drawn at the frame's full side."""

SIZES = (3 * TEXTURE**2, 3 * HAIR**2, 3 * CLOTH**2)

REACH = 24.0
"""Pixels of the colours' grid that an outline's 1 stands for."""

FADE = 2.0
"""Pixels of that grid over which a layer fades into the one under it."""

PARTS = (
    "mean",
    "layers",
    "shape_mean",
    "shapes",
    "weight",
    "bias",
    "residual",
    "mobile",
    "attributes",
    "attribute_spread",
)
BRIGHTNESS = ("bright", "bright_base", "bright_weight", "bright_bias", "warm")
FINE = ("fine_mean", "fine")
OUTLINES = ("outlines", "outline_weight", "outline_bias")
WORN = ("age", "glasses_weight", "glasses_bias", "degrees")

VARIED = 1.35
"""By how much more than in photos how a head is turned and lit, and its mouth, differ from picture to picture: these
make a person's pictures differ without making them of another person."""

DECIDED = 0.08
"""How far from a clear choice the choice of an outline is: near 0 one of them, more a blend."""


@dataclass(frozen=True, slots=True, eq=False)
class Appearance:
    """t texture and s shape coefficients, all of mean 0 and deviation 1 over the training faces; k = t + s.

    mean: (3·128² + 3·32² + 3·16²,) colours of skin, hair and clothes in −1..1. layers: (t, as many), what one deviation
    adds.
    fine_mean: (3·176·144,) and fine: (f, as many), what the full side adds to the face, on average and by the first f
    coefficients.
    shape_mean: (468·2,) in pixels of the frame; shapes: (s, 468·2), what one deviation adds.
    weight: (k, d) and bias: (k,), from a vector to the coefficients expected. residual: (k, k), from independent
    standard noise to what a vector leaves open. mobile: (k,) 0..1, how readily the search moves each coefficient: the
    shape's not at all, and less those that make left and right differ.
    bright: (k,) and bright_base: (), the mean grey (0..255) of a face's soft colours as a linear function of the
    coefficients;
    bright_weight: (d,) and bright_bias: (), what it is expected to be of a vector. warm: (k,) of unit length, along
    which skin turns from blue to red.
    outlines: (o, 3·64²), means of many photos' outlines, signed distances in −1..1, positive inside; outline_weight:
    (o, d) and
    outline_bias: (o,), from a vector to the logarithm of how likely each is.
    attributes: (a, k), orthonormal rows: an attribute's value is its row times the coefficients. attribute_spread:
    (a,), how far the noise moves each. degrees: (2,), how far the head turns, and nods, per unit of the first two.
    age: (k,), by how much coefficients change per year. glasses_weight: (d,) and glasses_bias: (), the logarithm of how
    much likelier a vector's face wears glasses than not.
    """

    mean: Tensor
    layers: Tensor
    fine_mean: Tensor
    fine: Tensor
    shape_mean: Tensor
    shapes: Tensor
    weight: Tensor
    bias: Tensor
    residual: Tensor
    mobile: Tensor
    bright: Tensor
    bright_base: Tensor
    bright_weight: Tensor
    bright_bias: Tensor
    warm: Tensor
    outlines: Tensor
    outline_weight: Tensor
    outline_bias: Tensor
    attributes: Tensor
    attribute_spread: Tensor
    age: Tensor
    glasses_weight: Tensor
    glasses_bias: Tensor
    degrees: Tensor

    @property
    def textures(self) -> int:
        """How many coefficients are of the texture; the others are of the shape."""
        return len(self.layers)

    @property
    def count(self) -> int:
        """All coefficients."""
        return len(self.bias)

    def expected(self, vectors: Tensor) -> Tensor:
        """(n, k) coefficients for (n, d) vectors."""
        return vectors @ self.weight.T + self.bias

    def proposed(
        self,
        vectors: Tensor,
        noise: Tensor,
        spread: float,
        moved: Tensor | None = None,
        years: float = 0.0,
        brightness: Tensor | None = None,
    ) -> Tensor:
        """(n, k) coefficients of a face of the vectors (n, d) as the noise (n, k) draws it.

        spread: in deviations of what the vectors leave open. Attributes are the noise's alone: the same noise gives the
        same light and the same turn of the head, whoever is drawn. How bright the face is, is the vectors' alone, or as
        told, (n,). moved: (a,), added to the attributes. years: by how much the face is older.
        """
        drawn = self.expected(vectors) + spread * noise @ self.residual.T + years * self.age
        wanted = VARIED * spread * (noise @ self.attributes.T) * self.attribute_spread
        if moved is not None:
            wanted = wanted + moved
        told = self.brightness(vectors) if brightness is None else brightness
        return self.lit(self.with_attributes(drawn, wanted), told)

    def brightness(self, vectors: Tensor) -> Tensor:
        """(n,): the mean grey expected of the faces of (n, d) vectors."""
        return vectors @ self.bright_weight + self.bright_bias

    def wears_glasses(self, vectors: Tensor) -> Tensor:
        """(n,) bool of (n, d) vectors."""
        return vectors @ self.glasses_weight + self.glasses_bias > 0

    def chosen(self, vectors: Tensor, noise: Tensor, seen: Tensor | None = None) -> Tensor:
        """(n, o) shares of the outlines for (n, d) vectors. noise: (n, o) of Gumbel's distribution, which makes the
        choice a draw. seen: (o,), the logarithm of how likely each is of what a photo shows."""
        likely = vectors @ self.outline_weight.T + self.outline_bias + (0 if seen is None else seen)
        return ((likely + noise) / DECIDED).softmax(1)

    def outlined(self, shares: Tensor) -> Tensor:
        """(n, 3, 64, 64) outlines of such shares (n, o)."""
        return (shares @ self.outlines).reshape(len(shares), LAYERS, OUTLINE, OUTLINE)

    def lit(self, coefficients: Tensor, brightness: Tensor) -> Tensor:
        """The same (n, k) with faces of this mean grey (n,), attributes as they were."""
        free = self._free_brightness()
        missing = brightness - self.bright_base - coefficients @ self.bright
        return coefficients + missing[:, None] * free / (free @ self.bright)

    def _free_brightness(self) -> Tensor:
        return self.bright - (self.bright @ self.attributes.T) @ self.attributes

    def with_attributes(self, coefficients: Tensor, wanted: Tensor) -> Tensor:
        """The same (n, k) with attributes (n, a) as wanted, and all else as it was."""
        return coefficients + (wanted - coefficients @ self.attributes.T) @ self.attributes

    def held(self, slope: Tensor, age: bool = False) -> Tensor:
        """A direction (n, k) without what would change an attribute or the skin's brightness or warmth. age: nor the
        age."""
        slope = slope - (slope @ self.attributes.T) @ self.attributes
        free = self._free_brightness()
        slope = slope - (slope @ free)[:, None] * free / (free @ free)
        slope = slope - (slope @ self.warm)[:, None] * self.warm
        if age:
            slope = slope - (slope @ self.age)[:, None] * self.age / (self.age @ self.age)
        return slope

    def painted(self, coefficients: Tensor, outlines: Tensor, around: "Around | None" = None) -> Tensor:
        """Colours (n, 3, 128, 128) in about −1..1 of (n, k) within outlines (n, 3, 64, 64), with gradients. around:
        hair and
        clothes of other coefficients."""
        if around is None:
            skin, hair, clothes = self._layers(coefficients)
            return joined(skin, hair, clothes, outlines)
        return joined(self._skin(coefficients), around.hair, around.clothes, outlines)

    def mean_skin(self, side: int) -> np.ndarray:
        """(side, side, 3) in 0..1: the mean face's colours."""
        skin = self.mean[: SIZES[0]].reshape(1, 3, TEXTURE, TEXTURE)
        wide = functional.interpolate(skin, (side, side), mode="bilinear", align_corners=False)
        found: np.ndarray = ((wide[0].permute(1, 2, 0).cpu().numpy() + 1) / 2).clip(0, 1)
        return found

    def around(self, coefficients: Tensor, hair_tone: Tensor | None = None) -> "Around":
        """What is around a face of (1, k). hair_tone: as of `dyed`, None as told."""
        _, hair, clothes = self._layers(coefficients)
        return Around(dyed(hair, hair_tone), calm(clothes))

    def _layers(self, coefficients: Tensor) -> list[Tensor]:
        flat = self.mean + coefficients[:, : self.textures] @ self.layers
        return [part.reshape(len(part), 3, round((part.shape[1] / 3) ** 0.5), -1) for part in flat.split(SIZES, 1)]

    def _skin(self, coefficients: Tensor) -> Tensor:
        flat = self.mean[: SIZES[0]] + coefficients[:, : self.textures] @ self.layers[:, : SIZES[0]]
        return flat.reshape(len(flat), 3, TEXTURE, TEXTURE)

    def drawn(self, coefficients: Tensor, outlines: Tensor, around: "Around | None" = None) -> Tensor:
        """(n, 3, 256, 256): the same at the frame's full side, with what that adds to the face."""
        colours = functional.interpolate(
            self.painted(coefficients, outlines, around), scale_factor=2.0, mode="bilinear", align_corners=False
        )
        rows, columns = (place.stop - place.start for place in FACE)
        added = (self.fine_mean + coefficients[:, : len(self.fine)] @ self.fine).reshape(-1, 3, rows, columns)
        skin = functional.interpolate(outlines[:, :1], scale_factor=4.0, mode="bilinear", align_corners=False) * REACH
        added = added * (skin[:, :, FACE[0], FACE[1]] / (2 * FADE) + 0.5).clamp(0, 1)
        sides = (FACE[1].start, colours.shape[3] - FACE[1].stop, FACE[0].start, colours.shape[2] - FACE[0].stop)
        return colours + functional.pad(added, sides)

    def shaped(self, coefficients: Tensor) -> Tensor:
        """(n, 468, 2) points in pixels of the frame."""
        return (self.shape_mean + coefficients[:, self.textures :] @ self.shapes).reshape(len(coefficients), -1, 2)


@dataclass(frozen=True, slots=True, eq=False)
class Around:
    """What is drawn around a face, whatever the face becomes. hair: (1, 3, 32, 32) and clothes: (1, 3, 16, 16), colours
    in −1..1."""

    hair: Tensor
    clothes: Tensor


RED, MOST_RED = (0.16, -0.01, -0.15), 1.3
"""By how much the channels of hair differ from its grey when it is brown, and how much browner hair is at most."""


def dyed(hair: Tensor, tone: Tensor | None = None) -> Tensor:
    """Hair's colours (n, 3, h, w) with the mean of a tone, all in −1..1: lights and shades, calmed, by the share they
    are
    of its own mean grey. tone: (3,); (1,) for as light as this, between grey and red as it was told; None for its own.
    """
    light = ((hair + 1) / 2).clamp(0, 1)
    mean = light.mean((1, 2, 3), keepdim=True).clamp(min=0.05)
    share = 0.4 + 0.6 * light.mean(1, keepdim=True) / mean
    if tone is not None and len(tone) == 3:
        return ((tone.reshape(1, 3, 1, 1) + 1) * share - 1).clamp(-1, 1)
    channels = light.mean((2, 3), keepdim=True) / mean
    redness = ((channels[:, :1] - channels[:, 2:]) / (RED[0] - RED[2])).clamp(0.1, MOST_RED)
    colour = 1 + redness * torch.tensor(RED, device=hair.device).reshape(1, 3, 1, 1)
    return (2 * (mean if tone is None else (tone + 1) / 2) * share * colour - 1).clamp(-1, 1)


def joined(skin: Tensor, hair: Tensor, clothes: Tensor, outlines: Tensor) -> Tensor:
    """(n, 3, 128, 128): clothes under hair under skin, cut by the outlines (n, 3, 64, 64)."""
    wide = functional.interpolate(outlines, (TEXTURE, TEXTURE), mode="bilinear", align_corners=False) * REACH
    share = (wide[:, :2] / (2 * FADE) + 0.5).clamp(0, 1)
    share = share * share * (3 - 2 * share)
    below, hair = (
        functional.interpolate(each, (TEXTURE, TEXTURE), mode="bilinear", align_corners=False)
        for each in (clothes, hair)
    )
    found = below + share[:, 1:] * (hair - below)
    return found + share[:, :1] * (skin - found)


def read(tensors: dict[str, Tensor], device: str = "cpu") -> Appearance:
    """The model of a file's tensors, as float32. Raises KeyError when one is missing, ValueError when sizes do not
    fit."""
    parts = {
        name: tensors[name].to(device=device, dtype=torch.float32)
        for name in (*PARTS, *FINE, *BRIGHTNESS, *OUTLINES, *WORN)
    }
    textures, k = len(parts["layers"]), len(parts["bias"])
    wanted = {
        "mean": (sum(SIZES),),
        "layers": (textures, sum(SIZES)),
        "fine": (len(parts["fine"]), len(parts["fine_mean"])),
        "shape_mean": (468 * 2,),
        "shapes": (k - textures, 468 * 2),
        "residual": (k, k),
        "mobile": (k,),
        "bright": (k,),
        "warm": (k,),
        "age": (k,),
        "degrees": (2,),
        "outlines": (len(parts["outline_bias"]), LAYERS * OUTLINE**2),
        "attributes": (len(parts["attribute_spread"]), k),
    }
    for name, shape in wanted.items():
        if tuple(parts[name].shape) != shape:
            raise ValueError(f"{name}: expected {shape}, got {tuple(parts[name].shape)}")
    return Appearance(**parts)
