"""From models to readers: what each of the chosen models is asked about a face that will be changed."""

from collections.abc import Mapping
from typing import Any

from workbench.errors import BadRequest
from workbench.tasks.model_id import model_id
from workbench.whatif.readers import Matches, Reader, Says, own_label, vector_of
from workbench.whatif.stage import Stage, View
from workbench.whatif.study import MOST_READERS

TASKS = ("expression", "attributes", "recognition")
"""Whose models can be asked."""


def ask(stage: Stage, models: Mapping[str, tuple[Any, str]], label: str = "") -> list[Reader]:
    """A reader per model. models: id to (model, task). label: of expression and attribute models that know it; each
    one's own answer to the unchanged face when empty. A recogniser compares with the stage's other face.

    What the unchanged faces give is asked once and kept with the stage. Raises BadRequest for no model, more than two,
    a task that cannot be asked, a label no model knows, or a recogniser without another face.
    """
    if not 1 <= len(models) <= MOST_READERS:
        raise BadRequest(f"Choose one or two models to ask, got {len(models)}.")
    scorers = [model for model, task in models.values() if task in TASKS[:2]]
    if label and scorers and not any(label in model.labels for model in scorers):
        raise BadRequest(f"No chosen model knows the label {str(label)[:40]!r}; known: {_labels(scorers)}.")
    return [_reader(stage, name, model, task, label) for name, (model, task) in models.items()]


def _labels(scorers: list[Any]) -> str:
    return ", ".join(dict.fromkeys(label for model in scorers for label in model.labels))


def _reader(stage: Stage, name: str, model: Any, task: str, label: str) -> Reader:
    if task not in TASKS:
        raise BadRequest(f"A {task} model cannot be asked here; expected one of {', '.join(TASKS)}.")
    if task != "recognition":
        known = label if label in model.labels else ""
        return Says(model, known or stage.kept(("label", name), lambda: own_label(model, stage.rest)))
    other = stage.other
    if other is None:
        raise BadRequest("A recogniser compares two faces: give a second photo, or ask another model.")
    there = View(other.image, other.face)
    return Matches(model, stage.kept(("other", name), lambda: vector_of(model, there)))


def keeper_of(stage: Stage, recogniser: Any | None) -> Matches | None:
    """Who watches whether a change makes somebody else of the face; None without a recogniser."""
    if recogniser is None:
        return None
    return Matches(
        recogniser, stage.kept(("own", model_id(recogniser)), lambda: vector_of(recogniser, stage.rest)), "itself"
    )
