"""Many photos in, one zip out: a part map for each, one table for all, and a list of what could not be read."""

import io
import zipfile
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pandas as pd

from workbench.bench import Workbench
from workbench.drawing import overlay
from workbench.errors import BadRequest, Cancelled, WorkbenchError
from workbench.images import limit
from workbench.ui.common.events import GPU, MODELS_AT_ONCE, MODELS_QUEUE, bound
from workbench.ui.common.outcome import Outcome, run_buttons
from workbench.ui.common.widgets import file_room, model_choice, results

MOST = 200
"""Photos one visit may send at once; a folder of more belongs on the command line."""
SMALL = 240
"""Longer side of a picture of the grid, in pixels."""


def build_inside(bench: Workbench) -> None:
    """Lay the batch out in the tab that is open."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=280):
            with file_room():
                sources = gr.File(
                    label=f"Photos (up to {MOST})", file_count="multiple", file_types=["image"], elem_id="many-photos"
                )
            model = model_choice(bench, "parsing", elem_id="many-model")
            start, stop = run_buttons("Parse all", "many")
            gr.Markdown("Whole folders: `python -m workbench parse FOLDER --out DIR`")
        with gr.Column(scale=2, min_width=320):
            outcome = Outcome("many", start, stop, named=[model])
            package = gr.DownloadButton("Everything (zip)", interactive=False, elem_id="many-zip")
            grid = gr.Gallery(
                label="Which could be parsed",
                show_label=False,
                columns=5,
                height="auto",
                elem_id="many-grid",
                elem_classes=["figures", "given-names"],
                buttons=["fullscreen"],
                interactive=False,
            )
            table = gr.Dataframe(label="Photos", interactive=False, elem_id="many-table", elem_classes="given-0")
    outcome.run(
        start.click,
        bound(parse_many, bench),
        [sources, model],
        [package, table, grid],
        api_name="parse_many",
        concurrency_id=MODELS_QUEUE,
        concurrency_limit=MODELS_AT_ONCE,
    )
    outcome.photos([sources])
    outcome.ages(model)
    outcome.cancels()


@GPU
def parse_many(
    bench: Workbench,
    sources: list[str] | None,
    model: str,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> tuple[Any, ...]:
    """Parse every photo. Returns a zip (`<name>.png` palette maps, `summary.csv`), a row per photo with what went
    wrong, and a small picture of each with ✓ or ✗."""
    from workbench.tasks.parsing_export import palette_png
    from workbench.ui.parsing.one import run_parser

    if not sources:
        raise BadRequest("Add some photos first.")
    if len(sources) > MOST:
        raise BadRequest(
            f"Expected at most {MOST} photos at once, got {len(sources)}. Use the command line for folders."
        )
    rows, measures, grid, buffer = [], [], [], io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, path in enumerate(sources, start=1):
            name = f"{number:03d}-{Path(path).stem[:60]}"
            progress((number - 1) / len(sources), desc=f"Photo {number} of {len(sources)}")
            try:
                answer = run_parser(bench, path, model, _quiet)
            except Cancelled:
                raise
            except WorkbenchError as error:
                rows.append({"photo": Path(path).name, "faces": 0, "result": str(error)})
                grid.append((np.full((SMALL, SMALL, 3), 200, np.uint8), f"✗ {Path(path).name}: {error}"))
                continue
            archive.writestr(f"{name}.png", palette_png(answer.parsing))
            measures += [{"photo": Path(path).name, **row} for row in answer.rows]
            faces = len(answer.parsing.faces)
            rows.append({"photo": Path(path).name, "faces": faces, "result": f"{name}.png"})
            told = f"✓ {Path(path).name}: {faces} face{'' if faces == 1 else 's'}"
            grid.append((limit(overlay(answer.seen, answer.seen_parsing.labels), SMALL), told))
        archive.writestr("summary.csv", pd.DataFrame(measures).to_csv(index=False))
    package = results(bench.settings) / "parts.zip"
    package.write_bytes(buffer.getvalue())
    return str(package), pd.DataFrame(rows), grid


def _quiet(*args: Any, **kwargs: Any) -> None:
    """A progress nobody sees: the batch shows its own."""
