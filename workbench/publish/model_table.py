"""The generated tables of docs/models.md: models with their licences and measured figures. Reads the catalogue and
`weights/figures.json`."""

import json
from typing import Any

from workbench import WEIGHTS
from workbench.catalog import MODELS
from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest
from workbench.sources.figures import of_model

FIGURES = WEIGHTS / "figures.json"

BEGIN, END = "<!-- models: begin (written by `make docs`) -->", "<!-- models: end -->"


def figures(section: str) -> dict[str, Any]:
    """What was measured for a task, by model id; empty when nothing was."""
    if not FIGURES.is_file():
        return {}
    found: dict[str, Any] = json.loads(FIGURES.read_text()).get(section, {})
    return found


def insert_tables(text: str) -> str:
    """`text` with everything between the markers written anew. Raises BadRequest when the markers are not there once
    each."""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise BadRequest(f"docs/models.md must hold {BEGIN!r} and {END!r} once each.")
    head, _, rest = text.partition(BEGIN)
    tail = rest.partition(END)[2]
    return f"{head}{BEGIN}\n{models_table()}\n{parts_table()}\n{END}{tail}"


def models_table() -> str:
    """Every model: task, parameters, where it comes from, licences, and what was measured here or published."""
    lines = [
        "| Model | Task | Parameters | From | Licence of weights | Trained on | Measured here | Published, and notes |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for spec in MODELS.values():
        lines.append(
            f"| {spec.title} (`{spec.id}`) | {spec.task} | {_parameters(spec)} | {_origin(spec)} | "
            f"{spec.weights_license or 'unknown'} "
            f"| {spec.data_license or 'unknown'} | {measured(spec)} | {spec.note or '—'} |"
        )
    return "\n".join(lines) + "\n"


def measured(spec: ModelSpec) -> str:
    """The headline figures of one model: accuracy, how near it is to its authors' code, time on two cores; or an em
    dash."""
    rows = of_model(spec.id)
    found = [rows.get(section, {}).get("headline", "") for section in (spec.task, "parity", "speed")]
    return "; ".join(text for text in found if text) or "—"


def parts_table() -> str:
    """F1 and IoU of every facial part for the parsers that were measured."""
    measured_models = {name: row for name, row in figures("parsing").items() if "parts" in row}
    if not measured_models:
        return ""
    names = list(measured_models)
    lines = [
        "F1 per part (pixels pooled over the validation pictures):\n",
        "| Part | " + " | ".join(f"`{name}`" for name in names) + " |",
        "|---|" + "---|" * len(names),
    ]
    for part in next(iter(measured_models.values()))["parts"]:
        cells = [measured_models[name]["parts"][part].get("f1") for name in names]
        lines.append(f"| {part} | " + " | ".join("—" if cell is None else f"{cell:.3f}" for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _parameters(spec: ModelSpec) -> str:
    return f"{spec.parameters / 1e6:.2f} M" if spec.parameters else "—"


def _origin(spec: ModelSpec) -> str:
    schemes = {file.scheme for file in spec.files}
    if schemes == {"builtin"}:
        return "shipped"
    return ", ".join(sorted(schemes - {"builtin"})) + (
        f", {spec.download_bytes / 1e6:.0f} MB" if spec.download_bytes else ""
    )
