"""The one check of a number that came from outside: it is a number, finite, and within its range."""

import math
from typing import Any

from workbench.errors import BadRequest, WorkbenchError


def number(
    name: str, value: Any, low: float, high: float, what: str = "", error: type[WorkbenchError] = BadRequest
) -> float:
    """`value` as a float within low..high. Raises `error` (usually BadRequest), naming what was expected and what came.

    Booleans, text, NaN and infinities are no numbers here. what: said in place of "a number from low to high".
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not _within(value, low, high):
        raise error(f"{name}: expected {what or f'a number from {low:g} to {high:g}'}, got {str(value)[:40]!r}.")
    return float(value)


def whole(name: str, value: Any, low: int, high: int, what: str = "", error: type[WorkbenchError] = BadRequest) -> int:
    """`value` as an int within low..high; 3.0 counts as 3, as browsers send it. Raises as `number` does."""
    words = what or f"a whole number from {low} to {high}"
    found = number(name, value, low, high, words, error)
    if not found.is_integer():
        raise error(f"{name}: expected {words}, got {str(value)[:40]!r}.")
    return int(value)  # not of the float: it may have lost digits


def _within(value: float, low: float, high: float) -> bool:
    try:
        return math.isfinite(value) and low <= value <= high
    except OverflowError:  # an integer too large for a float
        return False
