"""Deletion and insertion: take away, or show, the pixels in the order a heatmap gives them, and watch the score.

Source: Petsiuk et al., "RISE" (2018), section 4.1. Many maps are asked at once, so that controls cost little.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter

from workbench.explanation.fills import make_fill
from workbench.explanation.question import Question
from workbench.watch import Watch


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """How the shown score falls and rises for some maps of one chip.

    share: (k,) share of the pixels taken away or shown, 0 to 1. deletion, insertion: (maps, k) float64 scores. unit: of
    the score.
    """

    share: np.ndarray
    deletion: np.ndarray
    insertion: np.ndarray
    unit: str

    @property
    def deletion_auc(self) -> np.ndarray:
        """(maps,) area under the deletion curves, in units of the score; low is good."""
        return np.trapezoid(self.deletion, self.share, axis=1)

    @property
    def insertion_auc(self) -> np.ndarray:
        """(maps,) area under the insertion curves, in units of the score; high is good."""
        return np.trapezoid(self.insertion, self.share, axis=1)

    @property
    def gain(self) -> np.ndarray:
        """(maps,) insertion area less deletion area: one number that is high for a map that names what the score hangs
        on."""
        return self.insertion_auc - self.deletion_auc


def ranks(heat: np.ndarray) -> np.ndarray:
    """(S, S) float32, 0 for the hottest pixel up to just below 1 for the coldest; ties go to the hotter
    neighbourhood."""
    nearby = gaussian_filter(heat.astype(np.float64), heat.shape[0] / 16)
    order = np.lexsort((-nearby.ravel(), -heat.ravel()))
    places = np.empty(heat.size, np.float32)
    places[order] = np.arange(heat.size, dtype=np.float32) / heat.size
    return places.reshape(heat.shape)


def curves(
    question: Question, maps: Sequence[np.ndarray], steps: int = 12, fill: str = "blur", watch: Watch | None = None
) -> Curves:
    """Both curves of every map, in `steps` equal steps; what is taken away is covered by `fill` and what is shown
    appears on it.

    Raises Cancelled, or BadRequest when a score is not finite.
    """
    share = np.linspace(0, 1, steps + 1)
    cover = make_fill(fill, question.chip)
    asked = question if watch is None else replace(question, watch=watch)
    places = [ranks(heat) for heat in maps]

    def masks() -> Iterator[np.ndarray]:
        yield np.stack([np.ones_like(places[0]), np.zeros_like(places[0])])  # the ends, which all curves share
        for place in places:
            yield np.stack([place >= at for at in share[1:-1]])
            yield np.stack([place < at for at in share[1:-1]])

    inner = len(share) - 2
    scores = asked.masked(
        _joined(masks(), question.batch), 2 + 2 * inner * len(maps), cover, "deletion and insertion", shown=True
    )
    whole, nothing = scores[:2]
    middle = scores[2:].reshape(len(maps), 2, inner)
    ends = np.ones((len(maps), 1))
    deletion = np.concatenate([whole * ends, middle[:, 0], nothing * ends], axis=1)
    insertion = np.concatenate([nothing * ends, middle[:, 1], whole * ends], axis=1)
    return Curves(share, deletion, insertion, question.target.unit)


def _joined(blocks: Iterator[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """The same masks in blocks of `size`, so that the model always works on full batches."""
    waiting: list[np.ndarray] = []
    for block in blocks:
        waiting.extend(block)
        while len(waiting) >= size:
            yield np.stack(waiting[:size]).astype(np.float32)
            del waiting[:size]
    if waiting:
        yield np.stack(waiting).astype(np.float32)
