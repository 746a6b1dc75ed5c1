"""One photo: choose a look, see it at once, then search for a protection and read what every recogniser says of the
saved file."""

import json
from collections.abc import Iterator
from typing import Any

import gradio as gr
import numpy as np

from workbench import checks
from workbench.bench import Workbench
from workbench.errors import WorkbenchError
from workbench.marks import kept
from workbench.ui.common.background import in_background
from workbench.ui.common.events import GPU, MODELS_AT_ONCE, MODELS_QUEUE, bound
from workbench.ui.common.examples import example_row
from workbench.ui.common.faces import chosen, find_in
from workbench.ui.common.model_fetch import fetch_panel
from workbench.ui.common.widgets import FULL, PLAIN, photo_box, receive, send_to
from workbench.ui.explanation.parts import open_choice
from workbench.ui.protection import views
from workbench.ui.protection.makeup import EMPTY, adjustments, apply_makeup, arrive, blank, dress, look_choice
from workbench.ui.protection.noise import noise_panel
from workbench.ui.protection.parts import Ready, look_of, pair, proposed_roles, ready, recognisers, roles
from workbench.values import Face, Protection
from workbench.watch import Watch

QUEUE: dict[str, Any] = {"concurrency_id": MODELS_QUEUE, "concurrency_limit": MODELS_AT_ONCE}
AIMS = [("Not taken for me", "dodge"), ("Taken for somebody made up", "impersonate")]
STRENGTHS = [("Light: hard to see", "light"), ("Middle", "middle"), ("Strong: visible", "strong")]
TARGET = 3
"""Number of the made-up person that is proposed."""


def build_inside(bench: Workbench, photo: gr.State | None) -> None:
    """Lay the sub-tab out: photo and choices left, slider, verdict and figures right."""
    waiting = gr.State(None, time_to_live=bench.settings.photo_lifetime)
    result = gr.State(None, time_to_live=bench.settings.photo_lifetime)
    attacked, judges = proposed_roles(bench)
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            source = photo_box("Photo", elem_id="protect-photo", height=260)
            example_row(bench, source)
            face = open_choice([], "", "Face", "protect-face")
            look = look_choice()
            with gr.Accordion("Adjust the makeup", open=False, elem_id="protect-adjust"):
                makeup = adjustments(look)
            strength = gr.Radio(STRENGTHS, value="middle", label="Strength", elem_id="protect-strength")
            aim = gr.Radio(AIMS, value="dodge", label="Goal", elem_id="protect-aim")
            with gr.Group(visible=False) as made_up:
                target = gr.Number(
                    TARGET, precision=0, minimum=0, label="Number of the made-up person", elem_id="protect-target"
                )
                portrait = gr.Image(label="Nobody", interactive=False, height=150, buttons=[], format="png")
            with gr.Accordion("Recognisers", open=False) as folded:
                attack = gr.CheckboxGroup(
                    recognisers(bench), value=attacked, label="Search against", elem_id="protect-attack"
                )
                judge = gr.CheckboxGroup(
                    recognisers(bench),
                    value=judges,
                    label="Judge by (never seen by the search)",
                    elem_id="protect-judge",
                )
                all_in = gr.Checkbox(
                    False, label="All in: search against every one; no independent judge is left", elem_id="protect-all"
                )
                fetch_panel(bench, "recognition")
            with gr.Accordion("Compare with another photo of the same person", open=False, elem_id="protect-compare"):
                gr.Markdown(
                    "What a recogniser usually has is another photo. Without one, scores compare with this very "
                    "photo: stricter."
                )
                other = photo_box("Another photo", height=170, elem_id="protect-other")
            with gr.Row():
                start = gr.Button("Protect", variant="primary", elem_id="protect-start")
                stop = gr.Button("Cancel", elem_id="protect-stop")
                only = gr.Button("Makeup only", elem_id="protect-only")
        with gr.Column(scale=3, min_width=320):
            slider = gr.ImageSlider(
                label="Before | after", interactive=False, elem_id="protect-slider", max_height=560, buttons=FULL
            )
            verdict = gr.HTML(EMPTY, elem_id="protect-verdict")
            table = gr.HTML(elem_id="protect-table", visible=False)
            figures = gr.Markdown(elem_id="protect-figures", visible=False)
            with gr.Row():
                saved = gr.DownloadButton(
                    "Photo (JPEG, no metadata)", size="sm", interactive=False, elem_id="protect-jpeg"
                )
                numbers = gr.DownloadButton("Figures (JSON)", size="sm", interactive=False, elem_id="protect-json")
            heat = gr.Image(
                label="What changed",
                interactive=False,
                format="png",
                height=320,
                elem_id="protect-heat",
                buttons=PLAIN,
                visible=False,
            )
            noise_panel(bench, waiting, face, result)
            gr.Markdown(views.HONEST)
            send_to("protection", source, photo, bench)

    shown = [slider, verdict, table, figures, heat, saved, numbers, result]
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    source.change(
        bound(arrive, bench),
        [source, look, makeup],
        [waiting, face, *shown],
        api_visibility="private",
        show_progress_on=[slider],
        **QUEUE,
    )
    live = {
        "fn": bound(dress, bench),
        "inputs": [waiting, face, look, makeup],
        "outputs": shown,
        "trigger_mode": "always_last",
        **quiet,
    }
    for control in (look, makeup):
        control.change(**live)
    face.input(**live)
    folded.expand(bound(offered, bench), None, [attack, judge], **quiet)
    aim.change(lambda goal: gr.Group(visible=goal == "impersonate"), aim, made_up, **quiet)
    for moved in (aim.change, target.change):
        moved(bound(show_target, bench), [aim, target], portrait, **quiet)
    painted = only.click(
        bound(apply_makeup, bench),
        [source, face, look, makeup],
        [slider, verdict, saved],
        api_name="apply_makeup",
        show_progress_on=[slider],
        **QUEUE,
    )
    run = start.click(
        bound(protect, bench),
        [source, face, look, makeup, aim, target, strength, attack, judge, all_in, other],
        shown,
        api_name="protect",
        show_progress_on=[verdict],
        **QUEUE,
    )
    painted.success(_offer, None, saved, **quiet)
    run.success(_reveal, None, [table, figures, heat, saved, numbers], **quiet)
    stop.click(bound(stopped, bench), [waiting, face, look, makeup], shown, cancels=[run], **quiet)
    receive("protection", photo, source)


def offered(bench: Workbench) -> tuple[Any, Any]:
    """The recognisers to choose from as they are now: a fetched one joins without a new start."""
    rows = recognisers(bench)
    return gr.CheckboxGroup(choices=rows), gr.CheckboxGroup(choices=rows)


def _offer() -> Any:
    return gr.DownloadButton(interactive=True)


def _reveal() -> tuple[Any, ...]:
    return gr.HTML(visible=True), gr.Markdown(visible=True), gr.Image(visible=True), _offer(), _offer()


def show_target(bench: Workbench, aim: str, target: Any) -> Any:
    """The picture of a made-up person."""
    if aim != "impersonate":
        return None
    return made_up_person(bench, target)[0]


def made_up_person(bench: Workbench, target: Any) -> tuple[np.ndarray, Face]:
    """Picture and face of a number's person. Raises BadRequest, NoFace, ModelMissing."""
    from workbench.protection.targets import draw_target

    number = checks.whole("target", target, -(2**31), 2**31, "the whole number of a made-up person")
    return draw_target(bench.generator(), bench.finder(), number)


def stopped(bench: Workbench, waiting: Ready | None, face: str, look: str, makeup: str) -> tuple[Any, ...]:
    """After Cancel: the look alone again, so that no half-searched picture stays on the screen."""
    slider, _, *rest = dress(bench, waiting, face, look, makeup)
    return (
        slider,
        views.box("Cancelled", "Nothing was kept. The picture shows the makeup only.", "plain", "cancelled"),
        *rest,
    )


@GPU
def protect(
    bench: Workbench,
    source: Any,
    face: str = "",
    look: str = "neutral",
    makeup: str = "{}",
    aim: str = "dodge",
    target: float = TARGET,
    strength: str = "middle",
    attack: list[str] | None = None,
    judge: list[str] | None = None,
    all_in: bool = False,
    other: Any = None,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[tuple[Any, ...]]:
    """Protect one face of a photo by makeup that recognisers do not read through, and score the saved file.

    face: "Face 1" is the largest, or a place in the photo ("x, y" or "left, top, right, bottom"); needed when there are
    several. makeup: JSON of changes to the look. aim: "dodge" or "impersonate" (a made-up person, by number). strength:
    light, middle or strong. attack, judge: ids of recognisers. other: another photo of the person. Returns close-ups
    before and after, the verdict, every recogniser's scores, the looks, a heatmap, the JPEG and the figures.
    """
    asked = (source, face, look, makeup, aim, target, strength, attack, judge, all_in, other)
    seen: list[Any] = []
    picture: Any = gr.skip()
    try:
        for done in in_background(lambda watch: _work(bench, asked, seen, watch), progress):
            if done is not None:
                yield done
            elif seen:
                picture = None
                yield seen.pop(), _searching(), *blank()
            else:
                yield (gr.skip(),) * 8
    except WorkbenchError:
        yield (
            picture,
            views.box("Not done", "Nothing was kept; the reason is in the message.", "plain", "failed"),
            *blank(),
        )
        raise


def _searching() -> str:
    return views.box(
        "Searching…",
        "The picture shows how far it is. Nothing is claimed before the saved file was read.",
        "plain",
        "searching",
    )


def _work(bench: Workbench, asked: tuple[Any, ...], seen: list[Any], watch: Watch) -> tuple[Any, ...]:
    from workbench.protection.protect import Request
    from workbench.protection.protect import protect as search

    source, face, look, makeup, aim, target, strength, attack, judge, all_in, other = asked
    wanted, (attacked, judges) = look_of(look, makeup), roles(bench, attack, judge, all_in)
    watch.tell(0.01, "looking for faces")
    waiting = ready(bench, source, whole=True)
    _, mine = chosen(waiting.found, face)
    request = Request(
        aim=str(aim),
        strength=str(strength),
        look=wanted,
        other=None if other is None else _only(bench, other),
        target=made_up_person(bench, target) if aim == "impersonate" else None,
    )

    def preview(picture: np.ndarray) -> None:
        seen[:] = [pair(waiting.folder, waiting.image, picture, mine, f"search-{len(list(waiting.folder.iterdir()))}")]

    models = [bench.recogniser(model) for model in attacked], [bench.recogniser(model) for model in judges]
    found = search(
        waiting.image, mine, waiting.parsing, *models, bench.finder(), request, watch.part(0.1, 1.0), preview
    )
    return on_screen(bench, waiting, mine, found, (attacked, judges))


def _only(bench: Workbench, source: Any) -> tuple[np.ndarray, Face]:
    """The photo and largest face that scores compare with."""
    found = find_in(bench, source)
    return found.image, found.faces[0]


def on_screen(
    bench: Workbench, waiting: Ready, face: Face, found: Protection, sides: tuple[list[str], list[str]]
) -> tuple[Any, ...]:
    """Everything the screen shows of a protection; its picture is the saved file, opened again."""
    from workbench.protection.judge import opened
    from workbench.protection.summary import record

    photo, figures = waiting.file("protected.jpg"), waiting.file("protection.json")
    photo.write_bytes(kept(found.photo, waiting.found.photo.source))
    figures.write_text(json.dumps(record(found), indent=1, ensure_ascii=False) + "\n")
    after = opened(found.photo)
    titles = {spec.id: spec.title for spec in bench.specs("recognition")}
    return (
        pair(waiting.folder, waiting.image, after, face, "after"),
        views.verdict_html(found),
        views.table_html(found, titles),
        views.figures_markdown(found),
        views.heat_view(waiting.image, found.change, face),
        str(photo),
        str(figures),
        (found.ssim, *sides),
    )
