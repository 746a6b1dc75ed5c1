"""Reads one table of a TOML file, value by value, and refuses whatever nobody asked for.

Knows nothing of studies; only how to say what is wrong with a table.
"""

import difflib
import re
from collections.abc import Mapping
from typing import Any

from workbench import checks
from workbench.errors import StudyError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


class Table:
    """A TOML table under its name. Each reading method takes one key out; `end` refuses what is left."""

    def __init__(self, values: Any, where: str) -> None:
        """`values`: what tomllib made of it. `where`: its name in messages, as in `[blocks]`."""
        if not isinstance(values, Mapping):
            raise StudyError(f"{where}: expected a table, got {_shown(values)}.")
        self._values = dict(values)
        self._known: list[str] = []
        self.where = where

    def text(self, key: str, default: str | None = None, longest: int = 400) -> str:
        """A string of at most `longest` characters; required when there is no default."""
        value = self._take(key, default)
        if not isinstance(value, str) or len(value) > longest:
            raise StudyError(f"{self.where} {key}: expected text of at most {longest} characters, got {_shown(value)}.")
        return value.strip()

    def name(self, key: str, default: str | None = None) -> str:
        """A word that is safe in a path and in an address."""
        value = self.text(key, default)
        if value != default and not NAME.fullmatch(value):
            raise StudyError(
                f"{self.where} {key}: expected letters, digits, '.', '_' and '-' (at most 80), got {_shown(value)}."
            )
        return value

    def number(self, key: str, default: float, low: float, high: float) -> float:
        """A number within low..high."""
        return checks.number(f"{self.where} {key}", self._take(key, default), low, high, error=StudyError)

    def count(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number within low..high."""
        value = self.number(key, default, low, high)
        if value != int(value):
            raise StudyError(f"{self.where} {key}: expected a whole number, got {value:g}.")
        return int(value)

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            raise StudyError(f"{self.where} {key}: expected true or false, got {_shown(value)}.")
        return value

    def texts(self, key: str, most: int = 40) -> tuple[str, ...]:
        """A list of different, non-empty strings; empty when the key is absent."""
        value = self._take(key, [])
        good = (
            isinstance(value, list)
            and len(value) <= most
            and all(isinstance(v, str) and 0 < len(v.strip()) <= 80 for v in value)
        )
        if not good or len({v.strip() for v in value}) != len(value):
            raise StudyError(f"{self.where} {key}: expected at most {most} different texts, got {_shown(value)}.")
        return tuple(v.strip() for v in value)

    def table(self, key: str) -> "Table":
        """A table inside this one; empty when absent."""
        return Table(
            self._take(key, {}), f"[{self.where.strip('[]')}.{key}]" if self.where != "study file" else f"[{key}]"
        )

    def has(self, key: str) -> bool:
        """Whether the file has this key (and nobody took it out yet)."""
        return key in self._values

    def names(self) -> list[str]:
        """All remaining keys."""
        return list(self._values)

    def words(self) -> dict[str, str]:
        """All remaining keys, whose values must be short texts."""
        return {key: self.text(key, longest=80) for key in list(self._values)}

    def lists(self) -> dict[str, tuple[str, ...]]:
        """All remaining keys, whose values must be lists of texts."""
        return {key: self.texts(key) for key in list(self._values)}

    def end(self) -> None:
        """Raise StudyError if a key is left that nobody asked for; names the nearest one there is."""
        for key in self._values:
            near = difflib.get_close_matches(key, self._known, 1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(sorted(self._known)) or 'none'}."
            raise StudyError(f"{self.where}: unknown key {str(key)[:60]!r}. {hint}")

    def _take(self, key: str, default: Any) -> Any:
        self._known.append(key)
        if key in self._values:
            return self._values.pop(key)
        if default is None:
            raise StudyError(f"{self.where} {key}: is required and missing.")
        return default


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
