"""Re-pose: one's own photo turned and bent a little while the sliders move. It is editing, and says so."""

from typing import Any

import gradio as gr

from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.photo import Found
from workbench.ui.common.events import GPU, bound
from workbench.ui.common.examples import example_row
from workbench.ui.common.faces import chosen, find_in
from workbench.ui.common.outcome import Outcome
from workbench.ui.common.strip import begin, follow
from workbench.ui.common.widgets import QUIET, photo_box, receive, results, send_to, write
from workbench.ui.generation import parts

EMPTY = (
    "Drop a photo and confirm whose it is; the sliders then answer at once. This **edits** your photo: nothing is "
    "drawn anew."
)
SLIDERS = (
    ("yaw", "Turn the head (degrees; right is the picture's right)", -18, 18, 1),
    ("pitch", "Tilt the head (degrees; up)", -10, 10, 1),
    ("smile", "Smile", 0, 1, 0.05),
    ("frown", "Frown", 0, 1, 0.05),
    ("mouth_open", "Open the mouth", 0, 1, 0.05),
    ("brow_raise", "Raise the brows", 0, 1, 0.05),
    ("eyes", "Eyes (−1 nearly closed, 1 wide)", -1, 1, 0.05),
)


def build_inside(bench: Workbench, photo: gr.State | None) -> None:
    """Lay the sub-tab out: photo and sliders left, the edited photo right."""
    scene = gr.State(None, time_to_live=bench.settings.photo_lifetime)
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            source = photo_box("Your photo", elem_id="repose-photo", height=240)
            example_row(bench, source)
            with gr.Row(elem_classes="needed"):
                consent = parts.consent_tick("repose-consent")
                face = parts.face_menu("repose-face")
            sliders = [
                gr.Slider(low, high, 0, step=step, label=label, elem_id=f"repose-{name}")
                for name, label, low, high, step in SLIDERS
            ]
        with gr.Column(scale=3, min_width=320):
            shown = gr.Image(
                label="Edited photo",
                interactive=False,
                format="jpeg",
                elem_id="repose-shown",
                height=380,
                buttons=["fullscreen"],
            )
            words = gr.Markdown(EMPTY, elem_id="repose-words")
            with gr.Row():
                make = gr.Button("Make the full-size photo", variant="primary", elem_id="repose-make")
                reset = gr.Button("Reset", elem_id="repose-reset")
            outcome = Outcome("repose", make)
            png = gr.DownloadButton("Edited photo (PNG)", size="sm", interactive=False, elem_id="repose-png")

    ready = {
        "fn": bound(prepare, bench),
        "inputs": [source, consent, face, *sliders],
        "outputs": [scene, shown, words, png],
    }
    outcome.run(
        make.click, bound(repose, bench), [source, *sliders, consent, face], [shown, words, png], api_name="repose",
        **parts.QUEUE,
    )  # fmt: skip
    cleared = outcome.photos([source], clears=[scene])
    meant = follow(photo, source, face)
    outcome.ages(*sliders, face, after=meant)
    follows = [] if meant is None else [meant.success]
    for event in (begin(photo, cleared, face).then, consent.input, face.input, *follows):
        event(**ready, api_visibility="private", show_progress_on=[shown], **parts.QUEUE)
    for slider in sliders:
        slider.change(
            bound(move, bench),
            [scene, *sliders],
            [shown, words, png],
            trigger_mode="always_last",
            concurrency_limit=4,
            **QUIET,
        )
    reset.click(lambda: [0] * len(SLIDERS), None, sliders, **QUIET)
    send_to(source, photo)
    receive(photo, source)


@GPU
def prepare(bench: Workbench, source: Any, consent: bool, face: str, *values: float) -> tuple[Any, ...]:
    """A new photo, made ready for the sliders. Nothing happens before consent."""
    from workbench.generation.repose import Scene, close_up, wears_glasses

    if source is None or consent is not True:
        return None, None, EMPTY, gr.DownloadButton(interactive=False)
    found, mine = _face(bench, source, face)
    scene = Scene(*close_up(found.image, mine), wears_glasses(found.image, mine, bench.parser("compact")))
    return scene, *move(bench, scene, *values)


def move(bench: Workbench, scene: Any, *values: float) -> tuple[Any, ...]:
    """The close-up as the sliders stand, what was done to it, and no download: that is made at full size."""
    if scene is None:
        return gr.skip(), gr.skip(), gr.skip()
    found = scene.draw(_edit(values))
    return found.image, found.words(), gr.DownloadButton(interactive=False)


@GPU
def repose(
    bench: Workbench,
    source: Any,
    yaw: float = 0,
    pitch: float = 0,
    smile: float = 0,
    frown: float = 0,
    mouth_open: float = 0,
    brow_raise: float = 0,
    eyes: float = 0,
    consent: bool = False,
    face: str = parts.ASK,
) -> tuple[Any, ...]:
    """Edit a photo: turn the head (±18 and ±10 degrees) and change the expression.

    Returns the face close up, what was done, and the whole photo as PNG that says it is edited.
    """
    from workbench.generation import marking
    from workbench.generation.repose import close_up, wears_glasses
    from workbench.generation.repose import repose as edited

    if source is None:
        raise BadRequest("Drop a photo first.")
    if consent is not True:
        raise BadRequest(f"Please confirm first: “{parts.CONSENT}”.")
    photo, mine = _face(bench, source, face)
    edit = _edit((yaw, pitch, smile, frown, mouth_open, brow_raise, eyes))
    found = edited(photo.image, mine, edit, wears_glasses(photo.image, mine, bench.parser("compact")))
    data = marking.png(found.image, marking.edited(found.edit.words()))
    path = write(results(bench.settings) / f"{photo.photo.stem}_edited.png", data)
    return close_up(found.image, mine)[0], found.words(), path


def _edit(values: Any) -> Any:
    from workbench.generation.repose_moves import Edit

    return Edit(**dict(zip((name for name, *_ in SLIDERS), values, strict=True)))


def _face(bench: Workbench, source: Any, choice: Any) -> tuple[Found, Any]:
    found = find_in(bench, source)
    return found, chosen(found, None if str(choice or parts.ASK).strip() == parts.ASK else choice)[1]
