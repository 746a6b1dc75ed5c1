"""What it means that an item is lent to a rater, and what comes back. Values only."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from workbench.errors import NotAllowed

ITEM, GOLD, REPEAT, REVISION, DECISION = "item", "gold", "repeat", "revision", "decision"
FLAGS = ("broken", "known", "blur")
"""What a rater, or the screen for them, may mark on an answer: picture broken, person known, window left while it was
shown."""


@dataclass(frozen=True, slots=True)
class Lease:
    """One item lent to one rater until `expires_at`. Its id becomes the label's id, so that an answer sent twice counts
    once.

    purpose: item, gold, repeat (of label `repeat_of`), revision (of label `supersedes`) or decision (of a disputed
    item; anew, if it supersedes one). swapped, seed: how the
    pictures are ordered on the screen. number: the how-manieth item of this rater. propensity: with what probability it
    was chosen.
    """

    lease: str
    study: str
    item: str
    rater: str
    purpose: str
    number: int
    block: int
    swapped: bool
    seed: int
    propensity: float
    repeat_of: str
    supersedes: str
    issued_at: float
    expires_at: float

    @property
    def counted(self) -> bool:
        """Whether it holds one of the item's places."""
        return self.purpose in (ITEM, GOLD)

    def as_row(self) -> dict[str, Any]:
        """Its columns."""
        return {name: getattr(self, name) for name in _NAMES}

    @classmethod
    def from_tuple(cls, row: Sequence[Any]) -> "Lease":
        """From the columns in their order, as a driver gives them."""
        values = dict(zip(_NAMES, row, strict=True))
        return cls(**{**values, "swapped": bool(values["swapped"])})

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Lease":
        """From columns or from a token's body. Raises NotAllowed when a field is missing."""
        try:
            return cls(**{field.name: row[field.name] for field in fields(cls)})
        except KeyError as error:
            raise NotAllowed("This lease was written by another version. Reload the page to get a new one.") from error


_NAMES = tuple(field.name for field in fields(Lease))


@dataclass(frozen=True, slots=True)
class Vote:
    """An answer as it came in. answer: a key of the study, or "skip". response_ms: from the last picture's painting to
    the key.

    flags: some of FLAGS. reason: why it was skipped, in the rater's words or a code. age: seconds since the key was
    pressed.
    """

    answer: str
    response_ms: int
    flags: tuple[str, ...] = ()
    reason: str = ""
    age: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a vote. state: recorded, already (it was here before), expired, withdrawn, taken (superseded
    elsewhere).

    label: the row as it is stored; None when nothing is.
    """

    state: str
    label: dict[str, Any] | None = None
