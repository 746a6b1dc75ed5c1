"""Judgements as plain tables: CSV, JSON lines, Parquet, and the zip or folder that `datasets` loads. What the export
writes is read back; a table of one's own needs the columns item, rater and answer."""

import csv
import io
import itertools
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any

import pyarrow as pa

from workbench.errors import StudyError, first_line
from workbench.labeling.foreign.given import (
    MOST_ANSWERS,
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
_READ = (*_NEEDED, "label", "supersedes", "is_repeat", "flags", "reason", "answered_at", "response_ms", "seconds")
"""Columns that are read; a file's others are passed over, however many they are."""
MOST_ROWS = 2 * MOST_ANSWERS
"""With repeats and undone answers."""


def read(path: Path, shown: Shown, kind: str) -> Iterator[Given]:
    """The first looks of a table; undone answers and repeats are passed over. kind: csv, jsonl, parquet or datasets.
    Raises StudyError with the row of what is wrong."""
    rows = _rows(path, kind)
    undone = {str(row.get("supersedes") or "") for row in rows} - {""}
    for number, row in enumerate(rows, start=1):
        if str(row.get("label") or "") in undone or str(row.get("is_repeat")) in ("True", "true", "1"):
            continue
        yield _given(shown, row, f"{path.name}, row {number}")


def _rows(path: Path, kind: str) -> list[Mapping[str, Any]]:
    if kind == "datasets" and path.is_dir():
        table = load_labels(path)
        return _checked(set(table.columns), table[[name for name in _READ if name in table]].to_dict("records"), path)
    data = read_bytes(path)
    try:
        if kind == "csv":
            return _csv(data, path)
        if kind == "jsonl":
            lines = ({name: line[name] for name in _READ if name in line} for _, line in read_lines(data, path.name))
            rows = list(itertools.islice(lines, MOST_ROWS + 1))
            return _checked(set().union(*rows), rows, path)
        return _parquet(data if kind == "parquet" else _labels_of(data), path)
    except (ValueError, OSError, MemoryError, OverflowError, csv.Error, pa.ArrowException) as error:
        told = first_line(error, 160)
        raise StudyError(f"{path.name} is no {kind} file that can be read: {told}.") from error


def _csv(data: bytes, path: Path) -> list[Mapping[str, Any]]:
    """The rows of a CSV in UTF-8, one by one: with a column for every line a table of them would have no end."""
    lines = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
    header = next(lines, [])
    if not header:
        raise ValueError("it is empty")
    places = {name: header.index(name) for name in _READ if name in header}
    rows: list[dict[str, Any]] = []
    for number, line in enumerate((line for line in lines if line), start=1):
        if len(line) > len(header):
            raise ValueError(f"row {number} has {len(line)} cells, the first line {len(header)}")
        rows.append({name: cells.plain(line[at]) if at < len(line) else None for name, at in places.items()})
        if number > MOST_ROWS:
            break
    return _checked(set(header), rows, path)


def _parquet(data: bytes, path: Path) -> list[Mapping[str, Any]]:
    """The rows of a Parquet file, batch by batch, each text that many share read once: what a small file says of itself
    can be without end."""
    import pyarrow.parquet as pq  # takes a third of a second, which no start of a server needs

    file = pq.ParquetFile(io.BytesIO(data))
    kinds = file.schema_arrow
    if file.metadata.num_rows > MOST_ROWS:
        raise StudyError(f"{path.name} holds more than {MOST_ROWS} rows; split it.")
    names = [name for name in _READ if name in kinds.names]
    shared = [name for name in names if pa.types.is_string(kinds.field(name).type)]
    rows: list[dict[str, Any]] = []
    size = 0
    for batch in pq.ParquetFile(io.BytesIO(data), read_dictionary=shared).iter_batches(10_000, columns=names):
        size += batch.nbytes
        if size > MOST_BYTES or len(rows) > MOST_ROWS:
            break
        columns = [_values(column) for column in batch.columns]
        rows.extend(dict(zip(batch.schema.names, values, strict=True)) for values in zip(*columns, strict=True))
    if size > MOST_BYTES:
        raise StudyError(f"{path.name} holds more than {MOST_BYTES // 10**6} MB; split it.")
    return _checked(set(kinds.names), rows, path)


def _values(column: pa.Array) -> list[Any]:
    if not pa.types.is_dictionary(column.type):
        return list(column.to_pylist())
    texts = column.dictionary.to_pylist()
    return [None if place is None else texts[place] for place in column.indices.to_pylist()]


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


def _checked(columns: Set[str], rows: Iterable[Mapping[Any, Any]], path: Path) -> list[Mapping[str, Any]]:
    """The rows with every column that is read; None for what is absent or no number. Raises StudyError."""
    missing = [column for column in _NEEDED if column not in columns]
    if missing and columns:
        raise StudyError(f"{path.name}: expected the columns {', '.join(_NEEDED)}; missing {', '.join(missing)}.")
    found: list[Mapping[str, Any]] = [
        {name: None if (value := row.get(name)) != value else value for name in _READ} for row in rows
    ]
    if len(found) > MOST_ROWS:
        raise StudyError(f"{path.name} holds more than {MOST_ROWS} rows; split it.")
    return found


def _given(shown: Shown, row: Mapping[str, Any], where: str) -> Given:
    head, mark, detail = str(row["answer"] or "").partition(MARK)
    with placed(where):
        answer = head if head == SKIP else f"{shown.said(head)}{mark}{detail}"
    flags = row.get("flags") or ""
    if not isinstance(flags, str | list):
        raise StudyError(f"{where}, flags: expected a text or a list, got {str(flags)[:40]!r}.")
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
