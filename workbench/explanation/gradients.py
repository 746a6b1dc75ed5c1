"""Heatmaps from gradients at the pixels: integrated gradients, and SmoothGrad on Captum."""

from dataclasses import replace

import numpy as np
import torch
from captum.attr import Saliency

from workbench.explanation.fills import make_fill
from workbench.explanation.question import ChipMap, Question
from workbench.explanation.speed import made_fast

WORTH_A_COPY = 16
"""Steps from which a network laid out for speed pays for being copied."""


def integrated_gradients(question: Question, steps: int = 50, fill: str = "blur") -> ChipMap:
    """The score's rise from a face without the detail (`fill`) to this face, shared out over the pixels; sums to that
    rise.

    extra: "rise", the score's difference, and "gap", how far the map's sum misses it: the integral's error.
    Source: Sundararajan et al., "Axiomatic Attribution for Deep Networks" (2017), section 3, by the Gauss–Legendre
    rule; equal to Captum's (a test compares them).
    """
    baseline = make_fill(fill, question.chip).image
    asked = replace(question, target=made_fast(question.target)) if steps >= WORTH_A_COPY else question
    places, weights = (torch.from_numpy(each).float() / 2 for each in np.polynomial.legendre.leggauss(steps))
    change, total = question.chip - baseline, torch.zeros_like(question.chip)
    for start in range(0, steps, question.batch):
        question.watch.tell(start / steps, "integrated gradients")
        part = slice(start, start + question.batch)
        along = (0.5 + places[part]).to(change.device)[:, None, None, None]
        chips = torch.addcmul(baseline, along, change).requires_grad_()
        (grads,) = torch.autograd.grad(asked.graded(chips).sum(), chips)
        total += torch.tensordot(weights[part].to(change.device), grads, dims=1)
    heat = (total * change)[0].sum(dim=0).cpu().numpy()
    question.watch.tell(1.0, "integrated gradients")
    ends = asked.scores(torch.cat([question.chip, baseline]))
    rise = float(ends[0] - ends[1])
    return ChipMap(heat, {"gap": abs(float(heat.sum(dtype=np.float64)) - rise), "rise": rise})


def smooth_grad(question: Question, samples: int = 25, noise: float = 0.1) -> ChipMap:
    """How strongly the score reacts to each pixel: the gradient, averaged over noisy copies of the chip; its size, not
    its sign.

    noise: standard deviation, as a share of the chip's range of brightness. Source: Smilkov et al., "SmoothGrad"
    (2017).
    """
    generator = torch.Generator().manual_seed(question.seed)
    spread = noise * float(question.chip.max() - question.chip.min())
    total = torch.zeros_like(question.chip[0])
    for start in range(0, samples, question.batch):
        question.watch.tell(start / samples, "SmoothGrad")
        count = min(question.batch, samples - start)
        jitter = torch.randn((count, *question.chip.shape[1:]), generator=generator).to(question.chip.device) * spread
        noisy = (question.chip + jitter).requires_grad_()
        total += Saliency(question.graded).attribute(noisy, abs=False).sum(dim=0)
    heat = (total / samples).abs().sum(dim=0).detach().cpu().numpy()
    return ChipMap(heat.astype(np.float32))
