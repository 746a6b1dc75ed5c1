"""The expression, age or gender of a photo's largest face."""

from collections.abc import Mapping
from typing import Any

from workbench.bench import Workbench
from workbench.errors import BadRequest, BadWeights
from workbench.scale.step import Outcome, Step, Work
from workbench.scale.steps.faces import box, finder_id, largest_face
from workbench.watch import Watch

TASKS = ("expression", "attributes")


def settle(bench: Workbench, options: Mapping[str, Any]) -> Step:
    """options: model. Raises BadRequest for a model of another task."""
    spec = bench.spec(str(options["model"]))
    if spec.task not in TASKS:
        known = ", ".join(row.id for task in TASKS for row in bench.specs(task))
        raise BadRequest(f"{spec.id} does {spec.task}; expected one of {known}.")
    labels = tuple(spec.labels or bench.model(spec.id).labels)
    columns = ("model", "label", *labels, "faces", "left", "top", "right", "bottom")
    return Step(
        "classify",
        {"model": spec.id},
        (spec.id, finder_id(bench)),
        columns,
        lambda bench: _open(bench, spec.id, labels),
    )


def _open(bench: Workbench, model_id: str, labels: tuple[str, ...]) -> Work:
    from workbench.tasks.expression import check_size

    finder, model = bench.finder(), bench.model(model_id)
    if sorted(model.labels) != sorted(labels):
        raise BadWeights(f"{model_id} answers {', '.join(model.labels)}; its row says {', '.join(labels)}.")

    def work(name: str, data: bytes, watch: Watch) -> Outcome:
        image, face, count = largest_face(data, finder, bench.settings)
        check_size(face)
        scores = model.scores(image, face)
        numbers = {label: f"{value:.6g}" for label, value in zip(scores.labels, scores.values, strict=True)}
        label = scores.top if len(labels) > 1 else numbers[labels[0]]
        return Outcome(({"model": model_id, "label": label, **numbers, "faces": count, **box(face)},))

    return work
