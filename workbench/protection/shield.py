"""A defence against deepfakes after FaceShield: identity and face finding disturbed by steps that JPEG keeps.

Jeong et al., "FaceShield: defending facial image against deepfake threats", ICCV 2025, arXiv 2412.09921: sign steps on
the likeness to oneself and on P-Net's probability of a face, blurred where they would leave edges, the accumulated
change cut to the low frequencies of 8 × 8 blocks, then bounded. Its terms on diffusion models (the projection of CLIP
and the attention's variance) need IP-Adapter's weights and are not here. Works on the canvas and changes the face only.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from workbench.protection import visibility as looks
from workbench.protection.scene import Scene
from workbench.protection.search import Stage
from workbench.protection.views import View
from workbench.watch import Watch

REACH, STEP, STEPS = 12.0, 1.0, 30
"""Grey levels a pixel may move in all and in one step, and how many steps are made: as in the paper."""

KEPT_FREQUENCIES = (6, 5, 5, 4, 3, 2, 0, 0)
"""Of each row of an 8 × 8 block's cosine transform, how many of the lowest numbers stay."""

FACE_PX, CELL = (120.0, 170.0, 240.0), 12.0
"""Sizes in canvas pixels at which P-Net is asked for a face, and the size of a face it knows."""

MOST_LIKELY = 16
"""Cells of P-Net, of each size, whose probability is pressed down."""

IDENTITY = 4.0
"""Weight of the likeness beside that of face finding, as in the paper."""


def cosines(size: int = 8) -> Tensor:
    """(size, size): the orthonormal discrete cosine transform, a frequency per row."""
    place = torch.arange(size, dtype=torch.float32)
    table = torch.cos(torch.pi / size * (place[None] + 0.5) * place[:, None]) * (2 / size) ** 0.5
    table[0] /= 2**0.5
    return table


def low_pass(change: Tensor) -> Tensor:
    """(N, C, H, W), H and W multiples of 8: what JPEG is likely to keep of a change."""
    count, channels, height, width = change.shape
    blocks = change.reshape(count, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    table = cosines()
    kept = torch.tensor([[float(column < row) for column in range(8)] for row in KEPT_FREQUENCIES])
    back = table.T @ (kept * (table @ blocks @ table.T)) @ table
    return back.transpose(3, 4).reshape(change.shape)


def softened(step: Tensor, gradient: Tensor) -> Tensor:
    """A step (N, 3, S, S), blurred (σ 5) as far as the gradient it comes from has edges nearby, the strongest wholly:
    there a step is largest and seen first."""
    padded = functional.pad(looks.luma(gradient), [1, 1, 1, 1], mode="replicate")
    right, down = padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2], padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]
    edges = functional.max_pool2d((right**2 + down**2).sqrt(), 9, 1, 4)
    share = edges / edges.amax((1, 2, 3), keepdim=True).clamp_min(1e-12)
    return (1 - share) * step + share * looks.blur(step, 5.0)


def faces_seen(canvas: Tensor, proposals: Any) -> Tensor:
    """(N,): mean logarithm of the probability of a face in P-Net's most certain cells, over three sizes."""
    found = []
    for size in FACE_PX:
        side = max(CELL, round(canvas.shape[-1] * CELL / size))
        small = functional.interpolate(canvas, (int(side), int(side)), mode="area")
        chances = proposals((small - 127.5) * 0.0078125)[1].flatten(1)
        found.append(chances.topk(min(MOST_LIKELY, chances.shape[1]), 1).values.clamp_min(1e-6).log().mean(1))
    return torch.stack(found).mean(0)


def shield(
    scene: Scene, surrogates: Sequence[View], proposals: Any = None, steps: int = STEPS, watch: Watch | None = None
) -> Stage:
    """The canvases, changed by at most `REACH` grey levels, as a stage that can be put onto photos.

    proposals: MTCNN's P-Net; None: identity alone is disturbed. Raises Cancelled.
    """
    watch, where = watch or Watch(), scene.oval
    change = torch.zeros_like(scene.pixels)
    for number in range(steps):
        watch.tell(number / steps, f"step {number + 1} of {steps}")
        moving = change.clone().requires_grad_()
        canvas = (scene.pixels + moving * where).clamp(0, 255)
        loss = IDENTITY * torch.stack([view.margins(canvas) for view in surrogates]).clamp_min(-2).mean(0)
        if proposals is not None:
            loss = loss + faces_seen(canvas, proposals)
        (gradient,) = torch.autograd.grad(loss.sum(), moving)
        change = low_pass(change - softened(STEP * gradient.sign(), gradient)).clamp(-REACH, REACH)
    pixels = (scene.pixels + change * where).clamp(0, 255)
    nothing = torch.zeros(len(scene))
    return Stage(0.0, pixels, scene.pixels, scene.pixels, None, nothing, nothing[:, None])
