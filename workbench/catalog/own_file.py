"""models.toml in the data folder: rows a person keeps, written and added to. Reads and checks nothing but their ids."""

import json
from collections.abc import Mapping
from typing import Any

from workbench.batch.files import write_atomically
from workbench.catalog import own
from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest
from workbench.settings import Settings


def keep(text: str, rows: tuple[ModelSpec, ...], settings: Settings) -> None:
    """Append the TOML of these rows to models.toml. Raises BadRequest for an id that is taken."""
    kept, taken = own.kept(settings), own.known(settings)
    if clash := [row.id for row in rows if row.id in taken]:
        raise BadRequest(f"{clash[0]} is a model already; remove it first, or choose another id.")
    before = kept.read_text(encoding="utf-8").rstrip() + "\n\n" if kept.is_file() else ""
    write_atomically(kept, (before + text.strip() + "\n").encode())


def written(entry: Mapping[str, Any]) -> str:
    """One [[model]] table as TOML; what is empty is left out. Raises BadRequest for a text of control characters."""
    lines = [f"{name} = {_value(value)}" for name, value in entry.items() if value not in ("", [], {}, None)]
    return "\n".join(["[[model]]", *lines, ""])


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        inner = ", ".join(f"{name} = {_value(each)}" for name, each in value.items() if each not in ("", None))
        return f"{{ {inner} }}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str) and not value.isprintable():
        raise BadRequest(f"Expected printable words on one line, got {value[:40]!r}.")
    return json.dumps(value, ensure_ascii=False)
