"""How light drawn skin is where: foreheads that are no darker than cheeks, and necks that lie in the face's shadow.

A search through colours leaves a forehead brown under light hair, and light rims where a jaw meets its neck. The bounds
are what training photos show. Knows arrays only.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from workbench.mesh import OVAL, polygon
from workbench.models.portraits.complexion import broadly

UNEVEN = 4.5
"""How far (CIELAB) lightness that is broadly looked at differs from the mean face's: at most, as a deviation; in photos
4.9 at the median, 8.3 at three quarters."""

NECK, AWAY, LOOKED = (1.0, 0.8, 0.9), (0.0, 8.0, 20.0), 2.5
"""How light skin is below a face at most, of the face's own lightness, at so many pixels from its outline; and the
pixels over which that is looked at. In photos 0.69 under the jaw and 0.85 far from it at the median, 0.79 and 0.94 at
three quarters."""


@dataclass(frozen=True, slots=True, eq=False)
class Usual:
    """Of the frame, (256, 256) float32 each. within: 1 where it shows skin and nothing else. lights: how much lighter
    than all of it the mean face is there, broadly. below: 1 under the jaw, with a soft start. away: pixels from the
    face's outline."""

    within: np.ndarray
    lights: np.ndarray
    below: np.ndarray
    away: np.ndarray


def usual(skin: np.ndarray, within: np.ndarray, mean: np.ndarray) -> Usual:
    """What a frame with these points (468, 2) usually shows. skin: (256, 256, 3) in 0..1, the mean face's colours.
    within: `complexion.plain`."""
    light = cv2.cvtColor(np.clip(skin, 0, 1).astype(np.float32), cv2.COLOR_RGB2LAB)[..., 0]
    face = polygon(mean, OVAL, within.shape) > 127
    away = cv2.distanceTransform((~face).astype(np.uint8), cv2.DIST_L2, 5)
    down = np.arange(len(within), dtype=np.float32)[:, None]
    below = np.clip((down - mean[[234, 454], 1].mean() - 30) / 25, 0, 1) * ~face
    lights = broadly(light, within)[0] - light[within > 0].mean()
    return Usual(within, lights.astype(np.float32), below.astype(np.float32), away.astype(np.float32))


def natural(colours: np.ndarray, skin: np.ndarray, usual: Usual) -> np.ndarray:
    """(h, w, 3) float32 in 0..1, sRGB: skin as light where it is as photos have it. skin: (h, w) 0..1, what is
    changed."""
    lab = cv2.cvtColor(np.clip(colours, 0, 1).astype(np.float32), cv2.COLOR_RGB2LAB)
    there = usual.within * (skin > 0.9)
    if there.sum() < 50:
        return colours
    mean = float(lab[..., 0][there > 0].mean())
    lab[..., 0] += skin * _calming(lab[..., 0], there, mean, usual)
    lab[..., 0] *= 1 - skin * usual.below * (1 - _shade(lab[..., 0], mean, usual))
    return np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1)


def _calming(light: np.ndarray, there: np.ndarray, mean: float, usual: Usual) -> np.ndarray:
    """What to add so that broad lights and shades differ by no more than `UNEVEN` from the usual ones."""
    broad, sure = broadly(light, there)
    odd = broad - mean - usual.lights
    spread = float(odd[there > 0].std())
    found: np.ndarray = -(1 - min(1.0, UNEVEN / max(spread, 1e-6))) * sure * odd
    return found


def _shade(light: np.ndarray, mean: float, usual: Usual) -> np.ndarray:
    """By what share the skin is to be as light as it may be."""
    most = mean * np.interp(usual.away, AWAY, NECK)
    found: np.ndarray = np.minimum(1, most / np.maximum(cv2.GaussianBlur(light, (0, 0), LOOKED), 1e-3)).astype(
        np.float32
    )
    return found
