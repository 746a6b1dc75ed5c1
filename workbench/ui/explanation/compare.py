"""One face, several methods and models side by side: which maps agree, and which of them are evidence."""

from collections.abc import Iterator
from typing import Any

import gradio as gr
import numpy as np
import pandas as pd

from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.explanation.methods import find
from workbench.ui.common.background import in_background
from workbench.ui.common.events import GPU, bound
from workbench.ui.common.faces import chosen, find_in
from workbench.ui.common.outcome import Outcome, run_buttons
from workbench.ui.common.strip import begin, follow
from workbench.ui.common.widgets import PLAIN, PagePhoto, photo_box, receive, send_to
from workbench.ui.explanation import views
from workbench.ui.explanation.matrix import matrix_html
from workbench.ui.explanation.one import QUEUE
from workbench.ui.explanation.parts import (
    USUAL,
    explainable,
    method_rows,
    model_of,
    parsed,
    parsers,
)
from workbench.watch import Watch

TASKS = ("expression",)
USUAL_METHODS = ["grad_cam", "integrated_gradients", "occlusion"]


def build_inside(bench: Workbench, photo: PagePhoto = None) -> None:
    """Lay the sub-tab out: one photo, two lists, a gallery and a table."""
    models = explainable(bench, TASKS)
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=280):
            source = photo_box("Photo", elem_id="grid-photo", height=260)
            face = gr.Textbox("Face 1", label="Face (1 is the largest)")
            label = gr.Textbox(
                "", label="Expression", placeholder="empty: the first model's own answer", elem_id="grid-label"
            )
            chosen = gr.CheckboxGroup(
                models, value=[value for _, value in models[:2]], label="Models", elem_id="grid-models"
            )
            methods = gr.CheckboxGroup(method_rows(USUAL), value=USUAL_METHODS, label="Methods", elem_id="grid-methods")
            parser = gr.Dropdown(parsers(bench), value=parsers(bench)[0][1], label="Parts from")
            proving = gr.Checkbox(True, label="Prove every map (slower)")
            start, stop = run_buttons("Compare", "grid")
        with gr.Column(scale=2, min_width=320):
            outcome = Outcome("grid", start, stop, named=[chosen, label, methods])
            grid = gr.HTML(elem_id="grid-matrix", padding=False)
            gallery = gr.Gallery(
                label="Maps, large",
                columns=3,
                height="auto",
                elem_id="grid-gallery",
                elem_classes="figures",
                buttons=PLAIN,
                object_fit="contain",
            )
            words = gr.Markdown(elem_id="grid-words")
            table = gr.Dataframe(
                label="Rank correlation of the maps (1: they order the pixels alike)", interactive=False
            )
    outcome.run(
        start.click,
        bound(compare_maps, bench),
        [source, face, label, chosen, methods, parser, proving],
        [gallery, words, table, grid],
        api_name="explain_compare",
        show_progress_on=[grid],
        **QUEUE,
    )
    begin(photo, outcome.photos([source]), face)
    outcome.ages(face, label, chosen, methods, parser, proving, after=follow(photo, source, face))
    outcome.cancels()
    send_to(source, photo)
    receive(photo, source)


@GPU
def compare_maps(
    bench: Workbench,
    source: Any,
    face: str,
    label: str,
    models: list[str],
    methods: list[str],
    parser: str = "compact",
    prove: bool = True,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[tuple[Any, ...]]:
    """Draw several methods on several models for one face. Returns the maps with their verdicts, words, how much they
    agree, and the maps as a table of methods and models (HTML)."""
    if source is None or not models or not methods:
        raise BadRequest("Drop a photo and choose at least one model and one method.")
    for result in in_background(
        lambda watch: _work(bench, source, face, label, models, methods, parser, prove, watch), progress
    ):
        yield result if result is not None else (gr.skip(),) * 4


def _work(
    bench: Workbench,
    source: Any,
    face: str,
    label: str,
    models: list[str],
    methods: list[str],
    parser: str,
    prove: bool,
    watch: Watch,
) -> tuple[Any, ...]:
    from workbench.explanation.many import compare

    rows = [find(method).id for method in methods]
    loaded = {model: model_of(bench, model, TASKS) for model in models}
    watch.tell(0.02, "looking for faces")
    found = find_in(bench, source)
    image, (_, mine) = found.image, chosen(found, face or "Face 1")
    parts = parsed(bench, image, found.faces, parser)
    first = next(iter(loaded.values()))[0]
    asked = str(label or "").strip() or first.scores(image, mine).top
    grid = compare(loaded, rows, asked, image, mine, parsing=parts, prove=prove, watch=watch.part(0.1, 1.0))
    drawn = {
        (cell.model, cell.method): views.close_up(image, cell.explanation.heatmap.values, mine, 0.7, 300)
        for cell in grid.cells
        if cell.explanation
    }
    pictures = [(drawn[cell.model, cell.method], _caption(cell)) for cell in grid.cells if cell.explanation]
    pictures += _consensus(image, mine, grid)
    titles = {model: bench.spec(model).title for model in loaded}
    return pictures, _words(asked, grid), _table(grid.names, grid.agreement), matrix_html(grid.cells, drawn, titles)


def _consensus(image: np.ndarray, face: Any, grid: Any) -> list[tuple[np.ndarray, str]]:
    """For every model with two maps or more that passed chance: their consensus, each weighted by how far it passed."""
    from workbench.explanation.explain import on_photo
    from workbench.explanation.more_tests import consensus

    found = []
    for model in dict.fromkeys(cell.model for cell in grid.cells):
        cells = [cell for cell in grid.cells if cell.model == model and cell.proof and cell.proof.verdict.counts]
        if len(cells) < 2:
            continue
        worth = [cell.proof.verdict.gain - cell.proof.verdict.chance for cell in cells]
        joined = consensus([cell.explanation.chip_map.values for cell in cells], worth)
        heat = on_photo(np.maximum(2 * joined - 1, 0), cells[0].explanation.matrix, image.shape)
        picture = views.close_up(image, heat, face, 0.7, 300)
        found.append((picture, f"{model} · consensus of {len(cells)} maps, weighted by what they are worth"))
    return found


def _caption(cell: Any) -> str:
    verdict = f": {cell.proof.verdict.word} ({cell.proof.verdict.gain:.2f})" if cell.proof else ""
    return f"{cell.model} · {find(cell.method).title}{verdict}"


def _words(label: str, grid: Any) -> str:
    proved = [cell.proof for cell in grid.cells if cell.proof]
    lines = [f"Asked: why **{label}**?"]
    if proved:
        lines.append(f"{sum(proof.verdict.counts for proof in proved)} of {len(proved)} maps count as evidence.")
    lines += [f"- {cell.model} · {find(cell.method).title}: {cell.reason}" for cell in grid.cells if cell.reason]
    return "\n\n".join(lines[:2]) + ("\n\n" + "\n".join(lines[2:]) if lines[2:] else "")


def _table(names: tuple[str, ...], agreement: np.ndarray) -> pd.DataFrame:
    frame = pd.DataFrame(agreement.round(2), columns=list(names))
    frame.insert(0, "map", list(names))
    return frame
