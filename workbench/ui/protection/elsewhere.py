"""Judge a photo that was protected elsewhere: before and after, what recognisers read, how plainly it is seen."""

from typing import Any

import gradio as gr

from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.ui.common.events import GPU, MODELS_AT_ONCE, MODELS_QUEUE, bound
from workbench.ui.common.faces import chosen, find_in
from workbench.ui.common.outcome import Outcome, run_buttons
from workbench.ui.common.widgets import FULL, PLAIN, photo_box
from workbench.ui.protection import views
from workbench.ui.protection.parts import pair, ready, recognisers

TONES = {True: "good", False: "bad"}


def build_inside(bench: Workbench) -> None:
    """Lay the sub-tab out."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            before = photo_box("The photo as it was", elem_id="elsewhere-before", height=170)
            after = photo_box("The photo as it is now", elem_id="elsewhere-after", height=170)
            with gr.Accordion("Compare with another photo of the same person", open=False):
                other = photo_box("Another photo", height=170, elem_id="elsewhere-other")
            start, stop = run_buttons("Judge", "elsewhere")
        with gr.Column(scale=3, min_width=320):
            outcome = Outcome("elsewhere", start, stop)
            slider = gr.ImageSlider(
                label="Before | after", interactive=False, elem_id="elsewhere-slider", max_height=560, buttons=FULL
            )
            verdict = gr.HTML(elem_id="elsewhere-verdict")
            table = gr.HTML(elem_id="elsewhere-table")
            figures = gr.Markdown(elem_id="elsewhere-figures")
            heat = gr.Image(label="What changed", interactive=False, format="png", height=320, buttons=PLAIN)
            gr.Markdown(
                "For photos from an app, Fawkes, LowKey or any other tool. Every recogniser here only judges: none was "
                "attacked, as far as is known here. Whole photos, neither cropped nor turned; the largest face counts."
            )
    outcome.run(
        start.click,
        bound(judge_protected, bench),
        [before, after, other],
        [slider, verdict, table, figures, heat],
        api_name="judge_protected",
        show_progress_on=[slider],
        concurrency_id=MODELS_QUEUE,
        concurrency_limit=MODELS_AT_ONCE,
    )
    outcome.photos([before, after, other])
    outcome.cancels()


@GPU
def judge_protected(bench: Workbench, before: Any, after: Any, other: Any = None) -> tuple[Any, ...]:
    """Judge a photo that was protected elsewhere.

    before, after: the whole photo as it was and as it is now, the largest face counts. other: another photo of the
    person to compare with. Returns close-ups before and after, the outcome, every recogniser's scores, the looks and
    where it changed.
    """
    from workbench.protection.elsewhere import judge_elsewhere, words

    if before is None or after is None:
        raise BadRequest("Two photos are needed: the photo as it was, and as it is now.")
    waiting, changed = ready(bench, before, whole=True), find_in(bench, after)
    _, face = chosen(waiting.found, "Face 1")
    compared = None if other is None else find_in(bench, other)
    judges = [bench.recogniser(model) for _, model in recognisers(bench)]
    found = judge_elsewhere(
        waiting.image,
        face,
        changed.image,
        judges,
        bench.finder(),
        waiting.parsing,
        None if compared is None else (compared.image, compared.faces[0]),
    )
    titles = {spec.id: spec.title for spec in bench.specs("recognition")}
    told = words(found, titles)
    good = found.state == "protected"
    title = "No recogniser here matches it" if good else "Still matched"
    return (
        pair(waiting.folder, waiting.image, changed.image, face, "elsewhere"),
        views.box(title, told, TONES[good], found.state),
        views.table_html(found, titles),
        views.figures_markdown(found),
        views.heat_view(waiting.image, found.change, face),
    )
