"""What stands where a piece of the face is taken away: grey, the mean colour, a blur, or nothing at all (layer
masking).

A hole filled with grey is something no photo holds, and the model answers to the hole as well as to what is missing.
Layer masking is the way out for convolutional networks: no layer sees the missing pixels.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional

from workbench.errors import BadRequest
from workbench.explanation.choices import FILLS
from workbench.explanation.layer_masking import layer_masked
from workbench.explanation.targets import Target

MISSING = -1e6
"""The value of a pixel that is not there; `layer` fill only. Finite, because libraries multiply baselines by zero."""


@dataclass(frozen=True, slots=True, eq=False)
class Fill:
    """One way to take pixels away. image: (1, 3, S, S), what shows through a hole; all MISSING for layer masking."""

    name: str
    image: torch.Tensor

    def composite(self, chip: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
        """Chips (N, 3, S, S) seen through masks `keep` (N, 1, S, S), 1 keep, 0 take away; `layer` rounds masks to 0 or
        1."""
        if self.name == "layer":
            return torch.where(keep >= 0.5, chip, self.image)
        return torch.lerp(self.image, chip, keep)

    def score(self, target: Target, chip: torch.Tensor, keep: torch.Tensor, shown: bool = False) -> torch.Tensor:
        """The target's scores (N,) of the chip seen through the masks."""
        return self.read(target, self.composite(chip, keep), shown)

    def read(self, target: Target, chips: torch.Tensor, shown: bool = False) -> torch.Tensor:
        """The target's scores (N,) of chips that may hold MISSING pixels."""
        if self.name != "layer":
            return target.score(chips, shown)
        keep = (chips[:, :1] > MISSING / 2).to(chips.dtype)
        return layer_masked(lambda seen: target.score(seen, shown), chips * keep, keep)


def make_fill(name: str, chip: torch.Tensor) -> Fill:
    """The fill of this name for a chip. Raises BadRequest for a name that is none of FILLS."""
    if name == "grey":
        return Fill(name, torch.full_like(chip, 127.5))
    if name == "mean":
        return Fill(name, chip.mean(dim=(2, 3), keepdim=True).expand_as(chip).contiguous())
    if name == "blur":
        return Fill(name, blurred(chip, chip.shape[-1] / 8))
    if name == "layer":
        return Fill(name, torch.full_like(chip, MISSING))
    raise BadRequest(f"There is no fill {str(name)[:40]!r}; expected one of: {', '.join(FILLS)}.")


def blurred(chip: torch.Tensor, sigma: float) -> torch.Tensor:
    """The chip under a Gaussian of `sigma` pixels, its border repeated outwards."""
    radius = int(3 * sigma + 0.5)
    steps = torch.arange(-radius, radius + 1, dtype=chip.dtype, device=chip.device)
    kernel = torch.exp(-0.5 * (steps / sigma) ** 2)
    kernel = (kernel / kernel.sum()).expand(chip.shape[1], 1, -1)
    padded = functional.pad(chip, (radius,) * 4, mode="replicate")
    rows = functional.conv2d(padded, kernel[:, :, None, :], groups=chip.shape[1])
    return functional.conv2d(rows, kernel[:, :, :, None], groups=chip.shape[1])
