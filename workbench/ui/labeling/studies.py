"""The owner's study builder: check a study file, make a study from uploaded pictures, choose which one is served."""

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.bench import Workbench
from workbench.errors import BadRequest, NotAllowed, StudyError
from workbench.labeling.serving.editing import edit, text_of
from workbench.labeling.serving.folders import chosen_folder, demo_folder, opened, set_opened, studies, studies_folder
from workbench.labeling.store.members import OWNER
from workbench.labeling.study.cloning import clone
from workbench.labeling.study.demo import build_demo, vary
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import FILE, load_study, parse_study
from workbench.labeling.study.tables import NAME
from workbench.labeling.study.tasktypes import TASK_TYPES
from workbench.labeling.study.template import TEMPLATE
from workbench.labeling.study.upload import make_study
from workbench.ui.labeling.room import Room, faces_of_nobody

OF_ONE = ("open", "close", "clone", "text", "edit")
"""What the owner of one study may do with it."""


class Studies:
    """Studies in the data folder, for whoever shows the owner's token; also when the study that is served is gone."""

    def __init__(self, room: Room, bench: Workbench) -> None:
        """room: where the chosen study is served."""
        self._room, self._settings, self._bench = room, bench.settings, bench

    def do(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """list, template, check, make, serve, open, close, clone, text, edit or link. Raises NotAllowed without the
        token, StudyError with a sentence."""
        roles, action = {one.study: one.role for one in self._room.roles(asked)}, asked.get("action")
        if not roles:
            self._room.check_owner(asked.get("token"), str(asked.get("caller", "")))
        elif not (action in ("list", "link") or (action in OF_ONE and roles.get(str(asked.get("name"))) == OWNER)):
            raise NotAllowed("Your role does not allow that. Ask the server's owner.")
        if action == "list":
            return self._list(roles)
        if action == "clone":
            return self._clone(asked)
        if action in ("text", "edit"):
            who = next((one.name for one in self._room.roles(asked)), "owner")
            return self._edit(asked, who) if action == "edit" else self._text(asked)
        if action == "template":
            return {"toml": TEMPLATE, "tasks": {name: row.title for name, row in TASK_TYPES.items()}}
        if action == "check":
            study = parse_study(_toml(asked), Path())
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
        raise BadRequest(
            "There is no such action; expected list, template, check, make, serve, open, close, clone, text, edit, "
            "link."
        )

    def _list(self, roles: Mapping[str, str]) -> dict[str, Any]:
        """Studies that are here; for members only those in which they have a role."""
        here = [*studies(self._settings), chosen_folder(self._settings).name] if roles else studies(self._settings)
        names = [name for name in dict.fromkeys(here) if not roles or name in roles]
        told: dict[str, Any] = {"studies": names, "open": [name for name in opened(self._settings) if name in names]}
        archived = [name for name in self._room.archived() if name in names]
        told |= ({"archived": archived} if archived else {}) | ({"roles": dict(roles)} if roles else {})
        return told | {"serving": chosen_folder(self._settings).name}

    def _clone(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        name, fresh = str(asked.get("name", "")), str(asked.get("fresh", ""))
        chosen = chosen_folder(self._settings)
        source = chosen if name == chosen.name else studies_folder(self._settings) / name
        if not NAME.fullmatch(name) or not (source / FILE).is_file() or not NAME.fullmatch(fresh):
            raise StudyError(f"There is no study {name[:60]!r} here, or {fresh[:60]!r} is no name.")
        return {"name": clone(source, studies_folder(self._settings) / fresh, fresh).name}

    def _text(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """A running study's file and list of items, and what an edit of them has to name."""
        found = text_of(self._room.service(str(asked.get("name", ""))).study.folder)
        return {"toml": found.toml, "items": found.items, "based_on": found.based_on}

    def _edit(self, asked: Mapping[str, Any], who: str) -> dict[str, Any]:
        service, items = self._room.service(str(asked.get("name", ""))), asked.get("items", "")
        if not isinstance(items, str):
            raise BadRequest("items: expected the text of a CSV file.")
        edit(service.store, service.study.folder, _toml(asked), items, str(asked.get("based_on", "")), who)
        self._room.reread(service.study.name)
        return {"edition": int(service.store.editions(service.study.name)["number"].max())}

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
        study, items = make_study(_toml(asked), archive, studies_folder(self._settings))
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


def _toml(asked: Mapping[str, Any]) -> str:
    text = asked.get("toml")
    if not isinstance(text, str) or len(text) > 200_000:
        raise BadRequest("toml: expected the text of a study file.")
    return text
