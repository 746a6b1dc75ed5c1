"""Which picture is to be like which reference: read from a folder, or from a CSV, of pictures made anywhere.

references/anna.jpg, references/ben.jpg       whom pictures should be like
tool-a/anna-1.png, tool-a/ben.png, …          a folder per tool; a name begins with the reference's
anna/1.png, …                                 or a folder per person
pairs.csv                                     or a table: picture, reference, and if wanted person and tool
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from workbench.batch import escaped, shown
from workbench.decoding import SUFFIXES
from workbench.errors import BadRequest

REFERENCES, PAIRS = "references", "pairs.csv"
MOST = 20_000


@dataclass(frozen=True, slots=True)
class Case:
    """A picture and the photo it should be like. name: of the picture, for tables. person: whose the reference is.
    tool: what made it, "" when only one thing did."""

    name: str
    picture: Path
    reference: Path
    person: str
    tool: str = ""


@dataclass(frozen=True, slots=True)
class Cases:
    """cases: in order of tool and name. left_out: pictures for which no reference was found."""

    cases: tuple[Case, ...]
    left_out: tuple[str, ...]

    @property
    def people(self) -> dict[str, Path]:
        """The reference of each person, the first where several are named."""
        found: dict[str, Path] = {}
        for case in self.cases:
            found.setdefault(case.person, case.reference)
        return found

    @property
    def tools(self) -> tuple[str, ...]:
        """What made the pictures."""
        return tuple(dict.fromkeys(case.tool for case in self.cases))


def read_cases(folders: Sequence[Path], references: Path | None = None) -> Cases:
    """The pictures of one folder or several, a tool each. references: a photo, or a folder of them; None: the folder
    `references` in the first. Raises BadRequest when there is nothing to compare, or too much.
    """
    found: list[Case] = []
    left: list[str] = []
    for folder in folders:
        if not folder.is_dir():
            raise BadRequest(f"{shown(folder)} is no folder of pictures.")
        tool = folder.name if len(folders) > 1 else ""
        if (folder / PAIRS).is_file() and references is None:
            found += _tabled(folder, tool)
            continue
        people = _people(references or folders[0] / REFERENCES)
        rows, lost = _matched(folder, people, tool)
        found, left = found + rows, left + lost
    if not found:
        raise BadRequest(
            "No picture has a reference. Put photos into a folder references/ and begin a picture's name with its "
            "reference's name, or give a pairs.csv with the columns picture and reference."
        )
    if len(found) > MOST:
        raise BadRequest(f"Expected at most {MOST:,} pictures, got {len(found):,}.")
    printable = [_printable(case) for case in found]
    return Cases(
        tuple(sorted(printable, key=lambda case: (case.tool, case.name))), tuple(escaped(name) for name in left)
    )


def _printable(case: Case) -> Case:
    """The case with names for pages and tables, whatever bytes its files' names are of."""
    return replace(case, name=escaped(case.name), person=escaped(case.person), tool=escaped(case.tool))


def _people(references: Path) -> dict[str, Path]:
    if not references.exists():
        raise BadRequest(f"Expected photos to be like in {shown(references)}, or a pairs.csv beside the pictures.")
    if references.is_file():
        return {references.stem: references}
    return {path.stem: path for path in _pictures(references)}


def _pictures(folder: Path) -> list[Path]:
    """Every picture below, sorted; also those that commands of ours wrote, which other commands leave out."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def _matched(folder: Path, people: dict[str, Path], tool: str) -> tuple[list[Case], list[str]]:
    """Cases of a folder, and the names of those that are nobody's."""
    found, left, given = [], [], {path.resolve() for path in people.values()}
    for path in _pictures(folder):
        if path.resolve() in given:
            continue
        name = path.relative_to(folder).as_posix()
        folders = name.split("/")[:-1]
        person = next((part for part in folders if part in people), "") or _begun(path.stem, people)
        if not person and len(people) == 1:
            (person,) = people
        if not person:
            left.append(name)
            continue
        made = tool or next((part for part in folders if part not in people), "")
        found.append(Case(name, path, people[person], person, made))
    return found, left


def _begun(stem: str, people: dict[str, Path]) -> str:
    """The longest name of a person that a file's name begins with, and that ends there."""
    fits = [name for name in people if stem == name or (stem.startswith(name) and not stem[len(name)].isalnum())]
    return max(fits, key=len, default="")


def _tabled(folder: Path, tool: str) -> list[Case]:
    found = []
    with (folder / PAIRS).open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        if not {"picture", "reference"} <= set(reader.fieldnames or ()):
            raise BadRequest(f"{PAIRS}: expected the columns picture and reference, got {reader.fieldnames}.")
        for row in reader:
            name, line = str(row["picture"] or ""), reader.line_num
            picture, reference = _inside(folder, name, line), _inside(folder, str(row["reference"] or ""), line)
            person = row.get("person") or reference.stem
            found.append(Case(name, picture, reference, person, row.get("tool") or tool))
    return found


def _inside(folder: Path, name: str, line: int) -> Path:
    path = (folder / name).resolve()
    if not name or not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise BadRequest(f"{PAIRS}, line {line}: {name[:80]!r} is no file of this folder.")
    return path
