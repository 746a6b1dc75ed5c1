"""The first screen: drop a photo or click one; beside it a portrait already parsed and explained, live under the
pointer; a card for each thing that can be done. Everything shown was computed before and is shipped: no model runs.
"""

import base64
import html
import json
from pathlib import Path
from typing import Any

import gradio as gr

from workbench.bench import Workbench
from workbench.ui.common.examples import example_row
from workbench.ui.common.widgets import PagePhoto, data_url, photo_box, receive, send_to

STEM, TITLE, EMOJI = "start", "Start", "👋"
HERE = Path(__file__).parent
CARDS = (
    ("parsing", "See the parts", "Hair, skin, eyes, lips: coloured, named, measured."),
    ("explanation", "Ask why", "Which pixels made a model say “happy”, and is that so?"),
    ("protection", "Protect a photo", "Makeup that recognition cannot read through."),
    ("generation", "Draw faces", "Your photo re-posed, and people who do not exist."),
    ("labeling", "Ask people", "The same person or not? Let raters decide."),
    ("glance", "Everything at a glance", "One page of all that the models say of a photo."),
)
"""Tab, title, sentence. The last one opens a part of Parsing."""
PRIVACY = "Photos are kept an hour at most, never logged or sent on."
READY = (
    "<p class='first-line ready' role='status'><b>Your photo is here.</b> Pick a card: every tab has it already.</p>"
)
EMPTY = f"<p class='first-line'>{PRIVACY}</p>"


def build(bench: Workbench, photo: PagePhoto) -> None:
    """Lay it out in the tab that is open."""
    told = json.loads((HERE / "told.json").read_text("utf-8"))
    css = (HERE / "screen.css").read_text("utf-8")
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            source = photo_box("Drop a photo of a face", elem_id="start-photo", height=190)
            example_row(bench, source)
            words = gr.HTML(EMPTY, elem_id="start-words", padding=False)
        with gr.Column(scale=3, min_width=320):
            gr.HTML(
                {"photo": _url("astronaut.jpg"), "parts": _url("parts.png"), "heat": _url("heat.png"), "told": told},
                html_template=(HERE / "screen.html").read_text("utf-8"),
                css_template=css,
                js_on_load=(HERE / "screen.js").read_text("utf-8"),
                elem_id="start-portrait",
                padding=False,
            )
    gr.HTML(cards(), css_template=css, elem_id="start-cards", padding=False)
    lines = json.dumps([EMPTY, READY])
    source.change(
        None, source, words, js=f"photo => {lines}[photo ? 1 : 0]", api_visibility="private", show_progress="hidden"
    )
    send_to(source, photo)
    receive(photo, source)


def cards() -> str:
    """A link with a picture for each thing that can be done."""
    return f"<nav class='cards' aria-label='What to do'>{''.join(_card(*row) for row in CARDS)}</nav>"


def _card(stem: str, name: str, sentence: str) -> str:
    place = "?tab=parsing' data-open='glance" if stem == "glance" else f"?tab={stem}"
    return (
        f"<a href='{place}' data-place><img src='{_url(f'card-{stem}.jpg')}' alt='' width='288' height='162'>"
        f"<b>{html.escape(name)}</b><span>{html.escape(sentence)}</span></a>"
    )


def _url(name: str) -> str:
    kind = "image/png" if name.endswith(".png") else "image/jpeg"
    return data_url((HERE / name).read_bytes(), kind)


def weight() -> int:
    """Bytes that the first screen adds to the page, as it embeds them."""
    return sum(len(base64.b64encode(path.read_bytes())) for path in HERE.glob("*.*") if path.suffix in (".jpg", ".png"))


def settings() -> dict[str, Any]:
    """How its tab is named on the page."""
    return {"label": f"{EMOJI} {TITLE}", "id": STEM, "elem_id": f"tab-{STEM}"}
