"""Where people are in a picture: a box for each, beside one another."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench import checks
from workbench.errors import BadRequest

FEWEST, MOST = 2, 4
"""People in one picture."""
NARROWEST = 0.1
"""Of a place, as a share of the picture's side."""
LONGEST = 400
"""Characters of a text that tells places."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A box in shares (0..1) of the picture's sides, from its left and its top. Raises BadRequest for one outside, or
    narrower than a tenth."""

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        for name in self.__slots__:
            checks.number(f"place, {name}", getattr(self, name), 0, 1, "a percentage from 0 to 100")
        if min(self.right - self.left, self.bottom - self.top) < NARROWEST:
            raise BadRequest(
                f"A place is left, top, right, bottom in per cent, at least {100 * NARROWEST:.0f} wide and high; got "
                f"{self.words()}."
            )

    def words(self) -> str:
        """As it is typed, in per cent."""
        return " ".join(f"{100 * value:g}" for value in (self.left, self.top, self.right, self.bottom))

    def holds(self, x: float, y: float) -> bool:
        """Whether a point, in shares, lies inside."""
        return self.left <= x < self.right and self.top <= y < self.bottom

    def overlaps(self, other: "Spot") -> bool:
        """Whether both hold some point."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return across > 1e-6 and down > 1e-6

    def mask(self, side: int) -> np.ndarray:
        """(side, side) float32: 1 inside, 0 outside."""
        found = np.zeros((side, side), np.float32)
        top, bottom, left, right = (round(side * value) for value in (self.top, self.bottom, self.left, self.right))
        found[top:bottom, left:right] = 1
        return found


def in_a_row(count: int) -> tuple[Spot, ...]:
    """Columns of one width, from left to right."""
    return tuple(Spot(number / count, 0.0, (number + 1) / count, 1.0) for number in range(count))


def read(text: str, count: int) -> tuple[Spot, ...]:
    """A place per line (or between semicolons): left, top, right, bottom in per cent; columns for an empty text. Raises
    BadRequest for another number of places, for what is none, and for places that overlap."""
    if len(text) > LONGEST:
        raise BadRequest(f"Places: {len(text):,} characters; {LONGEST} are read.")
    lines = [line.strip() for line in text.replace(";", "\n").splitlines() if line.strip()]
    if not lines:
        return in_a_row(count)
    if len(lines) != count:
        raise BadRequest(f"Places: expected one for each of {count} people, or none at all; got {len(lines)}.")
    return apart([_place(line) for line in lines])


def apart(found: Sequence[Spot]) -> tuple[Spot, ...]:
    """The same places. Raises BadRequest where two overlap: a face there would be nobody's."""
    for number, place in enumerate(found):
        for other in found[:number]:
            if place.overlaps(other):
                raise BadRequest(f"Places {other.words()} and {place.words()} overlap. Move them apart.")
    return tuple(found)


def _place(line: str) -> Spot:
    words = line.replace(",", " ").split()
    try:
        values = [float(word) / 100 for word in words]
    except ValueError:
        values = []
    if len(values) != 4:
        raise BadRequest(f"A place is four percentages: left, top, right, bottom, as 0 10 50 100; got {line[:40]!r}.")
    return Spot(*values)
