"""Likeness: how like their references pictures are that were made anywhere; sort, filter, keep the best, compare
tools."""

import io
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import pandas as pd

from workbench import checks
from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.ui.common.events import GPU, bound
from workbench.ui.common.outcome import Outcome, run_buttons
from workbench.ui.common.own_words import letter_by_letter
from workbench.ui.common.widgets import PLAIN, QUIET, file_room, results, write
from workbench.ui.generation import parts
from workbench.watch import Watch

if TYPE_CHECKING:
    from workbench.generation.likeness import Rated, Ratings

MOST = 300
"""Pictures one visit may bring; more belong on the command line."""

SHOWN = 60
"""Pictures in the gallery at once."""

COMPARED = 3
"""Tools set against each other on the screen; the report compares all."""

EMPTY = (
    "Pictures made anywhere (drawn, edited, restored, swapped, protected) as a zip, with the photos they should be "
    "like in its folder `references/`, or beside it. A picture's name begins with its reference's: "
    "`references/anna.jpg`, `tool-a/anna-1.png`. Or put a `pairs.csv` with `picture,reference` in. Larger sets: "
    "`python -m workbench likeness`."
)

FILTERS = {
    "All": lambda row: True,
    "Counted as the person by every recogniser": lambda row: row.face and all(row.same.values()),
    "Not counted by any": lambda row: row.face and not any(row.same.values()),
    "More like somebody else": lambda row: row.lost,
    "No face": lambda row: not row.face,
    "File says generated": lambda row: row.marks.verdict == "generated",
    "File says edited": lambda row: row.marks.verdict == "edited",
    "File says nothing": lambda row: not row.marks.verdict,
}


def build_inside(bench: Workbench) -> None:
    """Lay the sub-tab out: pictures and references left, figures and pictures right."""
    rated = gr.State(None, time_to_live=bench.settings.photo_lifetime)
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            with file_room("short"):
                source = gr.File(label="Pictures (zip)", file_types=[".zip"], height=150, elem_id="likeness-zip")
            with file_room("gallery"):
                references = parts.reference_gallery("References, when the zip has none", "likeness-references")
            consent = parts.consent_tick("likeness-consent")
            keep = gr.Slider(1, 10, 1, step=1, label="The best of each person to keep", elem_id="likeness-keep")
            start, stop = run_buttons("Measure", "likeness")
        with gr.Column(scale=3, min_width=320):
            outcome = Outcome("likeness", start, stop)
            words = gr.Markdown(EMPTY, elem_id="likeness-words")
            figures = gr.Dataframe(
                label="Figures with 95 % ranges",
                interactive=False,
                elem_id="likeness-figures",
                elem_classes="given-heads",
            )
            choice = gr.Dropdown(list(FILTERS), value="All", label="Show", elem_id="likeness-filter")
            gallery = gr.Gallery(
                show_label=False, columns=4, height="auto", elem_id="likeness-gallery",
                elem_classes=["figures", "given-names"],
                buttons=PLAIN, interactive=False,
            )  # fmt: skip
            table = gr.Dataframe(
                label="Every picture; a heading sorts",
                interactive=False,
                elem_id="likeness-table",
                elem_classes=["given-0", "given-1", "given-2"],
            )
            with gr.Row():
                page = gr.DownloadButton("Report (HTML)", size="sm", interactive=False, elem_id="likeness-report")
                best = gr.DownloadButton("The best (zip)", size="sm", interactive=False, elem_id="likeness-best")
    outputs = [words, figures, gallery, table, page, best]
    outcome.run(
        start.click,
        bound(likeness, bench),
        [source, references, consent, keep],
        [*outputs, rated],
        api_name="likeness",
        show_progress_on=[table],
        **parts.QUEUE,
    )
    outcome.photos([source, references])
    outcome.ages(keep)
    outcome.cancels()
    choice.input(filtered, [rated, choice], [gallery, table], **QUIET)


@GPU
def likeness(
    bench: Workbench,
    source: Any,
    references: Any = None,
    consent: bool = False,
    keep: float = 1,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[tuple[Any, ...]]:
    """Measure how like their references pictures are.

    source: a zip of pictures, with a folder references, or pairs.csv. references: photos, when the zip has none.
    consent: whether the people's photos may be used. keep: how many of each person go into the zip of the best. Returns
    words, figures, a gallery, a row per picture, the report and the best.
    """
    if not source:
        raise BadRequest("Add a zip of pictures first.")
    if consent is not True:
        raise BadRequest(f"Please confirm first: “{parts.CONSENT}”.")
    count = checks.whole("keep", keep, 1, 100)
    given = [entry[0] if isinstance(entry, (tuple, list)) else entry for entry in references or []]

    def work(watch: Watch, preview: parts.Previews) -> Any:
        return _measured(bench, Path(str(source)), [Path(str(path)) for path in given], count, watch)

    for result in parts.running(work, progress):
        yield (gr.skip(),) * 7 if result is None else result


def _measured(bench: Workbench, archive: Path, given: list[Path], keep: int, watch: Watch) -> tuple[Any, ...]:
    from workbench.evaluation.archive import unpack
    from workbench.generation.likeness import rate
    from workbench.generation.likeness_cases import read_cases

    out = results(bench.settings)
    folder = out / "given"
    watch.tell(0.01, "unpacking")
    try:
        inside = unpack(archive, folder)
        beside = _beside(given, out / "references")
        cases = read_cases([inside], beside)
        if len(cases.cases) > MOST:
            raise BadRequest(f"Expected at most {MOST} pictures here. For more: python -m workbench likeness")
        names = [spec.id for spec in bench.here("recognition")]
        recognisers = {name: bench.recogniser(name) for name in names}
        ratings = rate(cases, bench.finder(), recognisers, bench.settings, watch.part(0.05, 1.0))
        return on_screen(bench, ratings, out, keep)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(out / "references", ignore_errors=True)


def _beside(given: list[Path], folder: Path) -> Path | None:
    """The uploaded references as a folder, None without any."""
    for path in given:
        folder.mkdir(exist_ok=True)
        shutil.copyfile(path, folder / path.name)
    return folder if given else None


def on_screen(bench: Workbench, ratings: "Ratings", out: Path, keep: int) -> tuple[Any, ...]:
    """Everything the screen shows, while the pictures are there; small copies stay for the gallery."""
    from workbench.generation.likeness import best
    from workbench.generation.likeness_page import page
    from workbench.images import decode, encode_jpeg, limit

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for place, row in enumerate(best(ratings, keep)):
            archive.write(row.case.picture, f"{place + 1:04d}-{row.case.picture.name}")
    kept = write(out / "best.zip", buffer.getvalue())
    report = write(out / "likeness.html", page(ratings, bench.settings).encode())
    shown = []
    for number, row in enumerate(ratings.rated):
        small = encode_jpeg(limit(decode(row.case.picture, bench.settings), 320), 88)
        shown.append((write(out / f"shown-{number:04d}.jpg", small), caption(row), row))
    held = [(path, told, row, row.row()) for path, told, row in shown]
    return words(ratings), figures(ratings), *filtered(held, "All"), report, kept, held


def filtered(held: Any, choice: str) -> tuple[Any, Any]:
    """The gallery and the table of what a filter leaves. held: path, caption, rating and plain row of every picture."""
    keep = FILTERS.get(str(choice), FILTERS["All"])
    chosen = [entry for entry in held or () if keep(entry[2])]
    return [(path, told) for path, told, _, _ in chosen[:SHOWN]], pd.DataFrame([row for *_, row in chosen])


def caption(row: "Rated") -> str:
    """One picture's figures in a line."""
    from workbench.generation.report import TITLES

    if not row.face:
        return f"{row.case.name}: no face"
    told = [row.case.name]
    for name, value in row.alike.items():
        told.append(f"{TITLES.get(name, name)} {value:.2f}{' ✓' if row.same[name] else ''}")
    told += [f"more like {row.nearest}"] if row.lost else []
    return " · ".join([*told, *([row.marks.verdict] if row.marks.verdict else [])])


def words(ratings: "Ratings") -> str:
    """What stands above the table."""
    from workbench.generation.likeness_tables import of_people

    lost = [row for row in ratings.rated if row.lost]
    faces = sum(row.face for row in ratings.rated)
    lines = [f"A face was found in {faces} of {len(ratings.rated)} pictures of {of_people(ratings)}."]
    if len(ratings.people) == 1:
        lines.append("Ranges are over people: of one person there are none.")
    lines += ["Likeness is a cosine, or minus a distance: more is more alike."]
    if lost:
        lines.append(f"{len(lost)} are more like somebody else's reference by most recognisers.")
    said = [row.marks.verdict or "nothing" for row in ratings.rated]
    told = ", ".join(f"{word} ({said.count(word)})" for word in dict.fromkeys(said))
    lines.append(f"What the files themselves say of how they were made: {told}.")
    lines += [found for each in ratings.report.diversities if (found := each.words())]
    return "\n".join(f"- {line}" for line in [*lines, *map(letter_by_letter, ratings.notes)])


def figures(ratings: "Ratings") -> pd.DataFrame:
    """Means over people with ranges, a column per tool, and what tools differ by, the first three of them."""
    from workbench.generation.likeness import against, summary
    from workbench.generation.likeness_tables import titled

    found = {tool or "pictures": summary(ratings, tool) for tool in ratings.tools}
    names = list(dict.fromkeys(name for each in found.values() for name in each))
    told = {"": [titled(name) for name in names]}
    told |= {tool: [str(each.get(name, "–")) for name in names] for tool, each in found.items()}
    for first, second in combinations(ratings.tools[:COMPARED], 2):
        with suppress(BadRequest):  # they have no person in common
            gaps = against(ratings, first, second)
            told[f"{first} minus {second}"] = [str(gaps.get(name, "–")) for name in names]
    return pd.DataFrame(told)
