"""Heatmaps from a network's last layer that still has places: Grad-CAM, Grad-CAM++ and Eigen-CAM."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.explanation.anatomy import grid_side
from workbench.explanation.question import ChipMap, Question


def grad_cam(question: Question) -> ChipMap:
    """Channels of the last layer, weighted by how much each raises the score; only what speaks for it.

    Source: Selvaraju et al., "Grad-CAM" (2017), section 3; tokens of a transformer take the place of pixels. Equal to
    Captum's and pytorch-grad-cam's (tests compare them), without the derivative of what lies before the last layer.
    """
    question.watch.tell(0.0, "Grad-CAM")
    acts, grads = _last_layer(question)
    weights = grads.mean(dim=(2, 3), keepdim=True)
    return ChipMap(_enlarge((weights * acts).sum(dim=1, keepdim=True).relu(), question.size))


def grad_cam_plus_plus(question: Question) -> ChipMap:
    """As Grad-CAM, but every place votes with its own weight, so that several places, or small ones, are all found.

    Source: Chattopadhay et al., "Grad-CAM++" (2018), equations 10 to 19.
    """
    question.watch.tell(0.0, "Grad-CAM++")
    acts, grads = _last_layer(question)
    below = 2 * grads**2 + acts.sum(dim=(2, 3), keepdim=True) * grads**3
    alpha = torch.where(grads != 0, grads**2 / (below + 1e-6), 0.0)
    weights = (alpha * grads.relu()).sum(dim=(2, 3), keepdim=True)
    return ChipMap(_enlarge((weights * acts).sum(dim=1, keepdim=True).relu(), question.size))


def eigen_cam(question: Question) -> ChipMap:
    """The pattern that most of the last layer's activity follows. It does not depend on the target: what the network
    sees at all.

    Source: Muhammad and Yeasin, "Eigen-CAM" (2020). The sign of a principal component is free; here it follows the mean
    activity.
    """
    question.watch.tell(0.0, "Eigen-CAM")
    acts, _ = _last_layer(question)
    flat = acts[0].flatten(1).T
    centred = flat - flat.mean(dim=0)
    _, strength, directions = torch.linalg.svd(centred, full_matrices=False)
    pattern = centred @ directions[0]
    if float(strength[0]) < 1e-6 * (1 + float(flat.abs().max())):
        pattern = torch.zeros_like(pattern)
    if float(pattern @ (flat.mean(dim=1) - flat.mean())) < 0:
        pattern = -pattern
    return ChipMap(_enlarge(pattern.reshape(1, 1, *acts.shape[2:]).relu(), question.size))


def _last_layer(question: Question) -> tuple[Tensor, Tensor]:
    """Activations and gradients of the score, both (1, C, h, w), of the layer `features` of the model.

    The layer's output starts a derivative of its own, so that nothing before it is kept or gone through again.
    """
    kept: list[Tensor] = []

    def keep(module: nn.Module, inputs: Any, output: Any) -> Any:
        first = output[0] if isinstance(output, (tuple, list)) else output
        fresh = first.detach().requires_grad_()
        kept.append(fresh)
        return type(output)((fresh, *output[1:])) if isinstance(output, (tuple, list)) else fresh

    handle = question.target.model.features.register_forward_hook(keep)
    try:
        score = question.graded(question.chip)
    finally:
        handle.remove()
    grads = None
    if score.requires_grad:
        grads = torch.autograd.grad(score.sum(), kept[-1], allow_unused=True)[0]
    grads = torch.zeros_like(kept[-1]) if grads is None else grads
    return as_grid(kept[-1].detach()), as_grid(grads)


def as_grid(layer: Tensor) -> Tensor:
    """(N, C, h, w): a layer's places as a grid, where they are tokens (N, 1 + h·w, C) or (N, h·w, C) too."""
    if layer.ndim == 4:
        return layer
    side = grid_side(layer.shape[1])
    return layer[:, -side * side :].transpose(1, 2).reshape(len(layer), -1, side, side)


def _enlarge(coarse: Tensor, size: int) -> np.ndarray:
    fine = functional.interpolate(coarse.detach(), (size, size), mode="bilinear", align_corners=False)
    return fine[0, 0].cpu().numpy().astype(np.float32)
