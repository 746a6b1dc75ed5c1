"""The table of models: what exists, where its weights come from, what it may be used for. Importing it loads nothing
heavy.

One file per task holds the rows; this one holds what a row is. A row names its loader by a string, imported on first
use.
"""

from collections.abc import Iterable

from workbench.catalog.spec import ModelSpec, table
from workbench.errors import BadRequest


def _all_rows() -> Iterable[ModelSpec]:
    from workbench.catalog import attributes, detection, expression, generation, parsing, portrait, quality, recognition
    from workbench.catalog import hub_expression, hub_parsing, hub_portrait, hub_recognition  # isort: skip
    from workbench.catalog import hub_recognition_field, hub_recognition_synthetic  # isort: skip
    from workbench.catalog import edit_portrait, landmarks, local_portrait, mattes, one_pass, repair  # isort: skip

    shipped = (detection, parsing, expression, attributes, recognition, generation, portrait)
    for module in (*shipped, hub_portrait, hub_parsing, hub_expression, hub_recognition, quality, landmarks):
        yield from module.ROWS
    yield from hub_recognition.FOR_PORTRAITS
    yield hub_parsing.CLICKS
    drawn = (local_portrait, edit_portrait)
    for module in (hub_recognition_synthetic, hub_recognition_field, one_pass, *drawn, mattes, repair):
        yield from module.ROWS


MODELS: dict[str, ModelSpec] = table(_all_rows())


def find(model_id: str, task: str = "") -> ModelSpec:
    """The row of this id. Raises BadRequest, naming the ids there are, when there is none (or it does another task)."""
    spec = MODELS.get(model_id)
    if spec is None or (task and spec.task != task):
        known = ", ".join(row.id for row in MODELS.values() if task in ("", row.task))
        raise BadRequest(f"There is no {task or 'such'} model {model_id!r}. Known: {known}.")
    return spec


def for_task(task: str) -> tuple[ModelSpec, ...]:
    """All rows of a task, in the table's order: the first is the default choice."""
    return tuple(row for row in MODELS.values() if row.task == task)
