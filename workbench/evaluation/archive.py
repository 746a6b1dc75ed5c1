"""A zip of photos with their truth, unpacked a piece at a time under limits that are counted, not believed."""

import re
import zipfile
from pathlib import Path

from workbench.decoding import SUFFIXES as PHOTOS
from workbench.errors import BadRequest

MOST_FILES = 20_000
MOST_BYTES = 2_000_000_000
SUFFIXES = frozenset({*PHOTOS, ".csv", ".json", ".txt", ".pts"})
_PIECE = 1 << 20


def unpack(archive: Path, folder: Path) -> Path:
    """The files of a zip below `folder`, and nowhere else. Returns the folder that holds them: where a zip holds one
    folder and nothing beside it, that one.

    Raises BadRequest for what is no zip, a path outside, another kind of file, or more than MOST_FILES files or
    MOST_BYTES bytes.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [m for m in opened.infolist() if not m.is_dir() and not _hidden(m.filename)]
            if len(members) > MOST_FILES:
                raise BadRequest(f"The zip holds {len(members)} files; expected at most {MOST_FILES}.")
            left = MOST_BYTES
            for member in members:
                left -= _write(opened, member, _place(folder, member.filename), left)
    except BadRequest:
        raise
    except Exception as error:
        raise BadRequest("The upload is no zip that can be unpacked. Pack it anew and give it again.") from error
    inner = list(folder.iterdir())
    return inner[0] if len(inner) == 1 and inner[0].is_dir() else folder


def _hidden(name: str) -> bool:
    """What some systems add to every zip they make."""
    return name.startswith("__MACOSX/") or Path(name).name.startswith(".")


def _place(folder: Path, name: str) -> Path:
    path = (folder / name).resolve() if re.fullmatch(r"[^\\:\0]+", name) else Path()
    if not path.is_relative_to(folder.resolve()) or path.suffix.lower() not in SUFFIXES:
        raise BadRequest(f"{name[:80]!r}: expected photos, masks, CSV, JSON, .pts and text, with paths inside the zip.")
    return path


def _write(opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, left: int) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with opened.open(member) as source, path.open("xb") as target:
        while piece := source.read(_PIECE):
            written += len(piece)
            if written > left:
                raise BadRequest(f"The zip unpacks to more than {MOST_BYTES // 10**9} GB.")
            target.write(piece)
    return written
