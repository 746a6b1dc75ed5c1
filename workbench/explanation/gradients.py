"""Heatmaps from gradients at the pixels: integrated gradients and SmoothGrad, both on Captum."""

import numpy as np
import torch
from captum.attr import IntegratedGradients, Saliency

from workbench.explanation.fills import make_fill
from workbench.explanation.question import ChipMap, Question


def integrated_gradients(question: Question, steps: int = 50, fill: str = "blur") -> ChipMap:
    """The score's rise from a face without the detail (`fill`) to this face, shared out over the pixels; sums to that
    rise.

    extra: "rise", the score's difference, and "gap", how far the map's sum misses it: the integral's error.
    Source: Sundararajan et al., "Axiomatic Attribution for Deep Networks" (2017), section 3, by Captum, Gauss–Legendre
    rule.
    """
    baseline = make_fill(fill, question.chip).image
    chunk = min(question.batch, steps)
    seen = 0

    def score(chips: torch.Tensor) -> torch.Tensor:
        nonlocal seen
        seen += len(chips)
        question.watch.tell(seen / (steps + 2), "integrated gradients")
        return question.graded(chips)

    method = IntegratedGradients(score)
    values, gap = method.attribute(
        question.chip, baselines=baseline, n_steps=steps, internal_batch_size=chunk, return_convergence_delta=True
    )
    heat = values[0].sum(dim=0).detach().cpu().numpy().astype(np.float32)
    return ChipMap(heat, {"gap": float(gap.abs().max()), "rise": float(heat.sum(dtype=np.float64) - float(gap[0]))})


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
