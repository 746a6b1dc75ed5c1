"""The Labeling tab: the raters' screen and the owner's view, each one component that speaks to guarded server
functions.

Whatever arrives here came from outside: sizes are checked before anything is read, the desk checks the rest, and what a
caller may not do is answered with 403, through the page and through the raw address alike.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
from fastapi import HTTPException, Request

from workbench.bench import Workbench
from workbench.errors import BadRequest, NotAllowed, WorkbenchError
from workbench.ui.common.direct import direct
from workbench.ui.common.door import CLIENT, Page
from workbench.ui.common.masks import brush
from workbench.ui.common.widgets import part_of_page, refusals, tab_row
from workbench.ui.labeling.room import Room
from workbench.ui.labeling.studies import Studies

log = logging.getLogger("workbench")
SCREEN = Path(__file__).parent / "screen"
LANGUAGES = ("en", "de", "es", "fr", "zh", "ja", "ar")
"""What the raters' screen speaks; `screen/words/` has a file for each but English."""
SCRIPTS = ("words.js", "asking.js", "box.js", "forms.js", "practice.js", "keys.js", "judge.js")
"""What the raters' screen runs, in this order."""
LARGEST = 512_000
"""Bytes a rater's browser may send at once; a hundred receipts are a fifth of it."""
LARGEST_FROM_OWNER = 40_000_000


def build(bench: Workbench, photo: gr.State | None = None, room: Room | None = None) -> gr.Blocks:
    """The tab. It takes no photo: pictures come from the study. `room`: another study than the bench's own."""
    room, oauth = room or Room(bench), bench.settings.oauth
    with part_of_page() as tab, tab_row():
        with gr.Tab("Judge", id="judge"):
            gr.HTML(
                html_template=_read("judge.html"),
                css_template=_read("judge.css"),
                js_on_load=refusals() + brush() + "".join(map(_read, SCRIPTS)),
                server_functions=[_for_raters(function, oauth) for function in rater_functions(room)],
                elem_id="labeling-judge",
            )
        with gr.Tab("Owner", id="owner"):
            if oauth:
                gr.LoginButton("Sign in with Hugging Face", size="sm")
            gr.HTML(
                html_template=_read("owner.html"),
                css_template=_read("owner.css"),
                js_on_load=refusals() + _read("asking.js") + _read("owner.js"),
                server_functions=[
                    _guarded(function, LARGEST_FROM_OWNER, oauth) for function in owner_functions(room, bench)
                ],
                elem_id="labeling-owner",
            )
    return tab


def build_page(bench: Workbench, room: Room) -> gr.Blocks:
    """One study as a page of its own."""
    with Page(title=room.service().study.title, analytics_enabled=False) as page:
        build(bench, room=room)
    return page


def rater_functions(room: Room) -> list[Callable[[Mapping[str, Any]], dict[str, Any]]]:
    """What a rater's browser may call."""

    def welcome(asked: Mapping[str, Any]) -> dict[str, Any]:
        name = str(asked.get("language", ""))
        told = room.service(_named(asked)).desk.welcome(name)
        return told | {"words": words_of(name)}

    def enter(asked: Mapping[str, Any]) -> dict[str, Any]:
        return room.service(_named(asked)).desk.enter(asked)

    def sync(asked: Mapping[str, Any]) -> dict[str, Any]:
        return room.service(_named(asked)).desk.sync(asked)

    def undo(asked: Mapping[str, Any]) -> dict[str, Any]:
        return room.service(_named(asked)).desk.undo(asked)

    def withdraw(asked: Mapping[str, Any]) -> dict[str, Any]:
        return room.service(_named(asked)).desk.withdraw(asked)

    def practice(asked: Mapping[str, Any]) -> dict[str, Any]:
        return room.service(_named(asked)).desk.practice(asked)

    return [welcome, enter, sync, undo, withdraw, practice]


def owner_functions(room: Room, bench: Workbench) -> list[Callable[[Mapping[str, Any]], dict[str, Any]]]:
    """What the owner's page may call, with the owner's token only."""
    studies = Studies(room, bench)

    def owner(asked: Mapping[str, Any]) -> dict[str, Any]:
        if not room.roles(asked):
            room.check_owner(asked.get("token"), str(asked.get("caller", "")))
        return room.owner(_named(asked)).do(asked)

    def study(asked: Mapping[str, Any]) -> dict[str, Any]:
        return studies.do(asked)

    return [owner, study]


def words_of(language: str) -> dict[str, str]:
    """The screen's words in a language: English → theirs; empty for English and for a language that is not here."""
    path = SCREEN / "words" / f"{language}.json"
    if language not in LANGUAGES or not path.is_file():
        return {}
    words: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return words


def _named(asked: Mapping[str, Any]) -> str:
    """The study that a page was opened for; "" for the one that is served. Raises BadRequest."""
    name = asked.get("study", "")
    if not isinstance(name, str) or len(name) > 100:
        raise BadRequest("study: expected the name of a study.")
    return name


def account(request: "gr.Request | Request", now: float | None = None) -> str:
    """The Hub account that signed in on this Space, from the session that Gradio seals; "" without one. request: as
    Gradio hands it to a server function, which is the plain one, or wrapped by it. What a page of another site asks is
    nobody's: browsers send the session along with that too."""
    plain = getattr(request, "request", None) or request
    own = _from_own_page(getattr(plain, "headers", {}))
    session = (getattr(plain, "scope", {}).get("session") if own else None) or {}
    told = session.get("oauth_info") if isinstance(session, Mapping) else None
    if not isinstance(told, Mapping) or not float(told.get("expires_at") or 0) > (time.time() if now is None else now):
        return ""
    name = (told.get("userinfo") or {}).get("preferred_username")
    return name if isinstance(name, str) else ""


def _from_own_page(headers: Mapping[str, str]) -> bool:
    """Whether a page of this server asks, or no browser; Gradio answers pages of every site."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    return site == "same-origin" if site else not origin or urlsplit(origin).netloc == headers.get("host")


def _for_raters(function: Callable[[Mapping[str, Any]], dict[str, Any]], oauth: bool) -> Callable[..., dict[str, Any]]:
    """The function behind its checks, answered at the door, but not where the Hub says who is signed in: that is known
    behind Gradio's own session alone."""
    handler = _guarded(function, LARGEST, oauth)
    return handler if oauth else direct(handler)


def _guarded(
    function: Callable[[Mapping[str, Any]], dict[str, Any]], largest: int, oauth: bool = False
) -> Callable[..., dict[str, Any]]:
    """The function behind its checks. oauth: the Hub says who is signed in.
    Told errors become 400 (403 for what is not allowed); others are ours and stay in
    the log."""

    def handler(asked: Any, request: gr.Request) -> dict[str, Any]:
        size = request.headers.get("content-length", "0")
        if not size.isdecimal() or int(size) > largest:
            raise HTTPException(413, f"Too large: at most {largest / 1e6:g} MB can be sent at once.")
        if not isinstance(asked, dict):
            raise HTTPException(400, "Expected an object.")
        try:
            who = CLIENT.get() or (request.client.host if request.client else "")
            return function({**asked, "caller": who, "account": account(request) if oauth else ""})
        except NotAllowed as error:
            raise HTTPException(403, str(error)) from None
        except WorkbenchError as error:
            raise HTTPException(400, str(error)) from None
        except Exception as error:
            log.exception("labeling: %s failed", function.__name__)
            raise HTTPException(500, "That is our fault, not yours; the log says why. Nothing was lost.") from error

    handler.__name__ = function.__name__
    return handler


def _read(name: str) -> str:
    return (SCREEN / name).read_text(encoding="utf-8")
