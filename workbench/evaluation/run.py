"""One evaluation from a folder to a report: asks the models, makes the figures, writes page, JSON and tables."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from workbench.batch.files import write_atomically
from workbench.batch.names import cell
from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest
from workbench.evaluation import boxes, landmarks, measuring, parsing, recognition
from workbench.evaluation import labels as classes
from workbench.evaluation.answers import Answers
from workbench.evaluation.asking import Models, answer
from workbench.evaluation.measuring import RECALL, Evaluation, Measured
from workbench.evaluation.truth import TASKS, Truth
from workbench.evaluation.voting import voted
from workbench.evaluation.weighing import LEAST
from workbench.metrics.roc import Interval
from workbench.settings import Settings
from workbench.watch import Watch

PAGE, FIGURES = "report.html", "figures.json"


def evaluate(
    truth: Truth,
    models: Sequence[str],
    out: Path,
    bench: Models,
    *,
    rounds: int = 1000,
    least: int = LEAST,
    workers: int = 2,
    watch: Watch | None = None,
) -> Evaluation:
    """Measure models on a folder's truth and write the report into `out`; what was answered before is not asked again.

    Raises BadRequest (no model, one of another task, nothing that can be judged), ModelMissing, Cancelled.
    """
    watch = watch or Watch()
    if not models or len(set(models)) != len(models):
        raise BadRequest("Name one or more models, each once.")
    specs = [bench.spec(model) for model in models]
    for spec in specs:
        if spec.task not in TASKS[truth.kind]:
            wanted = " or ".join(TASKS[truth.kind])
            raise BadRequest(f"{spec.title} is of the task {spec.task}; this truth measures {wanted}.")
    with ExitStack() as stack:
        kept: dict[str, Answers] = {}
        for place, spec in enumerate(specs):
            kept[spec.id] = stack.enter_context(answers_of(out, truth.kind, spec))
            part = watch.part(0.9 * place / len(specs), 0.9 * (place + 1) / len(specs))
            answer(truth, spec.id, kept[spec.id], bench, part, workers)
        if truth.kind == "pairs" and not truth.pairs:
            truth = voted(truth, kept, {model: str(bench.model(model).metric) for model in models})
        found = measuring.measure(
            truth,
            kept,
            {spec.id: bench.model(spec.id).labels for spec in specs} if truth.kind == "labels" else {},
            {model: _metric(bench.model(model)) for model in models} if truth.kind == "pairs" else {},
            rounds=rounds,
            least=least,
            watch=watch.part(0.9, 0.95),
        )
        watch.tell(0.95, "writing the report")
        write(found, kept, out, {spec.id: spec.title for spec in specs}, bench.settings)
    return found


def answers_of(out: Path, kind: str, spec: ModelSpec) -> Answers:
    """Where a model's answers are kept; they depend on its weights and on what they are measured against."""
    mark = f"{kind}:" + ",".join(file.sha256 or file.source for file in spec.files)
    return Answers(out / "answers" / spec.id, spec.id, mark)


def _metric(model: Any) -> tuple[str, float | None]:
    return str(model.metric), model.threshold


def write(
    found: Evaluation, kept: Mapping[str, Answers], out: Path, titles: Mapping[str, str], settings: Settings
) -> None:
    """report.html, figures.json and a table per model."""
    from workbench.evaluation.report import page

    write_atomically(out / FIGURES, json.dumps(as_json(found), indent=1, ensure_ascii=False).encode())
    for measured in found.models:
        if rows := table(measured):
            write_atomically(out / f"{measured.model}.csv", _csv(rows))
    write_atomically(out / PAGE, page(found, kept, titles, settings).encode())


def table(measured: Measured) -> list[Mapping[str, object]]:
    """A line per photo, or per pair."""
    found = measured.found
    if isinstance(found, parsing.Parsed):
        return [parsing.as_row(picture) for picture in found.pictures]
    if isinstance(found, classes.Classified):
        return classes.as_rows(found)
    if isinstance(found, landmarks.Landmarks):
        return [landmarks.as_row(photo) for photo in found.photos]
    if isinstance(found, boxes.Boxes):
        return [boxes.as_row(photo) for photo in found.photos]
    return [
        {"file_a": a, "file_b": b, "same": int(same), "similarity": round(float(score), 6)}
        for (a, b), same, score in zip(found.sides, found.same, found.similarity, strict=True)
    ]


def as_json(found: Evaluation) -> dict[str, Any]:
    """All figures as JSON: every interval as [value, low, high]; what cannot be found is null."""
    return {
        "kind": found.truth.kind,
        "layout": found.truth.layout,
        "notes": list(found.truth.notes),
        "photos": len(found.truth.cases),
        "least": found.least,
        "models": {measured.model: _model(measured, found.truth) for measured in found.models},
        "against": [
            {"first": a, "second": b, "difference": _gap(gap), "groups": {name: _gap(g) for name, g in groups.items()}}
            for a, b, gap, groups in found.against
        ],
    }


def _model(measured: Measured, truth: Truth) -> dict[str, Any]:
    row: dict[str, Any] = {name: _range(value) for name, value in measured.figures.items()}
    row["groups"] = {
        name: {"cases": g.cases, measured.headline: _range(g.inside), "gap": _gap(g.gap)}
        | ({RECALL: _range(g.recall)} if g.recall is not None else {})
        for name, g in measured.groups.items()
    }
    row["withheld"], row["left_out"] = list(measured.withheld), [list(each) for each in measured.left_out]
    if isinstance(measured.found, recognition.Verified):
        row["pairs"] = {"same": int(measured.found.same.sum()), "different": int((~measured.found.same).sum())}
        if measured.found.threshold is not None:
            rates = measured.found.rates({case.id: case.groups for case in truth.cases})
            row["error rates"] = {
                name: {"FMR": _range(match), "FNMR": _range(miss), "different": different, "same": same}
                for name, (match, miss, different, same) in rates.items()
            }
    if measured.identified is not None:
        row["identification"] = {
            "rank 1": _range(measured.identified.rank_1),
            "TPIR at FPIR 1 %": _range(measured.identified.open_set),
            "people": measured.identified.people,
            "probes": measured.identified.probes,
        }
    return row


def _gap(gap: Any) -> dict[str, Any]:
    return {"difference": _range(gap.difference), "p": _finite(gap.p), "p adjusted": _finite(gap.adjusted), "n": gap.n}


def _range(value: Interval) -> list[float | None]:
    return [_finite(value.value), _finite(value.low), _finite(value.high)]


def _finite(value: float) -> float | None:
    return float(value) if value == value and abs(value) != float("inf") else None


def _csv(rows: Sequence[Mapping[str, object]]) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    writer.writerows({name: cell(value) for name, value in row.items()} for row in rows)
    return stream.getvalue().encode()
