"""The mask editor: a component of our own JavaScript, and what travels between it and the server."""

import base64
import binascii
import secrets
from pathlib import Path
from typing import Any

import gradio as gr

from workbench import drawing
from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.parts import PARTS, title
from workbench.ui.common.masks import brush
from workbench.ui.common.widgets import viewer_value
from workbench.ui.parsing.one import Answer

_HERE = Path(__file__).parent


def component(elem_id: str) -> gr.HTML:
    """The editor. Its value is what `editor_value` makes; what it is told later comes as its `patch`, made by `told`.

    A click on a part triggers `select`, "Use this mask" `submit`.
    """
    return gr.HTML(
        value=None,
        patch=None,
        elem_id=elem_id,
        html_template=(_HERE / "editor.html").read_text(encoding="utf-8"),
        css_template=(_HERE / "editor.css").read_text(encoding="utf-8"),
        js_on_load=brush() + (_HERE / "editor.js").read_text(encoding="utf-8"),
    )


def editor_value(answer: Answer) -> dict[str, Any]:
    """Photo, part map, every part there is, and the answer's key."""
    every = [
        {"index": index, "name": title(part), "color": drawing.hex_color(part)}
        for index, part in enumerate(PARTS)
        if index
    ]
    return viewer_value(answer.seen, answer.seen_parsing, "Choose a part and paint.") | {
        "parts": every,
        "key": answer.key,
    }


def same_answer(answer: Answer | None, event: gr.EventData) -> Answer:
    """The answer the editor works on. Raises BadRequest when another photo was parsed meanwhile."""
    if answer is None:
        raise BadRequest("Parse a photo first, under One photo.")
    if sent(event).get("key") != answer.key:
        raise BadRequest("Another photo or mask is open by now. Leave this tab and come back to load it.")
    return answer


def sent(event: gr.EventData) -> dict[str, Any]:
    """What the editor sent with an event, unchecked."""
    found = getattr(event, "_data", None)
    return found if isinstance(found, dict) else {}


def png_bytes(url: Any, bench: Workbench) -> bytes:
    """The bytes of a data URL. Raises BadRequest."""
    if not isinstance(url, str) or len(url) > bench.settings.max_bytes:
        raise BadRequest("The mask did not arrive. Please try again.")
    try:
        return base64.b64decode(url.removeprefix("data:image/png;base64,"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest("The mask did not arrive whole. Please try again.") from error


def told(**told: Any) -> dict[str, Any]:
    """Something for the editor, never twice the same, so that it is noticed."""
    return {"number": secrets.token_hex(4), **told}


def sorry() -> Any:
    """What the editor says when its event failed."""
    return gr.HTML(patch=told(words="That did not work; your strokes are still here."))
