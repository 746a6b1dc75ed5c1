"""How what was read of people goes over a clip: a line per person, a panel per measure."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.video.showing import COLOURS
from workbench.video.table import measures

USUAL = ("yaw", "pitch", "gaze_yaw", "mouth_open", "eye_open_image_left")
MOST = 6
"""Panels of a picture, and MOST_PEOPLE lines of each: the rest is in the table."""
MOST_PEOPLE = 10


def over_time(rows: Sequence[Mapping[str, Any]], chosen: Sequence[str] = ()) -> bytes:
    """PNG of measures over seconds. chosen: at most six; none: pose, mouth, an eye and what models said first."""
    import io

    from matplotlib.figure import Figure

    offered = measures(rows)
    extra = [name for name in offered if name.startswith("expression_")][:1]
    names = [name for name in (chosen or (*USUAL, *extra)) if name in offered][:MOST]
    figure = Figure(figsize=(9, 1.2 + 1.6 * max(len(names), 1)), layout="constrained")
    panels = figure.subplots(max(len(names), 1), 1, sharex=True, squeeze=False)[:, 0]
    people = sorted({int(row["person"]) for row in rows})[:MOST_PEOPLE]
    for panel, name in zip(panels, names, strict=False):
        for person in people:
            seconds, values = line(rows, name, person)
            colour = "#{:02x}{:02x}{:02x}".format(*COLOURS[(person - 1) % len(COLOURS)])
            panel.plot(seconds, values, color=colour, linewidth=1.2, label=f"Person {person}")
        panel.set_ylabel(name.replace("_", " "), fontsize=8)
        panel.grid(alpha=0.3)
    panels[-1].set_xlabel("seconds")
    if people and names:
        panels[0].legend(fontsize=7, ncols=min(len(people), 5), loc="upper right")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def line(rows: Sequence[Mapping[str, Any]], name: str, person: int, gap: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Seconds and values of one person, with a break (NaN) where they were not seen for `gap` seconds."""
    mine = [
        (float(row["seconds"]), float(row[name]))
        for row in rows
        if row["person"] == person and row.get(name) is not None
    ]
    if not mine:
        return np.zeros(0), np.zeros(0)
    points = np.array(mine)
    breaks = np.flatnonzero(np.diff(points[:, 0]) > gap) + 1
    values = np.insert(points[:, 1], breaks, np.nan)
    return np.insert(points[:, 0], breaks, points[breaks, 0]), values
