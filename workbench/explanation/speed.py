"""Thousands of small forward passes: the same network with its weights laid out for that."""

import torch

from workbench.explanation.targets import Target, copy_of

SMALL = 3_000_000
"""Networks of at most this many parameters gain from channels-last weights (mini-XCEPTION threefold); large ones do
not."""


def made_fast(target: Target) -> Target:
    """The same number of a copy of the model whose weights lie channels-last; the target itself for large or opaque
    models.

    The answers are the same to float32 rounding. A copy, because others may be using the original at this moment.
    """
    network = getattr(target.model, "network", None)
    if not isinstance(network, torch.nn.Module) or sum(p.numel() for p in network.parameters()) > SMALL:
        return target
    if not any(isinstance(module, torch.nn.Conv2d) for module in network.modules()):
        return target
    twin = copy_of(target.model)
    twin.network = twin.network.to(memory_format=torch.channels_last)
    return target.of(twin)


def batch_for(side: int) -> int:
    """Chips per call that keep a network's activations in the processor's cache: 64 at 64 pixels, fewer for larger
    chips."""
    return max(8, min(64, 64 * 64 * 64 // (side * side)))
