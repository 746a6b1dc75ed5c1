"""A recogniser's vector of a photo's largest face."""

from collections.abc import Mapping
from typing import Any

from workbench.bench import Workbench
from workbench.scale.step import Outcome, Step, Work
from workbench.scale.steps.faces import box, finder_id, largest_face
from workbench.watch import Watch


def settle(bench: Workbench, options: Mapping[str, Any]) -> Step:
    """options: model. Raises BadRequest for a model that is no recogniser."""
    spec = bench.spec(str(options["model"]), "recognition")
    columns = ("faces", "left", "top", "right", "bottom", "metric")
    return Step("embed", {"model": spec.id}, (spec.id, finder_id(bench)), columns, lambda bench: _open(bench, spec.id))


def _open(bench: Workbench, model_id: str) -> Work:
    from workbench.tasks.recognition import embed

    finder, model = bench.finder(), bench.recogniser(model_id)

    def work(name: str, data: bytes, watch: Watch) -> Outcome:
        image, face, count = largest_face(data, finder, bench.settings)
        found = embed(image, face, model)
        return Outcome(({"faces": count, **box(face), "metric": str(model.metric)},), vector=found.vector)

    return work
