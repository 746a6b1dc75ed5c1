"""The group a drawn face appears to be of, by a scorer: an estimate, and named as one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import WorkbenchError
from workbench.evaluation.asking import Models, asker
from workbench.labeling.study.items import inside

SURE = 0.8
"""A scorer less sure than this puts a face into no group."""
UNCLEAR = "appears unclear"


def grouped(items: pd.DataFrame, folder: Path, bench: Models, model: str = "gender") -> pd.DataFrame:
    """The items with a group each: how the first picture appears to a scorer (estimate), "appears unclear" below 80 %
    or without a face. items: as `Store.items` gives them. Raises ModelMissing."""
    ask, labels = asker("labels", model, bench), list(bench.model(model).labels)
    known: dict[str, str] = {}
    for pictures in items["pictures"]:
        file = pictures[0][0]
        if file not in known:
            known[file] = _appears(ask, inside(folder, file), labels)
    return items.assign(group=[known[pictures[0][0]] for pictures in items["pictures"]])


def _appears(ask: Any, path: Path, labels: Sequence[str]) -> str:
    try:
        values = np.array(ask(path)[0], np.float64)
    except WorkbenchError:
        return UNCLEAR
    best = int(values.argmax())
    return f"appears {labels[best]}" if values[best] >= SURE * max(values.sum(), 1e-12) else UNCLEAR
