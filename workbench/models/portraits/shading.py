"""The colour of hair: locks and strands, the light's course from crown to tips, gloss and shadow.

How much hair differs at every scale, by how light it is, was measured in the training photos' hair. Tensors of the mean
frame; knows no outlines and no noise.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from workbench.models.portraits.canvas import smooth

GREY = (0.299, 0.587, 0.114)

FLOOR = 0.04
"""Added to light (0..1) before its logarithm is taken."""

LOCKS, STRANDS, SHADES, TURNED = 0.28, 0.2, 1.2, 0.8
"""By how much locks, single strands, the outline's own shades and the light's course change the logarithm of light: as
deviations, the last two as shares of what is told."""

PATCH = 0.2
"""The most by which an outline's own shade makes hair lighter: beside skin its means saw some of it."""

LIGHT, CALM, DEEPER = (0.1, 0.5), 0.35, 0.5
"""Light (0..1) of dark and of light hair; by how much less locks and strands differ in the latter, and by how much
deeper its shadows are than its lights are bright."""

SHINE, DULL, WHITE, LOOSE = 0.26, 0.6, 0.4, 0.35
"""Light that gloss adds, by how much less it does in light hair, how much of it is white and not of the hair's colour,
and how much strands break it up."""

RICH, COOLEST, DEEPENS = (1.4, 1.15), 0.97, (0.88, 1.0, 1.14)
"""By how much more dark and light hair differs from grey than its mean colour does, for a mean of many strands is
greyer than any; the most blue beside red; and exponents of the channels' light: hair in shadow is redder."""

HANGS, DEEPEST = (140.0, 250.0), 0.5
"""Rows of the frame from which on hair lies ever more in shadow, and by how much of the logarithm there."""

DEEP, BRIGHT, LEAST = 1.1, 0.8, 0.15
"""The most by which a place is darker and lighter than the hair's mean, as logarithms, and the least of its light that
is left."""


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What changes hair's light from place to place, (1, 1, h, w) each. shade: the outline's own, as a logarithm.
    strands, locks: of mean 0 and deviation 1. back, gloss: as of `gloss.lit`. seen: 1 where hair is seen, else 0."""

    shade: Tensor
    strands: Tensor
    locks: Tensor
    back: Tensor
    gloss: Tensor
    seen: Tensor

    def mean(self, values: Tensor) -> Tensor:
        """(): of values (1, 1, h, w) where hair is seen."""
        return (values * self.seen).sum() / self.seen.sum().clamp(min=1)


def coloured(colour: Tensor, course: Course) -> Tensor:
    """(1, 3, h, w), 0..1 and a little beyond: hair of this mean colour (3,), 0..1, in its lights and shades."""
    grey = colour.new_tensor(GREY)
    light = float(colour @ grey)
    lightness = min(max((light - LIGHT[0]) / (LIGHT[1] - LIGHT[0]), 0), 1)
    channels = _richer(colour, light, RICH[0] + (RICH[1] - RICH[0]) * lightness).reshape(1, 3, 1, 1)
    plain = _plain(light, lightness, course)
    broken = (1 + LOOSE * (1 - CALM * lightness) * (course.strands + course.locks)).clamp(0.2, 2)
    shine = SHINE * (1 - DULL * lightness) * course.gloss * broken
    drawn = channels * plain.clamp(min=1) * plain.clamp(max=1) ** colour.new_tensor(DEEPENS).reshape(1, 3, 1, 1)
    drawn = drawn + shine * (WHITE + (1 - WHITE) * channels / light)
    mean = course.mean((drawn * grey.reshape(1, 3, 1, 1)).sum(1, keepdim=True))
    return drawn * (light / mean.clamp(min=1e-3))


def _plain(light: float, lightness: float, course: Course) -> Tensor:
    """(1, 1, h, w): how light hair is beside its mean, without its gloss."""
    calm = 1 - CALM * lightness
    height = course.shade.shape[2]
    down = torch.arange(height, dtype=torch.float32, device=course.shade.device).reshape(1, 1, height, 1)
    shade = torch.where(course.shade > 0, PATCH * torch.tanh(course.shade / PATCH), course.shade)
    told = SHADES * shade + TURNED * course.back.clamp(min=0.2).log()
    told = told + calm * (LOCKS * course.locks + STRANDS * course.strands)
    told = told - DEEPEST * smooth((down - HANGS[0]) / (HANGS[1] - HANGS[0]))
    told = told - course.mean(told)
    dark = -DEEP * torch.tanh(-(1 + DEEPER * lightness) * told / DEEP)
    told = torch.where(told < 0, dark, BRIGHT * torch.tanh(told / BRIGHT))
    return ((light + FLOOR) * told.exp() - FLOOR).clamp(min=LEAST * light) / light


def _richer(colour: Tensor, light: float, gain: float) -> Tensor:
    """A warm colour (3,) that is less grey, as light as before; one that is not warm as it is, but no bluer than hair
    is."""
    rich = (light + (gain if float(colour[0] - colour[2]) > 0 else 1.0) * (colour - light)).clamp(min=0.004)
    return torch.stack([rich[0], rich[1], torch.minimum(rich[2], COOLEST * rich[0])])
