"""A model's answer about a photo with a known truth, as `evaluate` keeps it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.batch import unescaped
from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.evaluation.answers import Answers
from workbench.evaluation.asking import asker
from workbench.evaluation.truth import TASKS, Truth
from workbench.scale.plan import Plan
from workbench.scale.shard import files_of, read_rows
from workbench.scale.step import Outcome, Step, Work
from workbench.scale.steps.faces import finder_id
from workbench.watch import Watch

MAP = ".png"


def settle(bench: Workbench, options: Mapping[str, Any]) -> Step:
    """options: model, kind (of truth). Raises BadRequest for a model that cannot be measured against that."""
    kind, spec = str(options["kind"]), bench.spec(str(options["model"]))
    if kind not in TASKS or spec.task not in TASKS[kind]:
        raise BadRequest(f"{spec.title} is of the task {spec.task}; expected {' or '.join(TASKS.get(kind, ()))}.")
    settled = {"model": spec.id, "kind": kind}
    files = (MAP,) if kind == "parsing" else ()
    return Step("evaluate", settled, (spec.id, finder_id(bench)), ("value",), lambda b: _open(b, kind, spec.id), files)


def _open(bench: Workbench, kind: str, model_id: str) -> Work:
    ask = asker(kind, model_id, bench)

    def work(name: str, data: bytes, watch: Watch) -> Outcome:
        value, labels = ask(data)
        return Outcome(({"value": value},), {MAP: labels} if labels else {})

    return work


def take_in(plan: Plan, root: str, truth: Truth, answers: Answers) -> int:
    """Keep what the shards that are done say of a truth's photos, where there is no answer yet; of how many.

    root: what the plan's names are relative to.
    """
    import json

    cases = {str(case.photo.resolve()): case for case in truth.cases if not answers.fresh(case)}
    count = 0
    for number in sorted(plan.done()):
        with files_of(plan, number) as files:
            for row in read_rows(plan.rows(number)):
                name = unescaped(row.id)
                case = cases.get(str(Path(root) / name))
                if case is None:
                    continue
                value = None if row.error else json.loads(row.figures)[0]["value"]
                answers.add(case, value, row.error, files(f"{name}{MAP}") if not row.error else b"")
                count += 1
    return count
