"""Visibility: how plainly a change of a face is seen, in just noticeable differences, on tensors with gradients.

Every place of the photo has, in every band of detail, a smallest change that is noticed there: small on smooth or
burnt-out skin, larger where the photo's own detail of that size hides it, and in the dark. A change counts by how often
it is that large, the bands together, and the face is as bad as its worst region. Knows no recogniser.

After Legge and Foley, "Contrast masking in human vision", JOSA 70, 1980 (thresholds rise with about the 0.7th power of
the masking contrast), Lubin, "A visual discrimination model", 1995 (bands, then pooling over places), and Chou and Li,
"A perceptually tuned subband image coder", IEEE TCSVT 5, 1995 (thresholds by luminance). Pictures are (N, 3, S, S)
float32 RGB, 0..255, on the canvas, 60 pixels between the irises.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from workbench.protection.adaptation import adapted
from workbench.protection.visibility import blur, halved, luma

SCALES = (0.8, 1.6, 3.2, 6.4, 12.8, 25.6)
"""Blurs, σ in canvas pixels, between which the bands lie; what is finer than the first is a band of its own, what is
broader than the last is light and counts little."""

LEAST = (3.4, 2.5, 2.2, 2.2, 2.2, 2.9, 9.0)
"""Grey levels just noticed on smooth skin of middle brightness, per band, from the finest to the light."""

LEAST_COLOUR = 2.2
"""The same for colour, of (R − G) / 2 and (R + G − 2 B) / 4, coarser than 1.6 pixels."""

TINTED = 0.02
"""How much larger a change of colour must be per level of colour that is there, after the CIE's colour difference of
1994."""

MASKS, POWER = 1.5, 0.35
"""Detail of so many thresholds begins to hide a change of its size; half the exponent by which it does."""

TEXTURES, SHADING = slice(1, 3), 3
"""The bands whose detail is texture (pores, hair, lashes), and the first whose contrast is as often mere shading."""

SMOOTH, TEXTURED, HELD = 1.1, 1.5, 0.5
"""How many times the least change the texture hides on smooth and on textured skin, and the share of what broad
contrast hides that is left on the smooth: a highlight on a smooth forehead hides no stripes beside it."""

BURNT, DARK, SHADOW = 228.0, 60.0, 0.5
"""Grey levels from which skin counts as burnt out, and below which the dark hides, as far as it is darker than that
share of the face: dark skin is no shadow, and stains on it are seen as well as on any other."""

FAINT = 0.05
"""Share of the face in a neighbourhood below which it says nothing."""

POOLED = 5.0
"""σ of a region in canvas pixels: a twelfth of an eye distance."""

WORST = 0.99
"""The quantile over the face that is reported: the worst hundredth, half as large as the space above the lip."""


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """What is needed to judge changes of N faces, computed once.

    thresholds: per band, the finest (N, 1, S, S), the others of half the size. tint: (N, 1, S / 2, S / 2) for colour.
    face: (N, 1, S / 2, S / 2), where it is judged. dear: (N, 1, S / 2, S / 2), how many times as dear a place is when
    it gets darker.
    """

    thresholds: tuple[Tensor, ...]
    tint: Tensor
    face: Tensor
    dear: Tensor


def bands(light: Tensor, grain: bool = True) -> list[Tensor]:
    """A brightness (N, 1, S, S) in its bands, finest first: that one of S × S, the others of half the size. grain:
    False leaves the finest out, which needs as long as all others and which tones on a grid do not have."""
    found, small = [light - blur(light, SCALES[0])] if grain else [], halved(light)
    below = small
    for scale in SCALES[1:]:
        broader = blur(small, scale / 2)
        found.append(below - broader)
        below = broader
    return [*found, below]


def sight(
    pixels: Tensor, face: Tensor, hairless: Tensor, worn: Tensor | None = None, own: Tensor | None = None
) -> Sight:
    """Thresholds of faces (N, 3, S, S). face: (N, 1, S, S). hairless: (N, 1, S, S) 0..1, skin that would look bearded
    if it were darkened. worn: (N, 1, S, S), by what share more a place may change because a change there is taken for
    makeup; None: nowhere. own: (N, 1, S, S) 0..1, what is of the face: detail of hair, frames and ground beside it
    hides nothing on it; None: all."""
    light = luma(pixels)
    burnt = ((blur(pixels.amax(1, keepdim=True), 2.0) - BURNT) / (255 - BURNT)).clamp(0, 1)
    usual = _usual(light, face)[:, None, None, None]
    limit = (SHADOW * usual).clamp_max(DARK)
    dark = ((limit - blur(light, 2.0)) / limit).clamp(0, 1)
    level = _adapted(usual) * (1 - 0.4 * burnt) * (1 + dark) * (1 if worn is None else 1 + worn)
    found = []
    own = torch.ones_like(light) if own is None else own
    masks = [
        _masking(band, where, number, least)
        for number, (band, where, least) in enumerate(zip(*_own_bands(light, own), LEAST, strict=True))
    ]
    textured = _textured(masks)
    for number, (mask, least) in enumerate(zip(masks, LEAST, strict=True)):
        here = level if mask.shape[-1] == level.shape[-1] else halved(level)
        found.append(least * here * (1 + (mask - 1) * textured if number >= SHADING else mask))
    tint = LEAST_COLOUR * halved(level) * (1 + TINTED * _tints(pixels).square().sum(1, keepdim=True).sqrt())
    return Sight(tuple(found), tint, halved(face), 1 + halved(blur(hairless, 2.0)))


def _usual(light: Tensor, face: Tensor) -> Tensor:
    """(N,): the median brightness of each face, at least 1."""
    rows = [row[mask > 0.5] for row, mask in zip(light, face, strict=True)]
    return torch.stack([row.median() if len(row) else light.new_tensor(DARK) for row in rows]).clamp_min(1)


def _adapted(usual: Tensor) -> Tensor:
    """As `usual`: how many times the least change is noticed by eyes that have adapted to so bright a face."""
    return usual.new_tensor([adapted(float(level)) for level in usual.flatten()]).reshape(usual.shape)


def _over(x: Tensor, own: Tensor, sigma: float) -> Tensor:
    """x smoothed over what is the face's own, as if nothing lay beside it (Knutsson and Westin, "Normalized and
    differential convolution", CVPR 1993)."""
    return blur(x * own, sigma) / blur(own, sigma).clamp_min(FAINT)


def _own_bands(light: Tensor, own: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """`bands` of what is the face's own, and per band where that is."""
    small, inside = halved(light), halved(own)
    levels = [small, *(_over(small, inside, scale / 2) for scale in SCALES[1:])]
    found = [light - _over(light, own, SCALES[0])]
    found += [(below - broader) * inside for below, broader in pairwise(levels)]
    return [*found, levels[-1]], [own, *[inside] * len(SCALES)]


def _masking(band: Tensor, own: Tensor, number: int, least: float) -> Tensor:
    """How many times the least change a place hides in this band: by the quieter of two neighbourhoods, since beside an
    edge nothing hides a patch."""
    if number >= len(SCALES):
        return torch.ones_like(band)
    shrunk = 1 if number == 0 else 2
    near, wide = (_over(band**2, own, times * SCALES[number] / shrunk).clamp_min(0) for times in (1.5, 4.0))
    contrast = torch.minimum(near, wide).sqrt()
    return (1 + (contrast / (MASKS * least)) ** 2) ** POWER


def _textured(masks: list[Tensor]) -> Tensor:
    """(N, 1, S / 2, S / 2) `HELD`..1: how much of what broad contrast hides is believed, by the texture there."""
    hidden = blur(torch.stack(masks[TEXTURES]).amax(0), 1.5)
    return HELD + (1 - HELD) * ((hidden - SMOOTH) / (TEXTURED - SMOOTH)).clamp(0, 1)


def seen(before: Tensor, after: Tensor, sight: Sight, grain: bool = True) -> Tensor:
    """(N, 1, S / 2, S / 2): how many just noticeable differences a change amounts to around each place. grain: as for
    `bands`."""
    change = after - before
    thresholds = sight.thresholds if grain else sight.thresholds[1:]
    ratios = [(band / least) ** 2 for band, least in zip(bands(luma(change), grain), thresholds, strict=True)]
    if grain:
        ratios[0] = halved(ratios[0])
    dearer = torch.where(blur(halved(luma(change)), 1.5) < 0, sight.dear**2, torch.ones_like(sight.dear))
    colour = _tints(change).square().sum(1, keepdim=True) / sight.tint**2
    total = torch.stack(ratios).sum(0) * dearer + colour
    pooled = blur(total * sight.face, POOLED / 2) / blur(sight.face, POOLED / 2).clamp_min(0.2)
    found: Tensor = (pooled + 1e-6).sqrt()
    return found


def _tints(pixels: Tensor) -> Tensor:
    """(N, 2, S / 2, S / 2): red against green and yellow against blue, coarser than grain."""
    red, green, blue = halved(pixels).split(1, 1)
    return blur(torch.cat([(red - green) / 2, (red + green - 2 * blue) / 4], 1), SCALES[1] / 2)


def worst(seen: Tensor, sight: Sight) -> Tensor:
    """(N,): the visibility, the worst hundredth of the face; below 1 nobody notices. No gradient."""
    with torch.no_grad():
        rows = [row[mask > 0.5] for row, mask in zip(seen, sight.face, strict=True)]
        return torch.stack([torch.quantile(row, WORST) if len(row) else seen.new_tensor(0.0) for row in rows])


def smooth_worst(seen: Tensor, sight: Sight) -> Tensor:
    """(N,): a stand-in for `worst` that a search can follow, of the same height: the 8-norm leans on the worst
    places."""
    share = (sight.face > 0.5).float()
    norm = ((seen**8 * share).sum((1, 2, 3)) / share.sum((1, 2, 3)).clamp_min(1)).clamp_min(1e-9) ** 0.125
    return norm * (worst(seen, sight) / norm.detach().clamp_min(1e-9))


def visibility(
    before: Tensor,
    after: Tensor,
    face: Tensor,
    hairless: Tensor,
    worn: Tensor | None = None,
    own: Tensor | None = None,
) -> Tensor:
    """(N,): the visibility of a change of whole faces, without gradient."""
    with torch.no_grad():
        known = sight(before, face, hairless, worn, own)
        return worst(seen(before, after, known), known)
