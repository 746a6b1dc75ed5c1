"""A zip of photos in slices: clusters of reasons, who is right where, the map of photos, and rows to filter."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd

from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.explanation.methods import find
from workbench.ui.common.background import in_background
from workbench.ui.common.events import GPU, bound
from workbench.ui.common.outcome import Outcome, run_buttons
from workbench.ui.common.own_words import own_words
from workbench.ui.common.widgets import PLAIN, QUIET, file_room, results, write
from workbench.ui.explanation.compare import TASKS
from workbench.ui.explanation.one import QUEUE
from workbench.ui.explanation.parts import USUAL, explainable, method_rows, model_of
from workbench.watch import Watch

MOST = 400
"""Photos one visit may send at once."""
EMPTY = (
    "Drop a zip of photos, with labels and groups as Evaluation reads them, or without. Photos that are judged for the "
    "same reason lie in one cluster: a reason that has nothing to do with the face stands apart."
)
ALL = "all"


def build_inside(bench: Workbench) -> None:
    """Lay the sub-tab out: zip and choices left, clusters, map, filters and rows right."""
    models = explainable(bench, TASKS)
    methods = [row for row in method_rows(USUAL) if not find(row[1]).needs & {"parts"}]
    held = gr.State(None, time_to_live=bench.settings.photo_lifetime)
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=280):
            with file_room():
                source = gr.File(label=f"Photos (zip, up to {MOST})", file_types=[".zip"], elem_id="slices-photo")
            model = gr.Dropdown(models, value=models[0][1] if models else None, label="Model", elem_id="slices-model")
            method = gr.Dropdown(methods, value="occlusion", label="Heatmaps by", elem_id="slices-method")
            way = gr.Dropdown([("PCA", "pca"), ("UMAP (extra)", "umap")], value="pca", label="Map of the photos")
            start, stop = run_buttons("Slice", "slices")
            gr.Markdown("Whole folders: `python -m workbench slices FOLDER --out DIR`")
        with gr.Column(scale=2, min_width=320):
            outcome = Outcome("slices", start, stop, named=[model, method])
            words = gr.Markdown(EMPTY, elem_id="slices-words")
            gallery = gr.Gallery(
                label="Mean heatmap of each cluster", columns=4, height="auto", buttons=PLAIN, elem_id="slices-gallery",
                elem_classes="figures",
            )  # fmt: skip
            places = gr.HTML(elem_id="slices-map")
            with gr.Row():
                said = gr.Dropdown([ALL], value=ALL, label="Answer", allow_custom_value=True)
                group = gr.Dropdown(
                    [ALL], value=ALL, label="Group", allow_custom_value=True, elem_classes="given-choices"
                )
                right = gr.Dropdown([ALL, "right", "wrong"], value=ALL, label="Right or wrong", elem_id="slices-right")
                least = gr.Slider(0, 1, 0, step=0.05, label="Confidence from")
                quality = gr.Slider(0, 1, 0, step=0.05, label="Quality from")
            table = gr.Dataframe(
                label="Photos",
                interactive=False,
                elem_id="slices-table",
                elem_classes=["given-0", "given-1", "given-7"],
            )
            with gr.Row():
                page = gr.DownloadButton("Page (HTML)", size="sm", interactive=False, elem_id="slices-page")
                rows = gr.DownloadButton("Table (CSV)", size="sm", interactive=False)
    asked = outcome.run(
        start.click, bound(slices, bench), [source, model, method, way],
        [words, gallery, places, table, page, rows, held], api_name="slices", show_progress_on=[gallery], **QUEUE,
    )  # fmt: skip
    outcome.photos([source], clears=[said, group])
    outcome.ages(model, method, way)
    outcome.cancels()
    filters = [said, group, right, least, quality]
    asked.success(bound(choices, bench), held, [said, group], **QUIET)
    gr.on([each.input for each in filters], bound(shown, bench), [held, *filters], table, **QUIET)


@GPU
def slices(
    bench: Workbench,
    source: str | None,
    model: str = "compact-expression",
    method: str = "occlusion",
    way: str = "pca",
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[tuple[Any, ...]]:
    """Ask a model about every photo of a zip: who is right where, and which photos share a reason.

    model: an expression model. method: of the heatmaps. way: pca or umap, of the map of photos. Returns the clusters in
    words and as mean heatmaps, the map of photos (HTML), a row per photo, and both as a page (HTML) and a table (CSV).
    """
    if not source:
        raise BadRequest("Drop a zip of photos first.")
    for result in in_background(lambda watch: _work(bench, source, model, method, way, watch), progress):
        yield result if result is not None else (gr.skip(),) * 7


def _work(bench: Workbench, source: str, model: str, method: str, way: str, watch: Watch) -> tuple[Any, ...]:
    from workbench.evaluation.archive import unpack
    from workbench.slices import page as pages
    from workbench.slices.folder import cases_in
    from workbench.slices.folder import slices as sliced

    out = results(bench.settings)
    scratch = out / "photos"
    scorer, recogniser = model_of(bench, model, TASKS)[0], bench.recogniser()
    chosen = find(method).id
    try:
        watch.tell(0, "unpacking")
        folder = unpack(Path(source), scratch)
        if (count := len(cases_in(folder))) > MOST:
            raise BadRequest(f"Expected at most {MOST} photos at once, got {count}. Use the command line for folders.")
        found, clusters = sliced(folder, bench.finder(), scorer, recogniser, bench.settings, method=chosen, watch=watch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    gallery = [(pages.coloured(each.heat), pages.words(each, found.rows)) for each in clusters]
    lines = [f"- {pages.words(each, found.rows)}" for each in clusters]
    lines += [f"- left out: {own_words(name)}: {why}" for name, why in found.missing[:20]]
    lean = [_lean(row, cells) for row, cells in zip(found.rows, pages.cells(found.rows, clusters), strict=True)]
    return (
        "\n".join(lines),
        gallery,
        pages.scatter(found.rows, way),
        _table([cells for _, cells in lean]),
        write(out / "slices.html", pages.page(found, clusters, way).encode()),
        write(out / "slices.csv", pages.as_csv(found.rows, clusters)),
        lean,
    )


def _lean(row: Any, cells: Sequence[str]) -> tuple[Any, Sequence[str]]:
    """A row without its arrays, with its words: what the filters need."""
    from dataclasses import replace

    import numpy as np

    return replace(row, heat=np.zeros((0, 0), np.float32), vector=np.zeros(0, np.float32), mesh=None), cells


def choices(bench: Workbench, held: Any) -> tuple[Any, Any]:
    """The answers and groups there are, to filter by."""
    from workbench.slices.table import groups_of

    rows = [row for row, _ in held or []]
    answers = sorted({row.said for row in rows})
    return gr.Dropdown([ALL, *answers], value=ALL), gr.Dropdown([ALL, *groups_of(rows)], value=ALL)


def shown(bench: Workbench, held: Any, said: str, group: str, right: str, least: float, quality: float) -> Any:
    """The rows that pass the filters."""
    from workbench import checks
    from workbench.slices.table import Filter

    if held is None:
        return gr.skip()
    asked = Filter(
        group="" if group in (ALL, None) else str(group),
        right={"right": True, "wrong": False}.get(right),
        confidence=(checks.number("confidence", least, 0, 1), 1.0),
        quality=(checks.number("quality", quality, 0, 1), 1.0),
        said="" if said in (ALL, None) else str(said),
    )
    return _table([cells for row, cells in held if asked.keeps(row)])


def _table(lines: Sequence[Sequence[str]]) -> pd.DataFrame:
    from workbench.slices.page import COLUMNS

    return pd.DataFrame(list(lines), columns=list(COLUMNS))
