"""Where models look over many faces: global heatmaps per expression, their overlap with what people look at, and a tree
of them."""

import functools
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import gradio as gr
import numpy as np
import pandas as pd

from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.explanation.methods import find
from workbench.settings import Settings
from workbench.ui.common.background import in_background
from workbench.ui.common.events import GPU, bound
from workbench.ui.common.outcome import Outcome, run_buttons
from workbench.ui.common.own_words import own_words
from workbench.ui.common.widgets import PLAIN, file_room, read_photo, results, write
from workbench.ui.explanation import views
from workbench.ui.explanation.compare import TASKS
from workbench.ui.explanation.one import QUEUE
from workbench.ui.explanation.parts import USUAL, explainable, method_rows, model_of
from workbench.values import Face
from workbench.watch import Watch

MOST = 200
"""Photos one visit may send at once."""
OWN = "each photo's own answer"


def build_inside(bench: Workbench) -> None:
    """Lay the sub-tab out: photos and choices left, heatmaps, table and tree right."""
    models = explainable(bench, TASKS)
    methods = [row for row in method_rows(USUAL) if not find(row[1]).needs & {"parts"}]
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=280):
            name = f"Photos (up to {MOST}; the largest face counts)"
            with file_room():
                sources = gr.File(label=name, file_count="multiple", file_types=["image"], elem_id="global-photos")
            label = gr.Textbox(OWN, label="Expression asked for", elem_id="global-label")
            chosen = gr.CheckboxGroup(
                models, value=[value for _, value in models], label="Models", elem_id="global-models"
            )
            method = gr.CheckboxGroup(methods, value=["occlusion"], label="Methods", elem_id="global-methods")
            start, stop = run_buttons("Average", "global")
            gr.Markdown("Whole folders, every figure: `python -m workbench explain FOLDER --out DIR`")
        with gr.Column(scale=2, min_width=320):
            outcome = Outcome("global", start, stop, named=[chosen, label, method])
            gallery = gr.Gallery(
                label="Global heatmaps", columns=4, height="auto", elem_id="global-gallery", buttons=PLAIN,
                elem_classes="figures",
            )  # fmt: skip
            words = gr.Markdown(elem_id="global-words")
            table = gr.Dataframe(
                label="Agreement with the Friesen–Ekman regions", interactive=False, elem_id="global-table"
            )
            tree = gr.Plot(label="Which heatmaps are alike", elem_id="global-tree")
            numbers = gr.DownloadButton("Heatmaps (NPZ)", size="sm", interactive=False)
    outcome.run(
        start.click,
        bound(explain_many, bench),
        [sources, label, chosen, method],
        [gallery, words, table, tree, numbers],
        api_name="explain_many",
        show_progress_on=[gallery],
        **QUEUE,
    )
    outcome.photos([sources])
    outcome.ages(label, chosen, method)
    outcome.cancels()


@GPU
def explain_many(
    bench: Workbench,
    sources: list[str] | None,
    label: str,
    models: list[str],
    methods: list[str],
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[tuple[Any, ...]]:
    """Average the heatmaps of many faces in one frame.

    label: an expression, or empty for each photo's own top answer. Returns the heatmaps, a summary, a row of figures
    for each, the tree, and the arrays (NPZ).
    """
    if not sources or not models or not methods:
        raise BadRequest("Add some photos and choose at least one model and one method.")
    if len(sources) > MOST:
        raise BadRequest(
            f"Expected at most {MOST} photos at once, got {len(sources)}. Use the command line for folders."
        )
    for result in in_background(lambda watch: _work(bench, list(sources), label, models, methods, watch), progress):
        yield result if result is not None else (gr.skip(),) * 5


def _work(
    bench: Workbench, sources: list[str], label: str, models: list[str], methods: list[str], watch: Watch
) -> tuple[Any, ...]:
    from workbench.explanation.many import survey
    from workbench.explanation.overview import tree

    loaded = {model: model_of(bench, model, TASKS)[0] for model in models}
    first, asked = next(iter(loaded.values())), str(label or "").strip()
    own = asked in ("", OWN)

    def label_of(name: str, image: np.ndarray, face: Face) -> str:
        return first.scores(image, face).top if own else asked

    photos = [(Path(path).name, functools.partial(_pixels, path, bench.settings)) for path in sources]
    found = survey(photos, bench.finder(), loaded, [find(method).id for method in methods], label_of, watch=watch)
    gallery = [
        (_coloured(row.heat, row.mesh), f"{row.expression} · {row.who} ({row.faces} faces)") for row in found.rows
    ]
    names = [f"{row.expression} · {row.who}" for row in found.rows]
    figure = views.tree_figure(tree(names, [row.heat for row in found.rows])) if len(names) > 1 else None
    buffer = io.BytesIO()
    np.savez_compressed(buffer, names=np.array(names), heatmaps=np.stack([row.heat for row in found.rows]))
    path = write(results(bench.settings) / "heatmaps.npz", buffer.getvalue())
    return gallery, _words(found), _table(found), figure, path


def _pixels(path: str, settings: Settings) -> np.ndarray:
    return read_photo(path, settings).image


def _words(found: Any) -> str:
    from workbench.explanation.overview import PAPER_IOU

    lines = []
    if np.isfinite(found.mean_iou):
        mean, worst, best = PAPER_IOU
        lines.append(
            f"Mean overlap with the regions people look at: **{found.mean_iou:.3f}** (twelve networks in the paper by "
            f"Gaya-Morey et al.: "
            f"{mean:.3f}, from {worst:.3f} to {best:.3f}; the paper's masks and threshold are its own)."
        )
    return "\n".join(lines + [f"- {own_words(name)}: {reason}" for name, reason in found.missing])


def _table(found: Any) -> pd.DataFrame:
    columns = ["Expression", "Model", "Faces", "IoU", "IoU by chance", "Correlation"]
    rows = [
        (row.expression, row.who, row.faces, *(round(x, 3) for x in (row.iou, row.chance, row.correlation)))
        for row in found.rows
    ]
    return pd.DataFrame(rows, columns=columns)


def _coloured(heat: np.ndarray, mesh: np.ndarray | None = None) -> np.ndarray:
    """The map twice as large, with the outline of the mean face: no photo shines through, nobody is to be
    recognised."""
    from workbench.drawing import heat_colors
    from workbench.mesh import OVAL, REGIONS

    picture = np.kron(heat_colors(heat, signed=False), np.ones((2, 2, 1), np.uint8))
    if mesh is not None:
        paths = [np.round(8 * (2 * mesh[list(path)] + 0.5)).astype(np.int32) for path in (OVAL, *REGIONS.values())]
        dark = picture.astype(np.float32).mean() < 128
        cv2.polylines(picture, paths, True, (235, 235, 235) if dark else (40, 40, 40), 1, cv2.LINE_AA, 3)
    return picture
