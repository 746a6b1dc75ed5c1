"""The Landmarks tab: boxes, 478 points, head pose, open eyes and mouth."""

from typing import Any

import gradio as gr
import pandas as pd

from workbench import drawing
from workbench.bench import Workbench
from workbench.images import encode_png
from workbench.ui.common.events import GPU, MODELS_AT_ONCE, MODELS_QUEUE, bound
from workbench.ui.common.examples import example_row
from workbench.ui.common.faces import find_in
from workbench.ui.common.outcome import Outcome, run_buttons
from workbench.ui.common.widgets import PLAIN, photo_box, receive, results, send_to
from workbench.values import Face


def build(bench: Workbench, photo: gr.State | None = None) -> gr.Blocks:
    """The tab."""
    with gr.Blocks() as tab:
        with gr.Row(equal_height=False):
            with gr.Column(scale=2, min_width=280):
                source = photo_box("Photo", elem_id="landmarks-photo")
                example_row(bench, source)
                start, stop = run_buttons("Find faces", "landmarks")
            with gr.Column(scale=3, min_width=320):
                outcome = Outcome("landmarks", start, stop, empty="Drop a photo: its faces are found at once.")
                drawn = gr.Image(
                    label="Faces", interactive=False, elem_id="landmarks-drawn", format="png", buttons=PLAIN
                )
                table = gr.Dataframe(
                    label="Faces, largest first (angles in degrees)", interactive=False, elem_id="landmarks-table"
                )
                send_to("landmarks", source, photo, bench)
        event: dict[str, Any] = {
            "fn": bound(find, bench),
            "inputs": [source],
            "outputs": [drawn, table],
            "concurrency_id": MODELS_QUEUE,
            "concurrency_limit": MODELS_AT_ONCE,
        }
        outcome.run(start.click, **event, api_name="landmarks")
        outcome.photos([source], then=event)
        outcome.cancels()
        receive("landmarks", photo, source)
    return tab


@GPU
def find(bench: Workbench, source: str | None) -> tuple[Any, Any]:
    """Find every face of a photo. Returns the photo with boxes, points and head axes drawn in, and a row per face in
    the photo's pixels."""
    if source is None:
        return None, None
    found = find_in(bench, source)
    path = results(bench.settings) / f"{found.photo.stem}_faces.png"
    path.write_bytes(encode_png(drawing.draw_faces(found.image, found.faces)))
    return str(path), pd.DataFrame([face_row(number, face) for number, face in enumerate(found.faces, start=1)])


def face_row(number: int, face: Face) -> dict[str, Any]:
    """What the table says of one face."""
    left, top, right, bottom = (round(float(value)) for value in face.box)
    pose = face.pose
    return {
        "face": number,
        "score": round(face.score, 3),
        "left": left,
        "top": top,
        "width": right - left,
        "height": bottom - top,
        "yaw": round(pose.yaw, 1) if pose else None,
        "pitch": round(pose.pitch, 1) if pose else None,
        "roll": round(pose.roll, 1) if pose else None,
        "eye open (image left)": round(face.eyes_open[0], 2) if face.eyes_open else None,
        "eye open (image right)": round(face.eyes_open[1], 2) if face.eyes_open else None,
        "mouth open": round(face.mouth_open, 2) if face.mouth_open is not None else None,
    }
