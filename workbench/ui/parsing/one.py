"""One photo parsed: its parts in colour, named under the pointer, measured in a table, and as files."""

import secrets
from dataclasses import dataclass
from typing import Any

import cv2
import gradio as gr
import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler

from workbench import drawing
from workbench.bench import Workbench
from workbench.errors import BadRequest, FaceTooSmall
from workbench.images import within
from workbench.parts import title
from workbench.photo import Found, check_number
from workbench.ui.common import faces
from workbench.ui.common.events import GPU, MODELS_AT_ONCE, MODELS_QUEUE, bound
from workbench.ui.common.examples import example_row
from workbench.ui.common.model_fetch import fetch_panel
from workbench.ui.common.outcome import Outcome, run_buttons
from workbench.ui.common.strip import catch_up, choose, follow
from workbench.ui.common.visitor import visitor
from workbench.ui.common.widgets import (
    QUIET,
    model_choice,
    part_viewer,
    photo_box,
    receive,
    results,
    send_to,
    viewer_value,
    write,
)
from workbench.ui.parsing.glance import glance_panel
from workbench.values import Face, Parsing

ALL = "All faces"
COLUMNS = ["Face", "Part", "Area of the face, %", "Pixels", "Mean colour", "Symmetry"]


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """One parsed photo, kept for the session so that switches and downloads need no second run.

    photo: the name it goes by, without suffix, and with it. parsing: at the photo's own size. seen: the photo made
    small enough for a screen, (h, w, 3) uint8, and its parsing at that size. rows: what `measure_parts` says.
    warnings: by face, what makes it hard to judge. model_parsing: what the model said, where a person corrected it.
    key: names this answer to the page that shows it.
    """

    stem: str
    name: str
    parsing: Parsing
    seen: np.ndarray
    seen_parsing: Parsing
    rows: list[dict[str, Any]]
    warnings: tuple[str, ...]
    model_parsing: Parsing | None = None
    key: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Screen:
    """The components of this tab that another one fills too: `shown` is what `parse` returns, `files` the
    downloads."""

    source: gr.Image
    model: gr.Dropdown
    answer: gr.State
    shown: list[Any]
    files: list[Any]


def build_inside(bench: Workbench, photo: gr.State | None) -> Screen:
    """Lay it out in the tab that is open."""
    answer = gr.State(None, time_to_live=bench.settings.photo_lifetime)
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            source = photo_box("Photo", elem_id="parsing-photo")
            example_row(bench, source)
            model = model_choice(bench, "parsing", elem_id="parsing-model")
            face = gr.Dropdown(
                [ALL], value=ALL, label="Faces", info="Or click a face in the picture.", elem_id="parsing-face"
            )
            start, stop = run_buttons("Parse", "parsing")
            with gr.Accordion("Models and licences", open=False):
                fetch_panel(bench, "parsing", choice=model)
        with gr.Column(scale=3, min_width=320):
            outcome = Outcome("parsing", start, stop, named=[model], empty="Drop a photo: its parts show here.")
            viewer = part_viewer(elem_id="parsing-viewer")
            with gr.Row():
                palette = gr.DownloadButton("Part map (PNG)", size="sm", interactive=False, elem_id="parsing-palette")
                masks = gr.DownloadButton("Masks (zip)", size="sm", interactive=False, elem_id="parsing-masks")
                coco = gr.DownloadButton("COCO (JSON)", size="sm", interactive=False, elem_id="parsing-coco")
                sheet = gr.DownloadButton("Table (CSV)", size="sm", interactive=False, elem_id="parsing-csv")
            table = gr.Dataframe(
                label="Parts",
                headers=COLUMNS,
                interactive=False,
                elem_id="parsing-table",
                max_height=420,
                buttons=["copy"],
            )
            glance_panel(bench, source)
            send_to(source, photo)

    shown = [answer, viewer, table, face, palette]
    queue = {"concurrency_id": MODELS_QUEUE, "concurrency_limit": MODELS_AT_ONCE, "show_progress_on": [viewer]}
    asked: dict[str, Any] = {"fn": bound(parse, bench), "inputs": [source, model], "outputs": shown, **queue}
    runs = [
        outcome.run([start.click, model.input], **asked, api_name="parse"),
        outcome.photos([source], clears=[masks, coco, sheet], then=asked),
    ]
    outcome.cancels(clears=[masks, coco, sheet])
    meant = [follow(photo, source, face, every=ALL)]
    for run in runs:
        offered = run.success(bound(offer_faces, bench), answer, face, **QUIET)
        outcome.also(offered, run.success(bound(write_downloads, bench), answer, [masks, coco, sheet], **QUIET))
        meant += [catch_up(photo, offered, face)]
    picked = viewer.select(bound(pick_face, bench), answer, face, **QUIET)
    choose(photo, picked, face)
    for shows in (face.input, picked.then, *(event.success for event in meant if event is not None)):
        shows(bound(show_face, bench), [answer, face], [viewer, table], **QUIET)
    receive(photo, source)
    return Screen(source, model, answer, shown, [masks, coco, sheet])


@GPU
def parse(bench: Workbench, source: str | None, model: str, progress: gr.Progress = gr.Progress()) -> tuple[Any, ...]:  # noqa: B008
    """Find every face of a photo and colour its parts; a mask that was corrected on this page stays the photo's mask.

    Returns the viewer's content (photo and part map as data URLs), the table of parts per face, which faces it shows
    (all), and the part map as a palette PNG whose values are the canonical part indices.
    """
    if source is None:
        return None, None, None, ALL, None
    return shown_parts(bench, run_parser(bench, source, model, progress, corrected=True))


def shown_parts(bench: Workbench, answer: Answer) -> tuple[Any, ...]:
    """What the tab shows of an answer: `parse` says what."""
    path = results(bench.settings) / f"{answer.stem}_parts.png"
    path.write_bytes(_export().palette_png(answer.parsing))
    return (
        answer,
        viewer_value(
            answer.seen,
            answer.seen_parsing,
            _caption(answer) + _warning(answer, 1 if len(answer.parsing.faces) == 1 else 0),
        ),
        coloured(part_table(answer)),
        ALL,
        str(path),
    )


def offer_faces(bench: Workbench, answer: Answer | None) -> Any:
    """The faces to choose from after a photo was parsed."""
    return gr.Dropdown([ALL, *faces.names(len(answer.parsing.faces) if answer else 0)], value=ALL)


def run_parser(bench: Workbench, source: Any, model: str, progress: Any, *, corrected: bool = False) -> Answer:
    """Read, detect, parse. corrected: with the mask of this page, if the photo has one. Raises BadRequest, BadImage,
    NoFace, ModelMissing."""
    if source is None:
        raise BadRequest("Drop a photo first.")
    if not model:
        raise BadRequest("No parsing model is on this machine. Run: python -m workbench models fetch")
    bench.spec(model, "parsing")
    progress(0.1, desc="Looking for faces")
    found = faces.find_in(bench, source)
    progress(0.4, desc=f"Parsing {len(found.faces)} face{'s' if len(found.faces) > 1 else ''}")
    answer = answer_of(bench, found, model)
    kept = bench.corrections.of(visitor(), found.image, found.faces) if corrected else None
    return answer if kept is None else answered(bench, found, kept, answer.parsing)


def answer_of(bench: Workbench, found: Found, model: str) -> Answer:
    """A photo parsed at its own size, measured, and made ready for the screen."""
    from workbench.tasks.parsing import parse as parse_faces

    return answered(bench, found, parse_faces(found.image, bench.parser(model), found.faces))


def answered(bench: Workbench, found: Found, parsing: Parsing, model_parsing: Parsing | None = None) -> Answer:
    """A photo with its parsing, measured and made ready for the screen; with the model's where it was corrected."""
    seen, small = _for_screen(found, parsing, bench.settings.working_side)
    rows = _export().measure_parts(found.image, parsing)
    warnings = tuple(_doubt(found.image, face) for face in found.faces)
    name = found.photo.name or "photo.png"
    key = secrets.token_hex(8)
    return Answer(found.photo.stem, name, parsing, seen, small, rows, warnings, model_parsing, key)


def _for_screen(found: Found, parsing: Parsing, side: int) -> tuple[np.ndarray, Parsing]:
    """Photo and parsing no larger than a screen needs; labels are taken, never mixed."""
    seen = within(found, side)
    if seen is found:
        return found.image, parsing
    size = seen.image.shape[1::-1]
    labels, owners = (
        cv2.resize(codes, size, interpolation=cv2.INTER_NEAREST) for codes in (parsing.labels, parsing.owners)
    )
    return seen.image, Parsing(labels, owners, seen.faces, parsing.model)


def show_face(bench: Workbench, answer: Answer | None, face: str) -> tuple[Any, Any]:
    """The viewer and the table for one face, or for all."""
    if answer is None:
        return gr.skip(), gr.skip()
    number = _number(face, len(answer.parsing.faces))
    parsing = answer.seen_parsing
    if number:
        mine = parsing.owners == number
        parsing = Parsing(
            np.where(mine, parsing.labels, 0).astype(np.uint8), parsing.owners, parsing.faces, parsing.model
        )
    return viewer_value(answer.seen, parsing, _caption(answer, number) + _warning(answer, number)), coloured(
        part_table(answer, number)
    )


def pick_face(bench: Workbench, answer: Answer | None, event: gr.EventData) -> str:
    """The face that was clicked; a click beside all faces means all."""
    data = getattr(event, "_data", None)
    number = data.get("face", 0) if isinstance(data, dict) else 0
    if (
        answer is None
        or not isinstance(number, int)
        or not 1 <= number <= len(answer.parsing.faces)
        or len(answer.parsing.faces) == 1
    ):
        return ALL
    return f"Face {number}"


def part_table(answer: Answer, face: int = 0) -> pd.DataFrame:
    """Area, mean colour and symmetry of every part found, largest first within its face; of one face or, with 0, of
    all."""
    rows = [row for row in answer.rows if face in (0, row["face"])]
    table = pd.DataFrame(rows, columns=["face", "part", "share", "pixels", "color", "symmetry"])
    table = table.sort_values(["face", "share"], ascending=[True, False], ignore_index=True)
    return pd.DataFrame(
        {
            "Face": table["face"],
            "Part": table["part"].map(title),
            "Area of the face, %": (table["share"].astype(float) * 100).round(1),
            "Pixels": table["pixels"],
            "Mean colour": table["color"],
            "Symmetry": table["symmetry"].astype(float).round(2),
        }
    )


class Coloured(Styler):
    """A styled table that can be sent to another process, as on ZeroGPU; pandas' own holds functions without names."""

    def __reduce__(self) -> tuple[Any, ...]:
        return coloured, (self.data,)  # type: ignore[attr-defined]


def coloured(table: pd.DataFrame) -> Any:
    """The table with each mean colour as its cell's background."""
    return Coloured(table).map(_swatch, subset=["Mean colour"]).format(precision=2, na_rep="")


def _swatch(color: str) -> str:
    return f"background-color: {color}; color: {'#000' if drawing.luminance(color) > 0.179 else '#fff'}"


def write_downloads(bench: Workbench, answer: Answer | None) -> list[Any]:
    """Masks, COCO JSON and CSV of the last answer, as files to download."""
    if answer is None:
        return [gr.DownloadButton(interactive=False)] * 3
    export, folder = _export(), results(bench.settings)
    files: dict[str, bytes] = {
        f"{answer.stem}_masks.zip": export.masks_zip(answer.parsing),
        f"{answer.stem}_parts.coco.json": export.coco_json(answer.parsing, answer.name).encode(),
        f"{answer.stem}_parts.csv": part_table(answer).to_csv(index=False).encode(),
    }
    return [gr.DownloadButton(value=write(folder / name, data), interactive=True) for name, data in files.items()]


def _export() -> Any:
    from workbench.tasks import parsing_export

    return parsing_export


def _caption(answer: Answer, face: int = 0) -> str:
    parsing = answer.parsing
    labels = np.where(parsing.owners == face, parsing.labels, 0) if face else parsing.labels
    parts = int(np.count_nonzero(np.bincount(labels.ravel(), minlength=1)[1:]))
    who = f"Face {face}" if face else f"{len(parsing.faces)} face{'s' if len(parsing.faces) != 1 else ''}"
    by = "" if answer.model_parsing is None else ", corrected by hand"
    return f"{who}, {parts} parts{by}. Point at one to read its name."


def _warning(answer: Answer, face: int) -> str:
    """What makes this face hard to judge, in words; nothing for a good photo or for several faces at once."""
    return answer.warnings[face - 1] if face else ""


def _doubt(image: np.ndarray, face: Face) -> str:
    from workbench.tasks.quality import assess

    try:
        quality = assess(image, face)
    except FaceTooSmall as error:
        return f" {error}"
    return "" if quality.verdict == "good" else f" {quality.words}"


def _number(face: str, count: int) -> int:
    if face == ALL:
        return 0
    number = faces.number_in(face) or 0
    check_number(number, count)
    return number
