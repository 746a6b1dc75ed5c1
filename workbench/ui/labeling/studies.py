"""The owner's study builder: check a study file, make a study from uploaded pictures, choose which one is served."""

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.bench import Workbench
from workbench.errors import BadRequest, StudyError
from workbench.labeling.serving.folders import chosen_folder, demo_folder, studies, studies_folder
from workbench.labeling.study.demo import build_demo, vary
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import FILE, load_study, parse_study
from workbench.labeling.study.tables import NAME
from workbench.labeling.study.tasktypes import TASK_TYPES
from workbench.labeling.study.template import TEMPLATE
from workbench.labeling.study.upload import make_study
from workbench.ui.labeling.room import GENERATOR, Room


class Studies:
    """Studies in the data folder, for whoever shows the owner's token; also when the study that is served is gone."""

    def __init__(self, room: Room, bench: Workbench) -> None:
        """room: where the chosen study is served."""
        self._room, self._settings, self._bench = room, bench.settings, bench

    def do(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """list, template, check, make or serve. Raises NotAllowed without the token, StudyError with a sentence."""
        self._room.check_owner(asked.get("token"), str(asked.get("caller", "")))
        action = asked.get("action")
        if action == "list":
            return {"studies": studies(self._settings), "serving": chosen_folder(self._settings).name}
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

    def _make(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        try:
            archive = base64.b64decode(str(asked.get("zip", "")), validate=True)
        except (binascii.Error, ValueError) as error:
            raise StudyError("The upload is not a zip file.") from error
        study, items = make_study(_text(asked), archive, studies_folder(self._settings))
        return {"name": study.name, "items": len(items), "gold": sum(bool(item.gold) for item in items)}

    def _serve(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        name = str(asked.get("name", ""))
        folder = studies_folder(self._settings) / name
        if not NAME.fullmatch(name) or not ((folder / FILE).is_file() or folder == demo_folder(self._settings)):
            raise StudyError(f"There is no study {name[:60]!r} here.")
        if not (folder / FILE).is_file():
            build_demo(folder, self._bench.generator(GENERATOR), vary)
        load_items(load_study(folder))
        self._room.reopen(folder)
        return {"serving": self._room.service().study.name}


def _text(asked: Mapping[str, Any]) -> str:
    text = asked.get("toml")
    if not isinstance(text, str) or len(text) > 200_000:
        raise BadRequest("toml: expected the text of a study file.")
    return text
