"""Text in a CSV that a spreadsheet would run as a formula: marked when written, taken back when read."""

RISKY = frozenset("=+-@\t\r'")
"""First characters at which a spreadsheet runs a cell as a formula, and the mark that stops it."""


def safe(cell: str) -> str:
    """The cell with an apostrophe in front where a spreadsheet would run it."""
    return f"'{cell}" if cell[:1] in RISKY else cell


def plain(cell: str) -> str:
    """What `safe` was given."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in RISKY else cell
