"""What a clip shows, as a table: a row per picture and person, as it was measured and not smoothed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

FIXED = (
    *("picture", "seconds", "person", "track", "score", "left", "top", "width", "height", "yaw", "pitch", "roll"),
    *("gaze_yaw", "gaze_pitch", "eye_open_image_left", "eye_open_image_right", "mouth_open"),
)
"""Columns of every table, named as in a photo's: pixels of the upright picture, degrees, sides of the image."""


def columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The fixed ones, then what models added, in order of appearance."""
    return list(dict.fromkeys([*FIXED, *(name for row in rows for name in row)]))


def save(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write CSV or Parquet by the file's ending; numbers with six digits in CSV. Raises CannotWrite."""
    import pandas as pd

    from workbench.batch.files import write_atomically

    table = pd.DataFrame(list(rows), columns=columns(rows))
    if path.suffix.lower() == ".parquet":
        write_atomically(path, table.to_parquet(index=False))
    else:
        write_atomically(path, table.to_csv(index=False, float_format="%.6g").encode())


def measures(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Columns that can be drawn over time: numbers, but for those that say where and who."""
    numbers = {name for row in rows for name, value in row.items() if isinstance(value, (int, float, np.floating))}
    return [name for name in columns(rows) if name in numbers and name not in ("picture", "seconds", "person", "track")]
