"""What a clip shows, as a table: a row per picture and person, as it was measured and not smoothed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workbench.values import Face

FIXED = (
    *("picture", "seconds", "person", "track", "score", "left", "top", "right", "bottom"),
    *("yaw", "pitch", "roll", "eye_left_open", "eye_right_open", "mouth_open"),
)
"""Columns of every table: places in pixels of the upright picture, angles in degrees, sides of the image."""


def of_face(face: Face) -> dict[str, Any]:
    """The columns that a face's landmarks give; empty where no mesh fitted."""
    row: dict[str, Any] = dict(zip(("left", "top", "right", "bottom"), map(float, face.box), strict=True))
    row["score"] = float(face.score)
    if face.pose is not None:
        row |= {"yaw": face.pose.yaw, "pitch": face.pose.pitch, "roll": face.pose.roll}
    if face.eyes_open is not None:
        row |= {"eye_left_open": face.eyes_open[0], "eye_right_open": face.eyes_open[1]}
    if face.mouth_open is not None:
        row["mouth_open"] = face.mouth_open
    return row


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
