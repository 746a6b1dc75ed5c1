"""Clothes below a drawn neck: one cloth, with the neck's shadow on it and an edge where it begins.

Colours of many photos' clothes, drawn out beyond their outlines, grow as light as skin beside a neck. Tensors of the
mean frame only; knows no coefficients.
"""

import torch
from torch import Tensor

UNLIKE = 0.35
"""How much of its differences in colour a cloth keeps: what is left is folds."""

BELOW = 12
"""Rows of 16 from which on the frame shows clothes, by which their colour is told."""

SHADOW, FALLS = 0.4, 7.0
"""How dark a cloth is beside the neck at most, and over how many pixels that fades."""

COLLAR, DARKER, THICK = 0.16, 0.3, 1.6
"""How much darker a seam is at the cloth's edge, how much lighter where the cloth is dark, and its pixels."""


def calm(clothes: Tensor) -> Tensor:
    """(n, 3, 16, 16) in −1..1, nearer to the mean of its lower corners, where no neck is."""
    below = clothes[:, :, BELOW:]
    mean = torch.cat([below[..., :5], below[..., -5:]], 3).mean((2, 3), keepdim=True)
    return mean + UNLIKE * (clothes - mean)


def worn(colours: Tensor, distance: Tensor) -> Tensor:
    """Colours (n, 3, 256, 256) in −1..1 with the neck's shadow and a seam on what is clothes by the distances (n, 3,
    256, 256) within skin, head and person."""
    skin, head = distance[:, :1], distance[:, 1:2]
    cloth = (-torch.maximum(skin, head) / 2 + 0.5).clamp(0, 1)
    beside = (skin / FALLS).clamp(max=0).exp()
    light = ((colours + 1) / 2).clamp(0, 1)
    dark = (1 - 4 * light.mean(1, keepdim=True)).clamp(0, 1)
    seam = COLLAR * torch.exp(-(((skin + 2.5 * THICK) / THICK) ** 2))
    change = seam * (DARKER * dark - light * (1 - dark)) - SHADOW * beside * light
    return colours + 2 * cloth * change
