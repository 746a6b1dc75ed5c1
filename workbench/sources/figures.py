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


def update(section: str, entries: dict[str, Any], path: Path = FIGURES) -> None:
    """Put these entries into a section; other sections, and models that were not measured now, stay as they are."""
    content = json.loads(path.read_text()) if path.is_file() else {}
    content[section] = {**content.get(section, {}), **entries}
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    os.replace(part, path)
