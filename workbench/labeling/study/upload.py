"""A study made from a study file and a zip of pictures, unpacked a piece at a time under limits that are counted, not
believed: a zip may say of itself what it likes.
"""

import errno
import io
import lzma
import re
import shutil
import struct
import tempfile
import zipfile
import zlib
from pathlib import Path

from workbench.errors import StudyError
from workbench.labeling.study.items import SUFFIXES, Item
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import FILE, Study, parse_study

MOST_FILES = 20_000
MOST_BYTES = 2_000_000_000
MOST_PER_FILE = 40_000_000
"""A picture or a list of items beyond this is refused; larger pictures would be refused when they are shown."""
_PIECE = 1 << 20
_CLASHES = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)
_BROKEN_ZIP = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
    IndexError,
    KeyError,
)
"""What the zip reader raises for archives that are damaged, encrypted, or packed in a way it does not know."""


def make_study(text: str, archive: bytes, home: Path) -> tuple[Study, list[Item]]:
    """A new study folder in `home`, named after the study, from the text of its file and a zip (or none: `b""`).

    Nothing is kept when it does not load. Raises StudyError with a sentence, also when the disk is full.
    """
    name = parse_study(text, Path()).name
    folder = home / name
    if folder.exists():
        raise StudyError(f"There is a study {name!r} already. Judgements belong to one name: choose another.")
    home.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=home))
    try:
        unpack(archive, part)
        (part / FILE).write_text(text, encoding="utf-8")
        items = load_items(parse_study(text, part))
        part.chmod(0o755)
        part.rename(folder)
    except OSError as error:
        raise StudyError(f"The study {name!r} cannot be written: {error.strerror or type(error).__name__}.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return parse_study(text, folder), items


def unpack(archive: bytes, folder: Path) -> None:
    """Pictures and CSV files of a zip, below `folder` and nowhere else; at most a megabyte of them is held in memory.

    Raises StudyError when it is no zip, holds anything else, or more than MOST_FILES files, MOST_PER_FILE bytes in one
    or MOST_BYTES in all.
    """
    if not archive:
        return
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            members = [member for member in opened.infolist() if not member.is_dir()]
            if len(members) > MOST_FILES:
                raise StudyError(f"The zip holds {len(members)} files; expected at most {MOST_FILES}.")
            left = MOST_BYTES
            for member in members:
                left -= _unpack_one(opened, member, _place(folder, member.filename), left)
    except OSError as error:
        if error.errno not in _CLASHES:
            raise
        raise StudyError("Two files of the zip claim one name, or a name is too long. Rename them.") from error
    except _BROKEN_ZIP as error:
        raise StudyError(f"The upload is not a zip file that can be unpacked ({type(error).__name__}).") from error


def _place(folder: Path, name: str) -> Path:
    """Where a member goes. Raises StudyError unless that is a picture or a CSV inside `folder`."""
    path = (folder / name).resolve() if re.fullmatch(r"[^\\:\0]+", name) else Path()
    if not path.is_relative_to(folder.resolve()) or path.suffix.lower() not in (*SUFFIXES, ".csv"):
        raise StudyError(f"{name[:80]!r}: a study's zip holds pictures and CSV files, with paths inside it.")
    return path


def _unpack_one(opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, left: int) -> int:
    """Write one member, `left` bytes at most; how many there were."""
    path.parent.mkdir(parents=True, exist_ok=True)
    most, count = min(MOST_PER_FILE, left), 0
    with opened.open(member) as source, path.open("wb") as target:
        while piece := source.read(_PIECE):
            count += len(piece)
            if count > most:
                raise StudyError(
                    f"{member.filename[:80]!r} unpacks to more than {MOST_PER_FILE // 10**6} MB, or the zip to more "
                    f"than {MOST_BYTES // 10**9} GB."
                )
            target.write(piece)
    return count
