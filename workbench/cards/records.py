"""The last evaluation of each model, kept in the data folder: figures only, no photo, no name of one."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.batch.files import write_atomically

FOLDER = "evaluations"
LARGEST = 5_000_000


def keep(model: str, found: Mapping[str, Any], date: str, data: Path) -> None:
    """Keep what an evaluation (the JSON of `evaluate`) says of one model, in place of what was kept before.

    date: of today, as it is to be shown.
    """
    figures = {name: value for name, value in found["models"][model].items() if name not in ("left_out", "withheld")}
    row = {"date": date, "kind": found["kind"], "layout": found["layout"], "photos": found["photos"],
           "notes": found["notes"], "figures": figures}  # fmt: skip
    write_atomically(_place(model, data), json.dumps(row, ensure_ascii=False, indent=1).encode())


def last(model: str, data: Path) -> dict[str, Any] | None:
    """What was kept of a model; None where nothing was, or where the file is none of ours."""
    path = _place(model, data)
    try:
        if path.stat().st_size > LARGEST:
            return None
        row = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    whole = (
        isinstance(row, dict)
        and {"date", "layout", "photos", "figures"} <= set(row)
        and isinstance(row["figures"], dict)
    )
    return row if whole and isinstance(row["photos"], int) else None


def _place(model: str, data: Path) -> Path:
    return data / FOLDER / f"{re.sub(r'[^A-Za-z0-9._-]', '_', model)}.json"
