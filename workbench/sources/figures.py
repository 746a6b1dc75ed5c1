"""What was measured, in one committed JSON: a section per task, by model id. Written by the scripts that measure, read
by the docs.

Every model's entry has a `headline`, the one line a table shows; everything else is the script's own.
"""

import json
import os
from pathlib import Path
from typing import Any

from workbench import WEIGHTS

FIGURES = WEIGHTS / "figures.json"


def read(section: str, path: Path = FIGURES) -> dict[str, Any]:
    """A section, by model id; empty when nothing was measured."""
    content: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return dict(content.get(section, {}))


def of_model(model: str, path: Path = FIGURES) -> dict[str, dict[str, Any]]:
    """Section → what it says of a model, or of the network that several rows share, in `SHARED`; sections that know
    nothing of it are left out."""
    content: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    found = {section: dict(rows.get(_name(model, section, rows), {})) for section, rows in content.items()}
    return {section: entry for section, entry in found.items() if entry}


def _name(model: str, section: str, rows: dict[str, Any]) -> str:
    if model in rows or section not in SHARED:
        return model
    return _OTHER_NAMES.get(model) or max((name for name in rows if model.startswith(name)), key=len, default="")


SHARED = ("parity", "speed")
"""Sections whose proofs several rows share, under the name of their network."""
_OTHER_NAMES = {"mobileface": "insight-mobile", "crfiqa-s": "crfiqa-r50"}
"""Rows whose id does not begin with the name their network was proven under."""


def update(section: str, entries: dict[str, Any], path: Path = FIGURES) -> None:
    """Put these entries into a section; other sections, and models that were not measured now, stay as they are."""
    content = json.loads(path.read_text()) if path.is_file() else {}
    content[section] = {**content.get(section, {}), **entries}
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    os.replace(part, path)
