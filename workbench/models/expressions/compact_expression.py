"""The compact expression net, trained here: five expressions of one face, calibrated, and when to say "unsure".

Two small published trunks look at the same grey square: face-api's expression net (V. Mühler) and mini-XCEPTION
(Arriaga et al., arXiv 1710.07557). Their last grids are laid over each other, 7 × 7 places of 384 channels, and one
linear layer reads the mean place. Both trunks and the layer were trained on from there. Colours are turned into
brightness inside, so that colour photos and grey ones are one thing and gradients reach red, green and blue. How it was
trained and what was measured: `docs/expressions.md`.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest, BadWeights
from workbench.models.blocks.chips import BATCH, ExpressionModel
from workbench.models.blocks.layers import fill
from workbench.models.blocks.windows import upright_square
from workbench.models.expressions.face_api_expression import FaceApiExpression
from workbench.models.expressions.mini_xception import MiniXception
from workbench.models.expressions.selector import beside
from workbench.models.files import checkpoint

ORDER = ("neutral", "happy", "sad", "surprise", "anger")
SIZE, WIDTH, DROP = 112, 3.4, 0.18
GREY = (0.299, 0.587, 0.114)
PLACES = 7
CHANNELS = (256, 128)
"""Of the two trunks' grids: face-api, mini-XCEPTION."""

RULES = ("softmax", "energy", "flip")
"""What makes an answer sure: see `certainty`."""

_INNER = 64
_INNER_WIDTH, _INNER_DROP = 3.2, 0.12
"""The square mini-XCEPTION looks at, in eye distances; a part of ours."""


class Trunks(nn.Module):
    """(N, 1, 112, 112) brightness in 0..255 to one grid (N, 384, 7, 7) of one side."""

    def __init__(self) -> None:
        super().__init__()
        face_api, xception = FaceApiExpression(), MiniXception()
        self.normalise, self.face_api = face_api.normalise, face_api.blocks
        self.xception = nn.Sequential(xception.stem, xception.blocks)
        scale, down = _INNER_WIDTH / WIDTH, 2 * (_INNER_DROP * _INNER_WIDTH - DROP * WIDTH) / WIDTH
        self.register_buffer("inner", torch.tensor([[[scale, 0.0, 0.0], [0.0, scale, down]]]), persistent=False)

    def forward(self, grey: Tensor) -> Tensor:
        """The two networks' grids, laid over each other."""
        coarse = self.xception(self._inner(grey))
        coarse = functional.interpolate(coarse, [PLACES] * 2, mode="bilinear", align_corners=False)
        three = self.normalise(grey.expand(-1, 3, -1, -1)).contiguous(memory_format=torch.channels_last)
        return torch.cat([self.face_api(three), coarse], dim=1)

    def _inner(self, grey: Tensor) -> Tensor:
        n, side = len(grey), 2 * _INNER
        places = functional.affine_grid(self.inner.expand(n, -1, -1), [n, 1, side, side], align_corners=False)
        inner = functional.grid_sample(grey, places, mode="bilinear", padding_mode="border", align_corners=False)
        return functional.avg_pool2d(inner, 2) / 127.5 - 1


class BothSides(nn.Module):
    """(N, 1, 112, 112) brightness to (N, 384, 7, 7): the mean of what the trunks see in the face and, turned back, in
    its mirror image. A mirrored face gives the mirrored grid, exactly."""

    def __init__(self) -> None:
        super().__init__()
        self.trunks = Trunks()

    def forward(self, grey: Tensor) -> Tensor:
        """One grid of both sides."""
        here, mirrored = self.trunks(torch.cat([grey, grey.flip(-1)])).chunk(2)
        return (here + mirrored.flip(-1)) / 2


class CompactExpression(nn.Module):
    """(N, 3, 112, 112) RGB in 0..255 to (N, 5) logits in the order of `ORDER`; looks at brightness only and does not
    tell left from right.

    The logits are already divided by `temperature` (Guo et al., arXiv 1706.04599), which was fitted on people kept
    aside for it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("grey", torch.tensor(GREY)[None, :, None, None], persistent=False)
        self.register_buffer("temperature", torch.ones(()))
        self.sides = BothSides()
        self.dropout = nn.Dropout(0.3)
        self.head = nn.Linear(sum(CHANNELS), len(ORDER))

    def forward(self, chips: Tensor) -> Tensor:
        """Logits of a batch of chips."""
        return self.read(self.sides(self.brightness(chips)))

    def apart(self, chips: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 5) logits from the faces alone, and from their mirror images alone; their mean is `forward`."""
        grey = self.brightness(chips)
        plain, mirrored = self.read(self.sides.trunks(torch.cat([grey, grey.flip(-1)]))).chunk(2)
        return plain, mirrored

    def brightness(self, chips: Tensor) -> Tensor:
        """(N, 1, S, S) of (N, 3, S, S)."""
        return (chips * self.grey).sum(1, keepdim=True)

    def read(self, grid: Tensor) -> Tensor:
        """Logits of a grid (N, 384, 7, 7)."""
        return cast(Tensor, self.head(self.dropout(grid.mean((2, 3)))) / self.temperature)


def certainty(plain: Tensor, mirrored: Tensor, rule: str) -> np.ndarray:
    """(n,) float64, more is surer: how sure an answer is by one of `RULES`.

    plain, mirrored: (n, k) logits of faces and of their mirror images. softmax: the highest mean probability of the
    two, 0..1 (Hendrycks and Gimpel, arXiv 1610.02136). energy: the log of the sum of the exponentials of the mean
    logits (Liu et al., arXiv 2010.03759, eq. 4, sign turned). flip: one minus the Jensen-Shannon divergence between the
    two, in bits, 0..1. Raises BadRequest for another rule.
    """
    if rule not in RULES:
        raise BadRequest(f"Certainty: expected a rule among {', '.join(RULES)}, got {rule!r}.")
    both = torch.stack([plain, mirrored]).double()
    if rule == "energy":
        return cast(np.ndarray, both.mean(0).logsumexp(1).cpu().numpy())
    chances = both.softmax(2)
    if rule == "softmax":
        return cast(np.ndarray, chances.mean(0).amax(1).cpu().numpy())
    spread = _entropy(chances.mean(0)) - _entropy(chances).mean(0)
    return cast(np.ndarray, (1 - spread / math.log(2)).cpu().numpy())


def _entropy(chances: Tensor) -> Tensor:
    return -(chances * chances.clamp(min=1e-12).log()).sum(-1)


class CompactExpressionModel(ExpressionModel):
    """Five calibrated expressions, and how sure the answer is. rule: one of `RULES`. bar: the certainty below which it
    is "unsure"."""

    def __init__(self, spec: ModelSpec, network: nn.Module, rule: str, bar: float) -> None:
        super().__init__(spec, network, upright_square(SIZE, WIDTH, DROP), SIZE, "sides", ORDER)
        self.rule, self.bar = rule, bar

    def certainties(self, chip: np.ndarray) -> dict[str, float]:
        """By rule of `RULES`: how sure the answer to one chip (S, S, 3) uint8 is."""
        with torch.inference_mode():
            plain, mirrored = self.network.apart(self.tensor(chip[None]))
            return {rule: float(certainty(plain, mirrored, rule)[0]) for rule in RULES}

    def certainty(self, chips: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
        """(N,) float64: how sure the answers to chips (N, S, S, 3) uint8 are, by this model's rule; at `bar` and above
        they are said."""
        found = []
        with torch.inference_mode():
            for at in range(0, len(chips), BATCH):
                plain, mirrored = self.network.apart(self.tensor(chips[at : at + BATCH]))
                found.append(certainty(plain, mirrored, self.rule))
        return np.concatenate(found) if found else np.zeros(0)


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> CompactExpressionModel:
    """The scorer. Raises BadWeights when the file is another network's, or lacks its rule of certainty and the bar of
    it."""
    path = files["weights"]
    weights, about = checkpoint.read(path), checkpoint.metadata(path)
    rule, bar = about.get("rule", ""), about.get("bar", "")
    if rule not in RULES or not _is_number(bar):
        raise BadWeights(
            f"{path.name}: expected the compact expression net's weights with `rule` and `bar` in the file's head."
        )
    network = fill(CompactExpression(), weights, spec.title, device)
    network = network.to(memory_format=torch.channels_last)  # twice as fast on a CPU
    return beside(CompactExpressionModel(spec, network, rule, float(bar)), files, device)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
