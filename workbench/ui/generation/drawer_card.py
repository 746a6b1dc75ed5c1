"""What a portrait model is, before anything is drawn: size of its pictures, how long it takes, licence, figures, and a
sample where one is shipped."""

import functools
import html

import cv2
import gradio as gr
import numpy as np
from PIL import Image

from workbench import WEIGHTS, images
from workbench.bench import Workbench
from workbench.cards.brief import brief
from workbench.errors import BadRequest
from workbench.ui.common.events import bound
from workbench.ui.common.widgets import data_url

SAMPLES = {"appearance-portrait-256": "portraits_of_nobody.jpg"}
"""Models whose pictures of nobody are shipped: a sheet of squares beside each other."""
SHOWN = 4
"""Pictures of a sample."""
STYLE = (
    "<style>.drawer { display: flex; flex-wrap: wrap; gap: 4px 10px; font-size: .84rem; line-height: 1.4; "
    "padding: 2px 4px; color: var(--body-text-color); } .drawer img { flex: 1 1 100%; width: 100%; max-width: 256px; "
    "height: auto; border-radius: 6px; margin: 0; } .drawer p { margin: 0; flex: 1 1 100%; }</style>"
)


def drawer_card(bench: Workbench, model: gr.Dropdown, prefix: str) -> None:
    """The card of the chosen model, right below its choice."""
    shown = gr.HTML(card(bench, str(model.value or "")), elem_id=f"{prefix}-card", padding=False)
    model.change(bound(card, bench), model, shown, api_visibility="private", show_progress="hidden")


def card(bench: Workbench, model: str) -> str:
    """A portrait model's card as HTML; empty without one. Raises BadRequest for an unknown id."""
    if not model:
        return ""
    if not isinstance(model, str):
        raise BadRequest("Choose a model first.")
    spec = bench.spec(model, "portrait")
    told = brief(spec)
    lines = [
        spec.note and f"{spec.note[:1].upper()}{spec.note[1:].rstrip('.')}.",
        "; ".join(f"{what}: {text}" for what, text in told.measured),
        f"Weights: {spec.weights_license or 'licence unknown'}. Trained on: {spec.data_license or 'unknown'}.",
    ]
    words = "".join(f"<p>{html.escape(line)}</p>" for line in lines if line)
    return f"{STYLE}<div class='drawer'>{_sample(spec.id)}{words}</div>"


def _sample(model: str) -> str:
    if model not in SAMPLES:
        return ""
    alt = "Faces of nobody that this model drew; AI-generated"
    return f"<img src='{_strip(SAMPLES[model])}' alt='{alt}'>"


@functools.cache
def _strip(name: str) -> str:
    """The first faces of a shipped sheet, small, as a page embeds them."""
    with Image.open(WEIGHTS / name) as opened:
        sheet = np.asarray(opened.convert("RGB"))
    side = sheet.shape[0] // 2
    row = cv2.resize(sheet[:side, : SHOWN * side], (SHOWN * 64, 64), interpolation=cv2.INTER_AREA)
    return data_url(images.encode_jpeg(row, 75), "image/jpeg")
