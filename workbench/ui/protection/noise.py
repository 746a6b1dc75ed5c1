"""The comparison under a protection: noise on single pixels that is as visible, found by the same search."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.ui.common.background import in_background
from workbench.ui.common.events import GPU, MODELS_AT_ONCE, MODELS_QUEUE, bound
from workbench.ui.common.faces import chosen
from workbench.ui.common.outcome import Outcome, cancel_button
from workbench.ui.common.widgets import FULL
from workbench.ui.protection import views
from workbench.ui.protection.parts import Ready, pair
from workbench.watch import Watch


def noise_panel(bench: Workbench, waiting: gr.State, face: gr.Dropdown, result: gr.State) -> Outcome:
    """A folded panel: noise of equal visibility, its slider and its scores. Returns their state."""
    with gr.Accordion("Compare with pixel noise of equal visibility", open=False, elem_id="protect-noise"), gr.Column():
        gr.Markdown(
            "The same recognisers attacked by sign steps on single pixels (PGD), scaled to the same SSIM inside the face."  # noqa: E501
        )
        with gr.Row():
            start = gr.Button("Compare", size="sm", elem_id="noise-start")
            stop = cancel_button("noise-stop")
        outcome = Outcome("noise", start, stop)
        slider = gr.ImageSlider(label="Before | pixel noise", interactive=False, max_height=460, buttons=FULL)
        table = gr.HTML(elem_id="noise-table")
    outcome.run(
        start.click,
        bound(compare, bench),
        [waiting, face, result],
        [slider, table],
        api_visibility="private",
        show_progress_on=[slider],
        concurrency_id=MODELS_QUEUE,
        concurrency_limit=MODELS_AT_ONCE,
    )
    outcome.cancels()
    return outcome


@GPU
def compare(
    bench: Workbench,
    waiting: Ready | None,
    face: str,
    result: tuple[float, list[str], list[str]] | None,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[tuple[Any, ...]]:
    """Pixel noise as visible as the protection on the screen: close-ups before and after, and every recogniser's
    scores."""
    if waiting is None or result is None:
        raise BadRequest("Protect a photo first: the noise is made as visible as that protection.")
    _, mine = chosen(waiting.found, face)

    def work(watch: Watch) -> tuple[Any, ...]:
        from workbench.protection.judge import opened
        from workbench.protection.noise import equal_noise

        ssim, attacked, judges = result
        models = [bench.recogniser(model) for model in attacked], [bench.recogniser(model) for model in judges]
        found = equal_noise(waiting.image, mine, waiting.parsing, *models, bench.finder(), ssim, watch)
        titles = {spec.id: spec.title for spec in bench.specs("recognition")}
        pictures = pair(waiting.folder, waiting.image, opened(found.photo), mine, "noise")
        return pictures, views.verdict_html(found, titles) + views.table_html(
            found, titles
        ) + f"<p>{views.figures_markdown(found)}</p>"

    for done in in_background(work, progress):
        yield done if done is not None else (gr.skip(), gr.skip())
