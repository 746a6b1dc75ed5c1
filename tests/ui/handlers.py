"""How a tab's handlers are called without a browser."""

from collections.abc import Iterable
from typing import Any


def quiet(*args: Any, **kwargs: Any) -> None:
    """A progress nobody sees."""


def last(events: Iterable[Any]) -> Any:
    """What is on the screen at the end."""
    return list(events)[-1]
