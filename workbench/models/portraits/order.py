"""What one picture shall be: the vector's say, the photo's and the person's wishes brought together. Tensors, no
drawing."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workbench.models.portraits.appearance import Appearance
from workbench.models.portraits.seen_look import Look
from workbench.portraits import Wishes

ATTRIBUTES = ("yaw", "pitch", "mouth", "smile", "light", "light_down")
"""Of the model's file, in its order; all but the last may be wished for."""

HAIR = {
    "black": (38, 33, 32),
    "brown": (88, 62, 46),
    "blond": (176, 142, 100),
    "red": (134, 72, 44),
    "grey": (158, 154, 150),
}
"""Mean colours by the word a person asks for, 0..255."""

DARKEST, LIGHTEST = 30.0, 220.0
"""Mean greys that a face is given at least and at most."""

COLOURED = 3.0
"""Grey values that the channels of hair differ by in a photo that is not grey."""


APART = 0.6
"""Distance of two of dlib's vectors from which on two faces are of two people (dlib's own)."""


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """vector: (1, d), who is drawn; anchor: (1, d), of whom hair is told. brightness: (1,), mean grey of the face.
    moved:
    (a,), added to the attributes. years: of age. outlines: (o,), the logarithm of how likely each is of a photo, None
    without. hair_tone: (3,) or (1,) in −1..1, None as told. glasses: "none", a shape, or "" for any. background: a
    word or "". second: (1, e), who the photo shows by a second recogniser, None without; sure: how far that is who is
    asked for, 0..1.
    """

    vector: Tensor
    anchor: Tensor
    skin: Tensor
    brightness: float
    moved: Tensor
    years: float
    outlines: Tensor | None
    hair_tone: Tensor | None
    glasses: str
    background: str
    steps: int
    guidance: float
    second: Tensor | None = None
    sure: float = 0.0


def ordered(
    model: Appearance, vector: Tensor, anchor: Tensor, wishes: Wishes, look: Look | None, steps: int, guidance: float
) -> Order:
    """A wish counts before the photo, the photo before the vector."""
    skin = model.brightness(anchor).clamp(DARKEST, LIGHTEST)
    brightness = float(skin[0]) if look is None else look.brightness
    brightness = brightness if wishes.brightness is None else wishes.brightness
    light = float(skin[0]) / max(look.brightness, 1.0) if look is not None else 1.0
    worn = look.glasses if look is not None else bool(model.wears_glasses(anchor)[0])
    return Order(
        vector,
        anchor,
        skin,
        min(max(brightness, DARKEST), LIGHTEST),
        moved(model, wishes),
        wishes.age,
        None if look is None else torch.from_numpy(look.outlines).to(vector),
        _tone(wishes, look, light, vector),
        wishes.glasses or ("" if worn else "none"),
        wishes.background,
        steps,
        guidance,
        None if look is None else torch.from_numpy(look.known.second).to(vector)[None],
        0.0 if look is None else _sure(vector, look),
    )


def _sure(vector: Tensor, look: Look) -> float:
    """1 where the asked vector is the photo's own, falling to 0 where it is as far from it as a stranger's may be: who
    is turned away from the photo's person is not to be held to it."""
    apart = float((vector[0] - torch.from_numpy(look.known.vector).to(vector)).norm())
    return max(0.0, 1 - apart / APART)


def moved(model: Appearance, wishes: Wishes) -> Tensor:
    """(a,): wishes in the attributes' units; degrees by what a unit of them turns, the others by what photos vary."""
    found = torch.zeros_like(model.attribute_spread)
    for at, name in enumerate(ATTRIBUTES[:5]):
        unit = 1 / model.degrees[at] if at < len(model.degrees) else model.attribute_spread[at]
        found[at] = getattr(wishes, name) * unit
    return found


def _tone(wishes: Wishes, look: Look | None, light: float, like: Tensor) -> Tensor | None:
    """A word's tone, or the photo's; of a grey photo how light it is. light: how much more of it there is than in the
    photo."""
    if wishes.hair:
        return torch.tensor(HAIR[wishes.hair]).to(like) / 127.5 - 1
    if look is None or look.hair is None:
        return None
    tone = look.hair if np.ptp(look.hair) > COLOURED else look.hair.mean(keepdims=True)
    return (torch.from_numpy(tone * light).to(like) / 127.5 - 1).clamp(-0.9, 0.9)
