"""How much of a change is seen: SSIM, PSNR, skin colour and patchiness, on tensors with gradients so that a search can
be held to them.

Pictures are (N, 3, H, W) float32 RGB, 0..255, on the canvas, where the irises are `IOD` pixels apart; masks are (N, 1,
H, W), 0..1. Knows no recogniser.
"""

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

IOD = 60
"""Pixels between the irises on the canvas."""

FINE, BROAD = 0.02 * IOD, 0.1 * IOD
"""Patches are what lies between these two blurs (σ in pixels): finer reads as skin's grain, broader as light."""

MASKING = 3.0
"""Local contrast of the photo itself, in % of the range, at which a patch is half as easy to see."""

PATCH_LIMIT = 2.0
"""Contrast of patches, in % of the range, that only one in twenty places of bare skin may pass: patchiness 1."""


@cache
def _smoother(side: int, sigma: float) -> Tensor:
    """(side, side): the matrix that smooths a row by a Gaussian, the edge repeated. Matrix products are the fastest
    blur here."""
    reach = max(1, int(3.5 * sigma + 0.5))
    place = torch.arange(-reach, reach + 1)
    weights = torch.exp(-0.5 * (place / sigma) ** 2)
    matrix = torch.zeros(side, side)
    rows = torch.arange(side)
    for step, weight in zip(place.tolist(), (weights / weights.sum()).tolist(), strict=True):
        matrix.index_put_((rows, (rows + step).clamp(0, side - 1)), torch.tensor(weight), accumulate=True)
    return matrix


def blur(x: Tensor, sigma: float) -> Tensor:
    """(N, C, H, W) smoothed by a Gaussian of `sigma` pixels; the edge repeats."""
    return _smoother(x.shape[-2], sigma) @ x @ _smoother(x.shape[-1], sigma).T


def luma(x: Tensor) -> Tensor:
    """(N, 1, H, W): brightness of RGB, 0..255 (ITU-R BT.601)."""
    return 0.299 * x[:, :1] + 0.587 * x[:, 1:2] + 0.114 * x[:, 2:3]


def share(x: Tensor, mask: Tensor) -> Tensor:
    """(N,): the mean of (N, 1, H, W) under a mask."""
    return (x * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3)).clamp_min(1e-6)


def ssim_map(before: Tensor, after: Tensor) -> Tensor:
    """(N, 1, H, W): structural similarity of two brightnesses. Wang et al., TIP 2004: Gaussian window of σ 1.5."""
    a, aa = blur(before, 1.5), blur(before * before, 1.5)
    b, bb, ab = (blur(x, 1.5) for x in (after, after * after, before * after))
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    top = (2 * a * b + c1) * (2 * (ab - a * b) + c2)
    return top / ((a * a + b * b + c1) * (aa - a * a + bb - b * b + c2))


def ssim(before: Tensor, after: Tensor, mask: Tensor) -> Tensor:
    """(N,): mean structural similarity of the brightness under a mask, 1 for no change."""
    return share(ssim_map(luma(before), luma(after)), mask)


def psnr(before: Tensor, after: Tensor, mask: Tensor) -> Tensor:
    """(N,): peak signal to noise ratio under a mask, in dB."""
    error = share(((before - after) ** 2).mean(1, keepdim=True), mask)
    return 10 * torch.log10(255**2 / error.clamp_min(1e-4))


def contrast(before: Tensor) -> Tensor:
    """(N, 1, H, W): local contrast of the photo in % of the range, that of the quieter of two neighbourhoods.

    Beside an edge the wide neighbourhood is loud and the narrow one quiet: nothing there hides a patch.
    """
    light = luma(before) / 2.55
    fine = light - blur(light, BROAD)
    near, wide = (blur(fine**2, sigma).clamp_min(0).sqrt() for sigma in (0.04 * IOD, 0.1 * IOD))
    return torch.minimum(near, wide)


def halved(x: Tensor) -> Tensor:
    """(N, C, H / 2, W / 2): averages of 2 × 2."""
    return functional.avg_pool2d(x, 2)


def visible(change: Tensor, busy: Tensor) -> Tensor:
    """(N, 1, H / 2, W / 2): how strongly patches of a change (N, 1 or 3, H, W; grey levels) show, in % of the range.

    busy: `contrast` of the photo. Of three channels colour counts too: red against green by half, yellow against blue
    by a quarter.
    """
    small = halved(change) / 2.55
    if small.shape[1] == 3:
        red, green, blue = small.split(1, 1)
        small = torch.cat([luma(small), 0.5 * (red - green), 0.25 * (red + green - 2 * blue)], 1)
    band = blur(small, FINE / 2) - blur(small, BROAD / 2)
    return (band**2).sum(1, keepdim=True).add(1e-6).sqrt() / torch.sqrt(1 + (halved(busy) / MASKING) ** 2)


def patchiness(before: Tensor, after: Tensor, skin: Tensor) -> Tensor:
    """(N,): the 95th percentile of visible patches on bare skin over the limit; above 1 they are easy to see. No
    gradient."""
    with torch.no_grad():
        return percentile(visible(after - before, contrast(before)), skin)


def percentile(seen: Tensor, skin: Tensor) -> Tensor:
    """(N,): the 95th percentile of (N, 1, H / 2, W / 2) under a mask (N, 1, H, W) over `PATCH_LIMIT`; 0 under an empty
    mask."""
    values = [row[mask > 0.5] for row, mask in zip(seen, halved(skin), strict=True)]
    return (
        torch.stack([torch.quantile(row, 0.95) if len(row) else seen.new_tensor(0.0) for row in values]) / PATCH_LIMIT
    )


def soft_patchiness(seen: Tensor, skin: Tensor) -> Tensor:
    """(N,): a smooth stand-in for `patchiness` that a search can follow: the 4-norm leans on the strongest patches."""
    return (share((seen / PATCH_LIMIT) ** 4, halved(skin)) + 1e-8) ** 0.25
