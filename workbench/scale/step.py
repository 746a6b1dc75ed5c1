"""What is done with one photo, as a value: an engine opens it once and calls it for every photo.

Knows no engine. A step is settled before anything is loaded, so that a wrong wish costs nothing and workers elsewhere
can be given the same one as plain JSON.
"""

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from workbench.batch import Record
from workbench.bench import Workbench
from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest
from workbench.sources import fetching
from workbench.watch import Watch

STEPS = ("parse", "cutout", "analyse", "classify", "embed", "explain", "protect", "generate", "evaluate", "people")
"""Commands that do the same with every photo; each is a module of `workbench.scale.steps`."""


TAKEN = {"file", "saved", "error", "stamp", "vector"}
"""What tables and shards keep of every photo besides a step's own columns."""


class Outcome(NamedTuple):
    """What came out of a photo.

    rows: of figures, one or more. files: by suffix. vector: (d,) float32, or None.
    """

    rows: tuple[Mapping[str, Any], ...]
    files: Mapping[str, bytes] = {}
    vector: np.ndarray | None = None


Work = Callable[[str, bytes, Watch], Outcome]
"""From a photo's name and file content to its outcome. Raises WorkbenchError when there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What a command does with every photo.

    options: settled, as JSON can hold them; they decide the results. models: ids of those whose weights decide.
    columns: of a row, without the photo's name. files: suffixes of what is written. either: one of them, as the outcome
    is, and not all. short: a result is named after the photo's stem where that is clear. judges: ids of recognisers
    whose thresholds decide. open: loads the models.
    """

    command: str
    options: Mapping[str, Any]
    models: tuple[str, ...]
    columns: tuple[str, ...]
    open: Callable[[Workbench], Work] = field(repr=False)
    files: tuple[str, ...] = ()
    short: bool = True
    either: bool = False
    judges: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if taken := set(self.columns) & TAKEN:  # what a shard keeps beside the rows would stand in their place
            raise ValueError(f"{self.command}: columns cannot be named {', '.join(sorted(taken))}.")


def settle(command: str, bench: Workbench, options: Mapping[str, Any]) -> Step:
    """The step that a command with these options means. Raises BadRequest, ModelMissing before anything is loaded."""
    if command not in STEPS:
        raise BadRequest(f"{command!r} is no command for many photos; expected one of {', '.join(STEPS)}.")
    step: Step = importlib.import_module(f"workbench.scale.steps.{command}").settle(bench, options)
    return step


def record(step: Step, bench: Workbench, folder: str) -> Record:
    """What decides the results of this step on this machine. Raises ModelMissing by name when weights are not here."""
    weights = {model: weights_of(bench.spec(model), bench) for model in dict.fromkeys(step.models)}
    return Record(step.command, folder, dict(step.options), weights, thresholds_of(step.judges, bench))


def thresholds_of(recognisers: Iterable[str], bench: Workbench) -> dict[str, float | None]:
    """By id, what these recognisers are read against on this machine; None: one that is not calibrated."""
    return {name: bench.threshold(name) for name in dict.fromkeys(recognisers)}


def weights_of(spec: ModelSpec, bench: Workbench) -> str:
    """One digest for all files of a model: of the record where one is known, else of what is on the disk."""
    import hashlib

    from workbench.bench import fetch_command
    from workbench.errors import ModelMissing

    digests = []
    for file in spec.files:
        path = fetching.locate(file, bench.settings)
        if path is None:
            raise ModelMissing(f"{spec.title} is not on this machine. Fetch it with: {fetch_command(spec)}")
        digests.append(file.sha256 or fetching.sha256(path))
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()
