"""The plain ways to hide faces: blur, mosaic, silhouette, for every face or the chosen ones, and what recognisers still
read."""

from typing import Any

import gradio as gr
import numpy as np

from workbench import checks, drawing
from workbench.bench import Workbench
from workbench.images import encode_jpeg, limit
from workbench.ui.common.events import GPU, MODELS_AT_ONCE, MODELS_QUEUE, bound
from workbench.ui.common.examples import example_row
from workbench.ui.common.widgets import FULL, photo_box
from workbench.ui.protection import views
from workbench.ui.protection.parts import Ready, chosen_face, ready, recognisers
from workbench.values import Face

KINDS = [("Blur", "blur"), ("Mosaic", "mosaic"), ("Silhouette", "silhouette")]
SIDE = 1024
"""The whole photo is shown at most this large."""


def build_inside(bench: Workbench) -> None:
    """Lay the sub-tab out."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            source = photo_box("Photo", elem_id="plain-photo", height=260)
            example_row(bench, source)
            kind = gr.Radio(KINDS, value="blur", label="How", elem_id="plain-kind")
            strength = gr.Slider(0.25, 4, 1.0, step=0.25, label="Strength", elem_id="plain-strength")
            chosen = gr.Dropdown(
                [], multiselect=True, allow_custom_value=True, label="Faces (none chosen: all)", elem_id="plain-faces"
            )
            start = gr.Button("Hide", variant="primary", elem_id="plain-start")
        with gr.Column(scale=3, min_width=320):
            slider = gr.ImageSlider(
                label="Before | after", interactive=False, elem_id="plain-slider", max_height=560, buttons=FULL
            )
            words = gr.HTML(elem_id="plain-words")
            saved = gr.DownloadButton("Photo (JPEG, no metadata)", size="sm", interactive=False, elem_id="plain-jpeg")
            gr.Markdown(
                "An ellipse around the detector's box is hidden, as strongly as the face is large. People do not know "
                "the person either "
                "and see that something was hidden; hair, clothes and place may still tell who it is."
            )
    queue: dict[str, Any] = {
        "concurrency_id": MODELS_QUEUE,
        "concurrency_limit": MODELS_AT_ONCE,
        "show_progress_on": [slider],
    }
    source.change(bound(number_faces, bench), source, [chosen, slider], api_visibility="private", **queue)
    hidden = start.click(
        bound(anonymise, bench), [source, kind, strength, chosen], [slider, words, saved], api_name="anonymise", **queue
    )
    enable = {"api_visibility": "private", "show_progress": "hidden"}
    hidden.success(lambda: gr.DownloadButton(interactive=True), None, saved, **enable)


def number_faces(bench: Workbench, source: Any) -> tuple[Any, Any]:
    """The faces to choose from, and the photo with their numbers."""
    if source is None:
        return gr.Dropdown([], value=[]), None
    waiting = ready(bench, source)
    picture = drawing.draw_faces(waiting.image, waiting.faces)
    return gr.Dropdown([f"Face {n}" for n in range(1, len(waiting.faces) + 1)], value=[]), _pair(waiting, picture)


@GPU
def anonymise(
    bench: Workbench, source: Any, kind: str = "blur", strength: float = 1.0, faces: list[str] | None = None
) -> tuple[Any, ...]:
    """Hide faces. faces: such as ["Face 1"], by size; none: all. Returns before and after, what recognisers still read,
    the JPEG."""
    from workbench.protection.anonymise import anonymise as hide

    checks.number("strength", strength, 0.25, 4)
    waiting = ready(bench, source, whole=True)
    chosen = [chosen_face(waiting.faces, name)[1] for name in faces or ()] or list(waiting.faces)
    hidden = hide(waiting.image, chosen, str(kind), float(strength))
    path = waiting.folder / "hidden.jpg"
    data = encode_jpeg(hidden, 92)
    path.write_bytes(data)
    return _pair(waiting, hidden), _words(bench, waiting.image, data, chosen), str(path)


def _pair(waiting: Ready, after: np.ndarray) -> tuple[str, str]:
    paths = (
        waiting.folder / "whole-before.jpg",
        waiting.folder / f"whole-after-{len(list(waiting.folder.iterdir()))}.jpg",
    )
    for path, picture in zip(paths, (waiting.image, after), strict=True):
        path.write_bytes(encode_jpeg(limit(picture, SIDE), 92))
    return str(paths[0]), str(paths[1])


def _words(bench: Workbench, before: np.ndarray, data: bytes, faces: list[Face]) -> str:
    """A row per hidden face: whether a detector finds it in the saved file, and what recognisers read when told where
    it was."""
    from workbench.protection.judge import find_again, opened
    from workbench.tasks.recognition import verify

    after, rows = opened(data), []
    for number, face in enumerate(faces, start=1):
        found = find_again(after, face.box, bench.finder())
        row: dict[str, Any] = {"Hidden face": number, "Found by the detector": "no" if found is None else "yes"}
        for title, model in recognisers(bench):
            match = (
                verify(before, face, after, found or face, bench.recogniser(model)) if face.mesh is not None else None
            )
            row[title] = (
                "" if match is None else f"{match.score:.2f} ({'same person' if match.same else 'not matched'})"
            )
        rows.append(row)
    note = "<p class='small'>Where the detector finds nothing, recognisers were told where the face had been.</p>"
    return views.plain_table_html(rows) + note
