"""Recognisers' scores, and models' labels, from a file that somebody else wrote, for the report."""

from pathlib import Path

import numpy as np
import pandas as pd

from workbench.errors import StudyError, first_line


def read_scores(path: Path) -> pd.DataFrame:
    """A CSV with a column item and one per recogniser, higher meaning more alike; NaN where a cell is empty.

    Raises StudyError with a sentence for anything else: no file, no CSV, no such columns, an item twice, a cell that is
    no finite number.
    """
    table, judges = _read(path, "expected a CSV with a column item and one per recogniser")
    return pd.DataFrame({"item": table["item"]} | {name: _numbers(path, table, name) for name in judges})


def read_labels(path: Path) -> pd.DataFrame:
    """A CSV with a column item and one per model, its label in the study's words ("" for none); a column "MODEL
    certainty" is a number. Raises StudyError as `read_scores`."""
    table, models = _read(path, "expected a CSV with a column item and one per model")
    columns = {
        name: _numbers(path, table, name) if name.endswith(" certainty") else table[name].str.strip() for name in models
    }
    return pd.DataFrame({"item": table["item"]} | columns)


def _read(path: Path, wanted: str) -> tuple[pd.DataFrame, list[str]]:
    """The table, and its columns besides item."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except OSError as error:
        raise StudyError(f"{path.name}: {wanted}; it cannot be read: {error.strerror or error}.") from error
    except ValueError as error:  # no columns, ragged lines, no UTF-8
        raise StudyError(f"{path.name}: {wanted}; it is none: {first_line(error, 120)}.") from error
    judges = [str(name) for name in table.columns if name != "item"]
    if "item" not in table or not judges:
        raise StudyError(f"{path.name}: {wanted}, got {', '.join(map(str, table.columns))[:120] or 'none'}.")
    if (twice := table["item"][table["item"].duplicated()]).size:
        raise StudyError(f"{path.name}: item {twice.iloc[0][:60]!r} is there twice.")
    return table, judges


def _numbers(path: Path, table: pd.DataFrame, name: str) -> pd.Series:
    empty = table[name].str.strip().isin(["", "nan", "NaN"])
    numbers = pd.to_numeric(table[name].where(~empty), errors="coerce").astype(float)
    wrong = ~empty & ~np.isfinite(numbers)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise StudyError(
            f"{path.name}, line {row + 2}: expected a finite number for {name!r}, got {table[name].iloc[row][:40]!r}."
        )
    return numbers
