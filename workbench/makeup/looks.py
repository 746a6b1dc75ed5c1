"""Looks by name: which regions are painted, in which shades and how strongly. Plain values; imports nothing heavy."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from workbench.errors import BadRequest
from workbench.makeup.palettes import ORDER, PALETTES

OWN = "own skin"
"""A foundation shade that is no shade: the palette's mixture nearest to the face's own skin, so that it evens and does
not recolour."""

PALER = "a shade paler"
"""The same a shade lighter than the face's own skin, whichever skin it is: porcelain on dark skin is a grey mask."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One product on one region.

    intensity: 0..1, as a share of the region's opacity cap. shades: shade name to weight, more than 0; weights need not
    sum to 1.
    softness: extra feather in inter-ocular distances, 0 for the region's own.
    """

    intensity: float
    shades: Mapping[str, float]
    softness: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.intensity <= 1:
            raise BadRequest(f"intensity: expected 0 to 1, got {self.intensity}.")
        if not self.shades or min(self.shades.values()) <= 0:
            raise BadRequest("shades: expected at least one shade, with a weight above 0.")
        if not 0 <= self.softness <= 0.3:
            raise BadRequest(f"softness: expected 0 to 0.3 inter-ocular distances, got {self.softness}.")


@dataclass(frozen=True, slots=True)
class Look:
    """A whole face's makeup. layers: by region; a region that is not named stays bare."""

    name: str
    sentence: str
    layers: Mapping[str, Layer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for region, layer in self.layers.items():
            if region not in PALETTES:
                raise BadRequest(f"There is no region {region!r} to paint; expected one of {', '.join(ORDER)}.")
            unknown = set(layer.shades) - set(PALETTES[region]) - ({OWN, PALER} if region == "foundation" else set())
            if unknown:
                raise BadRequest(
                    f"There is no {region} shade {sorted(unknown)[0]!r}; known: {', '.join(PALETTES[region])}."
                )


def _even(intensity: float) -> Layer:
    return Layer(intensity, {OWN: 1.0})


LOOKS: Mapping[str, Look] = {
    look.name: look
    for look in (
        Look("none", "Nothing is painted."),
        Look(
            "neutral",
            "Grooming for everyone, also men: evened skin, a little depth, tidy brows. Nobody should see that it is makeup.",  # noqa: E501
            {
                "foundation": _even(0.55),
                "contour": Layer(0.28, {"taupe": 1.0}),
                "highlight": Layer(0.12, {"champagne": 1.0}),
                "brow": Layer(0.22, {"ash": 0.5, "chestnut": 0.5}),
                "lip": Layer(0.12, {"nude": 1.0}),
            },
        ),
        Look(
            "camera ready",
            "Powder for a camera, for everyone: skin evened and modelled a little, eyes and lips as they are.",
            {"foundation": _even(0.85), "contour": Layer(0.3, {"taupe": 1.0}), "brow": Layer(0.1, {"ash": 1.0})},
        ),
        Look(
            "defined",
            "For men, also with beards: fuller brows, darker lashes, firmer cheeks and jaw, and no colour.",
            {
                "foundation": _even(0.4),
                "contour": Layer(0.5, {"taupe": 0.6, "cocoa": 0.4}),
                "liner": Layer(0.22, {"grey": 0.5, "brown": 0.5}, softness=0.015),
                "brow": Layer(0.4, {"chestnut": 0.5, "dark brown": 0.5}),
            },
        ),
        Look(
            "silver",
            "For grown faces: satin skin, soft brows and lashes, lips and cheeks rosier, no shimmer that draws lines.",
            {
                "foundation": _even(0.7),
                "blush": Layer(0.4, {"rose": 0.6, "peach": 0.4}),
                "shadow": Layer(0.2, {"taupe": 1.0}, softness=0.03),
                "liner": Layer(0.35, {"brown": 0.6, "grey": 0.4}, softness=0.01),
                "brow": Layer(0.35, {"ash": 0.7, "chestnut": 0.3}),
                "lip": Layer(0.5, {"rose": 0.7, "nude": 0.3}),
            },
        ),
        Look(
            "natural",
            "A light day look: even skin, soft blush, brown liner, lips a shade rosier.",
            {
                "foundation": _even(0.6),
                "contour": Layer(0.2, {"taupe": 1.0}),
                "blush": Layer(0.45, {"rose": 0.5, "peach": 0.5}),
                "highlight": Layer(0.3, {"champagne": 1.0}),
                "shadow": Layer(0.3, {"taupe": 0.7, "rosewood": 0.3}),
                "liner": Layer(0.3, {"brown": 1.0}),
                "brow": Layer(0.3, {"chestnut": 0.6, "ash": 0.4}),
                "lip": Layer(0.45, {"rose": 0.6, "nude": 0.4}),
            },
        ),
        Look(
            "red lipstick",
            "Red lips, the rest restrained.",
            {
                "foundation": _even(0.6),
                "contour": Layer(0.2, {"taupe": 1.0}),
                "blush": Layer(0.35, {"rose": 1.0}),
                "highlight": Layer(0.25, {"pearl": 1.0}),
                "shadow": Layer(0.22, {"taupe": 1.0}),
                "liner": Layer(0.55, {"black": 0.6, "brown": 0.4}),
                "brow": Layer(0.35, {"chestnut": 0.7, "dark brown": 0.3}),
                "lip": Layer(0.92, {"red": 1.0}),
            },
        ),
        Look(
            "smoky eye",
            "Dark, blended lids and pale lips.",
            {
                "foundation": _even(0.6),
                "contour": Layer(0.3, {"taupe": 1.0}),
                "blush": Layer(0.3, {"peach": 1.0}),
                "highlight": Layer(0.3, {"champagne": 1.0}),
                "shadow": Layer(1.0, {"charcoal": 0.85, "taupe": 0.15}, softness=0.02),
                "liner": Layer(0.9, {"black": 1.0}, softness=0.01),
                "brow": Layer(0.4, {"chestnut": 0.5, "dark brown": 0.5}),
                "lip": Layer(0.5, {"nude": 1.0}),
            },
        ),
        Look(
            "contour",
            "Shaded cheeks, jaw and temples, and light on the cheekbones.",
            {
                "foundation": _even(0.7),
                "contour": Layer(0.95, {"cocoa": 0.8, "taupe": 0.2}),
                "blush": Layer(0.25, {"terracotta": 1.0}),
                "highlight": Layer(0.75, {"champagne": 0.6, "gold": 0.4}),
                "shadow": Layer(0.35, {"bronze": 0.6, "taupe": 0.4}),
                "liner": Layer(0.3, {"brown": 1.0}),
                "brow": Layer(0.4, {"chestnut": 1.0}),
                "lip": Layer(0.5, {"nude": 0.7, "rose": 0.3}),
            },
        ),
        Look(
            "bridal",
            "Luminous skin, rosewood lids, rose lips.",
            {
                "foundation": _even(0.8),
                "contour": Layer(0.2, {"taupe": 1.0}),
                "blush": Layer(0.55, {"rose": 0.7, "peach": 0.3}),
                "highlight": Layer(0.7, {"pearl": 0.7, "champagne": 0.3}),
                "shadow": Layer(0.5, {"rosewood": 0.6, "taupe": 0.4}),
                "liner": Layer(0.5, {"brown": 0.6, "black": 0.4}),
                "brow": Layer(0.4, {"chestnut": 0.6, "ash": 0.4}),
                "lip": Layer(0.65, {"rose": 0.8, "coral": 0.2}),
            },
        ),
        Look(
            "fresh",
            "Peach cheeks, coral lips, light on the cheekbones, almost bare eyes.",
            {
                "foundation": _even(0.5),
                "blush": Layer(0.6, {"peach": 0.8, "rose": 0.2}),
                "highlight": Layer(0.5, {"pearl": 0.5, "champagne": 0.5}),
                "shadow": Layer(0.2, {"taupe": 0.5, "bronze": 0.5}),
                "liner": Layer(0.2, {"brown": 1.0}),
                "brow": Layer(0.25, {"ash": 0.5, "chestnut": 0.5}),
                "lip": Layer(0.5, {"coral": 0.8, "nude": 0.2}),
            },
        ),
        Look(
            "bronzed",
            "Sun: terracotta cheeks, bronze lids, coral lips.",
            {
                "foundation": _even(0.5),
                "contour": Layer(0.5, {"cocoa": 0.7, "taupe": 0.3}),
                "blush": Layer(0.5, {"terracotta": 0.7, "peach": 0.3}),
                "highlight": Layer(0.6, {"gold": 1.0}),
                "shadow": Layer(0.55, {"bronze": 1.0}),
                "liner": Layer(0.4, {"brown": 1.0}),
                "brow": Layer(0.4, {"chestnut": 1.0}),
                "lip": Layer(0.5, {"coral": 0.5, "nude": 0.5}),
            },
        ),
        Look(
            "goth",
            "Pale skin, plum lids, heavy liner, oxblood lips.",
            {
                "foundation": Layer(0.8, {PALER: 1.0}),
                "contour": Layer(0.5, {"taupe": 1.0}),
                "shadow": Layer(1.0, {"plum": 0.5, "charcoal": 0.5}, softness=0.03),
                "liner": Layer(1.0, {"black": 1.0}, softness=0.01),
                "brow": Layer(0.7, {"soft black": 0.6, "dark brown": 0.4}),
                "lip": Layer(0.95, {"oxblood": 0.8, "berry": 0.2}),
            },
        ),
    )
}


def find(name: str) -> Look:
    """The look of this name. Raises BadRequest when there is none."""
    look = LOOKS.get(name) if isinstance(name, str) else None
    if look is None:
        raise BadRequest(f"There is no look {str(name)[:40]!r}; known: {', '.join(LOOKS)}.")
    return look


def adjusted(
    look: Look, intensities: Mapping[str, float] | None = None, shades: Mapping[str, str] | None = None
) -> Look:
    """The look with other intensities (region to 0..1) and single shades (region to shade name). Raises BadRequest for
    unknown ones.

    A region the look leaves bare takes its first shade when only an intensity is given (foundation: the face's own
    skin).
    """
    intensities, shades = dict(intensities or {}), dict(shades or {})
    for region in (*intensities, *shades):
        if region not in PALETTES:
            raise BadRequest(f"There is no region {str(region)[:40]!r} to paint; expected one of {', '.join(ORDER)}.")
    layers = dict(look.layers)
    for region in dict.fromkeys((*intensities, *shades)):
        old = layers.get(region) or Layer(0.0, {OWN if region == "foundation" else next(iter(PALETTES[region])): 1.0})
        chosen = {shades[region]: 1.0} if region in shades else old.shades
        layers[region] = Layer(float(intensities.get(region, old.intensity)), chosen, old.softness)
    return Look(look.name, look.sentence, layers)
