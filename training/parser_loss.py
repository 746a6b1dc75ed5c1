"""What the compact parser is trained to lower: weighted cross entropy, soft Dice, and the same cross entropy on a
coarse grid."""

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor

IGNORE = 255


def class_weights(areas: np.ndarray, power: float = -0.2) -> Tensor:
    """(19,) float32: each part's share of all pixels to the power, scaled so that the average pixel weighs 1."""
    share = areas.sum(axis=0) / areas.sum()
    weight = np.maximum(share, 1e-5) ** power
    return torch.tensor(weight / (weight * share).sum(), dtype=torch.float32)


def parts_loss(logits: Tensor, labels: Tensor, weights: Tensor, dice: float = 1.0) -> Tensor:
    """Cross entropy plus `dice` times one minus the mean soft Dice (Milletari et al., arXiv 1606.04797) of the parts
    present.

    logits (n, 19, h, w), labels (n, h, w) int64 with 255 for pixels outside the picture, which count for neither. The
    Dice pools its pixels over the batch, as the figure in the table pools them over all pictures.
    """
    flat = logits.float().permute(0, 2, 3, 1).reshape(-1, logits.shape[1])
    known = labels.reshape(-1) != IGNORE
    flat, truth = flat[known], labels.reshape(-1)[known]
    logs = functional.log_softmax(flat, dim=1)
    right = logs.gather(1, truth[:, None])[:, 0]
    weight = weights[truth]
    entropy = -(right * weight).sum() / weight.sum()
    hits = torch.zeros_like(weights).index_add(0, truth, right.exp())
    counts = torch.bincount(truth, minlength=len(weights)).float()
    overlap = 2 * hits / (logs.exp().sum(0) + counts + 1)
    return entropy + dice * (1 - overlap[counts > 0].mean())


def coarse_loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """The cross entropy of a coarser grid of logits, against the labels at the centres of its cells."""
    step = labels.shape[-1] // logits.shape[-1]
    nearest = labels[:, step // 2 :: step, step // 2 :: step]
    return functional.cross_entropy(logits.float(), nearest, weights, ignore_index=IGNORE)
