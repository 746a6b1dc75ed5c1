"""The Analysis tab: everything a face shows, drawn over the photo, as a card per face, as a table and as files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pandas as pd

from workbench import drawing
from workbench.bench import Workbench
from workbench.errors import BadRequest, NoFace
from workbench.images import encode_png, warp
from workbench.photo import Found, Photo
from workbench.tasks.analysis import FaceAnalysis, analyse, export, more_here, settled
from workbench.ui.analysis import live, video
from workbench.ui.analysis.cards import cards
from workbench.ui.analysis.overlay import view
from workbench.ui.common.add_model import add_form
from workbench.ui.common.ask_people import Shown, ask_panel
from workbench.ui.common.card_view import card_view
from workbench.ui.common.events import GPU, MODELS_AT_ONCE, MODELS_QUEUE, bound
from workbench.ui.common.examples import example_row
from workbench.ui.common.faces import find_in
from workbench.ui.common.model_fetch import fetch_panel
from workbench.ui.common.outcome import Outcome, run_buttons
from workbench.ui.common.widgets import (
    model_choice,
    part_of_page,
    photo_box,
    read_photo,
    receive,
    results,
    send_to,
    tab_row,
)
from workbench.values import Face

CSS = (Path(__file__).parent / "analysis.css").read_text(encoding="utf-8")

ANALYSED = ("detection", "expression", "quality")
"""Tasks whose models the tab tells of."""
FILES = {
    "csv": "Table (CSV)",
    "json": "Everything (JSON)",
    "pts": "68 points (.pts)",
    "wflw": "98 points (WFLW)",
    "openface": "OpenFace columns (CSV)",
    "coco": "Key points (COCO)",
    "png": "Drawn photo (PNG)",
}
"""What can be downloaded, and its button's words."""

SHOWN = (
    "face", "score", "left", "top", "width", "height", "yaw", "pitch", "roll", "gaze_yaw", "gaze_pitch",
    "eye_open_image_left", "eye_open_image_right", "mouth_open", "expression", "age", "quality",
)  # fmt: skip
"""Columns of the table on the page; the CSV has all."""


def build(bench: Workbench, photo: gr.State | None = None) -> gr.Blocks:
    """The tab."""
    with part_of_page() as tab, tab_row():
        with gr.Tab("Photo", id="analysis-one"):
            _one(bench, photo)
        with gr.Tab("Clip", id="analysis-clip"):
            video.build_inside(bench)
        with gr.Tab("Camera", id="analysis-live"):
            live.build_inside(bench)
    return tab


def _one(bench: Workbench, photo: gr.State | None) -> None:
    """A photo: its faces as cards, overlay, table and files."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            source = photo_box("Photo", elem_id="analysis-photo")
            example_row(bench, source)
            finder, expression, more = _choices(bench)
            start, stop = run_buttons("Analyse", "analysis")
        with gr.Column(scale=3, min_width=320):
            choices = [finder, expression, more]
            outcome = Outcome("analysis", start, stop, named=choices[:2], empty="Drop a photo: its faces are read.")
            viewer = gr.HTML(None, css_template=CSS, elem_id="analysis-viewer", padding=False)
            shown = gr.HTML(None, css_template=CSS, elem_id="analysis-cards", padding=False)
            with gr.Row():
                files = [
                    gr.DownloadButton(words, size="sm", interactive=False, min_width=120, elem_id=f"analysis-{name}")
                    for name, words in FILES.items()
                ]
            table = gr.Dataframe(
                label="Faces, largest first (angles in degrees)", interactive=False, elem_id="analysis-table"
            )
            ask_panel(bench, "analysis", [("Which expression?", "expression")], [source, finder], asked)
            send_to(source, photo)
    event: dict[str, Any] = {
        "fn": bound(read, bench),
        "inputs": [source, *choices],
        "outputs": [viewer, shown, table, *files],
        "concurrency_id": MODELS_QUEUE,
        "concurrency_limit": MODELS_AT_ONCE,
        "show_progress_on": [viewer],
    }
    outcome.run([start.click, finder.input, expression.input, more.input], **event, api_name="analyse")
    outcome.photos([source], then=event)
    outcome.cancels()
    _earlier(bench, source)
    receive(photo, source)


def asked(bench: Workbench, question: str, source: str | None, finder: str) -> list[Shown]:
    """Every face of the photo as an item of its own, with some of its surroundings."""
    if source is None:
        return []
    found = found_by(bench, source, finder)
    return [[(surroundings(found.image, face), "")] for face in found.faces]


def surroundings(image: np.ndarray, face: Face, side: int = 420) -> np.ndarray:
    """(side, side, 3) uint8: the face, upright as in the photo, with a third of its size around it."""
    centre, reach = (face.box[:2] + face.box[2:]) / 2, 0.85 * face.size
    scale = side / (2 * reach)
    matrix = np.array([[scale, 0, side / 2 - scale * centre[0]], [0, scale, side / 2 - scale * centre[1]]])
    return warp(image, matrix, (side, side))


def _choices(bench: Workbench) -> tuple[gr.Dropdown, gr.Dropdown, gr.CheckboxGroup]:
    """Which finder, which expression model, and which models say more."""
    finder = model_choice(bench, "detection", "Finder", elem_id="analysis-finder")
    expression = model_choice(bench, "expression", "Expression", elem_id="analysis-expression")
    here = [(spec.title, spec.id) for spec in more_here(bench)]
    more = gr.CheckboxGroup(
        here,
        value=[],
        label="More models",
        info="Action units, points, head pose, blendshapes, quality networks: of models that were fetched.",
        visible=bool(here),
        elem_id="analysis-more",
    )
    with gr.Accordion("Models and licences", open=False):
        for task in ANALYSED:
            fetch_panel(bench, task, form=False)
        card_view(bench, ANALYSED)
        add_form(bench, ANALYSED)
    return finder, expression, more


def _earlier(bench: Workbench, source: gr.Image) -> None:
    """The endpoint "landmarks" of the tab that this one replaced, for one version more."""
    with gr.Row(visible=False):
        again, drawn, table = gr.Button("Find faces"), gr.Image(format="png"), gr.Dataframe()
    queue: dict[str, Any] = {"concurrency_id": MODELS_QUEUE, "concurrency_limit": MODELS_AT_ONCE}
    again.click(bound(find, bench), [source], [drawn, table], api_name="landmarks", **queue)


@GPU
def read(
    bench: Workbench,
    source: str | None,
    finder: str,
    expression: str,
    more: list[str],
    progress: gr.Progress = gr.Progress(),  # noqa: B008 - how Gradio asks for it
) -> tuple[Any, ...]:
    """Say everything the faces of a photo show: points, head pose, gaze, expression, age, quality.

    Returns the photo with everything drawn over it and a card per face (HTML), the table, and the files: CSV, JSON,
    .pts (zipped for several faces), WFLW's lines, OpenFace's columns, COCO key points, the drawn photo.
    """
    if source is None:
        return None, None, None, *([None] * len(FILES))
    progress(0.1, desc="Looking for faces")
    found = found_by(bench, source, finder)
    progress(0.4, desc=f"Reading {len(found.faces)} face{'s' if len(found.faces) > 1 else ''}")
    readers = settled(bench, expression=expression or "", parser=bench.first("parsing").id, more=more or [])
    faces = analyse(found, readers)
    folder = results(bench.settings)
    names = [write(folder, kind, found, faces) for kind in FILES]
    return view(found.image, faces), cards(found.image, faces), screen_table(faces), *names


def found_by(bench: Workbench, source: Any, finder: str) -> Found:
    """The photo's faces by a finder; by the default one they are looked for once for all tabs. Raises NoFace."""
    if finder in ("", bench.first("detection").id):
        return find_in(bench, source)
    from workbench.tasks.detection import find_faces

    photo: Photo = read_photo(source, bench.settings)
    faces = find_faces(photo.image, bench.finder(finder))
    if not faces:
        raise NoFace(width=photo.image.shape[1], height=photo.image.shape[0])
    return Found(photo, faces)


def screen_table(faces: Sequence[FaceAnalysis]) -> pd.DataFrame:
    """The table on the page."""
    rows = [export.row(found) for found in faces]
    return pd.DataFrame([{name: _short(row.get(name)) for name in SHOWN} for row in rows]).dropna(axis=1, how="all")


def _short(value: Any) -> Any:
    return round(value, 2) if isinstance(value, float) else value


def write(folder: Path, kind: str, found: Found, faces: Sequence[FaceAnalysis]) -> str:
    """One file, named after the photo. Raises BadRequest for a kind there is not."""
    stem, name = found.photo.stem, Path(found.photo.name).name or "photo"
    size = found.image.shape[1], found.image.shape[0]
    texts = {
        "csv": ("_analysis.csv", lambda: export.table(name, faces)),
        "json": ("_analysis.json", lambda: export.as_json(name, size, faces)),
        "wflw": ("_wflw.txt", lambda: export.wflw(name, faces)),
        "openface": ("_openface.csv", lambda: export.openface(faces)),
        "coco": ("_coco.json", lambda: export.coco(name, size, faces)),
    }
    if kind in texts:
        path = folder / f"{stem}{texts[kind][0]}"
        path.write_text(texts[kind][1](), encoding="utf-8")
    elif kind == "png":
        path = folder / f"{stem}_faces.png"
        path.write_bytes(encode_png(drawing.draw_faces(found.image, found.faces)))
    elif kind == "pts":
        path = _write_pts(folder, stem, faces)
    else:
        raise BadRequest(f"There is no file {kind!r}; expected one of {', '.join(FILES)}.")
    return str(path)


def _write_pts(folder: Path, stem: str, faces: Sequence[FaceAnalysis]) -> Path:
    """One face's .pts, or a zip of several faces'."""
    every = {found.number: export.pts(points) for found in faces if (points := found.points("68")) is not None}
    if len(every) == 1:
        path = folder / f"{stem}.pts"
        path.write_text(next(iter(every.values())))
        return path
    path = folder / f"{stem}_pts.zip"
    path.write_bytes(export.pts_zip(stem, faces))
    return path


@GPU
def find(bench: Workbench, source: str | None) -> tuple[Any, Any]:
    """Find every face of a photo: the earlier answer, kept for one version; `analyse` says more. Returns the photo with
    boxes, points and head axes drawn in, and a row per face in the photo's pixels."""
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
