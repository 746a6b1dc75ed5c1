"""Long hair falls beside a face: means of many people's long hair spread like a tent, for in each it lies elsewhere.

Arrays of the mean frame only. Knows no colours and no recogniser.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from workbench.models.portraits.appearance import LAYERS, OUTLINE, REACH
from workbench.models.portraits.frame import SIDE

EARS, HALF, NARROWS, WIDENS = 140.0, 100.0, 0.07, 0.05
"""Row of the frame below which hair falls, how far from the middle it reaches there, and by how much less per row
below, and more per row above."""

CROWN, ROUNDS = 70.0, 90.0
"""Row above which a head becomes round, and the height of that round."""

SHOULDERS, SLOPE = 208.0, 0.12
"""Row on which shoulders begin in the middle, and how much lower they are per column beside it."""

ROUND = 13
"""Cells over which a head's outline is made round where it was changed."""

BENDS = 45.0
"""Columns within that reach over which the way hair lies turns downward."""


def _places() -> tuple[np.ndarray, np.ndarray]:
    """Rows and distances from the middle column, (64, 64) each, in pixels of the frame."""
    cell = SIDE / OUTLINE
    y, x = np.mgrid[:OUTLINE, :OUTLINE] * cell + (cell - 1) / 2
    return y, np.abs(x - (SIDE - 1) / 2)


def _inner(y: np.ndarray, away: np.ndarray) -> np.ndarray:
    """(64, 64): pixels from each place to the farthest that hair reaches."""
    half = HALF - NARROWS * (y - EARS).clip(0) + WIDENS * (EARS - y).clip(0)
    found: np.ndarray = half * np.sqrt(1 - ((CROWN - y).clip(0) / ROUNDS) ** 2) - away
    return found


def outlines(kinds: Tensor) -> Tensor:
    """(o, 3·64²) signed distances of skin, head and person, with heads that reach no farther out below the ears, and
    the shoulders that this uncovers."""
    y, away = _places()
    reach = torch.from_numpy(_inner(y, away) / (2 * REACH)).to(kinds)
    rise = torch.from_numpy((y - SHOULDERS - SLOPE * away) / (2 * REACH)).to(kinds)
    skin, head, person = kinds.reshape(-1, LAYERS, OUTLINE, OUTLINE).unbind(1)
    fallen = _rounded(torch.minimum(head, reach), head)
    person = torch.where(fallen < head, torch.maximum(fallen, torch.minimum(person, rise)), person)
    return torch.stack([skin, fallen, person], 1).reshape(kinds.shape)


def _rounded(fallen: Tensor, head: Tensor) -> Tensor:
    """Without a corner where a tent's side meets the reach."""
    soft = functional.avg_pool2d(fallen[:, None], ROUND, 1, ROUND // 2, count_include_pad=False)[:, 0]
    changed = (fallen < head).to(fallen)[:, None]
    share = (2 * functional.avg_pool2d(changed, ROUND, 1, ROUND // 2)[:, 0]).clamp(max=1)
    return torch.minimum(fallen + share * (soft - fallen), head)


def flows(lies: Tensor) -> Tensor:
    """(o, 2, 64, 64) ways hair lies, turned downward where it would leave that reach."""
    y, away = _places()
    share = np.clip(1 - _inner(y, away) / BENDS, 0, 1) * np.clip((y - EARS) / 30, 0, 1)
    turned = torch.from_numpy(share).to(lies)
    down = lies.new_tensor((-1.0, 0.0)).reshape(1, 2, 1, 1) * lies.norm(dim=1, keepdim=True)
    return lies + turned * (down - lies)
