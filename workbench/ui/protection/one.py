"""One photo: choose a look, see it at once, then search for a protection and read what every recogniser says of the
saved file."""

from collections.abc import Iterator
from typing import Any

import gradio as gr
import numpy as np

from workbench.bench import Workbench
from workbench.errors import WorkbenchError
from workbench.ui.common.ask_people import Shown, ask_panel
from workbench.ui.common.background import in_background
from workbench.ui.common.events import GPU, MODELS_AT_ONCE, MODELS_QUEUE, bound
from workbench.ui.common.examples import example_row
from workbench.ui.common.faces import chosen, find_in
from workbench.ui.common.model_fetch import fetch_panel
from workbench.ui.common.outcome import Outcome, cancel_button, in_reach
from workbench.ui.common.strip import catch_up, follow
from workbench.ui.common.widgets import FULL, PLAIN, QUIET, photo_box, receive, send_to
from workbench.ui.explanation.parts import open_choice
from workbench.ui.protection import views
from workbench.ui.protection.curve import Climbed, choice, pick, shown, stronger
from workbench.ui.protection.makeup import EMPTY, adjustments, apply_makeup, arrive, blank, dress, look_choice
from workbench.ui.protection.nobody import made_up_person, show_target
from workbench.ui.protection.noise import noise_panel
from workbench.ui.protection.parts import Ready, look_of, pair, proposed_roles, ready, recognisers, roles
from workbench.ui.protection.pictures import look_row
from workbench.values import Face
from workbench.watch import Watch

QUEUE: dict[str, Any] = {"concurrency_id": MODELS_QUEUE, "concurrency_limit": MODELS_AT_ONCE}
AIMS = [("Not taken for me", "dodge"), ("Taken for somebody made up", "impersonate")]
STRENGTHS = [
    ("Light: to post", "light"),
    ("Medium: seen beside the original", "middle"),
    ("Strong: plain to see", "strong"),
]
ALONE = (
    "**Only one photo?** Then scores compare with this very photo, the hardest test there is: expect “not protected” "
    "more often. What a recogniser usually has is another photo of you; add one here to test against that."
)
TARGET = 3
"""Number of the made-up person that is proposed."""


def build_inside(bench: Workbench, photo: gr.State | None, tabs: gr.Tabs) -> None:
    """Lay the sub-tab out: photo and choices left, slider, verdict, curve and figures right. tabs: the sub-tabs, to
    lead to the plain ways to hide."""
    waiting = gr.State(None, time_to_live=bench.settings.photo_lifetime)
    result = gr.State(None, time_to_live=bench.settings.photo_lifetime)
    climbed = gr.State(None, time_to_live=bench.settings.photo_lifetime)
    attacked, judges = proposed_roles(bench)
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            source = photo_box("Photo", elem_id="protect-photo", height=190)
            look = look_choice(render=False)
            look_row(look)
            face = open_choice([], "", "Face", "protect-face")
            look.render()
            example_row(bench, source)
            with gr.Accordion("Adjust the makeup", open=False, elem_id="protect-adjust"):
                makeup = adjustments(look)
            strength = gr.Radio(
                STRENGTHS,
                value="light",
                label="Strength",
                info="Shown first. Protect computes a curve for your photo; pick another point of it afterwards.",
                elem_id="protect-strength",
            )
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
            gr.Markdown(ALONE, elem_id="protect-alone")
            with gr.Accordion(
                "Compare with another photo of the same person", open=False, elem_id="protect-compare"
            ) as comparing:
                other = photo_box("Another photo", height=170, elem_id="protect-other")
            with gr.Row(elem_classes="actions") as actions:
                start = gr.Button("Protect", variant="primary", elem_id="protect-start")
                stop = cancel_button("protect-stop")
                only = gr.Button("Makeup only", elem_id="protect-only")
            in_reach(actions)
        with gr.Column(scale=3, min_width=320):
            outcome = Outcome("protect", start, stop, named=[look, strength, aim])
            slider = gr.ImageSlider(
                label="Before | after", interactive=False, elem_id="protect-slider", max_height=560, buttons=FULL
            )
            verdict = gr.HTML(EMPTY, elem_id="protect-verdict")
            with gr.Row(visible=False, elem_id="protect-next") as further:
                more = gr.Button("Stronger", size="sm", elem_id="protect-stronger")
                second = gr.Button("Compare with another photo", size="sm", elem_id="protect-second")
                hide = gr.Button("Hide the face instead", size="sm", elem_id="protect-hide")
            curve = gr.HTML(elem_id="protect-curve")
            level = gr.Radio([], label="Pick a point", visible=False, elem_id="protect-level")
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
            ask_panel(
                bench,
                "protect",
                [("Same person?", "same"), ("Does it look edited?", "edited")],
                [slider],
                asked,
            )
            noise = noise_panel(bench, waiting, face, result)
            gr.Markdown(views.HONEST)
            send_to(source, photo)

    outputs = [slider, verdict, table, figures, heat, saved, numbers, result, curve]
    live = {
        "fn": bound(dress, bench),
        "inputs": [waiting, face, look, makeup],
        "outputs": outputs,
        "trigger_mode": "always_last",
        **QUIET,
    }
    for control in (look, makeup):
        control.change(**live)
    face.input(**live)
    meant = follow(photo, source, face)
    if meant is not None:
        meant.success(**live)
    folded.expand(bound(offered, bench), None, [attack, judge], **QUIET)
    aim.change(lambda goal: gr.Group(visible=goal == "impersonate"), aim, made_up, **QUIET)
    for moved in (aim.change, target.change):
        moved(bound(show_target, bench), [aim, target], portrait, **QUIET)
    outcome.run(
        only.click,
        bound(apply_makeup, bench),
        [source, face, look, makeup],
        [slider, verdict, saved],
        api_name="apply_makeup",
        show_progress_on=[slider],
        **QUEUE,
    )
    run = outcome.run(
        start.click,
        bound(protect, bench),
        [source, face, look, makeup, aim, target, strength, attack, judge, all_in, other],
        [*outputs, climbed],
        api_name="protect",
        show_progress_on=[verdict],
        **QUEUE,
    )
    arrived = outcome.photos([source], clears=[waiting, result, curve]).then(
        bound(arrive, bench),
        [source, look, makeup],
        [waiting, face, *outputs],
        api_visibility="private",
        show_progress_on=[slider],
        **QUEUE,
    )
    caught = catch_up(photo, arrived, face)
    if caught is not None:
        caught.success(**live)
    noise.photos([source])
    outcome.ages(look, strength, aim, target, attack, judge, all_in)
    run.success(_reveal, None, [table, figures, heat, saved, numbers], **QUIET)
    run.success(choice, climbed, level, **QUIET)
    curve.change(lambda drawn: gr.Radio(visible=bool(drawn)), curve, level, **QUIET)
    picked = level.input(bound(pick, bench), [climbed, level], outputs, **QUIET)
    raised = more.click(stronger, [climbed, level], level, **QUIET).then(
        bound(pick, bench), [climbed, level], outputs, **QUIET
    )
    for done in (run.success, picked.then, raised.then):
        done(_further, verdict, further, **QUIET)
    second.click(lambda: gr.Accordion(open=True), None, comparing, **QUIET)
    hide.click(lambda: gr.Tabs(selected="protect-plain"), None, tabs, **QUIET)
    outcome.cancels().then(bound(stopped, bench), [waiting, face, look, makeup], outputs, **QUIET)
    receive(photo, source)


def offered(bench: Workbench) -> tuple[Any, Any]:
    """The recognisers to choose from as they are now: a fetched one joins without a new start."""
    rows = recognisers(bench)
    return gr.CheckboxGroup(choices=rows), gr.CheckboxGroup(choices=rows)


def _offer() -> Any:
    return gr.DownloadButton(interactive=True)


def _reveal() -> tuple[Any, ...]:
    return gr.HTML(visible=True), gr.Markdown(visible=True), gr.Image(visible=True), _offer(), _offer()


def _further(verdict: str) -> Any:
    """The three ways on, where a protection has failed."""
    return gr.Row(visible="data-state='not protected'" in str(verdict))


def stopped(bench: Workbench, waiting: Ready | None, face: str, look: str, makeup: str) -> tuple[Any, ...]:
    """After Cancel: the look alone again, so that no half-searched picture stays on the screen."""
    slider, _, *rest = dress(bench, waiting, face, look, makeup)
    return (
        slider,
        views.box("Cancelled", "Nothing was kept. The picture shows the makeup only.", "plain", "cancelled"),
        *rest,
    )


def asked(bench: Workbench, question: str, slider: Any) -> list[Shown]:
    """The photo and its protected copy for people to compare, or each by itself to say whether it looks edited."""
    before, after = slider or (None, None)
    if before is None or after is None:
        return []
    shown = [(np.asarray(before)[..., :3], ""), (np.asarray(after)[..., :3], "protected")]
    return [shown] if question == "same" else [[one] for one in shown]


@GPU
def protect(
    bench: Workbench,
    source: Any,
    face: str = "",
    look: str = "neutral",
    makeup: str = "{}",
    aim: str = "dodge",
    target: float = TARGET,
    strength: str = "light",
    attack: list[str] | None = None,
    judge: list[str] | None = None,
    all_in: bool = False,
    other: Any = None,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[tuple[Any, ...]]:
    """Protect one face of a photo by makeup that recognisers do not read through, and score the saved file.

    face: "Face 1" is the largest, or a place in the photo ("x, y" or "left, top, right, bottom"); needed when there are
    several. makeup: JSON of changes to the look. aim: "dodge" or "impersonate" (a made-up person, by number). strength:
    light, middle or strong, or a visibility in just noticeable differences; what is shown first of the curve. attack,
    judge: ids of recognisers. other: another photo of the person. Returns close-ups before and after, the verdict,
    every recogniser's scores, the looks, a heatmap, the JPEG, the figures, and the curve with the levels to pick from.
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
                yield seen.pop(), _searching(), *blank(), None
            else:
                yield (gr.skip(),) * 10
    except WorkbenchError:
        yield (
            picture,
            views.box("Not done", "Nothing was kept; the reason is in the message.", "plain", "failed"),
            *blank(),
            None,
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
    from workbench.protection.protect import Request, protect_curve
    from workbench.protection.strength import strength_of, whole_curve

    source, face, look, makeup, aim, target, strength, attack, judge, all_in, other = asked
    wanted, (attacked, judges) = look_of(look, makeup), roles(bench, attack, judge, all_in)
    watch.tell(0.01, "looking for faces")
    waiting = ready(bench, source, whole=True)
    _, mine = chosen(waiting.found, face)
    request = Request(
        aim=str(aim),
        strength=whole_curve(strength),
        look=wanted,
        other=None if other is None else _only(bench, other),
        target=made_up_person(bench, target) if aim == "impersonate" else None,
    )

    def preview(picture: np.ndarray) -> None:
        seen[:] = [pair(waiting.folder, waiting.image, picture, mine, f"search-{len(list(waiting.folder.iterdir()))}")]

    models = [bench.recogniser(model) for model in attacked], [bench.recogniser(model) for model in judges]
    found = protect_curve(
        waiting.image, mine, waiting.parsing, *models, bench.finder(), request, watch.part(0.1, 1.0), preview
    )
    level = strength_of(strength).level
    levels = tuple(one.level if one.changed else level for one in found)
    climbed = Climbed(waiting, mine, levels, found, (attacked, judges), level)
    return *shown(bench, climbed, climbed.at(climbed.first)), climbed


def _only(bench: Workbench, source: Any) -> tuple[np.ndarray, Face]:
    """The photo and largest face that scores compare with."""
    found = find_in(bench, source)
    return found.image, found.faces[0]
