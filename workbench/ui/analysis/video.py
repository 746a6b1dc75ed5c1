"""Analysis of a clip: a row per picture and person, a line per person over time, and the annotated clip."""

from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd

from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.ui.common.events import GPU, MODELS_AT_ONCE, MODELS_QUEUE, bound
from workbench.ui.common.outcome import Outcome, run_buttons
from workbench.ui.common.widgets import QUIET, model_choice, results
from workbench.video.showing import COLOURS
from workbench.watch import CURRENT

SHOWN = 200
"""Rows of the table on the page; the files have all."""
FIRST = "yaw"
"""The measure that is drawn first."""
LINES = {f"Person {n}": "#{:02x}{:02x}{:02x}".format(*COLOURS[(n - 1) % len(COLOURS)]) for n in range(1, 101)}
"""A person's line has the colour of their box in the annotated clip."""
POINTS = 2000
"""Points of the lines on the page, evenly left out beyond."""


def build_inside(bench: Workbench) -> None:
    """Lay the sub-tab out."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            minutes = bench.settings.max_clip_seconds // 60
            source = gr.Video(
                label=f"Clip (up to {minutes} minutes)", sources=["upload"], height=260, elem_id="clip-source"
            )
            expression = model_choice(bench, "expression", "Expression", elem_id="clip-expression")
            every = gr.Slider(1, 25, 1, step=1, label="Measure every … picture", elem_id="clip-every")
            parts = gr.Checkbox(False, label="Colour the parts of faces (slower)", elem_id="clip-parts")
            known = gr.Checkbox(True, label="Know people again after they were gone", elem_id="clip-known")
            start, stop = run_buttons("Analyse", "clip")
            gr.Markdown("Any length: `python -m workbench analyse-video CLIP --out DIR`")
        table_path = gr.State(None)
        with gr.Column(scale=3, min_width=320):
            outcome = Outcome("clip", start, stop, named=[expression], empty="Drop a clip, then press Analyse.")
            written = gr.Video(label="Annotated", interactive=False, height=340, elem_id="clip-result", buttons=[])
            words = gr.Markdown(elem_id="clip-words")
            measure = gr.Dropdown([FIRST], value=FIRST, label="Over time", elem_id="clip-measure")
            plot = gr.LinePlot(
                None,
                x="seconds",
                y="value",
                color="person",
                color_map=LINES,
                height=240,
                elem_id="clip-plot",
                show_label=False,
            )
            with gr.Row():
                kinds = {"csv": "Table (CSV)", "parquet": "Table (Parquet)", "mp4": "Annotated clip (MP4)"}
                files = [
                    gr.DownloadButton(title, size="sm", interactive=False, min_width=120, elem_id=f"clip-{kind}")
                    for kind, title in kinds.items()
                ]
            table = gr.Dataframe(label=f"The first {SHOWN} rows", interactive=False, elem_id="clip-table")
    outcome.run(
        start.click,
        bound(analyse_video, bench),
        [source, expression, every, parts, known],
        [written, words, plot, table, *files, table_path],
        api_name="analyse_video",
        show_progress_on=[written],
        concurrency_id=MODELS_QUEUE,
        concurrency_limit=MODELS_AT_ONCE,
    ).success(bound(offer_measures, bench), table_path, measure, api_visibility="private", show_progress="hidden")
    measure.input(bound(lines, bench), [table_path, measure], plot, **QUIET)
    outcome.photos([source])
    outcome.ages(expression, every, parts, known)
    outcome.cancels()


@GPU
def analyse_video(
    bench: Workbench,
    source: str | None,
    expression: str = "",
    every: int = 1,
    parts: bool = False,
    known: bool = True,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> tuple[Any, ...]:
    """What every face of a clip shows, a row per picture and person.

    every: measure each so-manieth picture, 1 to 25. parts: colour the parts of faces in the annotated clip. known: ask
    a recogniser who is who after a gap. Returns the annotated clip, a sentence, one measure over time, the first rows,
    and as files the table (CSV, Parquet) and the clip.
    """
    from workbench.tasks.analysis import settled
    from workbench.video.analyse import Readers, analyse
    from workbench.video.clip import Limits
    from workbench.video.reading import open_clip
    from workbench.video.seeing import QUICK, Eyes
    from workbench.video.table import save

    if not isinstance(source, str) or not source:
        raise BadRequest("Drop a clip first.")
    if not isinstance(every, (int, float)) or not 1 <= every <= 25 or every != int(every):
        raise BadRequest("every: expected a whole number from 1 to 25.")
    clip = open_clip(Path(source), Limits.of_server(bench.settings))
    readers = Readers(
        bench.finder(),
        settled(bench, expression=str(expression or ""), attributes=()),
        parser=bench.parser() if parts else None,
        recogniser=bench.recogniser() if known else None,
    )
    folder = results(bench.settings)
    out = folder / f"{clip.stem}_annotated.mp4"
    shown = analyse(clip, Eyes(bench.finder(QUICK)), readers, out, int(every), CURRENT.get())
    tables = [folder / f"{clip.stem}_faces.{kind}" for kind in ("csv", "parquet")]
    for path in tables:
        save(shown.rows, path)
    said = " ".join([shown.words(), *shown.notes])
    first = pd.DataFrame(list(shown.rows[:SHOWN])).round(3)
    drawn = over_time(pd.DataFrame(list(shown.rows)), FIRST)
    return str(out), said, drawn, first, *map(str, tables), str(out), str(tables[1])


def offer_measures(bench: Workbench, path: str | None) -> Any:
    """What can be drawn of this table."""
    from workbench.video.table import measures

    table = _table(path)
    names = measures(table.head(SHOWN).to_dict("records")) if len(table) else [FIRST]
    return gr.Dropdown(names, value=FIRST if FIRST in names else names[0])


def lines(bench: Workbench, path: str | None, measure: str) -> Any:
    """One measure of a table over time."""
    return over_time(_table(path), str(measure))


def over_time(table: pd.DataFrame, measure: str) -> pd.DataFrame | None:
    """Columns seconds, value and person ("Person 1" …) of one measure; None where there is nothing to draw."""
    from workbench.video.table import measures

    if not len(table) or measure not in measures(table.head(SHOWN).to_dict("records")):
        return None
    drawn = table[["seconds", measure, "person"]].dropna().iloc[:: max(1, len(table) // POINTS)]
    named = drawn["person"].map(lambda number: f"Person {number}")
    return pd.DataFrame({"seconds": drawn["seconds"], "value": drawn[measure].astype(float), "person": named})


def _table(path: str | None) -> pd.DataFrame:
    return pd.read_parquet(path) if path else pd.DataFrame()
