"""Painting, differentiably: from a bare canvas, masks and an amount and mixture of shades per region to the painted
canvas.

The pigment is colour × (0.45 + 0.9 × luminance of the skin), which keeps light and shade; the fine detail that paint
would still cover is put back, since makeup is a film over skin and not a new skin. Colours are mixtures of a region's
real shades and nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from workbench.errors import BadRequest
from workbench.makeup.looks import OWN, PALER, Look
from workbench.makeup.palettes import CAPS, FOUNDATION_SHIFT, ORDER, PALETTES

LUMA = (0.299, 0.587, 0.114)
DETAIL = {
    "foundation": 0.0,
    "contour": 0.6,
    "blush": 0.6,
    "highlight": 0.4,
    "shadow": 0.6,
    "liner": 0.0,
    "brow": 0.8,
    "lip": 0.75,
}
"""How much of the fine detail that a region's paint covers is put back."""
LIGHTER = 1.12
"""How much lighter than the skin the foundation a shade paler is."""
EVENING = 0.5
"""Share of the skin's slow colour changes (redness, tan lines) that full foundation takes out."""
CAST = 1.3
"""The strongest tint of the light that is followed; more is taken for the person's own colour."""
GREY = 0.01
"""Mean difference between a photo's channels (0..1) up to which it counts as black and white; from twice this it is in
colour."""
MARGIN = 8
"""Pixels around a mask that are worked on too, so that blurs see what lies beside it."""
MANY = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Paint:
    """How N canvases are painted.

    amounts: region to (N,) 0..1, as shares of `palettes.CAPS` (more counts as 1, less as 0). mixtures: region to (N, k)
    logits over the region's shades in the order of `palettes.shades`; the colour is their softmax-weighted mean.
    Regions in neither stay bare.
    """

    amounts: dict[str, Tensor] = field(default_factory=dict)
    mixtures: dict[str, Tensor] = field(default_factory=dict)


def palette(region: str, like: Tensor) -> Tensor:
    """(k, 3) colours of a region's shades, 0..1, on the device and of the type of `like`."""
    return torch.tensor(list(PALETTES[region].values()), dtype=like.dtype, device=like.device) / 255


def skin_color(pixels: Tensor, skin: Tensor) -> Tensor:
    """(N, 3) mean colour of the bare skin, 0..1, without its brightest glare and deepest shade. skin: (N, 1, S, S)
    0..1."""
    weight, light = skin, _luma(pixels / 255)
    middle = (light * weight).sum((2, 3), keepdim=True) / (weight.sum((2, 3), keepdim=True) + MANY)
    weight = weight * torch.exp(-0.5 * ((light - middle) / 0.12) ** 2)
    return (pixels / 255 * weight).sum((2, 3)) / (weight.sum((2, 3)) + MANY)


def nearest_shades(skin: Tensor) -> Tensor:
    """(N, k) weights, summing to 1, of the foundation shades that a person with this skin (N, 3) 0..1 would choose."""
    apart = ((skin[:, None] - palette("foundation", skin)) ** 2).sum(2)
    return torch.softmax(-apart / 0.004, dim=1)


def paint_of(look: Look, pixels: Tensor, masks: Mapping[str, Tensor]) -> Paint:
    """A look as tensors for these canvases (N, 3, S, S). The foundation's "own skin" becomes the shades nearest to each
    face, "a shade paler" those nearest to a lighter one."""
    amounts, mixtures = {}, {}
    for region, layer in look.layers.items():
        names = tuple(PALETTES[region])
        weights = torch.tensor(
            [float(layer.shades.get(name, 0.0)) for name in names], dtype=pixels.dtype, device=pixels.device
        )
        share = weights.repeat(len(pixels), 1)
        for name, lighter in ((OWN, 1.0), (PALER, LIGHTER)):
            if own := layer.shades.get(name, 0.0):
                share = share + own * nearest_shades(skin_color(pixels, masks["skin"]) * lighter)
        share = share / share.sum(1, keepdim=True)
        mixtures[region] = torch.log(share + MANY)
        amounts[region] = torch.full((len(pixels),), layer.intensity, dtype=pixels.dtype, device=pixels.device)
    return Paint(amounts, mixtures)


def colors(paint: Paint, region: str) -> Tensor:
    """(N, 3) colour of a region, 0..1: always inside the hull of its shades."""
    logits = paint.mixtures[region]
    return torch.softmax(logits, dim=1) @ palette(region, logits)


def render(pixels: Tensor, masks: Mapping[str, Tensor], paint: Paint) -> Tensor:
    """The canvases painted: (N, 3, S, S), RGB 0..255, differentiable in the paint and in the pixels.

    pixels: (N, 3, S, S) 0..255. masks: "skin" and every painted region to (N, 1, S, S) 0..1. In the order of
    `palettes.ORDER`. Raises BadRequest for a region that has no palette, no mask, or only an amount or only a mixture.
    """
    _check(masks, paint)
    painted = [name for name in ORDER if name in paint.amounts]
    here = _window([masks[name] for name in ("skin", *painted)]) if painted else None
    result = pixels.clamp(0, 255)
    if here is not None:
        cut = {name: masks[name][here] for name in ("skin", *painted)}
        result = result.clone()
        result[here] = _layers(pixels[here] / 255, cut, paint).clamp(0, 1) * 255
    return result


def _layers(image: Tensor, masks: Mapping[str, Tensor], paint: Paint) -> Tensor:
    """(N, 3, h, w) 0..1 with one layer over the other; each works only on the part of the picture that it covers."""
    cast, vivid = light_cast(image * 255, masks["skin"]), _vivid(image)
    fine = _luma(image) - _slow(_luma(image), 7)
    for region in (name for name in ORDER if name in paint.amounts):
        here = _window([masks[region]])
        if here is None:
            continue
        below, color = image[here].clone(), colors(paint, region)
        amount = paint.amounts[region].clamp(0, 1)[:, None, None, None] * masks[region][here]
        lit = _lit(color, cast, vivid)[:, :, None, None]
        if region == "foundation":
            change = amount * _correction(image, masks["skin"], color[:, :, None, None])[here]
        elif region == "highlight":
            change = CAPS[region] * amount * (1 - below) * lit * _luma(below)
        elif region == "liner":
            change = CAPS[region] * amount * (lit - below)
        else:
            covered = fine[here] * (1 - 0.9 * lit)
            change = CAPS[region] * amount * (lit * (0.45 + 0.9 * _luma(below)) - below + DETAIL[region] * covered)
        image = image.clone()
        image[here] = below + change
    return image


def _window(masks: Sequence[Tensor]) -> tuple[slice, ...] | None:
    """Where in (N, C, S, S) any of the masks is more than nothing, with a margin, in steps of 4 pixels; None for
    nowhere."""
    seen = torch.stack([mask.detach().amax((0, 1)) for mask in masks]).amax(0) > 0
    rows, columns = seen.any(1).nonzero()[:, 0], seen.any(0).nonzero()[:, 0]
    if not len(rows):
        return None
    spans = []
    for line, side in ((rows, seen.shape[0]), (columns, seen.shape[1])):
        first, last = max(int(line[0]) - MARGIN, 0) // 4 * 4, min(int(line[-1]) + 1 + MARGIN, side)
        spans.append(slice(first, min(-(-last // 4) * 4, side)))
    return slice(None), slice(None), *spans


def _check(masks: Mapping[str, Tensor], paint: Paint) -> None:
    for region in {*paint.amounts, *paint.mixtures}:
        if region not in PALETTES:
            raise BadRequest(f"There is no region {region!r} to paint; expected one of {', '.join(ORDER)}.")
        if region not in masks or region not in paint.amounts or region not in paint.mixtures:
            raise BadRequest(f"{region}: expected a mask, an amount and a mixture of shades.")


def light_cast(pixels: Tensor, skin: Tensor) -> Tensor:
    """(N, 3) how the photo's light tints colours, 1 for none: this skin over the foundation that fits it, of equal
    brightness.

    Has no gradient: it is taken as given.
    """
    with torch.no_grad():
        seen = skin_color(pixels, skin)
        fitting = nearest_shades(seen) @ palette("foundation", pixels)
        bright = torch.tensor(LUMA, dtype=pixels.dtype, device=pixels.device)
        cast = seen / fitting / ((seen @ bright) / (fitting @ bright) + MANY)[:, None]
        return cast.clamp(1 / CAST, CAST)


def _vivid(image: Tensor) -> Tensor:
    """(N, 1) 0 for a photo in black and white, 1 for one in colour."""
    with torch.no_grad():
        return (((image.amax(1) - image.amin(1)).mean((1, 2)) - GREY) / GREY).clamp(0, 1)[:, None]


def _lit(color: Tensor, cast: Tensor, vivid: Tensor) -> Tensor:
    """(N, 3) a colour in the photo's light; grey where the photo is grey."""
    color = color * cast
    grey = (color * torch.tensor(LUMA, dtype=color.dtype, device=color.device)).sum(1, keepdim=True)
    return grey + vivid * (color - grey)


def _correction(image: Tensor, skin: Tensor, color: Tensor) -> Tensor:
    """What full foundation adds: the step from the shade that fits the skin to the chosen one, and slow colour changes
    evened out.

    The step, not the shade itself, because the photo's light tints the skin as it would tint the foundation. Both are
    bounded.
    """
    skin_mean = skin_color(image * 255, skin)
    fitting = (nearest_shades(skin_mean) @ palette("foundation", image))[:, :, None, None]
    mean = skin_mean[:, :, None, None]
    near = _slow(image * skin, 31) / (_slow(skin, 31) + 1e-3)
    uneven = (near - _luma(near)) - (mean - _luma(mean))
    step = (color - fitting).clamp(-FOUNDATION_SHIFT, FOUNDATION_SHIFT)
    return (step - EVENING * uneven).clamp(-FOUNDATION_SHIFT, FOUNDATION_SHIFT)


def _luma(image: Tensor) -> Tensor:
    """(N, 1, S, S) brightness of (N, 3, S, S)."""
    red, green, blue = LUMA
    return red * image[:, :1] + green * image[:, 1:2] + blue * image[:, 2:]


def _slow(image: Tensor, reach: int) -> Tensor:
    """The image without detail smaller than `reach` pixels, edges repeated."""
    if reach > 15:
        small = functional.avg_pool2d(image, 4)
        smooth = _slow(small, reach // 4)
        return functional.interpolate(smooth, size=image.shape[-2:], mode="bilinear", align_corners=False)
    for _ in range(2):
        padded = functional.pad(image, [reach // 2] * 4, mode="replicate")
        image = functional.avg_pool2d(padded, reach, stride=1)
    return image
