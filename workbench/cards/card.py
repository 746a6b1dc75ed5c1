"""One row's card in the nine sections of Mitchell et al., "Model Cards for Model Reporting", FAT* 2019, section 4.

From the row, from `weights/figures.json`, from the text beside shipped weights, and from the last evaluation of the
person's own. What was not measured is said to be so.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench import WEIGHTS
from workbench.cards.words import TASK_WORDS
from workbench.catalog.spec import ModelSpec
from workbench.sources import figures

SECTIONS = (
    "Model details", "Intended use", "Factors", "Metrics", "Evaluation data", "Training data", "Quantitative analyses",
    "Ethical considerations", "Caveats and recommendations",
)  # fmt: skip
NOT_MEASURED = "Not measured here."
_ASIDE = ("parity", "speed")
_SKIPPED = ("headline", "confusion", "order", "cases", "relative", "recall", "parts")
_MOST_ROWS = 120


@dataclass(frozen=True, slots=True)
class Card:
    """A model's card. sections: title → Markdown, the nine of SECTIONS in their order."""

    spec: ModelSpec
    sections: Mapping[str, str]
    evaluation: Mapping[str, Any] | None = None


def make_card(spec: ModelSpec, evaluation: Mapping[str, Any] | None = None) -> Card:
    """The card of a row. evaluation: what `records.last` gives for it, None where the person measured nothing."""
    words = TASK_WORDS[spec.task]
    measured = figures.of_model(spec.id)
    shipped = _beside(spec)
    texts = (
        _details(spec),
        f"**For**: {words.use}\n\n**Not for**: {words.not_for}",
        f"**Known to sway such models**: {words.factors}\n\n**Groups measured**: {_groups(measured, evaluation)}",
        f"{words.metrics} Intervals hold 95 % and come from drawing people (or photos) anew.",
        _data(measured, evaluation),
        _training(spec, shipped),
        _quantities(spec, measured, evaluation, shipped),
        words.ethics,
        _caveats(spec, bool(measured) or evaluation is not None),
    )
    return Card(spec, dict(zip(SECTIONS, texts, strict=True)), evaluation)


def _details(spec: ModelSpec) -> str:
    rows = [
        ("Id, task", f"`{spec.id}`, {spec.task}"),
        ("Parameters", f"{spec.parameters:,}" if spec.parameters else "not counted"),
        ("Paper", spec.paper or "none given"),
        ("Licence of the weights", spec.weights_license or "unknown"),
        ("Files", "; ".join(f"`{_source(file.source)}` ({file.role})" for file in spec.files)),
        ("Answers", ", ".join(spec.labels[:40]) or ", ".join(spec.gives) or "numbers without names"),
        ("Gradients", "yes" if spec.gradients else "no: a black box"),
    ]
    if (told := spec.input) is not None:
        rows.append(("Sees", f"{told.crop}, {told.side or 'its own'} pixels, {told.order}; answers {told.kind}"))
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {_cell(value)} |" for name, value in rows)])


def _source(source: str) -> str:
    """A file's source without the folders of the machine it lies on."""
    return f"local:{Path(source).name}" if source.startswith("local:") else source


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _beside(spec: ModelSpec) -> dict[str, str]:
    """The sections of the text that ships beside the weights, by title; empty where there is none."""
    places = [file.source.partition(":")[2].partition("/")[0] for file in spec.files if file.scheme == "builtin"]
    paths = [WEIGHTS / f"{place.removesuffix('.safetensors')}.md" for place in places]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return {}
    begun = [piece.partition("\n") for piece in f"\n{path.read_text(encoding='utf-8')}".split("\n## ")[1:]]
    return {title.strip(): body.strip() for title, _, body in begun}


def _groups(measured: Mapping[str, Any], evaluation: Mapping[str, Any] | None) -> str:
    names = {name for entry in measured.values() for key, name in _named_groups(entry) if key}
    names |= set((evaluation or {}).get("figures", {}).get("groups", {}))
    return f"{', '.join(sorted(names))}." if names else NOT_MEASURED


def _named_groups(entry: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(entry, Mapping):
        for name, value in entry.items():
            if "group" in key:
                yield key, str(name)
            else:
                yield from _named_groups(value, str(name))


def _data(measured: Mapping[str, Any], evaluation: Mapping[str, Any] | None) -> str:
    lines = []
    for section, entry in measured.items():
        counts = ", ".join(f"{value:,} {name}" for name, value in _counts(entry))
        if section not in _ASIDE and counts:
            lines.append(f"- {section.replace('_', ' ')}: {counts}; `docs/models.md` names the pages that say how.")
    if evaluation is not None:
        lines.append(
            f"- Your own evaluation of {evaluation['date']}: {evaluation['layout']}, {evaluation['photos']:,} photos."
        )
        lines += [f"  - {note}" for note in evaluation.get("notes", [])]
    return "\n".join(lines) or NOT_MEASURED


def _counts(entry: Any) -> Iterator[tuple[str, int]]:
    for name, value in entry.items() if isinstance(entry, Mapping) else ():
        if name in ("photos", "pictures", "people", "labelled") and isinstance(value, int):
            yield name, value
        elif name in ("all", "aside", "held_out", "real"):
            yield from _counts(value)


def _training(spec: ModelSpec, shipped: Mapping[str, str]) -> str:
    text = f"{spec.data_license or 'Unknown'}."
    return "\n\n".join(part for part in (text, shipped.get("Made from", "")) if part)


def _quantities(
    spec: ModelSpec, measured: Mapping[str, Any], evaluation: Mapping[str, Any] | None, shipped: Mapping[str, str]
) -> str:
    pieces = [
        f"- {section.replace('_', ' ')}: {entry['headline']}"
        for section, entry in measured.items()
        if "headline" in entry
    ]
    text = "\n".join(pieces)
    for section, entry in measured.items():
        rows = [] if section in _ASIDE else list(_flat(entry))[:_MOST_ROWS]
        if rows:
            text += f"\n\n**{section.replace('_', ' ')}**\n\n" + _table(rows)
    if shipped.get("Measured"):
        text += f"\n\n**As measured when it was trained**\n\n{shipped['Measured']}"
    if evaluation is not None:
        rows = list(_flat(evaluation["figures"]))[:_MOST_ROWS]
        text += f"\n\n**Your own evaluation, {evaluation['date']}**\n\n" + _table(rows)
    return text.strip() or NOT_MEASURED


def _table(rows: list[tuple[str, str]]) -> str:
    return "\n".join(
        ["| figure | value [95 %] |", "|---|---|", *(f"| {_cell(name)} | {value} |" for name, value in rows)]
    )


def _flat(entry: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every figure below, named by its way down; intervals as value [low, high]."""
    if isinstance(entry, Mapping):
        for key, value in entry.items():
            if key not in _SKIPPED:
                yield from _flat(value, f"{name}, {key}" if name else str(key))
    elif _is_interval(entry):
        yield name, f"{entry[0]:.3f} [{entry[1]:.3f}, {entry[2]:.3f}]"
    elif isinstance(entry, (int, float)) and not isinstance(entry, bool):
        yield name, f"{entry:,}" if isinstance(entry, int) else f"{entry:.4g}"


def _is_interval(entry: Any) -> bool:
    return isinstance(entry, list) and len(entry) == 3 and all(isinstance(value, (int, float)) for value in entry)


def _caveats(spec: ModelSpec, measured: bool) -> str:
    lines = [f"- {spec.note[:1].upper()}{spec.note[1:]}."] if spec.note else []
    if not measured:
        lines.append("- Nothing was measured here: measure it on photos like yours before you rely on it.")
    lines.append(
        f"- On photos of your own: `face-workbench evaluate FOLDER --model {spec.id} --out report`, with groups."
    )
    lines.append("- Figures hold for the data they were measured on; other cameras, people and light give others.")
    return "\n".join(lines)
