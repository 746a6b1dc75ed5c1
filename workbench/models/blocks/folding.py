"""A batch norm that has stopped learning is part of the convolution before it: the same numbers to rounding, one pass
less."""

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

PAIRS = (
    ("conv", "bn"),
    ("conv1", "bn1"),
    ("conv2", "bn2"),
    ("conv3", "bn3"),
    ("conv1_a", "bn1_a"),
    ("conv1_b", "bn1_b"),
    ("conv_atten", "bn_atten"),
    ("0", "1"),
)
"""Names under which a convolution and the norm of its output stand in one module."""


def fold_norms(network: nn.Module) -> nn.Module:
    """The network, in evaluation mode, with every batch norm of `PAIRS` folded into its convolution and gone."""
    for module in list(network.modules()):
        for convolution, norm in PAIRS:
            first, second = getattr(module, convolution, None), getattr(module, norm, None)
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                setattr(module, convolution, fuse_conv_bn_eval(first, second).requires_grad_(False))
                setattr(module, norm, nn.Identity())
    return network
