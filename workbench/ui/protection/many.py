"""Many photos in, one zip out: each protected (or only made up), one table for all, and what went wrong with which."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd

from workbench.bench import Workbench
from workbench.errors import BadRequest, Cancelled, WorkbenchError
from workbench.images import encode_jpeg
from workbench.marks import kept
from workbench.ui.common.background import in_background
from workbench.ui.common.events import GPU, MODELS_AT_ONCE, MODELS_QUEUE, bound
from workbench.ui.common.outcome import Outcome, run_buttons
from workbench.ui.common.widgets import file_room, results
from workbench.ui.protection.makeup import DEFAULT
from workbench.ui.protection.parts import look_of, proposed_roles, ready, recognisers, roles
from workbench.watch import Watch

MOST = 50
"""Photos one visit may send at once; a folder of more belongs on the command line."""
STRENGTHS = [("Makeup only", "none"), ("Light", "light"), ("Medium", "middle"), ("Strong", "strong")]


def build_inside(bench: Workbench) -> None:
    """Lay the sub-tab out."""
    from workbench.makeup.looks import LOOKS

    attacked, judges = proposed_roles(bench)
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=280):
            name = f"Photos (up to {MOST}; the largest face counts)"
            with file_room():
                sources = gr.File(
                    label=name, file_count="multiple", file_types=["image"], elem_id="protect-many-photos"
                )
            looks = [(look.name.capitalize(), look.name) for look in LOOKS.values()]
            look = gr.Dropdown(looks, value=DEFAULT, label="Look", elem_id="protect-many-look")
            strength = gr.Radio(STRENGTHS, value="light", label="Strength", elem_id="protect-many-strength")
            attack = gr.CheckboxGroup(recognisers(bench), value=attacked, label="Search against")
            judge = gr.CheckboxGroup(recognisers(bench), value=judges, label="Judge by")
            start, stop = run_buttons("Protect all", "protect-many")
            gr.Markdown("Whole folders, resumable: `python -m workbench protect FOLDER --out DIR`")
        with gr.Column(scale=2, min_width=320):
            outcome = Outcome("protect-many", start, stop, named=[look, strength])
            package = gr.DownloadButton("Everything (zip)", interactive=False, elem_id="protect-many-zip")
            table = gr.Dataframe(
                label="Photos", interactive=False, wrap=True, elem_id="protect-many-table",
                elem_classes=["given-0", "given-1"],
            )  # fmt: skip
    outcome.run(
        start.click,
        bound(protect_many, bench),
        [sources, look, strength, attack, judge],
        [package, table],
        api_name="protect_many",
        show_progress_on=[table],
        concurrency_id=MODELS_QUEUE,
        concurrency_limit=MODELS_AT_ONCE,
    )
    outcome.photos([sources])
    outcome.ages(look, strength, attack, judge)
    outcome.cancels()


@GPU
def protect_many(
    bench: Workbench,
    sources: list[str] | None,
    look: str = DEFAULT,
    strength: str = "light",
    attack: list[str] | None = None,
    judge: list[str] | None = None,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[tuple[Any, ...]]:
    """Protect the largest face of every photo; strength "none" only makes them up. Returns a zip (JPEGs, summary.csv)
    and a row each."""
    if not sources:
        raise BadRequest("Add some photos first.")
    if len(sources) > MOST:
        raise BadRequest(
            f"Expected at most {MOST} photos at once, got {len(sources)}. Use the command line for folders."
        )
    look_of(look, "{}")
    sides = roles(bench, attack, judge, False) if strength != "none" else ([], [])
    for done in in_background(lambda watch: _work(bench, list(sources), look, str(strength), sides, watch), progress):
        yield done if done is not None else (gr.skip(), gr.skip())


def _work(
    bench: Workbench, sources: list[str], look: str, strength: str, sides: tuple[list[str], list[str]], watch: Watch
) -> tuple[Any, ...]:
    rows, buffer = [], io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for number, path in enumerate(sources, start=1):
            watch.tell((number - 1) / len(sources), f"photo {number} of {len(sources)}")
            try:
                data, source, word, row = _one(
                    bench, path, look, strength, sides, watch.part((number - 1) / len(sources), number / len(sources))
                )
            except Cancelled:
                raise
            except WorkbenchError as error:
                rows.append({"photo": Path(path).name, "file": "", "result": str(error)})
                continue
            name = f"{number:03d}-{Path(path).stem[:60]}_{word}.jpg"
            archive.writestr(name, kept(data, source))
            rows.append({"photo": Path(path).name, "file": name, **row})
        archive.writestr("summary.csv", pd.DataFrame(rows).to_csv(index=False))
    package = results(bench.settings) / ("makeup.zip" if strength == "none" else "protection.zip")
    package.write_bytes(buffer.getvalue())
    return str(package), pd.DataFrame(rows)


def _one(
    bench: Workbench, path: str, look: str, strength: str, sides: tuple[list[str], list[str]], watch: Watch
) -> tuple[bytes, str, str, dict[str, Any]]:
    """The JPEG of one photo, the source type that the photo named, what its file is called, and its row."""
    from workbench.makeup.photo import apply_makeup
    from workbench.protection.protect import Request, protect
    from workbench.protection.summary import row

    waiting = ready(bench, path, whole=True)
    face = waiting.faces[0]
    if strength == "none":
        painted = apply_makeup(waiting.image, face, look_of(look, "{}"), waiting.parsing)
        return (
            encode_jpeg(painted, 94),
            waiting.found.photo.source,
            "makeup",
            {"result": "makeup only", "faces": len(waiting.faces)},
        )
    attacked, judges = ([bench.recogniser(model) for model in side] for side in sides)
    request = Request(look=look, strength=strength)
    found = protect(waiting.image, face, waiting.parsing, attacked, judges, bench.finder(), request, watch)
    titles = {spec.id: spec.title for spec in bench.specs("recognition")}
    told = {"result": found.said(titles), "faces": len(waiting.faces), **row(found)}
    return found.photo, waiting.found.photo.source, found.word, told
