"""A gallery searched in two steps: whole faces first, then the nearest of them again, patch by patch.

Source: Phan and Nguyen, "DeepFace-EMD" (2022), section 3.1; α = 0.7 as the authors' recipes use it.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workbench.errors import BadRequest
from workbench.explanation.patch_flow import Patches, flow

FIRST, ALPHA = 100, 0.7


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """A gallery in order, nearest first.

    before: (n,) places by whole faces alone; after: the same with the first ones put in a new order. emd: (n,)
    patchwise likeness by place in the gallery, NaN where it was not asked.
    """

    before: np.ndarray
    after: np.ndarray
    emd: np.ndarray


def rerank(
    query: Patches,
    gallery: Patches,
    similarity: Tensor,
    first: int = FIRST,
    alpha: float = ALPHA,
    weights: str = "apc",
) -> Ranking:
    """Order a gallery by α times the patchwise likeness plus 1 − α times `similarity`, among the `first` nearest.

    similarity: (n,) of whole faces, more is nearer. Equal ones keep the gallery's order. Raises BadRequest for an α
    outside 0 to 1, or when the numbers of faces differ.
    """
    if not 0 <= alpha <= 1:
        raise BadRequest(f"alpha: expected 0 to 1, got {alpha}.")
    if similarity.shape != gallery.centre.shape[:1]:
        raise BadRequest(f"Expected one similarity per face of the gallery, got {tuple(similarity.shape)}.")
    before = torch.argsort(similarity, descending=True, stable=True)
    top = before[:first]
    alike = flow(query, gallery[top], weights).similarity
    order = torch.argsort(alpha * alike + (1 - alpha) * similarity[top], descending=True, stable=True)
    emd = torch.full_like(similarity, float("nan"))
    emd[top] = alike.to(emd.dtype)
    after = torch.cat([top[order], before[first:]])
    return Ranking(before.cpu().numpy(), after.cpu().numpy(), emd.cpu().numpy())
