"""Which models look at a face, as arguments: none of them is needed, geometry alone says a good deal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest
from workbench.signs import Signs
from workbench.tasks.attributes import AttributeScorer
from workbench.tasks.expression import ExpressionScorer
from workbench.tasks.parsing import Parser
from workbench.tasks.quality import QualityModel
from workbench.values import Face


class SignReader(Protocol):
    """A model whose other heads say more: points, pose, gaze, action units, blendshapes, valence and arousal."""

    spec: ModelSpec

    def signs(self, image: np.ndarray, face: Face) -> Signs:
        """What they say of one face."""


@dataclass(frozen=True, slots=True, eq=False)
class Readers:
    """The models that are asked. parser: says what covers a face. An expression model that can be unsure says so."""

    expression: ExpressionScorer | None = None
    attributes: tuple[AttributeScorer, ...] = ()
    parser: Parser | None = None
    quality: tuple[QualityModel, ...] = ()
    signs: tuple[SignReader, ...] = ()


MORE = ("quality", "landmarks", "expression", "parsing", "attributes")
"""Tasks whose models may say more of a face than its default ones do."""


class Shelf(Protocol):
    """Where models are: a bench."""

    def model(self, model_id: str, task: str = "") -> Any:
        """The loaded model."""

    def spec(self, model_id: str, task: str = "") -> ModelSpec:
        """Its row."""

    def specs(self, task: str) -> tuple[ModelSpec, ...]:
        """The rows of a task."""

    def available(self, model_id: str) -> bool:
        """Whether its files are here."""


def more_here(shelf: Shelf) -> tuple[ModelSpec, ...]:
    """The models on this machine that say more: quality networks, landmark models, and those with heads of `gives`."""
    return tuple(spec for spec in _rows(shelf) if shelf.available(spec.id))


def settled(
    shelf: Shelf,
    *,
    expression: str = "",
    parser: str = "",
    attributes: Sequence[str] = ("age", "gender"),
    more: Sequence[str] = (),
) -> Readers:
    """The models of these ids, loaded; "" leaves one out. more: ids of `more_here`.

    Raises BadRequest for a model that says no more, and what `shelf.model` raises.
    """
    rows = [can_say_more(shelf, model_id) for model_id in dict.fromkeys(more)]
    quality = [shelf.model(row.id) for row in rows if row.task == "quality"]
    signs = [shelf.model(row.id) for row in rows if row.task != "quality"]
    return Readers(
        expression=shelf.model(expression, "expression") if expression else None,
        attributes=tuple(shelf.model(one, "attributes") for one in attributes),
        parser=shelf.model(parser, "parsing") if parser else None,
        quality=tuple(quality),
        signs=tuple(signs),
    )


def can_say_more(shelf: Shelf, model_id: str) -> ModelSpec:
    """The row of a model that says more. Raises BadRequest, naming those that do, for another."""
    spec = shelf.spec(model_id)
    rows = _rows(shelf)
    if spec.id not in {row.id for row in rows}:
        known = ", ".join(row.id for row in rows)
        raise BadRequest(f"{spec.title} says no more of a face than its labels. Expected one of: {known}.")
    return spec


def _rows(shelf: Shelf) -> list[ModelSpec]:
    return [spec for task in MORE for spec in shelf.specs(task) if spec.gives or task in ("quality", "landmarks")]
