"""How two vectors of a recogniser are compared, and its calibrated threshold, from a small file made by
`training.thresholds`."""

import json
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from workbench import WEIGHTS
from workbench.errors import BadRequest

THRESHOLDS = WEIGHTS / "thresholds.json"


class Metric(str, Enum):
    """What the score of two vectors is, and which way it points. Arithmetic works on numbers, arrays and tensors alike.

    COSINE: of the angle between them, more is nearer. L2: their distance, less is nearer.
    """

    COSINE = "cosine"
    L2 = "l2"

    def __str__(self) -> str:
        """The word itself, also in a sentence."""
        return self.value

    @classmethod
    def of(cls, name: str) -> "Metric":
        """The metric of this name. Raises BadRequest for any other."""
        try:
            return cls(name)
        except ValueError:
            raise BadRequest(f"metric: expected {' or '.join(each.value for each in cls)}, got {name!r}.") from None

    @property
    def word(self) -> str:
        """What a score is called: "cosine" or "distance"."""
        return "cosine" if self is Metric.COSINE else "distance"

    @property
    def bound(self) -> str:
        """What a threshold is to a score of one person: "at least" or "at most"."""
        return "at least" if self is Metric.COSINE else "at most"

    @property
    def sign(self) -> str:
        """The same as a sign."""
        return "≥" if self is Metric.COSINE else "≤"

    def similarity(self, score: Any) -> Any:
        """The score turned so that more is more alike: the cosine, or minus the distance. Done twice it is undone."""
        return score if self is Metric.COSINE else -score

    def distance(self, score: Any) -> Any:
        """The score turned so that 0 is identical and more is farther: 1 − cosine, or the distance."""
        return 1 - score if self is Metric.COSINE else score

    def matches(self, score: Any, threshold: float) -> Any:
        """Whether a score is taken for one person."""
        return score >= threshold if self is Metric.COSINE else score <= threshold

    def margin(self, score: Any, threshold: float) -> Any:
        """Share of the way from the threshold to identity: 1 identical, 0 at the threshold, below 0 beyond."""
        if self is Metric.COSINE:
            return (score - threshold) / (1 - threshold)
        return (threshold - score) / threshold


@cache
def table() -> dict[str, dict[str, float]]:
    """By model id: threshold (in the metric's own unit), far, and the pairs and people it was made from."""
    return json.loads(THRESHOLDS.read_text())["models"] if THRESHOLDS.is_file() else {}


def calibrated(model_id: str) -> float | None:
    """The threshold at FAR 1 %, or None when this model was never calibrated."""
    row = table().get(model_id)
    return float(row["threshold"]) if row else None


def own_file(data: Path) -> Path:
    """Where the thresholds lie that a person made themselves, in their data folder."""
    return data / "thresholds.json"


def own(model_id: str, data: Path) -> float | None:
    """The threshold a person made for this model, or None. Raises BadRequest for a file that is none of these."""
    path = own_file(data)
    if not path.is_file():
        return None
    try:
        row = json.loads(path.read_text()).get(model_id)
        return float(row["threshold"]) if row else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadRequest(f"{path.name} cannot be read as thresholds ({error}). Calibrate again.") from error
