"""The ways to hide faces from people too: blur, mosaic, silhouette or a drawn face, for every face or the chosen ones,
and what recognisers still read."""

from itertools import islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np

from workbench import checks, drawing
from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.images import encode_jpeg, limit, within
from workbench.photo import Found
from workbench.ui.common.events import GPU, MODELS_AT_ONCE, MODELS_QUEUE, bound
from workbench.ui.common.examples import example_row
from workbench.ui.common.faces import chosen, find_in, names
from workbench.ui.common.outcome import Outcome, run_buttons
from workbench.ui.common.widgets import FULL, PagePhoto, photo_box, read_photo, receive, results, send_to
from workbench.ui.protection import views
from workbench.ui.protection.parts import recognisers
from workbench.values import Parsing

if TYPE_CHECKING:
    from workbench.protection.hiding import Hidden

KINDS = [("Blur", "blur"), ("Mosaic", "mosaic"), ("Silhouette", "silhouette"), ("Drawn face", "drawn")]
SHAPES = [("Ellipse", "ellipse"), ("Exactly the face (parser)", "outline")]
SIZES = (0.7, 2.0)
MOST_KEPT = 50
SIDE = 1024
"""The whole photo is shown at most this large."""
READ = 12
"""Recognisers are asked about at most as many hidden faces: the rest of a crowd is only searched for."""


def build_inside(bench: Workbench, photo: PagePhoto = None) -> None:
    """Lay the sub-tab out."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            source = photo_box("Photo", elem_id="plain-photo", height=260)
            example_row(bench, source)
            kind = gr.Radio(KINDS, value="blur", label="How", elem_id="plain-kind")
            strength = gr.Slider(0.25, 4, 1.0, step=0.25, label="Strength", elem_id="plain-strength")
            which = gr.Dropdown(
                [], multiselect=True, allow_custom_value=True, label="Faces (none chosen: all)", elem_id="plain-faces"
            )
            shape = gr.Radio(SHAPES, value="ellipse", label="Where", elem_id="plain-shape")
            size = gr.Slider(*SIZES, 1.0, step=0.1, label="Size", elem_id="plain-size")
            kept_people = gr.File(
                label="Keep these people visible (photos, one face each)",
                file_count="multiple",
                file_types=["image"],
                height=170,
                elem_id="plain-keep",
            )
            start, stop = run_buttons("Hide", "plain")
        with gr.Column(scale=3, min_width=320):
            outcome = Outcome("plain", start, stop, named=[kind])
            slider = gr.ImageSlider(
                label="Before | after", interactive=False, elem_id="plain-slider", max_height=560, buttons=FULL
            )
            words = gr.HTML(elem_id="plain-words")
            saved = gr.DownloadButton("Photo (JPEG, no metadata)", size="sm", interactive=False, elem_id="plain-jpeg")
            gr.Markdown(
                "An ellipse around the detector's box, or what the parser takes for the face, is hidden, as strongly "
                "as the face is large. People do not know "
                "the person either "
                "and see that something was hidden; hair, clothes and place may still tell who it is. A drawn face is "
                "nobody's, in the pose, light and skin tone of the one it replaces; where none fits, a mosaic hides it."
            )
    queue: dict[str, Any] = {
        "concurrency_id": MODELS_QUEUE,
        "concurrency_limit": MODELS_AT_ONCE,
        "show_progress_on": [slider],
    }
    hide, asked = bound(anonymise, bench), [source, kind, strength, which, shape, size, kept_people]
    outcome.run(start.click, hide, asked, [slider, words, saved], api_name="anonymise", **queue)
    cleared = outcome.photos([source])
    cleared.then(bound(number_faces, bench), source, [which, slider], api_visibility="private", **queue)
    outcome.ages(kind, strength, which, shape, size, kept_people)
    outcome.cancels()
    send_to(source, photo)
    receive(photo, source)


@GPU
def number_faces(bench: Workbench, source: Any) -> tuple[Any, Any]:
    """The faces to choose from, and the photo with their numbers."""
    if source is None:
        return gr.Dropdown([], value=[], multiselect=True, allow_custom_value=True), None
    seen = within(find_in(bench, source), SIDE)
    picture = drawing.draw_faces(seen.image, seen.faces)
    offered = gr.Dropdown(names(len(seen.faces)), value=[], multiselect=True, allow_custom_value=True)
    return offered, _pair(results(bench.settings), seen.image, picture)


@GPU
def anonymise(
    bench: Workbench,
    source: Any,
    kind: str = "blur",
    strength: float = 1.0,
    faces: list[str] | None = None,
    shape: str = "ellipse",
    size: float = 1.0,
    keep: list[str] | None = None,
) -> tuple[Any, ...]:
    """Hide faces and search the saved photo again.

    kind: blur, mosaic, silhouette, or drawn, a face of nobody instead (a mosaic where none fits, which is said).
    faces: such as ["Face 1"], by size, or places in the photo ("x, y" or "left, top, right, bottom"); none: all.
    shape: ellipse, or outline, exactly what the parser takes for the face. size: 0.7 to 2. keep: photos of people who
    stay visible, one face each.
    Returns before and after, how many were found and hidden with what recognisers still read, and the JPEG. A face that
    can still be found is an error, and nothing is saved.
    """
    from workbench.protection.hiding import Manner, hide
    from workbench.ui.protection.stage import stage

    checks.number("strength", strength, 0.25, 4)
    checks.number("size", size, *SIZES)
    found = find_in(bench, source)
    asked = list(faces or ()) if isinstance(faces, (list, tuple)) or faces is None else [faces]
    numbers = [chosen(found, each)[0] for each in asked]
    parsing = _parts(bench, found) if shape == "outline" else None
    manner = Manner(
        str(kind), float(strength), float(size), str(shape), parsing, stage(bench) if kind == "drawn" else None
    )
    if keep:
        numbers = _strangers(bench, found, numbers, list(keep))
    hidden = hide(found, numbers, bench.finder(), manner, unseen=bool(keep) and not faces)
    folder = results(bench.settings)
    path = folder / f"{found.photo.stem}_hidden.jpg"
    path.write_bytes(hidden.file(found.photo.source))
    words = f"<p>{hidden.words(len(found.faces))}</p>" + _words(bench, found, hidden, numbers)
    return _pair(folder, found.image, hidden.image), words, str(path)


def _parts(bench: Workbench, found: Found) -> Parsing | None:
    """The photo's parts, None when no parser is here."""
    from workbench.tasks.parsing import parse

    spec = bench.first("parsing")
    return parse(found.image, bench.parser(spec.id), found.faces) if bench.available(spec.id) else None


def _strangers(bench: Workbench, found: Found, numbers: list[int], keep: list[str]) -> list[int]:
    """Of these faces (none: all) those of nobody to keep. Raises BadRequest when nobody is left to be hidden."""
    from workbench.protection.reference import known_people, strangers

    if len(keep) > MOST_KEPT:
        raise BadRequest(f"Expected at most {MOST_KEPT} photos of people to keep, got {len(keep)}.")
    recogniser = bench.recogniser()
    people = known_people([read_photo(path, bench.settings) for path in keep], recogniser, bench.finder())
    left = [number for number in strangers(found, people, recogniser) if not numbers or number in numbers]
    if not left:
        raise BadRequest("Everybody here who was to be hidden is one of those to keep. Nothing was changed.")
    return left


def _pair(folder: Path, before: np.ndarray, after: np.ndarray) -> tuple[str, str]:
    paths = folder / "whole-before.jpg", folder / "whole-after.jpg"
    for path, picture in zip(paths, (before, after), strict=True):
        path.write_bytes(encode_jpeg(limit(picture, SIDE), 92))
    return str(paths[0]), str(paths[1])


def _words(bench: Workbench, found: Found, hidden: "Hidden", numbers: list[int]) -> str:
    """A row per hidden face, by its number on the screen: what recognisers read when told where it was."""
    from workbench.tasks.recognition import verify

    places = numbers or range(1, len(found.faces) + 1)
    rows: list[dict[str, Any]] = []
    for number, face in islice(zip_longest(dict.fromkeys(places), hidden.faces), READ):
        row: dict[str, Any] = {"Hidden face": number or "found only by the second search"}
        for title, model in recognisers(bench):
            match = (
                verify(found.image, face, hidden.image, face, bench.recogniser(model))
                if face.mesh is not None
                else None
            )
            row[title] = (
                "" if match is None else f"{match.score:.2f} ({'same person' if match.same else 'not matched'})"
            )
        rows.append(row)
    more = f" They were asked about {READ} of them, the first." if len(hidden.faces) > READ else ""
    note = f"<p class='small'>Recognisers were told where each face had been.{more}</p>"
    return views.plain_table_html(rows) + note
