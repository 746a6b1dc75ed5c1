"""The same study under another name: its file and pictures, and none of its answers."""

import re
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from workbench.errors import StudyError
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import FILE, Study, load_study, parse_study
from workbench.labeling.study.tables import NAME

_LINE = re.compile(r"^([ \t]*name[ \t]*=[ \t]*)([\"'])[^\"'\n]*\2", re.MULTILINE)


def clone(source: Path, folder: Path, name: str) -> Study:
    """Copy the study in `source` to the new `folder`, under `name`, and read it. Nothing is kept when it does not load.

    Raises StudyError when the folder is there, or the study file does not say its name in a line of its own.
    """
    study = load_study(source)
    if not NAME.fullmatch(name) or name == study.name:
        raise StudyError(f"A clone needs a name of its own: letters, digits, - and _, got {name[:60]!r}.")
    if folder.exists():
        raise StudyError(f"There is a study {folder.name!r} already. Judgements belong to one name: choose another.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=folder.parent))
    try:
        shutil.copytree(study.folder, part, dirs_exist_ok=True, ignore=_hidden)
        (part / FILE).write_text(renamed(study, name), encoding="utf-8")
        load_items(load_study(part))
        part.chmod(0o755)
        part.rename(folder)
    except (OSError, shutil.Error) as error:
        raise StudyError(
            f"The study {name!r} cannot be written: {getattr(error, 'strerror', None) or 'copying'}."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return load_study(folder)


def renamed(study: Study, name: str) -> str:
    """The text of the study's file with another name and nothing else changed. Raises StudyError where that cannot be
    done."""
    begin = re.search(r"^[ \t]*\[study\][ \t]*(#.*)?$", study.text, re.MULTILINE)
    start = begin.end() if begin else 0
    following = re.search(r"^[ \t]*\[", study.text[start:], re.MULTILINE)
    end = start + following.start() if following else len(study.text)
    table = _LINE.sub(lambda line: f'{line[1]}"{name}"', study.text[start:end], count=1)
    text = study.text[:start] + table + study.text[end:]
    read = parse_study(text, study.folder)
    if replace(read, text="") != replace(study, name=name, text=""):
        raise StudyError('The study file does not say its name in a line of its own: [study], then name = "…".')
    return text


def _hidden(folder: str, names: list[str]) -> set[str]:
    """What is no part of a study: hidden files, and links, which could lead anywhere."""
    return {name for name in names if name.startswith(".") or (Path(folder) / name).is_symlink()}
