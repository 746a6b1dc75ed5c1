"""Who is asked about a changed face: a classifier's label, whether a recogniser matches it with another face, and
whether it is still taken for the person it was.

A reader gives for every view a number, and a margin that changes its sign where the decision flips. Readers know views
and models; models are arguments.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from workbench.errors import BadRequest
from workbench.tasks.expression import check_size
from workbench.tasks.model_id import model_id
from workbench.values import Embedding
from workbench.whatif.stage import View

NO_DECISION = float("nan")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader says of one view. score: in the reader's unit. margin: above 0 the decision stands, below 0 it is
    the other one; NaN where nothing is decided. says: the decision in a word."""

    score: float
    margin: float
    says: str


class Reader(Protocol):
    """Somebody who is asked. id: of the model. name: what is asked, in words. unit: of the score."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def unit(self) -> str: ...  # noqa: D102
    def read(self, views: Sequence[View]) -> tuple[Reading, ...]:
        """One reading per view, from one call of the model."""


@dataclass(frozen=True, slots=True, eq=False)
class Says:
    """A classifier and the label that is asked for. The margin is the label's probability less the highest other one:
    above 0 the label is the answer. Labels that are numbers of their own (an age) are never decided."""

    model: Any
    label: str

    def __post_init__(self) -> None:
        if self.label not in self.model.labels:
            raise BadRequest(
                f"{self.id} has no label {str(self.label)[:40]!r}; expected one of: {', '.join(self.model.labels)}."
            )

    @property
    def id(self) -> str:
        """Catalogue id of the model."""
        return model_id(self.model)

    @property
    def name(self) -> str:
        """What is asked."""
        return f"{self.label} ({self.id})"

    @property
    def unit(self) -> str:
        """Of the score."""
        return "probability" if self._exclusive else "years" if self.label == "age" else "score"

    @property
    def _exclusive(self) -> bool:
        return bool(getattr(self.model, "exclusive", True)) and len(self.model.labels) > 1

    def read(self, views: Sequence[View]) -> tuple[Reading, ...]:
        """One reading per view."""
        values = _asked(self.model, [self.model.crop(view.image, view.face) for view in views])
        place = list(self.model.labels).index(self.label)
        return tuple(self._reading(row, place) for row in values)

    def _reading(self, row: np.ndarray, place: int) -> Reading:
        if not self._exclusive:
            return Reading(float(row[place]), NO_DECISION, f"{row[place]:.2g}")
        others = np.delete(row, place)
        return Reading(float(row[place]), float(row[place] - others.max()), self.model.labels[int(row.argmax())])


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """A recogniser and the vector it compares with. The margin is that of its metric: 1 at identity, 0 at the
    threshold. whom: who the vector is of, in words. Without a threshold nothing is decided."""

    model: Any
    vector: np.ndarray
    whom: str = "the other face"

    @property
    def id(self) -> str:
        """Catalogue id of the model."""
        return model_id(self.model)

    @property
    def name(self) -> str:
        """What is asked."""
        return f"matches {self.whom} ({self.id})"

    @property
    def unit(self) -> str:
        """Of the score."""
        return str(self.model.metric.word)

    @property
    def threshold(self) -> float | None:
        """In the unit of the score; None when nobody calibrated this model."""
        return None if self.model.threshold is None else float(self.model.threshold)

    def read(self, views: Sequence[View]) -> tuple[Reading, ...]:
        """One reading per view."""
        vectors = _asked(self.model, [self.model.align(view.image, view.face) for view in views])
        return tuple(self._reading(vector) for vector in vectors)

    def _reading(self, vector: np.ndarray) -> Reading:
        from workbench.tasks.recognition import score

        mine, other = (Embedding(v.astype(np.float32), self.model.metric, self.id) for v in (vector, self.vector))
        found = score(mine, other)
        if self.threshold is None:
            return Reading(found, NO_DECISION, "no threshold")
        margin = float(self.model.metric.margin(found, self.threshold))
        return Reading(found, margin, "one person" if margin >= 0 else "two people")


def own_label(model: Any, view: View) -> str:
    """The label a classifier gives a view the highest value. Raises FaceTooSmall, BadRequest."""
    check_size(view.face)
    values = _asked(model, [model.crop(view.image, view.face)])[0]
    return str(model.labels[int(values.argmax())])


def vector_of(model: Any, view: View) -> np.ndarray:
    """(d,) what a recogniser makes of a view. Raises FaceTooSmall, BadRequest."""
    check_size(view.face)
    found: np.ndarray = _asked(model, [model.align(view.image, view.face)])[0]
    return found


def _asked(model: Any, chips: list[np.ndarray]) -> np.ndarray:
    values = np.asarray(model.batch(chips), np.float64)
    if not np.isfinite(values).all():
        raise BadRequest(f"{model_id(model)} answered with numbers that are not finite; choose another model or photo.")
    return values
