"""The way from one person to another as a curve: how like either each picture is, by every recogniser asked."""

import html
from typing import Any

import pandas as pd

from workbench.generation.report import TITLES

WIDTH, HEIGHT, LEFT, FOOT = 640, 180, 40, 26
"""Of the drawing, and of its margins for words, in pixels."""
STYLE = (
    "<style>.way svg { width: 100%; font-size: 11px; fill: currentColor; } .way p { margin: 0; font-size: .84rem; } "
    "@media (max-width: 640px) { .way svg { font-size: 21px; } } "  # drawn at half the size there
    ".way .grid { stroke: currentColor; opacity: .15; } .dark .way { --one: #93c5fd; --two: #fdba74; } "
    ".way { --one: #1d4ed8; --two: #c2410c; color: var(--body-text-color); }</style>"
)


def curve_html(table: Any) -> str:
    """A drawing per recogniser, a line per person over the pictures of a sheet. table: its rows; empty without two
    pictures that have figures."""
    if not isinstance(table, pd.DataFrame) or len(table) < 2:
        return ""
    lines = {
        column: [float(value) if value == value and value is not None else None for value in table[column]]
        for column in table.columns
        if " to " in str(column) and not str(column).endswith((", strangers", ", one person"))
    }
    lines = {name: values for name, values in lines.items() if sum(value is not None for value in values) > 1}
    if not lines:
        return ""
    recognisers = list(dict.fromkeys(name.partition(" to ")[0] for name in lines))
    return STYLE + "".join(_drawing(name, lines) for name in recognisers)


def _drawing(recogniser: str, lines: dict[str, list[float | None]]) -> str:
    """One recogniser's drawing: both people, the pictures from left to right."""
    mine = {name.partition(" to ")[2]: values for name, values in lines.items() if name.startswith(f"{recogniser} to ")}
    known = [value for values in mine.values() for value in values if value is not None]
    low, high = min(0.0, *known), max(1.0, *known)
    count = max(len(values) for values in mine.values())
    paths, told = [], []
    for number, (person, values) in enumerate(mine.items()):
        tone = f"var(--{('one', 'two')[number % 2]})"
        points = [
            (LEFT + (WIDTH - LEFT - 12) * place / max(count - 1, 1), _y(value, low, high))
            for place, value in enumerate(values)
            if value is not None
        ]
        path = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
        dots = "".join(f"<circle cx='{x:.0f}' cy='{y:.0f}' r='4' fill='{tone}'/>" for x, y in points)
        paths.append(f"<polyline points='{path}' fill='none' stroke='{tone}' stroke-width='2'/>{dots}")
        seen = [value for value in values if value is not None]
        told.append(f"to {person} from {seen[0]:.2f} to {seen[-1]:.2f}")
    title = TITLES.get(recogniser, recogniser)
    words = html.escape(f"{title}: {'; '.join(told)}.")
    grid = "".join(
        f"<line x1='{LEFT}' x2='{WIDTH - 8}' y1='{_y(v, low, high):.0f}' y2='{_y(v, low, high):.0f}' class='grid'/>"
        f"<text x='{LEFT - 6}' y='{_y(v, low, high) + 4:.0f}' text-anchor='end'>{v:g}</text>"
        for v in (0, 0.5, 1)
    )
    keys = " ".join(
        f"<span style='color:var(--{('one', 'two')[n % 2]})'>● {html.escape(person)}</span>"
        for n, person in enumerate(mine)
    )
    return (
        f"<div class='way'><svg viewBox='0 0 {WIDTH} {HEIGHT}' role='img' aria-label='{words}'>{grid}{''.join(paths)}"
        f"<text x='{LEFT}' y='{HEIGHT - 6}'>picture 1</text><text x='{WIDTH - 10}' y='{HEIGHT - 6}' "
        f"text-anchor='end'>picture {count}</text></svg><p>{html.escape(title)}: {keys}</p></div>"
    )


def _y(value: float, low: float, high: float) -> float:
    return 10 + (HEIGHT - FOOT - 10) * (high - value) / (high - low)
