"""What an answer says beyond its class: how strong, which action units, where on the picture, which pixels.

Such an answer is one text: its class, `#`, and the rest in one fixed spelling (`happy#4,3,-1`). So it lies in the
same column as any other, and whatever stores, sends, receipts or exports answers keeps it whole. Knows no study.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.errors import BadRequest

MARK = "#"
LONGEST = 140_000
"""Characters of one answer: even a mask of 256 cells in which every other cell is drawn is taken."""
STRONGEST, REACH = 5, 4
"""Intensity is 1 to 5; valence and arousal are −4 to +4 (Russell, Weiss and Mendelsohn 1989, the affect grid)."""
SIDES = {"mask": 256, "attention": 64}
"""Longer side, in cells, of what is drawn: a corrected mask, and where one would look."""
UNITS = {
    1: "Inner brow raiser",
    2: "Outer brow raiser",
    4: "Brow lowerer",
    5: "Upper lid raiser",
    6: "Cheek raiser",
    9: "Nose wrinkler",
    12: "Lip corner puller",
    15: "Lip corner depressor",
    17: "Chin raiser",
    20: "Lip stretcher",
    25: "Lips part",
    26: "Jaw drop",
}
"""The twelve action units of DISFA (Mavadati et al. 2013) by their FACS numbers."""
_CELL = "(?:-[1-4]|[0-4])"
_COUNT = "(?:0|[1-9][0-9]{0,4})"
"""A number in the one spelling it is stored in: no other script's digits, no leading zeros."""
_PLACE = f"(?:-|{_COUNT},{_COUNT})"


@dataclass(frozen=True, slots=True)
class Feeling:
    """How strong an expression is, 0 (neutral) to 5, and where it lies: valence and arousal, −4 to +4."""

    intensity: int
    valence: int
    arousal: int


def head(answer: str) -> str:
    """The class of an answer: what is before the mark."""
    return answer.partition(MARK)[0]


def check_detail(form: str, asked: Sequence[str], answer: str) -> None:
    """Raises BadRequest unless the answer says what its form asks for, spelled as it is stored.

    form: of the task ("" for plain answers). asked: what the study lets place or code, for points and units.
    """
    if len(answer) > LONGEST:
        raise BadRequest(f"answer: expected at most {LONGEST} characters, got {len(answer)}.")
    name, mark, detail = answer.partition(MARK)
    if not form or name in ("fine", "none"):
        if mark:
            raise BadRequest(f"answer: {name[:40]!r} says nothing more, got {detail[:40]!r} after it.")
        return
    _CHECKS[form](name, detail, asked)


def feeling(answer: str) -> Feeling:
    """What an answer about an expression says. Raises BadRequest."""
    _check_feeling(head(answer), answer.partition(MARK)[2], ())
    return Feeling(*(int(part) for part in answer.partition(MARK)[2].split(",")))


def units(answer: str) -> tuple[int, ...]:
    """The action units of an answer, rising; none for "none". Raises BadRequest."""
    if head(answer) == "none":
        return ()
    _check_units(head(answer), answer.partition(MARK)[2], [str(unit) for unit in UNITS])
    return tuple(int(part) for part in answer.partition(MARK)[2].split(","))


def points(answer: str) -> list[tuple[float, float] | None]:
    """Placed points as shares of the picture's width and height, None for what cannot be seen. Raises BadRequest."""
    places = answer.partition(MARK)[2].split(";")
    _check_points(head(answer), answer.partition(MARK)[2], places)
    return [None if one == "-" else tuple(int(part) / 10_000 for part in one.split(",")) for one in places]  # type: ignore[misc]


def drawn(answer: str) -> np.ndarray:
    """(h, w) bool: what was drawn. Raises BadRequest."""
    detail = answer.partition(MARK)[2]
    _check_drawn(head(answer), detail, ())
    width, height, runs = _runs(detail)
    inside = np.arange(len(runs)) % 2 == 1
    return np.repeat(inside, runs).reshape(height, width)


def drawing(name: str, mask: np.ndarray) -> str:
    """The answer of this class that says (h, w) bool: its size, then lengths of runs row by row, outside first."""
    flat = np.concatenate([[False], np.asarray(mask, bool).ravel()])
    edges = np.flatnonzero(np.diff(flat)) if len(flat) else np.zeros(0, int)
    runs = np.diff(np.concatenate([[0], edges, [mask.size]]))
    return f"{name}{MARK}{mask.shape[1]}x{mask.shape[0]}:{' '.join(map(str, runs.tolist()))}"


def cells(form: str, width: int, height: int) -> tuple[int, int]:
    """How many cells wide and high a drawing over a picture of this size is, as the raters' screen makes it."""
    side, longer = SIDES[form], max(width, height)
    return max(1, int(side * width / longer + 0.5)), max(1, int(side * height / longer + 0.5))


def _check_feeling(name: str, detail: str, asked: Sequence[str]) -> None:
    if not re.fullmatch(f"[0-5],{_CELL},{_CELL}", detail) or (detail[0] == "0") != (name == "neutral"):
        raise BadRequest(
            f"answer: expected an intensity of 1 to {STRONGEST} (0 for neutral), valence and arousal of −{REACH} to "
            f"{REACH}, got {detail[:40]!r}."
        )


def _check_units(name: str, detail: str, asked: Sequence[str]) -> None:
    given = detail.split(",")
    if not set(given) <= set(asked) or given != sorted(set(given), key=int):
        raise BadRequest(f"answer: expected some of the units {', '.join(asked)}, rising, got {detail[:60]!r}.")


def _check_points(name: str, detail: str, asked: Sequence[str]) -> None:
    given = detail.split(";")
    good = len(given) == len(asked) and all(re.fullmatch(_PLACE, one) for one in given)
    if not good or any(int(part) > 10_000 for one in given if one != "-" for part in one.split(",")):
        raise BadRequest(
            f"answer: expected {len(asked)} places as x,y in ten-thousandths of the picture (or - for one that cannot "
            f"be seen), got {detail[:60]!r}."
        )


def _check_drawn(name: str, detail: str, asked: Sequence[str]) -> None:
    side = SIDES["attention" if name == "drawn" else "mask"]
    if re.fullmatch(f"[1-9][0-9]{{0,2}}x[1-9][0-9]{{0,2}}:{_COUNT}(?: [1-9][0-9]{{0,4}})*", detail):
        width, height, runs = _runs(detail)
        if max(width, height) <= side and sum(runs) == width * height and (name != "drawn" or len(runs) > 1):
            return
    raise BadRequest(
        f"answer: expected what was drawn as WIDTHxHEIGHT:runs, at most {side} cells wide or high"
        f"{' and not empty' * (name == 'drawn')}, got {detail[:40]!r}."
    )


def _runs(detail: str) -> tuple[int, int, list[int]]:
    size, _, runs = detail.partition(":")
    width, height = (int(part) for part in size.split("x"))
    return width, height, [int(run) for run in runs.split(" ")]


_CHECKS = {
    "expression": _check_feeling,
    "units": _check_units,
    "points": _check_points,
    "mask": _check_drawn,
    "attention": _check_drawn,
}
