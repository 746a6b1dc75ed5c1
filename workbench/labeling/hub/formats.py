"""A table of judgements as a file and back: Parquet, CSV, JSON lines; and the three columns of crowd-kit. Knows no
store."""

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import BadRequest
from workbench.labeling.statistics.judgements import counted, kinds
from workbench.labeling.study import cells

FORMATS = ("parquet", "csv", "jsonl", "crowd-kit")
_TEXT = {
    "study",
    "item",
    "rater",
    "task_type",
    "answer",
    "repeat_of",
    "flags",
    "group",
    "supersedes",
    "label",
    "reason",
    "study_sha256",
}
_FLAGS = ("is_gold", "is_repeat", "swapped")


def to_file(table: pd.DataFrame, kind: str) -> bytes:
    """A table of judgements as the bytes of a file.

    parquet, csv, jsonl: all its rows and columns, times as ISO 8601 text in UTC. crowd-kit: columns task, worker, label
    of the judgements that aggregate (no gold, repeats, skips or undone rows), CSV. Text that a spreadsheet would run as
    a formula gets an apostrophe in front in CSV, which `from_file` takes off. Raises BadRequest for another kind.
    """
    writers: dict[str, Callable[[pd.DataFrame], bytes]] = {
        "parquet": _parquet,
        "csv": _csv,
        "jsonl": _jsonl,
        "crowd-kit": _crowd_kit,
    }
    if kind not in writers:
        raise BadRequest(f"Judgements: expected a format among {', '.join(FORMATS)}, got {str(kind)[:40]!r}.")
    return writers[kind](_plain(table))


def from_file(data: bytes, kind: str) -> pd.DataFrame:
    """Read back what `to_file` wrote as parquet, csv or jsonl, with its types. Raises BadRequest for another kind."""
    if kind == "parquet":
        return _typed(pd.read_parquet(io.BytesIO(data)))
    if kind == "csv":
        table = pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False)
        return _typed(table.map(cells.plain))
    if kind == "jsonl":
        return _typed(pd.DataFrame([json.loads(line) for line in data.decode().splitlines()]))
    raise BadRequest(f"Judgements: expected one of {', '.join(FORMATS[:3])} to read back, got {str(kind)[:40]!r}.")


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    plain = table.copy()
    for name in ("shown_at", "answered_at"):
        if pd.api.types.is_datetime64_any_dtype(plain[name]) or not all(
            isinstance(value, str) for value in plain[name]
        ):
            plain[name] = pd.to_datetime(plain[name], utc=True).dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    for name in _TEXT & set(plain.columns):
        plain[name] = [_words(value) for value in plain[name]]
    plain["correct"] = pd.array(
        [None if pd.isna(value) else bool(value) for value in plain["correct"]], dtype="boolean"
    )
    return plain


def _words(value: object) -> str:
    return (
        ",".join(map(str, value))
        if isinstance(value, list | tuple)
        else ""
        if value is None or value != value
        else str(value)
    )


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    for name in table.columns:
        if name in _FLAGS:
            table[name] = [str(cell) == "True" for cell in table[name]]
        elif name == "correct":
            said = {"True": True, "False": False}
            table[name] = pd.Series([said.get(str(cell)) for cell in table[name]], index=table.index, dtype=object)
        elif name in ("value", "propensity", "response_ms"):
            table[name] = pd.to_numeric(table[name].replace("", None)).astype(float)
        elif name in ("block", "number", "seed"):
            table[name] = pd.to_numeric(table[name]).astype("int64")
        else:
            table[name] = table[name].astype(object).where(table[name].notna(), "")
    return table


def _parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _csv(table: pd.DataFrame) -> bytes:
    marked = {name: [cells.safe(cell) for cell in table[name]] for name in table.columns if name in _TEXT}
    written: bytes = table.assign(**marked).to_csv(index=False, lineterminator="\n").encode()
    return written


def _jsonl(table: pd.DataFrame) -> bytes:
    rows = ({name: _json(value) for name, value in row.items()} for row in table.to_dict("records"))
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _json(value: Any) -> Any:
    if pd.isna(value):
        return None
    return value.item() if isinstance(value, np.generic) else value


def _crowd_kit(table: pd.DataFrame) -> bytes:
    rows = counted(table)
    written: bytes = (
        pd.DataFrame({"task": rows["item"], "worker": rows["rater"], "label": kinds(rows)}, dtype=str)
        .map(cells.safe)
        .to_csv(index=False, lineterminator="\n")
        .encode()
    )
    return written
