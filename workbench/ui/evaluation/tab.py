"""The Evaluation tab: a zip of photos with masks, labels or pairs, the models to measure, and the report; who is in a
folder of photos."""

import html
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd

from workbench import checks
from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.evaluation.truth import TASKS
from workbench.ui.common.add_model import add_form
from workbench.ui.common.background import in_background
from workbench.ui.common.card_view import card_view
from workbench.ui.common.events import GPU, MODELS_AT_ONCE, MODELS_QUEUE, bound
from workbench.ui.common.outcome import Outcome, run_buttons
from workbench.ui.common.own_words import letter_by_letter
from workbench.ui.common.widgets import file_room, part_of_page, results, tab_row
from workbench.ui.evaluation import people
from workbench.watch import Watch

_KINDS = [
    ("Find out", ""),
    ("Masks of parts", "masks"),
    ("CelebAMask-HQ's files", "celebamask-hq"),
    ("Labels (labels.csv)", "labels"),
    ("Folders named after expressions", "folders"),
    ("RAF-DB's list", "raf-db"),
    ("Pairs (pairs.csv)", "pairs"),
    ("LFW's pairs.txt", "lfw"),
    ("A folder per person, verified by nobody (Rapid Test)", "unverified"),
    ("FER2013's list", "fer2013"),
    ("Landmarks (.pts files)", "pts"),
    ("Landmarks (WFLW's list)", "wflw"),
    ("COCO (boxes, or masks of parts)", "coco"),
    ("Helen's masks", "helen"),
    ("Masks beside photos (iBugMask)", "ibugmask"),
]
EMPTY = (
    "Drop a zip of photos with masks, labels, pairs, landmarks or boxes. What each may look like stands under "
    "**What the zip may hold**."
)
LAYOUTS = """
| | photos | truth |
|---|---|---|
| Part maps | `images/7.jpg` | `masks/7.png`, a PNG of part indices (palette or grey); `names.json` says what they mean if not CelebAMask-HQ's order |
| Part maps, one file per part | `CelebA-HQ-img/7.jpg` | `CelebAMask-HQ-mask-anno/0/00007_hair.png` |
| Expressions | `images/a.jpg` | `labels.csv` with `file,label` (and `person`, and any columns of groups) |
| Expressions | `happy/a.jpg`, `sad/b.jpg` | the folder's name |
| Pairs | `images/a.jpg` | `pairs.csv` with `file_a,file_b,same`, or LFW's `pairs.txt` |
| Pairs that nobody verified | `Ann/1.jpg`, `Ben/2.jpg`: what a search gave | none: two or more recognisers vote (*Rapid Test*, to be chosen above) |
| Landmarks | `a.jpg` | `a.pts` beside it (68 or 5 points), or WFLW's list of 98 points |
| Boxes of faces | `images/a.jpg` | COCO's `annotations.json`; masks of parts too, where its categories are parts |

A `groups.csv` with `file` and any columns (age band, skin tone, light) gives figures per group.
Large folders: `python -m workbench evaluate FOLDER --model ID --out DIR`.
"""  # noqa: E501


def build(bench: Workbench, photo: gr.State | None = None) -> gr.Blocks:
    """The tab. It takes no photo from other tabs: one photo has no figures."""
    with part_of_page() as tab, tab_row():
        with gr.Tab("Models", id="models"):
            build_inside(bench)
        with gr.Tab("People in a folder", id="people"):
            people.build_inside(bench)
    return tab


def build_inside(bench: Workbench) -> None:
    """Lay the measuring of models out in the tab that is open."""
    models = [
        (f"{spec.title} ({task})", spec.id)
        for task in dict.fromkeys(task for tasks in TASKS.values() for task in tasks)
        for spec in bench.here(task)
    ]
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=280):
            with file_room():
                source = gr.File(label="Photos with truth (zip)", file_types=[".zip"], elem_id="evaluation-zip")
            kind = gr.Dropdown(_KINDS, value="", label="What the truth is", elem_id="evaluation-kind")
            chosen = gr.Dropdown(
                models, value=[], multiselect=True, label="Models", info="None: the default for this truth. "
                "Several are compared on the same photos.", elem_id="evaluation-models",
            )  # fmt: skip
            start, stop = run_buttons("Evaluate", "evaluation")
            with gr.Accordion("Advanced", open=False):
                least = gr.Number(10, precision=0, minimum=2, label="Photos below which a group is withheld")
            with gr.Accordion("Models", open=False, elem_id="evaluation-own"):
                tasks = tuple(dict.fromkeys(task for tasks in TASKS.values() for task in tasks))
                card_view(bench, tasks)
                add_form(bench, tasks, chosen)
            with gr.Accordion("What the zip may hold", open=False):
                gr.Markdown(LAYOUTS)
        with gr.Column(scale=2, min_width=320):
            outcome = Outcome("evaluation", start, stop, named=[chosen])
            words = gr.Markdown(EMPTY, elem_id="evaluation-words")
            table = gr.Dataframe(label="Figures with 95 % intervals", interactive=False, elem_id="evaluation-table")
            with gr.Row():
                report = gr.DownloadButton("Report (HTML)", size="sm", interactive=False, elem_id="evaluation-report")
                figures = gr.DownloadButton("Figures (JSON)", size="sm", interactive=False)
            shown = gr.HTML(elem_id="evaluation-page")
    outputs = [words, table, report, figures, shown]
    outcome.run(
        start.click,
        bound(evaluate, bench),
        [source, kind, chosen, least],
        outputs,
        api_name="evaluate",
        show_progress_on=[table],
        concurrency_id=MODELS_QUEUE,
        concurrency_limit=MODELS_AT_ONCE,
    )
    outcome.photos([source])
    outcome.ages(kind, chosen, least)
    outcome.cancels()


@GPU
def evaluate(
    bench: Workbench,
    source: str | None,
    kind: str,
    models: list[str] | None,
    least: float = 10,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[tuple[Any, ...]]:
    """Measure models on a zip of photos with truth.

    kind: a layout's name, or empty to find out. models: catalogue ids, none for the default. least: photos below which
    a group is withheld. Returns a summary, the figures, the report (HTML), the figures (JSON) and the report as shown.
    """
    if not source:
        raise BadRequest("Drop a zip of photos with their truth first.")
    fewest = checks.whole("least", least, 2, 1_000_000)
    names = [str(model) for model in models or []]
    for result in in_background(lambda watch: _work(bench, source, str(kind or ""), names, fewest, watch), progress):
        yield result if result is not None else (gr.skip(),) * 5


def _work(bench: Workbench, source: str, kind: str, models: list[str], least: int, watch: Watch) -> tuple[Any, ...]:
    from workbench.evaluation.archive import unpack
    from workbench.evaluation.layouts import read_truth
    from workbench.evaluation.run import FIGURES, PAGE
    from workbench.evaluation.run import evaluate as measure
    from workbench.evaluation.truth import read_groups

    out = results(bench.settings)
    scratch = out / "photos"
    try:
        watch.tell(0, "unpacking")
        folder = unpack(Path(source), scratch)
        truth = read_truth(folder, kind)
        if (folder / "groups.csv").is_file():
            cases, notes = read_groups(folder / "groups.csv", truth.cases)
            truth = replace(truth, cases=cases, notes=(*truth.notes, *notes))
        found = measure(truth, models or [bench.first(TASKS[truth.kind][0]).id], out, bench, least=least, watch=watch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.rmtree(out / "answers", ignore_errors=True)
    page = (out / PAGE).read_text(encoding="utf-8")
    frame = (
        f'<iframe title="Report" style="width:100%;height:75vh;border:0" sandbox srcdoc="{html.escape(page)}"></iframe>'
    )
    return _words(found), _table(found), str(out / PAGE), str(out / FIGURES), frame


def _words(found: Any) -> str:
    from workbench.evaluation.measuring import better

    lines = [f"**{letter_by_letter(found.truth.layout)}**: {len(found.truth.cases)} photos."]
    for measured in found.models:
        value = measured.figures[measured.headline]
        lines.append(f"{measured.model}: {measured.headline} **{value}**, {len(measured.left_out)} photos left out.")
    for first, second, gap, _ in found.against:
        name = better(found.models[0].headline, first, second, gap) or "neither is shown to be"
        lines.append(f"{first} against {second}: {name} better ({gap.difference}, p {gap.p:.3g}).")
    return "\n\n".join([*lines, *map(letter_by_letter, found.truth.notes)])


def _table(found: Any) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"model": m.model, "figure": name, "value": str(value)}
            for m in found.models
            for name, value in m.figures.items()
        ]
    )
