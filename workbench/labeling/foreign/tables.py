"""Judgements as plain tables: CSV, JSON lines, Parquet, and the zip or folder that `datasets` loads. What the export
writes is read back; a table of one's own needs the columns item, rater and answer."""

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.errors import StudyError, first_line
from workbench.labeling.foreign.given import (
    MOST_BYTES,
    Given,
    Shown,
    flags_of,
    moment,
    placed,
    read_bytes,
    read_lines,
    seconds_of,
)
from workbench.labeling.hub.loading import load_labels
from workbench.labeling.study import cells
from workbench.labeling.study.details import MARK
from workbench.labeling.study.tasktypes import SKIP

_NEEDED = ("item", "rater", "answer")


def read(path: Path, shown: Shown, kind: str) -> Iterator[Given]:
    """The first looks of a table; undone answers and repeats are passed over. kind: csv, jsonl, parquet or datasets.
    Raises StudyError with the row of what is wrong."""
    rows = _rows(path, kind)
    undone = {str(row.get("supersedes") or "") for row in rows} - {""}
    for number, row in enumerate(rows, start=1):
        if str(row.get("label", "")) in undone or str(row.get("is_repeat", "")) in ("True", "true", "1"):
            continue
        yield _given(shown, row, f"{path.name}, row {number}")


def _rows(path: Path, kind: str) -> list[Mapping[str, Any]]:
    if kind == "datasets" and path.is_dir():
        return _checked(load_labels(path), path.name)
    data = read_bytes(path)
    try:
        if kind == "csv":
            table = pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False, encoding="utf-8-sig")
            return _checked(table.map(cells.plain), path.name)
        if kind == "jsonl":
            return _checked(pd.DataFrame([dict(line) for _, line in read_lines(data, path.name)]), path.name)
        return _checked(pd.read_parquet(io.BytesIO(data if kind == "parquet" else _labels_of(data))), path.name)
    except (ValueError, OSError, MemoryError, OverflowError) as error:  # pyarrow's and pandas' are ValueErrors
        told = first_line(error, 160)
        raise StudyError(f"{path.name} is no {kind} file that can be read: {told}.") from error


def _labels_of(data: bytes) -> bytes:
    """The Parquet file of labels in a zip that `export` wrote. Raises ValueError."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            found = [one for one in archive.infolist() if one.filename.endswith("data/labels.parquet")]
            if len(found) != 1 or found[0].file_size > MOST_BYTES:
                raise ValueError("expected one data/labels.parquet in it")
            with archive.open(found[0]) as stream:
                return stream.read(MOST_BYTES)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, KeyError) as error:
        raise ValueError(str(error)) from error


def _checked(table: pd.DataFrame, name: str) -> list[Mapping[str, Any]]:
    missing = [column for column in _NEEDED if column not in table.columns]
    if missing and len(table.columns):
        raise StudyError(f"{name}: expected the columns {', '.join(_NEEDED)}; missing {', '.join(missing)}.")
    whole = table.astype(object).where(table.notna(), None)
    return [{str(column): value for column, value in row.items()} for row in whole.to_dict("records")]


def _given(shown: Shown, row: Mapping[str, Any], where: str) -> Given:
    head, mark, detail = str(row["answer"] or "").partition(MARK)
    with placed(where):
        answer = head if head == SKIP else f"{shown.said(head)}{mark}{detail}"
    flags = row.get("flags") or ""
    return Given(
        str(row["item"] or ""),
        (),
        str(row["rater"] or ""),
        answer,
        _seconds(row, where),
        moment(row.get("answered_at"), f"{where}, answered_at"),
        flags_of(flags if isinstance(flags, str) else ",".join(map(str, flags))),
        str(row.get("reason") or ""),
        where,
    )


def _seconds(row: Mapping[str, Any], where: str) -> float | None:
    """The time an answer took, of a column response_ms or seconds; None where neither says."""
    for name, per_second in (("response_ms", 1000.0), ("seconds", 1.0)):
        value = row.get(name)
        if value in (None, ""):
            continue
        try:
            return seconds_of(float(value) / per_second, f"{where}, {name}")
        except (TypeError, ValueError) as error:
            raise StudyError(f"{where}, {name}: expected a number, got {str(value)[:40]!r}.") from error
    return None
