"""Who faces are said to be: by the folder they lie in, by their file's name, by a table, or as a person put them."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from workbench.batch.names import plain, unescaped
from workbench.errors import BadRequest
from workbench.metrics.pairs import person
from workbench.people.faces import Faces, names

KNOWN = ("folders", "names")
_NAME = re.compile(r"[^\x00-\x1f\x7f/\\:*?\"<>|\ud800-\udfff]{1,80}")
_WINDOWS = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


def given(photos: Sequence[str], how: str | Path) -> tuple[str, ...]:
    """(n,) who each photo is said to show, "" for unknown.

    how: "folders" (the folder a photo lies in), "names" (`Ann_Lee_0002.jpg` is of Ann_Lee), or a CSV with file and
    person. Raises BadRequest for another word or a table that cannot be read.
    """
    if how == "folders":
        return tuple(PurePosixPath(photo).parent.name for photo in photos)
    if how == "names":
        return tuple(person(PurePosixPath(photo).name) for photo in photos)
    path = Path(how)
    if not path.is_file():
        raise BadRequest(
            f"Who is who: expected {', '.join(KNOWN)} or a CSV with file and person, got {str(how)[:80]!r}."
        )
    table = _read(path, ("file", "person"))
    return tuple(table.get(photo, table.get(PurePosixPath(photo).name, "")) for photo in photos)


def titles(groups: Sequence[int]) -> tuple[str, ...]:
    """(n,) a name for each face's group, "" for a face that is alone."""
    width = max(3, len(str(max(groups, default=0) + 1)))
    return tuple(f"person-{int(number) + 1:0{width}}" if number >= 0 else "" for number in groups)


def corrected(path: Path, faces: Faces) -> tuple[str, ...]:
    """(n,) who each face is after a person moved some: the table that the page of groups saves, with face and person.

    Faces it does not name are alone. Raises BadRequest for faces this folder does not have and for names that cannot be
    a folder's.
    """
    table, known = _read(path, ("face", "person")), names(faces)
    if unknown := sorted(set(table) - set(known)):
        raise BadRequest(f"{path.name} names {len(unknown)} faces this folder does not have: {unknown[0][:80]!r}.")
    for name in dict.fromkeys(table.values()):
        if name:
            checked(name)
    return tuple(table.get(face, "") for face in known)


def checked(name: str) -> str:
    """A person's name that can be a folder's everywhere. Raises BadRequest."""
    if not _NAME.fullmatch(name) or name != name.strip(" .") or _WINDOWS.fullmatch(name):
        raise BadRequest(
            f"{name[:80]!r} cannot be a person's name here: expected at most 80 characters that a folder's name may "
            "hold."
        )
    return name


def _read(path: Path, needed: tuple[str, str]) -> dict[str, str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            if missing := [name for name in needed if name not in (reader.fieldnames or ())]:
                raise BadRequest(f"{path.name}: expected the columns {' and '.join(needed)}; missing {missing[0]}.")
            rows = [(row[needed[0]] or "", row[needed[1]] or "") for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadRequest(f"{path.name} cannot be read as a CSV in UTF-8: {error}.") from error
    return {unescaped(plain(key.strip())): unescaped(plain(value.strip())) for key, value in rows if key.strip()}
