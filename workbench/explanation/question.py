"""One question put to one model about one face chip, with everything a method needs to answer it.

A chip is what the model sees: (1, 3, S, S) float32, RGB, 0 to 255. A method turns a `Question` into a `ChipMap`. Scores
that are not finite stop the work, and so does the person who presses Cancel: both are looked for before and after every
batch.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from workbench.errors import BadRequest
from workbench.explanation.fills import Fill
from workbench.explanation.targets import Target
from workbench.watch import Watch


@dataclass(frozen=True, slots=True, eq=False)
class ChipMap:
    """A heatmap on the chip. values: (S, S) float32, positive speaks for the target. extra: figures of the method."""

    values: np.ndarray
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or not np.isfinite(self.values).all():
            raise BadRequest(
                "A heatmap must be a finite (S, S) array: the model's scores or gradients were not finite on this face."
            )


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What is asked: which number (`target`), of which chip.

    regions: (S, S) uint8, canonical parts on the chip, for the methods that work on parsed parts. batch: chips per
    call.
    places: what the model's `features` put out, "grid" or "tokens". seed: of every random choice.
    """

    target: Target
    chip: torch.Tensor
    regions: np.ndarray | None = None
    places: str = "grid"
    batch: int = 64
    seed: int = 0
    watch: Watch = field(default_factory=Watch)

    def __post_init__(self) -> None:
        shape = tuple(self.chip.shape)
        if len(shape) != 4 or shape[:2] != (1, 3) or shape[2] != shape[3] or self.chip.dtype != torch.float32:
            raise BadRequest(f"Question.chip: expected 1 × 3 × S × S of float32, got {shape} of {self.chip.dtype}.")
        if self.regions is not None and self.regions.shape != shape[2:]:
            raise BadRequest(f"Question.regions: expected {shape[2:]}, got {self.regions.shape}.")

    @property
    def size(self) -> int:
        """S, the side of the chip in pixels."""
        return int(self.chip.shape[-1])

    @property
    def pixels(self) -> np.ndarray:
        """The chip as (S, S, 3) float32, 0 to 255."""
        return self.chip[0].permute(1, 2, 0).cpu().numpy()

    def graded(self, chips: torch.Tensor) -> torch.Tensor:
        """Scores (N,) of chips (N, 3, S, S) that a gradient can flow through. Raises Cancelled, or BadRequest for
        NaN."""
        self.watch.check()
        scores = finite(self.target.score(chips))
        if chips.requires_grad and not scores.requires_grad:
            scores = scores + 0.0 * chips.flatten(1).sum(dim=1)  # a score that ignores its input has a gradient: zero
        return scores

    def scores(self, chips: torch.Tensor, shown: bool = False) -> torch.Tensor:
        """Scores (N,) of chips, batch by batch and without gradients; `shown`: on the scale people read
        (probability)."""
        parts = []
        with torch.inference_mode():
            for start in range(0, len(chips), self.batch):
                self.watch.check()
                parts.append(finite(self.target.score(chips[start : start + self.batch], shown)))
        return torch.cat(parts)

    def masked(self, keep: Iterable[np.ndarray], total: int, fill: Fill, word: str, shown: bool = False) -> np.ndarray:
        """Scores (total,) float64 of the chip seen through masks, which come in blocks (n, S, S), 1 keep, 0 take
        away."""
        found: list[np.ndarray] = []
        done = 0
        with torch.inference_mode():
            for block in _batches(keep, self.batch):
                self.watch.tell(done / total, word)
                mask = torch.from_numpy(block).to(self.chip.device)[:, None]
                found.append(finite(fill.score(self.target, self.chip, mask, shown)).double().cpu().numpy())
                done += len(block)
        self.watch.tell(1.0, word)
        return np.concatenate(found)


def _batches(blocks: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    for block in blocks:
        for start in range(0, len(block), size):
            yield np.ascontiguousarray(block[start : start + size], dtype=np.float32)


def finite(scores: torch.Tensor) -> torch.Tensor:
    """The scores themselves, if they are one finite number per chip; otherwise BadRequest."""
    if scores.ndim != 1:
        raise BadRequest(f"A target must give one number per chip, got a tensor of shape {tuple(scores.shape)}.")
    if not torch.isfinite(scores).all():
        raise BadRequest(
            "The model answered NaN or infinity for this face, so there is nothing to explain. Choose another model "
            "or target."
        )
    return scores
