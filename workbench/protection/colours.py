"""How far the colour of skin moved, as a person sees it: CIEDE2000. Pictures are uint8 RGB of one shape; masks are (H,
W)."""

import numpy as np
from skimage.color import deltaE_ciede2000, rgb2lab


def skin_change(before: np.ndarray, after: np.ndarray, skin: np.ndarray) -> tuple[float, float]:
    """Mean ΔE00 under a mask: of the colour, and of its chroma alone, the lightness held. 0 for an empty mask.

    Sharma, Wu and Dalal, "The CIEDE2000 color-difference formula", Color Research and Application 30, 2005.
    """
    chosen = skin > 0.5
    if not chosen.any():
        return 0.0, 0.0
    first, second = rgb2lab(before[chosen][None]), rgb2lab(after[chosen][None])
    level = second.copy()
    level[..., 0] = first[..., 0]
    return float(deltaE_ciede2000(first, second).mean()), float(deltaE_ciede2000(first, level).mean())
