"""Names and cells that survive a table: any file name on any terminal, no cell that a spreadsheet runs; both can be
undone."""

import re
from typing import Any

_ODD = re.compile(r"[\\\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")
_BACK = re.compile(r"\\(\\|x[0-9a-f]{2}|u[0-9a-f]{4})")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|nan)")


def escaped(name: str) -> str:
    """A file name in printable words: bytes that are no UTF-8 and control characters as \\xNN, a backslash doubled."""
    return _ODD.sub(lambda found: _code(found.group()), name)


def unescaped(text: str) -> str:
    """The file name that `escaped` was given."""
    return _BACK.sub(lambda found: _decoded(found.group(1)), text)


def _code(letter: str) -> str:
    if letter == "\\":
        return "\\\\"
    value = ord(letter)
    if 0xDC80 <= value <= 0xDCFF:  # a byte that is no UTF-8, as os.fsdecode hands it on
        return f"\\x{value - 0xDC00:02x}"
    return f"\\u{value:04x}"


def _decoded(code: str) -> str:
    if code == "\\":
        return code
    value = int(code[1:], 16)
    return chr(0xDC00 + value) if code[0] == "x" else chr(value)


def cell(value: Any) -> str:
    """A value as one cell of a CSV: a text that a spreadsheet would take for a formula gets a ' in front, line ends
    become spaces."""
    if value is None:
        return ""
    text = str(value).replace("\r\n", " ").replace("\n", " ")
    if isinstance(value, str) and text.startswith(_FORMULA) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def plain(text: str) -> str:
    """The text of a cell, without the ' that `cell` put in front."""
    return text[1:] if text.startswith("'") else text
