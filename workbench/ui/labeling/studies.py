"""The owner's study builder: check a study file, make a study from uploaded pictures, choose which one is served."""

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.bench import Workbench
from workbench.errors import BadRequest, StudyError
from workbench.labeling.serving.folders import chosen_folder, demo_folder, opened, set_opened, studies, studies_folder
from workbench.labeling.study.demo import build_demo, vary
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import FILE, load_study, parse_study
from workbench.labeling.study.tables import NAME
from workbench.labeling.study.tasktypes import TASK_TYPES
from workbench.labeling.study.template import TEMPLATE
from workbench.labeling.study.upload import make_study
from workbench.ui.labeling.room import Room, faces_of_nobody


class Studies:
    """Studies in the data folder, for whoever shows the owner's token; also when the study that is served is gone."""

    def __init__(self, room: Room, bench: Workbench) -> None:
        """room: where the chosen study is served."""
        self._room, self._settings, self._bench = room, bench.settings, bench

    def do(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """list, template, check, make, serve, open, close or link. Raises NotAllowed without the token, StudyError with
        a sentence."""
        self._room.check_owner(asked.get("token"), str(asked.get("caller", "")))
        action = asked.get("action")
        if action == "list":
            told = {"studies": studies(self._settings), "open": opened(self._settings)}
            return told | {"serving": chosen_folder(self._settings).name}
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
        if action in ("open", "close"):
            return self._set_open(str(asked.get("name", "")), action == "open")
        if action == "link":
            return {"svg": qr_code(asked.get("address"))}
        raise BadRequest("There is no such action; expected list, template, check, make, serve, open, close, link.")

    def _set_open(self, name: str, is_open: bool) -> dict[str, Any]:
        if is_open:
            load_items(load_study(studies_folder(self._settings) / name if NAME.fullmatch(name) else Path()))
        set_opened(self._settings, name, is_open)
        self._room.renew(name)
        return {"open": opened(self._settings)}

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
            build_demo(folder, faces_of_nobody(self._bench), vary)
        load_items(load_study(folder))
        self._room.reopen(folder)
        return {"serving": self._room.service().study.name}


def qr_code(address: Any) -> str:
    """An address as a QR code: SVG, black on white. Raises BadRequest for what is no web address."""
    import io

    import segno

    if not isinstance(address, str) or len(address) > 500 or not address.startswith(("http://", "https://")):
        raise BadRequest("address: expected a web address of at most 500 characters.")
    stream = io.BytesIO()
    segno.make(address, error="m").save(stream, kind="svg", scale=4, border=4, light="white", xmldecl=False)
    return stream.getvalue().decode()


def _text(asked: Mapping[str, Any]) -> str:
    text = asked.get("toml")
    if not isinstance(text, str) or len(text) > 200_000:
        raise BadRequest("toml: expected the text of a study file.")
    return text
