"""The masks and maps that a study's items bring along, as numbers."""

from pathlib import Path

import numpy as np
import pandas as pd

from workbench.errors import WorkbenchError
from workbench.images import decode, limit
from workbench.labeling.statistics.forms import Layer
from workbench.labeling.study.items import inside
from workbench.labeling.study.study import Study
from workbench.settings import Settings


def layers_of(study: Study, items: pd.DataFrame) -> Layer:
    """What the model drew for an item: its last picture, (h, w) float64 of 0..1 (white is 1); None where it has none or
    the file is gone.

    items: column pictures, as `Store.items` gives it.
    """
    settings = Settings(cache=Path(), data=Path())
    files = {str(i): [p[0] for p in pictures] for i, pictures in zip(items["item"], items["pictures"], strict=True)}

    def layer(item: str) -> np.ndarray | None:
        own = files.get(item, [])
        if len(own) < 2 or study.task.form not in ("mask", "attention"):
            return None
        try:
            picture = limit(decode(inside(study.folder, own[-1]), settings), 512)
        except (WorkbenchError, OSError):
            return None
        return np.asarray(picture.mean(axis=2) / 255)

    return layer
