"""People in a folder: a zip of photos becomes groups to look through and move faces in, tables, and folders to keep."""

import html
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from workbench import checks
from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.ui.common.background import in_background
from workbench.ui.common.events import GPU, MODELS_AT_ONCE, MODELS_QUEUE, bound
from workbench.ui.common.outcome import Outcome, run_buttons
from workbench.ui.common.widgets import file_room, model_choice, photo_box, read_photo, results
from workbench.watch import Watch

MOST = 3000
"""Photos one visit may send; larger folders belong on the command line, which goes on where it stopped."""
_METHODS = [
    ("Average linkage (measured best)", "linkage"),
    ("Density: HDBSCAN", "density"),
    ("Structure: neighbours that agree", "structure"),
]
_KNOWN = [
    ("Nobody knows", ""),
    ("The folder's name says it", "folders"),
    ("The file's name says it (Ann_Lee_0002.jpg)", "names"),
]
EMPTY = (
    "Drop a zip of photos. Every face gets a place in a group of one person; look through them, move faces, name "
    "people, save the table, and give it back under **A corrected table** to get folders and pairs of your groups."
)


def build_inside(bench: Workbench) -> None:
    """Lay the sub-tab out in the tab that is open."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=280):
            with file_room():
                source = gr.File(label="Photos (zip)", file_types=[".zip"], elem_id="people-zip")
            model = model_choice(bench, "recognition", "Recogniser", elem_id="people-model")
            known = gr.Dropdown(_KNOWN, value="", label="Who is who", elem_id="people-known")
            start, stop = run_buttons("Find people", "people")
            with gr.Accordion("Search, correct, advanced", open=False):
                like = photo_box("Search for this face too (optional)", height=200, elem_id="people-like")
                corrected = gr.File(label="A corrected table (people.csv)", file_types=[".csv"])
                method = gr.Dropdown(_METHODS, value="linkage", label="How faces are grouped")
                strictness = gr.Slider(
                    0.5, 1.5, 1, step=0.05, label="How far apart one person's faces may be", info="Less: purer groups"
                )
                largest = gr.Checkbox(False, label="Only the largest face of a photo")
            gr.Markdown("Large folders: `python -m workbench people FOLDER --out DIR`")
        with gr.Column(scale=2, min_width=320):
            outcome = Outcome("people", start, stop, named=[model])
            words = gr.Markdown(EMPTY, elem_id="people-words")
            with gr.Row():
                page = gr.DownloadButton("Page (HTML)", size="sm", interactive=False, elem_id="people-page-file")
                package = gr.DownloadButton("Folders and tables (zip)", size="sm", interactive=False)
            shown = gr.HTML(elem_id="people-page")
    outcome.run(
        start.click,
        bound(find_people, bench),
        [source, model, known, method, strictness, largest, like, corrected],
        [words, page, package, shown],
        api_name="people",
        show_progress_on=[words],
        concurrency_id=MODELS_QUEUE,
        concurrency_limit=MODELS_AT_ONCE,
    )
    outcome.photos([source])
    outcome.ages(model, known, method, strictness, largest, like, corrected)
    outcome.cancels()


@GPU
def find_people(
    bench: Workbench,
    source: str | None,
    model: str = "",
    known: str = "",
    method: str = "linkage",
    strictness: float = 1,
    largest: bool = False,
    like: str | None = None,
    corrected: str | None = None,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[tuple[Any, ...]]:
    """Put the faces of a zip of photos into people.

    known: folders, names or empty. method: linkage, density or structure. like: a photo whose largest face is searched
    for. corrected: a table with face and person, instead of grouping. Returns a summary, the page of groups (HTML), the
    people as folders with the tables (zip), and the page as shown.
    """
    from workbench.people.grouping import Way

    if not source:
        raise BadRequest("Drop a zip of photos first.")
    if known not in ("", "folders", "names"):
        raise BadRequest("known: expected folders, names or nothing.")
    way = Way(str(method), checks.number("strictness", strictness, 0.2, 3))
    chosen = model or bench.first("recognition").id

    def work(watch: Watch) -> tuple[Any, ...]:
        return _work(bench, source, chosen, known, way, bool(largest), like, corrected, watch)

    for result in in_background(work, progress):
        yield result if result is not None else (gr.skip(),) * 4


def _work(
    bench: Workbench,
    source: str,
    model: str,
    known: str,
    way: Any,
    largest: bool,
    like: str | None,
    corrected: str | None,
    watch: Watch,
) -> tuple[Any, ...]:
    from workbench import batch
    from workbench.evaluation.archive import unpack
    from workbench.people import asking, export, naming
    from workbench.people.run import PAGE, sort, write

    out = results(bench.settings)
    scratch = out / "photos"
    try:
        watch.tell(0, "unpacking")
        listing = batch.listed(unpack(Path(source), scratch))
        if not 1 <= len(listing.names) <= MOST:
            raise BadRequest(f"Expected a zip with 1 to {MOST:,} photos, got {len(listing.names):,}.")
        bench.spec(model, "recognition")
        finder, loaded = bench.finder(), bench.recogniser(model)
        photos = [(name, listing.path(name)) for name in listing.names]
        faces = asking.ask(photos, finder, loaded, bench.settings, largest=largest, watch=watch.part(0.02, 0.9))
        vector = asking.vector(read_photo(like, bench.settings).image, finder, loaded) if like else None
        given = naming.given(faces.photos, known) if known else ()
        people = naming.corrected(Path(corrected), faces) if corrected else ()
        watch.tell(0.9, "putting faces together")
        found = sort(faces, way, given=given, people=people, like=vector)
        tables = out / "people"
        write(found, tables, "your photos")
        export.folders(faces, found.people, listing.root, tables / "folders")
        package = _zipped(tables, out / "people.zip")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.rmtree(out / "people" / "folders", ignore_errors=True)
    page = html.escape((out / "people" / PAGE).read_text(encoding="utf-8"))
    frame = (
        '<iframe title="People in a folder" style="width:100%;height:80vh;border:0" '
        f'sandbox="allow-scripts allow-downloads" srcdoc="{page}"></iframe>'
    )
    return _words(found), str(out / "people" / PAGE), str(package), frame


def _zipped(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(each for each in folder.rglob("*") if each.is_file()):
            archive.write(file, file.relative_to(folder).as_posix())
    return path


def _many(count: int, one: str, several: str = "") -> str:
    """A number with its word."""
    return f"{count} {one if count == 1 else several or one + 's'}"


def _words(found: Any) -> str:
    faces = found.faces
    alone = sum(not who for who in found.people)
    lines = [
        f"**{_many(found.count, 'person', 'people')}** with several faces, {_many(alone, 'face')} like no other, "
        f"{_many(len(faces.failed), 'photo')} without a face.",
        f"Probably one picture twice: {_many(len(found.twice), 'pair')}. "
        f"Probably in a wrong folder: {_many(len(found.doubtful), 'photo')}.",
    ]
    if found.by_face and found.by_pair:
        lines.append(f"Against who is who: BCubed F {found.by_face.f:.3f}, F over pairs {found.by_pair.f:.3f}.")
    return "\n\n".join(lines)
