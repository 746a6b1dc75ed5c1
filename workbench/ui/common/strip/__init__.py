"""The one photo of the page: a strip below the header with the photo, its faces by number, and the ways to another one.

Every tab reads the photo from here. A tab that is open takes a new one at once; one that is not forgets the old one at
once, with every result of it, and takes the new one when it is opened: so each change makes one run. Which face is
meant lives in the browser (`strip.js`) and is told to the tabs in the same way. Nothing of it stands in the address.
"""

import json
from pathlib import Path
from typing import Any

import cv2
import gradio as gr
import numpy as np

from workbench.bench import Workbench
from workbench.errors import WorkbenchError
from workbench.images import encode_jpeg, shrink
from workbench.ui.common.events import GPU, MODELS_AT_ONCE, MODELS_QUEUE, bound
from workbench.ui.common.faces import find
from workbench.ui.common.widgets import QUIET, PagePhoto, data_url, heard, photo_box, read_photo, refusals
from workbench.values import Face

HERE = Path(__file__).parent
MOST = 60
"""Faces that are offered by number; a crowd has more, which a tab still finds."""
SIDE = 72
"""Pixels of the sides of the small pictures."""
ROOM = 0.2
"""How much is shown around a face, as a share of its size."""


def photo_strip(bench: Workbench) -> gr.Textbox:
    """Lay the strip out where it is to stand. Returns the page's photo, which `build` of every tab takes."""
    photo = gr.Textbox("", visible="hidden", label="the page's photo", elem_id="page-photo")
    box = photo_box("the page's photo", visible="hidden", elem_id="strip-photo")
    told = gr.Textbox("", visible="hidden", label="the faces of the page's photo", elem_id="strip-faces")
    strip = gr.HTML(
        None,
        html_template=(HERE / "strip.html").read_text("utf-8"),
        css_template=(HERE / "strip.css").read_text("utf-8"),
        js_on_load=refusals() + (HERE / "strip.js").read_text("utf-8"),
        elem_id="strip",
        padding=False,
        apply_default_css=False,
    )
    strip.select(None, None, photo, js="() => window.strip.given", **QUIET)
    placed = photo.change(None, photo, box, js="text => window.strip.changed(text)", **QUIET)
    sure = placed.then(None, photo, None, js="text => { if (!text) throw new Error('no photo'); return []; }", **QUIET)
    queue: dict[str, Any] = {"concurrency_id": MODELS_QUEUE, "concurrency_limit": MODELS_AT_ONCE}
    found = sure.success(bound(faces_of, bench), box, told, trigger_mode="always_last", **queue, **QUIET)
    found.success(None, told, None, js="text => { window.strip.told(text); return []; }", **QUIET)
    found.failure(None, None, None, js="() => { window.strip.missed(); return []; }", **QUIET)
    return photo


@GPU
def faces_of(bench: Workbench, source: str | None) -> str:
    """JSON of what the strip shows of a photo: a small picture of it and of each face, largest first, and how many
    faces there are; or a sentence where they cannot be had. path: of which photo."""
    if source is None:
        return ""
    told: dict[str, Any] = {"path": source, "faces": [], "count": 0}
    try:
        photo = read_photo(source, bench.settings)
        told["thumb"] = _jpeg(shrink(photo.image, 2 * SIDE)[0])
        found = find(bench, photo)
    except WorkbenchError as error:
        return json.dumps(told | {"sentence": str(error)})
    told["faces"] = [_jpeg(_close_up(found.image, face)) for face in found.faces[:MOST]]
    return json.dumps(told | {"count": len(found.faces)})


def _jpeg(image: np.ndarray) -> str:
    return data_url(encode_jpeg(image, 80), "image/jpeg")


def _close_up(image: np.ndarray, face: Face) -> np.ndarray:
    """(SIDE, SIDE, 3) uint8: the face in a square, what lies outside of the photo repeated from its edge."""
    reach = (0.5 + ROOM) * max(face.size, 1.0)
    x, y = (face.box[:2] + face.box[2:]) / 2
    scale = SIDE / (2 * reach)
    matrix = np.array([[scale, 0, SIDE / 2 - scale * x], [0, scale, SIDE / 2 - scale * y]])
    border = cv2.BORDER_REPLICATE
    return cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=cv2.INTER_AREA, borderMode=border)


def follow(photo: PagePhoto, source: gr.components.Component, face: gr.components.Component, every: str = "") -> Any:
    """Let the choice of a face follow the strip, and the strip the choice. every: what the choice says for all faces.

    Returns the event that ends well when another face of the same photo is meant, to chain on it what a person's own
    choice does; None in a single-tab Space.
    """
    if photo is None:
        return None
    face.input(None, face, None, js=_CHOOSE, **QUIET)
    js = f"(word, mine) => window.strip.meant('{source.elem_id}', word, mine, {json.dumps(every)})"
    return heard("strip-face").select(None, [face, source], face, js=js, **QUIET)


def begin(photo: PagePhoto, cleared: Any, face: gr.components.Component) -> Any:
    """After an event that made a new photo's results empty: begin with the face that the strip means, if it means one.
    Returns the event to go on from."""
    return cleared if photo is None else cleared.then(None, None, face, js=_FACE, **QUIET)


def catch_up(photo: PagePhoto, event: Any, face: gr.components.Component) -> Any:
    """After an event that offered the faces of a new photo: choose the one that the strip means, if it means one.
    Returns the event that ends well only then; None in a single-tab Space."""
    return None if photo is None else event.then(None, face, face, js=_OTHER_FACE, **QUIET)


def choose(photo: PagePhoto, event: Any, face: gr.components.Component) -> None:
    """After an event that chose a face in a tab: let the strip mean that face."""
    if photo is not None:
        event.then(None, face, None, js=_CHOOSE, **QUIET)


_CHOOSE = "word => { window.strip.choose(word); return []; }"
_FACE = "() => window.strip.face || undefined"
_OTHER_FACE = (
    "word => { const face = window.strip.face; if (!face || face === word) throw new Error('nothing changes'); "
    "return face; }"
)
