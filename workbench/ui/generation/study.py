"""Pair study: a labeling study of drawn people whose identity is turned by known angles; to take along, or to open in
the Labeling tab."""

import html
import json
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from workbench import checks
from workbench.bench import Workbench
from workbench.errors import BadRequest, StudyError
from workbench.ui.common.door import CLIENT
from workbench.ui.common.events import GPU, bound
from workbench.ui.common.outcome import Outcome, run_buttons
from workbench.ui.common.widgets import results, write
from workbench.ui.generation import parts
from workbench.ui.labeling.room import gate, studies_folder
from workbench.watch import Watch

MOST = 200
"""Pictures one visit may ask for; larger studies belong on the command line, which goes on where it stopped."""

TASKS = [
    ("Same person or not?", "same_different"),
    ("Similarity, 1 to 5", "similarity_5"),
    ("Similarity, 1 to 7", "similarity_7"),
]
EMPTY = (
    "One thing changes, the rest is kept: each new identity is drawn again from the same noise while its vector turns "
    "by known degrees. "
    "People then say where one person becomes another. Larger studies: `python -m workbench generate --study DIR`"
)


def build_inside(bench: Workbench) -> None:
    """Lay the sub-tab out: the design left, some of the pairs and the study to take along right."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            name = gr.Textbox("drawn-pairs", label="Name of the study", max_lines=1, elem_id="study-name")
            model = parts.portrait_choice(bench, "study", parts.TURNS)
            people = gr.Slider(2, 40, 8, step=1, label="New identities", elem_id="study-people")
            pictures = gr.Slider(2, 9, 5, step=1, label="Pictures of each", elem_id="study-pictures")
            widest = gr.Slider(5, 90, 40, step=1, label="Degrees of the farthest picture", elem_id="study-widest")
            task = gr.Dropdown(TASKS, value="same_different", label="What raters are asked", elem_id="study-task")
            with gr.Accordion("Advanced", open=False):
                least = gr.Slider(
                    0, 60, 0, step=1, label="Degrees between identities at least (0: as far as the threshold)"
                )
                seed, steps, guidance = parts.knobs("study")
            token = gr.Textbox(
                "",
                label="Owner's token, to keep it in the Labeling tab (optional)",
                type="password",
                elem_id="study-token",
            )
            start, stop = run_buttons("Make the study", "study")
            parts.licences(bench, model)
        with gr.Column(scale=3, min_width=320):
            outcome = Outcome("study", start, stop, named=[model])
            gallery = parts.drawn_gallery("study-gallery", 5)
            words = gr.Markdown(EMPTY, elem_id="study-words")
            package = gr.DownloadButton("The study (zip)", size="sm", interactive=False, elem_id="study-zip")

    inputs = [name, model, people, pictures, widest, least, task, seed, steps, guidance, token]
    outputs = [gallery, words, package]
    make = bound(pair_study, bench)
    outcome.run(start.click, make, inputs, outputs, api_name="pair_study", show_progress_on=[gallery], **parts.QUEUE)
    outcome.ages(name, model, people, pictures, widest, least, task, seed, steps, guidance)
    outcome.cancels()


@GPU
def pair_study(
    bench: Workbench,
    name: str,
    model: str = "",
    people: float = 8,
    pictures: float = 5,
    widest: float = 40,
    least: float = 0,
    task: str = "same_different",
    seed: float = 0,
    steps: float = 0,
    guidance: float = 0,
    token: str = "",
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[tuple[Any, ...]]:
    """Make a labeling study of drawn pairs.

    token: the owner's, to keep the study in the data folder, where the Labeling tab finds it. Returns the first
    people's pictures, the report, and the study as a zip.
    """
    recipe = parts.Asked(seed, steps, guidance).recipe()
    keep = _owner(bench, token)
    number, each = checks.whole("people", people, 2, 500), checks.whole("pictures", pictures, 2, 20)
    if number * each > MOST:
        raise BadRequest(f"Expected at most {MOST} pictures here. For more: python -m workbench generate --study DIR")

    parts.check_fits(bench, model, parts.TURNS)

    def work(watch: Watch, preview: parts.Previews) -> Any:
        from workbench.generation.pair_sets import Design

        design = Design(
            name,
            model or bench.first("portrait").id,
            number,
            each,
            widest,
            least,
            recipe.seed,
            task,
            recipe.steps,
            recipe.guidance,
        )
        return _made(bench, design, keep, watch)

    for result in parts.running(work, progress):
        yield (gr.skip(),) * 3 if result is None else result


def _owner(bench: Workbench, token: Any) -> bool:
    """Whether to keep the study here. Raises NotAllowed for a token that is not the owner's."""
    if not token:
        return False
    gate(bench).check(token, CLIENT.get())
    return True


def _made(bench: Workbench, design: Any, keep: bool, watch: Watch) -> tuple[Any, ...]:
    from workbench.generation import pair_sets

    watch.tell(0.01, "loading the model")
    tools = parts.tools(bench, design.model)
    home = studies_folder(bench.settings) / design.name
    if keep and home.exists():
        raise StudyError(f"There is a study {design.name!r} already. Judgements belong to one name: choose another.")
    out = results(bench.settings)
    folder = out / f".{secrets.token_hex(4)}"
    steady, painter = bench.spec(design.model).steady, parts.painter_of(bench, design.model)
    maker = pair_sets.Maker(tools.model, tools.finder, tools.recognisers, bench.settings, steady, painter)
    try:
        pair_sets.make_study(design, folder, maker, watch)
        gallery = _first(folder)
        words = _words(folder, design, home if keep else None)
        package = out / f"{design.name}.zip"
        package.write_bytes(pair_sets.package(folder))
        shown = [
            (write(out / f"{number:02d}-{Path(file).name}", (folder / file).read_bytes()), told)
            for number, (file, told) in gallery
        ]
        if keep:
            home.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(folder, home)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return shown, words, str(package)


def _first(folder: Path, most: int = 20) -> list[tuple[int, tuple[str, str]]]:
    """Files of the first pictures with a caption: whose, how far turned, and what the judge says of the pair."""
    import pandas as pd

    manifest, pairs = pd.read_csv(folder / "manifest.csv"), pd.read_csv(folder / "pairs.csv")
    judge = pairs.columns[-1]
    alike = {(row["image_1"], row["image_2"]): row[judge] for _, row in pairs.iterrows()}
    rows = manifest[~manifest["again"]].head(most)
    first = {row["person"]: row["file"] for _, row in manifest[manifest["angle"] == 0].iloc[::-1].iterrows()}
    found = []
    for number, (_, row) in enumerate(rows.iterrows()):
        score = alike.get((first[row["person"]], row["file"]))
        told = (
            f" · {judge} {score:.2f}"
            if score is not None and score == score
            else ""
            if row["face"]
            else " · no face found"
        )
        found.append((number, (str(row["file"]), f"Person {row['person'] + 1}, {row['angle']:g}°{told}")))
    return found


def _words(folder: Path, design: Any, home: Path | None) -> str:
    """How many pairs, how alike they are by angle, and where the study is."""
    import pandas as pd

    pairs = pd.read_csv(folder / "pairs.csv")
    numbers = [
        column for column in pairs.columns if column not in ("item", "kind", "angle", "person", "image_1", "image_2")
    ]
    pairs["Pairs"] = pairs["kind"].where(pairs["kind"] != "turned", "turned " + pairs["angle"].map("{:g}°".format))
    table = pairs.groupby("Pairs", sort=False)[numbers].mean().round(3)
    header = "| Pairs | " + " | ".join(numbers) + " |\n|---|" + "---|" * len(numbers)
    lines = [
        f"| {name} | " + " | ".join(f"{value:.2f}" for value in row) + " |"
        for name, row in zip(table.index, table.to_numpy(), strict=True)
    ]
    place = (
        f'It is kept here: open the Labeling tab, Owner, and serve <b class="given">{html.escape(design.name)}</b>.'
        if home
        else "Unpack it and serve it: `python -m workbench label serve FOLDER`"
    )
    head = (
        f"**{len(pairs)} pairs** of {design.people} drawn people. Mean similarity (more is more alike; distances "
        f"are negative):"
    )
    first = json.loads((folder / "report.json").read_text(encoding="utf-8")).get("drawn_first", "")
    return f"{head}\n\n{header}\n" + "\n".join(lines) + f"\n\n{first} {place}"
