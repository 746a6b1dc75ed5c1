"""Every face of a photo, or its largest, as a vector and a small picture: what `people` puts into groups."""

from collections.abc import Mapping
from typing import Any

from workbench.bench import Workbench
from workbench.people.asking import COLUMNS, look
from workbench.scale.step import Outcome, Step, Work
from workbench.scale.steps.faces import finder_id
from workbench.watch import Watch


def settle(bench: Workbench, options: Mapping[str, Any]) -> Step:
    """options: model, largest (of several faces only this). Raises BadRequest for a model that is no recogniser."""
    spec = bench.spec(str(options["model"]), "recognition")
    settled = {"model": spec.id, "largest": bool(options.get("largest"))}
    return Step("people", settled, (spec.id, finder_id(bench)), COLUMNS, lambda bench: _open(bench, settled))


def _open(bench: Workbench, options: Mapping[str, Any]) -> Work:
    finder, model = bench.finder(), bench.recogniser(options["model"])

    def work(name: str, data: bytes, watch: Watch) -> Outcome:
        watch.check()
        return Outcome(look(data, finder, model, bench.settings, options["largest"]))

    return work
