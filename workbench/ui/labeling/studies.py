"""The owner's study builder: check a study file, make a study from uploaded pictures, choose which one is served."""

import base64
import binascii
import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.bench import Workbench
from workbench.errors import BadRequest, StudyError
from workbench.labeling.study.demo import build_demo, vary
from workbench.labeling.study.items import SUFFIXES
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import FILE, parse_study
from workbench.labeling.study.tables import NAME
from workbench.labeling.study.tasktypes import TASK_TYPES
from workbench.ui.labeling.room import GENERATOR, Room, chosen_folder, demo_folder, studies_folder

_MOST_FILES = 20_000
_MOST_BYTES = 2_000_000_000

TEMPLATE = """[study]
name = "my-study"
title = "Same person or not?"
task = "same_different"
instructions = "Two faces at a time. Say whether they show the same person, and how sure you are."
contact = "someone@example.org"

[consent]
version = "1"
minimum_age = 18
text = "What is collected, for what, how long it is kept, and how to withdraw."

[items]
csv = "items.csv"          # or: folder = "faces", or: identities = "people" with same = 100 and different = 100

[assignment]
raters_per_item = 5

[blocks]
size = 30
gold = 2
repeats = 1
"""


class Studies:
    """Studies in the data folder, for whoever shows the owner's token."""

    def __init__(self, room: Room, bench: Workbench) -> None:
        """room: whose owner is asked for."""
        self._room, self._settings, self._bench = room, bench.settings, bench

    def do(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """list, template, check, make or serve. Raises NotAllowed without the token, StudyError with a sentence."""
        self._room.owner().check(asked.get("token"))
        action = asked.get("action")
        if action == "list":
            return self._list()
        if action == "template":
            return {"toml": TEMPLATE, "tasks": {name: row.title for name, row in TASK_TYPES.items()}}
        if action == "check":
            study = parse_study(_text(asked), Path())
            return {
                "name": study.name,
                "question": study.question,
                "answers": [answer.title for answer in study.answers],
            }
        if action == "make":
            return self._make(asked)
        if action == "serve":
            return self._serve(asked)
        raise BadRequest("There is no such action; expected list, template, check, make, serve.")

    def _list(self) -> dict[str, Any]:
        folders = sorted(path.parent for path in studies_folder(self._settings).glob(f"*/{FILE}"))
        return {"studies": [folder.name for folder in folders], "serving": chosen_folder(self._settings).name}

    def _make(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """A new study folder from a study file and a zip of pictures (and items.csv); nothing is kept when it does not
        load."""
        study = parse_study(_text(asked), Path())
        folder = studies_folder(self._settings) / study.name
        if folder.exists():
            raise StudyError(f"There is a study {study.name!r} already. Judgements belong to one name: choose another.")
        part = folder.with_name(f".{study.name}.part")
        part.mkdir(parents=True, exist_ok=True)
        try:
            _unpack(str(asked.get("zip", "")), part)
            (part / FILE).write_text(_text(asked), encoding="utf-8")
            items = load_items(parse_study(_text(asked), part))
            part.rename(folder)
        finally:
            _remove(part)
        return {"name": study.name, "items": len(items), "gold": sum(bool(item.gold) for item in items)}

    def _serve(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        name = str(asked.get("name", ""))
        folder = studies_folder(self._settings) / name
        if not NAME.fullmatch(name) or not ((folder / FILE).is_file() or folder == demo_folder(self._settings)):
            raise StudyError(f"There is no study {name[:60]!r} here.")
        if not (folder / FILE).is_file():
            build_demo(folder, self._bench.generator(GENERATOR), vary)
        load_items(parse_study((folder / FILE).read_text(encoding="utf-8"), folder))
        self._room.reopen(folder)
        return {"serving": self._room.service().study.name}


def _text(asked: Mapping[str, Any]) -> str:
    text = asked.get("toml")
    if not isinstance(text, str) or len(text) > 200_000:
        raise BadRequest("toml: expected the text of a study file.")
    return text


def _unpack(encoded: str, folder: Path) -> None:
    """Pictures and CSV files of a zip, below `folder` and nowhere else."""
    if not encoded:
        return
    try:
        archive = zipfile.ZipFile(io.BytesIO(base64.b64decode(encoded, validate=True)))
    except (binascii.Error, zipfile.BadZipFile) as error:
        raise StudyError("The upload is not a zip file.") from error
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) > _MOST_FILES or sum(member.file_size for member in members) > _MOST_BYTES:
        raise StudyError(f"The zip unpacks to more than {_MOST_FILES} files or {_MOST_BYTES // 10**9} GB.")
    for member in members:
        path = (folder / member.filename).resolve()
        plain = re.fullmatch(r"[^\\:\0]+", member.filename) and path.is_relative_to(folder.resolve())
        if not plain or path.suffix.lower() not in (*SUFFIXES, ".csv"):
            raise StudyError(
                f"{member.filename[:80]!r}: a study's zip holds pictures and CSV files, with paths inside it."
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(archive.read(member))


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
