"""The shades there are: real cosmetics' colours by region, how opaque each may become, and in which order they go on.

Free colours are left out on purpose: a search that may mix any RGB paints blue lips within a minute. Knows no photo;
imports nothing heavy.
"""

from collections.abc import Mapping

Shade = tuple[int, int, int]
"""sRGB, 0..255."""

PALETTES: Mapping[str, Mapping[str, Shade]] = {
    "foundation": {
        "porcelain": (241, 214, 196),
        "ivory": (231, 197, 171),
        "sand": (214, 174, 142),
        "honey": (193, 146, 110),
        "caramel": (163, 114, 81),
        "chestnut": (126, 83, 57),
        "espresso": (88, 57, 41),
    },
    "contour": {
        "taupe": (146, 110, 92),
        "cocoa": (118, 80, 62),
        "umber": (84, 56, 44),
    },
    "blush": {
        "rose": (214, 106, 112),
        "peach": (229, 128, 100),
        "berry": (172, 66, 86),
        "terracotta": (184, 92, 68),
    },
    "highlight": {
        "champagne": (255, 236, 208),
        "pearl": (250, 238, 234),
        "gold": (246, 216, 164),
    },
    "shadow": {
        "taupe": (128, 98, 82),
        "bronze": (138, 92, 58),
        "rosewood": (140, 82, 82),
        "plum": (92, 58, 82),
        "slate": (84, 88, 98),
        "charcoal": (48, 34, 33),
    },
    "liner": {
        "black": (22, 19, 20),
        "brown": (62, 42, 34),
        "grey": (74, 70, 70),
    },
    "brow": {
        "ash": (112, 92, 76),
        "chestnut": (86, 58, 42),
        "dark brown": (52, 38, 31),
        "soft black": (34, 29, 28),
    },
    "lip": {
        "nude": (188, 122, 106),
        "rose": (186, 88, 96),
        "coral": (212, 88, 76),
        "red": (172, 22, 36),
        "berry": (128, 30, 58),
        "oxblood": (78, 18, 28),
    },
}
"""Region to shade name to colour; regions in the order in which they are painted."""

ORDER: tuple[str, ...] = tuple(PALETTES)
"""From the skin outwards."""

CAPS: Mapping[str, float] = {
    "foundation": 0.6,
    "contour": 0.5,
    "blush": 0.4,
    "highlight": 0.4,
    "shadow": 0.6,
    "liner": 0.8,
    "brow": 0.6,
    "lip": 0.8,
}
"""The opacity a region has at full intensity; intensities are shares of it."""

FOUNDATION_SHIFT = 0.1
"""How far foundation may move a channel, as a share of 0..255: it corrects the skin's colour and never repaints it."""


def shades(region: str) -> tuple[str, ...]:
    """The names of a region's shades, in the order in which weights are given. KeyError for an unknown region."""
    return tuple(PALETTES[region])
