"""How large a change of brightness is just noticed by eyes that have adapted to a brightness, in levels of a file.

After the grayscale standard display function of DICOM PS3.14 (annex B), which tabulates Barten's model of the eye's
contrast sensitivity. Weber's law, a constant share of the luminance, holds for bright screens only: towards the dark
the share grows (de Vries and Rose), and light that the screen reflects hides more of it.
"""

import math

WHITE, GLARE = 200.0, 1.0
"""Candela per square metre of a screen's white, and of the light that it reflects where it is black."""

MIDDLE = 140.0
"""Grey level at which the smallest changes of `seeing` are as they are written: a face of middle brightness."""

DARKEST, BRIGHTEST = 16.0, 220.0
"""Grey levels beyond which a face is taken for under- or overexposed: nobody's skin is so."""

STEPS = (71.498068, 94.593053, 41.912053, 9.8247004, 0.28175407, -1.1878455, -0.18014349, 0.14710899, -0.017046845)
"""Just noticeable steps from the dark up to a luminance, a polynomial in its decimal logarithm: PS3.14, B."""


def luminance(level: float) -> float:
    """Candela per square metre of a grey level, 0..255, of sRGB (IEC 61966-2-1) on such a screen."""
    value = level / 255
    linear = value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
    return WHITE * linear + GLARE


def steps(level: float) -> float:
    """How many just noticeable steps lie below a grey level, 0..255."""
    place = math.log10(luminance(level))
    return sum(factor * place**power for power, factor in enumerate(STEPS))


def _least(level: float) -> float:
    return 2 / (steps(level + 1) - steps(level - 1))


def adapted(level: float) -> float:
    """How many times as large as on a face of middle brightness the smallest change is that is noticed on one of this
    grey level, in levels: 0.75 for the darkest skin, 1.2 for the lightest."""
    level = min(max(level, DARKEST), BRIGHTEST)
    return _least(level) / _least(MIDDLE)
