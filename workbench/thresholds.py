"""The calibrated threshold of each recogniser, from a small file made by `training.thresholds`."""

import json
from functools import cache

from workbench import WEIGHTS

THRESHOLDS = WEIGHTS / "thresholds.json"


@cache
def table() -> dict[str, dict[str, float]]:
    """By model id: threshold (in the metric's own unit), far, and the pairs and people it was made from."""
    return json.loads(THRESHOLDS.read_text())["models"] if THRESHOLDS.is_file() else {}


def calibrated(model_id: str) -> float | None:
    """The threshold at FAR 1 %, or None when this model was never calibrated."""
    row = table().get(model_id)
    return float(row["threshold"]) if row else None
