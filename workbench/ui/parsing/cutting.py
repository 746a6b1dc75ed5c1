"""A person, their hair or their face cut out of a photo: soft edges, own colours, another background."""

from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.images import encode_jpeg, limit
from workbench.marks import kept
from workbench.ui.common import faces
from workbench.ui.common.events import GPU, MODELS_AT_ONCE, MODELS_QUEUE, bound
from workbench.ui.common.outcome import Outcome, run_buttons
from workbench.ui.common.widgets import FULL, model_choice, photo_box, read_photo, results
from workbench.ui.parsing.one import ALL, Screen
from workbench.values import Parsing

SUBJECTS = [("Person", "person"), ("Hair", "hair"), ("Face", "face")]
BACKGROUNDS = [("Transparent", "none"), ("Blurred", "blur"), ("One colour", "colour"), ("A picture", "picture")]
CELL = 16
"""Pixels of a square of the pattern that stands for transparency on the screen."""


def build_inside(bench: Workbench, one: Screen) -> None:
    """Lay it out in the tab that is open. one: the tab whose photo, and whose corrected mask, is cut out."""
    gr.Markdown("Cuts out of the photo under *One photo*, along its mask as it was corrected.")
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            subject = gr.Radio(SUBJECTS, value="person", label="What", elem_id="cutout-subject")
            people = model_choice(
                bench,
                "matte",
                "Person matte",
                info="Says who is in front; hair and face need none.",
                elem_id="cutout-people",
            )
            face = gr.Textbox(ALL, label="Faces", info="All faces, or a number such as Face 2.", elem_id="cutout-face")
            grow = gr.Slider(-20, 20, 0, step=1, label="Grow the edge (pixels)", elem_id="cutout-grow")
            feather = gr.Slider(0, 40, 0, step=1, label="Feather (pixels)", elem_id="cutout-feather")
            background = gr.Radio(BACKGROUNDS, value="none", label="Background", elem_id="cutout-background")
            strength = gr.Slider(0.005, 0.1, 0.03, step=0.005, label="Blur (share of the photo's side)", visible=False)
            colour = gr.ColorPicker("#4a6fa5", label="Colour", visible=False, elem_id="cutout-colour")
            picture = photo_box("Picture behind", visible=False, height=180, elem_id="cutout-picture")
            start, stop = run_buttons("Cut out", "cutout")
        with gr.Column(scale=3, min_width=320):
            outcome = Outcome("cutout", start, stop, named=[subject], empty="Press Cut out: the result shows here.")
            shown = gr.Image(label="Cut out", interactive=False, elem_id="cutout-shown", buttons=FULL)
            with gr.Row():
                saved = gr.DownloadButton("Picture", size="sm", interactive=False, elem_id="cutout-saved")
                alone = gr.DownloadButton("Matte (PNG)", size="sm", interactive=False, elem_id="cutout-matte")
    choices = [subject, face, grow, feather, background, strength, colour, picture, people]
    outcome.run(
        start.click,
        bound(cut, bench),
        [one.answer, one.source, one.model, *choices],
        [shown, saved, alone],
        api_name="cut_out",
        concurrency_id=MODELS_QUEUE,
        concurrency_limit=MODELS_AT_ONCE,
        show_progress_on=[shown],
    )
    outcome.photos([one.source])
    outcome.ages(*choices)
    outcome.cancels()
    subject.change(
        lambda what: gr.update(visible=what == "person"),
        subject,
        people,
        api_visibility="private",
        show_progress="hidden",
    )
    background.change(
        lambda kind: [gr.update(visible=kind == word) for word in ("blur", "colour", "picture")],
        background,
        [strength, colour, picture],
        api_visibility="private",
        show_progress="hidden",
    )


@GPU
def cut(
    bench: Workbench,
    answer: Any,
    source: str | None,
    model: str,
    subject: str = "person",
    face: str = ALL,
    grow: float = 0,
    feather: float = 0,
    background: str = "none",
    strength: float = 0.03,
    colour: str = "#4a6fa5",
    picture: str | None = None,
    people: str = "",
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> tuple[str, str, str]:
    """Cut a person ("person"), their "hair" or "face" out of a photo, at its own size.

    face: "All faces" or "Face 2". grow, feather: pixels. background: "none" (transparent), "blur", "colour" or
    "picture". people: catalogue id of the person matte, "" for the first here; only a person is looked for with it.
    Returns what the screen shows, the picture (PNG when transparent, else JPEG), and the matte (PNG).
    """
    from workbench.tasks import cutout
    from workbench.tasks.matting import matte

    found = faces.find_in(bench, source)
    progress(0.1, desc="Looking at its parts")
    parsing = _parsing(bench, answer, found.image, found.faces, model)
    number = 0 if face in (None, "", ALL) else faces.chosen(found, face)[0]
    progress(0.4, desc="Following the edges")
    matted = bench.matte(people or "") if subject == "person" else None
    alpha = matte(found.image, parsing, matted, subject, number)
    if not alpha.any():
        raise BadRequest(f"There is no {subject} to cut out of this photo, as its mask says.")
    progress(0.7, desc="Cutting out")
    cut_out = cutout.cut_out(found.image, alpha, grow, feather)
    folder, stem = results(bench.settings), found.photo.stem
    path = folder / f"{stem}_{subject}.{'png' if background == 'none' else 'jpg'}"
    if background == "none":
        data, seen = cutout.transparent_png(cut_out), cutout.before(cut_out, checkered(alpha.shape))
    else:
        seen = _before(bench, cut_out, found.image, background, strength, colour, picture)
        data = encode_jpeg(seen, 94)
    path.write_bytes(kept(data, found.photo.source))
    screen = _saved(folder / "shown.jpg", encode_jpeg(limit(seen, bench.settings.working_side)))
    return screen, str(path), _saved(folder / f"{stem}_{subject}_matte.png", cutout.matte_png(cut_out))


def _parsing(bench: Workbench, answer: Any, image: np.ndarray, found: Any, model: str) -> Parsing:
    """The parts that are on the screen, if they are this photo's; else as `parsing_of` finds them."""
    from workbench.ui.common.masks import parsing_of

    if answer is not None and answer.parsing.labels.shape == image.shape[:2] and answer.parsing.faces == tuple(found):
        return answer.parsing  # type: ignore[no-any-return]
    return parsing_of(bench, image, found, model or bench.first("parsing").id)


def _before(
    bench: Workbench, cut_out: Any, image: np.ndarray, background: str, strength: float, colour: str, picture: Any
) -> np.ndarray:
    from workbench.tasks import cutout

    if background == "blur":
        return cutout.before_blur(cut_out, image, strength)
    if background == "colour":
        return cutout.before_colour(cut_out, colour)
    if background == "picture":
        if picture is None:
            raise BadRequest("Drop a picture to put behind.")
        return cutout.before_picture(cut_out, read_photo(picture, bench.settings).image)
    raise BadRequest(f"Expected none, blur, colour or picture behind, got {str(background)[:20]!r}.")


def checkered(shape: tuple[int, ...]) -> np.ndarray:
    """(H, W, 3) uint8: the grey squares that stand for transparency."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    light = ((y // CELL + x // CELL) % 2 * 40 + 190).astype(np.uint8)
    return np.dstack([light] * 3)


def _saved(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)
