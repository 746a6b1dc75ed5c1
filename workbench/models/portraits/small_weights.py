"""Large networks whose weights are held in 8 bits and widened one layer at a time: about half the memory on a card.

Diffusers' layerwise casting. Which rows hold theirs so is said by the end of their ids.
"""

import torch
from diffusers.hooks import apply_layerwise_casting
from torch import nn

from workbench.catalog.spec import ModelSpec

SMALL = torch.float8_e4m3fn
"""How the weights of linear maps and convolutions are held."""

WIDE = ("norm", "patch_embed", "proj_out", "lm_head", r"\.wo$")
"""Parts that stay wide, besides words: few weights, or asked for their type; a head may share the words'."""


def wanted(spec: ModelSpec) -> bool:
    """Whether a row is one of those in 8 bits."""
    return spec.id.endswith("-8bit")


def held(network: nn.Module, dtype: torch.dtype) -> None:
    """The network's weights are in 8 bits from now on, and are multiplied in `dtype`."""
    apply_layerwise_casting(network, SMALL, dtype, skip_modules_pattern=WIDE, skip_modules_classes=(nn.Embedding,))
