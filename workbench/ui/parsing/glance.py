"""Everything at a glance, below a parsed photo: one page of all that is known of it, to keep or to hand on."""

from typing import Any

import gradio as gr

from workbench.bench import Workbench
from workbench.ui.common.events import GPU, MODELS_AT_ONCE, MODELS_QUEUE, bound
from workbench.ui.common.faces import find_in
from workbench.ui.common.outcome import Outcome, run_buttons
from workbench.ui.common.widgets import results
from workbench.watch import Watch


def glance_panel(bench: Workbench, source: gr.Image) -> None:
    """Lay it out below the result of the photo in `source`."""
    with gr.Accordion("Everything at a glance", open=False, elem_id="glance"), gr.Column():
        outcome_words = (
            "Parts, points, pose, quality, expression, age, recognisers and the best supported heatmap. Takes about "
            "half a minute on two cores."
        )
        start, stop = run_buttons("Make the page", "glance")
        outcome = Outcome("glance", start, stop, empty=outcome_words)
        saved = gr.DownloadButton("One page (HTML)", size="sm", interactive=False, elem_id="glance-page")
        gr.Markdown("The page holds the photo: whoever gets it sees it.")
    outcome.run(
        start.click,
        bound(glance, bench),
        [source],
        [saved],
        api_name="glance",
        concurrency_id=MODELS_QUEUE,
        concurrency_limit=MODELS_AT_ONCE,
        show_progress_on=[outcome.line],
    )
    outcome.photos([source])
    outcome.cancels()


@GPU
def glance(bench: Workbench, source: str | None, progress: gr.Progress = gr.Progress()) -> Any:  # noqa: B008
    """Everything that is known of a photo as one HTML page: parts, points, pose, quality, expression, age, recognisers
    and the best supported heatmap, each with what it is worth. The page holds the photo."""
    from workbench.glance.look import glance as look_at
    from workbench.glance.page import page

    found = find_in(bench, source)
    progress(0.05, desc="loading the models")
    watch = Watch(lambda share, word: progress(share, desc=word))
    seen = look_at(found, bench.readers(), bench.default_recognisers(), watch=watch)
    path = results(bench.settings) / f"{found.photo.stem}_glance.html"
    path.write_text(page(seen), encoding="utf-8")
    return str(path)
