"""Shares of answers when items were chosen adaptively: uncertain ones were asked more often, so plain shares lean
towards them. Each judgement is weighted by what its item's chance would have been without choosing, over what it was
(Horvitz and Thompson 1952), the weights brought to sum 1 (Hájek 1971)."""

import numpy as np
import pandas as pd

from workbench.labeling.statistics.judgements import kinds
from workbench.metrics.roc import interval, resample


def weights(propensity: np.ndarray, explore: float) -> np.ndarray:
    """(n,) how much each judgement weighs: 1 where its item was as likely as any other.

    propensity: as stored, explore / n for each of the n items looked at, and 1 − explore more for the most uncertain.
    explore: of the study. A judgement that was not chosen adaptively (propensity 1) weighs 1.
    """
    first = propensity > 1 - explore
    looked_at = np.where(first, explore / np.maximum(propensity - (1 - explore), 1e-12), explore / propensity)
    return np.asarray(np.where(propensity >= 1, 1.0, 1 / (np.maximum(looked_at, 1) * propensity)))


def shares(rows: pd.DataFrame, explore: float, rounds: int = 300) -> pd.DataFrame:
    """A row per class: answer, plain, plain_low, plain_high, weighted, weighted_low, weighted_high. Empty where no
    item was chosen adaptively. Intervals draw items.

    rows: judgements that count. `attrs["effective"]` is how many judgements the weighted ones are worth (Kish 1965).
    """
    chance = rows["propensity"].to_numpy(dtype=float)
    if not len(rows) or (chance >= 1).all():
        return pd.DataFrame()
    item = np.unique(rows["item"].astype(str), return_inverse=True)[1]
    draws, weight = resample(int(item.max()) + 1, rounds, 0), weights(chance, explore)
    answer = kinds(rows).astype(str).to_numpy()
    table = []
    for name in sorted(set(answer)):
        row: list[object] = [name]
        for weighing in (np.ones(len(rows)), weight):
            above, below = np.bincount(item, weighing * (answer == name)), np.bincount(item, weighing)
            found = interval(float(above.sum() / below.sum()), (draws @ above) / np.maximum(draws @ below, 1e-12))
            row += [found.value, found.low, found.high]
        table.append(row)
    columns = ["answer", *(f"{kind}{end}" for kind in ("plain", "weighted") for end in ("", "_low", "_high"))]
    made = pd.DataFrame(table, columns=columns)
    made.attrs["effective"] = float(weight.sum() ** 2 / (weight**2).sum())
    return made
