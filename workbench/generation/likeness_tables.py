"""Ratings as a table and as plain numbers."""

from itertools import combinations
from typing import Any

import numpy as np

from workbench.batch import as_csv
from workbench.errors import BadRequest
from workbench.generation.likeness import Ratings, against, summary
from workbench.generation.report import title_of
from workbench.metrics.roc import Interval


def table(ratings: Ratings) -> bytes:
    """A CSV in UTF-8, a row per picture; a spreadsheet takes no cell of it for a formula."""
    rows = [row.row() for row in ratings.rated]
    names = list(dict.fromkeys(name for row in rows for name in row))
    return as_csv(names, ([row.get(name) for name in names] for row in rows))


def figures(ratings: Ratings) -> dict[str, Any]:
    """Every figure with its range, and the gaps between tools."""
    gaps = {}
    for first, second in combinations(ratings.tools, 2):
        try:
            gaps[f"{first} minus {second}"] = _plain(against(ratings, first, second))
        except BadRequest as error:
            gaps[f"{first} minus {second}"] = {"not compared": str(error)}
    return {
        "tools": {tool or "pictures": _plain(summary(ratings, tool)) for tool in ratings.tools},
        "against": gaps,
        "notes": list(ratings.notes),
        "pictures": [row.row() for row in ratings.rated],
    }


def titled(name: str) -> str:
    """A figure's name for people, its recogniser by its short name."""
    model, colon, rest = name.partition(":")
    return f"{title_of(model)}{colon}{rest}"


def of_people(ratings: Ratings) -> str:
    """How many people, in words."""
    return "one person" if len(ratings.people) == 1 else f"{len(ratings.people)} people"


def _plain(found: dict[str, Interval]) -> dict[str, Any]:
    return {name: [_number(each) for each in (value.value, value.low, value.high)] for name, value in found.items()}


def _number(value: float) -> float | None:
    return round(float(value), 5) if np.isfinite(value) else None
