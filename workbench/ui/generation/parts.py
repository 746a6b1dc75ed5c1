"""What the sub-tabs of Generation share: reading references with consent, the models that draw and judge, and a sheet
on the screen."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np
import pandas as pd

from workbench import checks
from workbench.bench import Workbench
from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest, ModelMissing
from workbench.ui.common.background import in_background
from workbench.ui.common.events import MODELS_AT_ONCE, MODELS_QUEUE
from workbench.ui.common.faces import number_in
from workbench.ui.common.model_fetch import fetch_panel
from workbench.ui.common.widgets import PLAIN, model_choice, model_notes, read_photo, results
from workbench.ui.explanation.one import seed_of
from workbench.ui.generation.drawer_card import drawer_card
from workbench.watch import Watch

QUEUE: dict[str, Any] = {"concurrency_id": MODELS_QUEUE, "concurrency_limit": MODELS_AT_ONCE}
CONSENT = "The photos are of me, or the people in them agreed to this"
ASK = "Ask me"
FACES = [ASK, "Face 1 (the largest)", "Face 2", "Face 3", "Face 4"]
Previews = Callable[[list[np.ndarray]], None]


@dataclass(frozen=True, slots=True, eq=False)
class Tools:
    """What draws and what measures. recognisers: the model's own first, then one that took no part. notes: what is
    lacking."""

    id: str
    model: Any
    finder: Any
    recognisers: Mapping[str, Any]
    notes: tuple[str, ...]

    @property
    def own(self) -> Any:
        """The recogniser whose vectors the model is told."""
        return self.recognisers[self.model.recogniser]


@dataclass(frozen=True, slots=True)
class Asked:
    """How to draw, as it came from the screen or the API."""

    seed: Any
    steps: Any
    guidance: Any
    prompt: Any = ""

    def recipe(self) -> Any:
        """The checked recipe. Raises BadRequest."""
        from workbench.portraits import Recipe

        return Recipe(
            seed_of(self.seed),
            int(_number("steps", self.steps)),
            _number("guidance", self.guidance),
            str(self.prompt or ""),
        )


def _number(name: str, value: Any) -> float:
    return checks.number(name, value, 0, 1000, "a number from 0 (the model's own) to 1000")


def tools(bench: Workbench, model_id: Any) -> Tools:
    """The models of a run; no id means the first one here. Raises BadRequest for an unknown model, ModelMissing with
    the command that fetches what is not here.
    """
    if not model_id and not bench.here("portrait"):
        raise ModelMissing(
            "No portrait model is on this machine. See Models and licences, or run: python -m workbench models list"
        )
    model_id = str(model_id or bench.first("portrait").id)
    model = bench.portrait(model_id)
    names = [model.recogniser, *judges(bench, model.recogniser)[:1]]
    notes = (
        ()
        if len(names) > 1
        else ("No second recogniser is here, so nothing independent speaks: python -m workbench models fetch sface",)
    )
    return Tools(model_id, model, bench.finder(), {name: bench.recogniser(name) for name in names}, notes)


def judges(bench: Workbench, conditioner: str) -> list[str]:
    """Recognisers here that a model told `conditioner`'s vectors did not see; the usual one first."""
    from workbench.generation import report

    return report.judges((spec.id for spec in bench.here("recognition")), conditioner)


def reference_gallery(label: str, elem_id: str, **options: Any) -> gr.Gallery:
    """Where photos of one person are dropped; they arrive as files, untouched."""
    usual: dict[str, Any] = {"columns": 3, "height": 210, "object_fit": "cover", "buttons": []}
    return gr.Gallery(
        label=label, elem_id=elem_id, file_types=["image"], type="filepath", interactive=True, **(usual | options)
    )


def consent_tick(elem_id: str) -> gr.Checkbox:
    """The tick without which no uploaded face is used."""
    return gr.Checkbox(False, label=CONSENT, elem_id=elem_id)


def face_menu(elem_id: str) -> gr.Dropdown:
    """Which face counts where a photo has several."""
    return gr.Dropdown(
        FACES, value=ASK, label="When a photo has several faces", elem_id=elem_id, allow_custom_value=True
    )


def knobs(prefix: str) -> tuple[gr.Number, gr.Slider, gr.Slider]:
    """Seed, steps and guidance; 0 steps or guidance are the model's own."""
    seed = gr.Number(0, precision=0, minimum=0, maximum=2**31 - 1, label="Seed", elem_id=f"{prefix}-seed")
    steps = gr.Slider(0, 50, 0, step=1, label="Steps (0: the model's own)", elem_id=f"{prefix}-steps")
    guidance = gr.Slider(0, 10, 0, step=0.1, label="Guidance (0: the model's own)", elem_id=f"{prefix}-guidance")
    return seed, steps, guidance


def repair_choice(bench: Workbench, prefix: str) -> gr.Dropdown:
    """What repairs pictures after drawing: nothing, or one of those that are here."""
    here = [(spec.title, spec.id) for spec in bench.here("repair")]
    return gr.Dropdown(
        [("Nothing", ""), *here],
        value="",
        label="Repair after drawing",
        info="" if here else "None is on this machine; Models and licences tells what to put where.",
        elem_id=f"{prefix}-repair",
    )


def repair_of(bench: Workbench, model_id: Any) -> Any:
    """The id and network of a chosen repair; None for nothing. Raises BadRequest for an unknown one, ModelMissing."""
    return (str(model_id), bench.repairer(str(model_id))) if model_id else None


@dataclass(frozen=True, slots=True)
class Fits:
    """Which portrait models a sub-tab takes. of: whether a row is one. why: what the others are told after their
    name."""

    of: Callable[[ModelSpec], bool]
    why: str


ALL = Fits(lambda spec: True, "")
TURNS = Fits(
    lambda spec: spec.photo != "must" or spec.mixes,
    "edits one photo and cannot turn a face by degrees. Choose a model that takes a face vector",
)
"""Those that can draw the way from one person to another."""


def check_fits(bench: Workbench, model_id: Any, fits: Fits) -> None:
    """Raises BadRequest for a portrait model that the sub-tab does not take, and an unknown one."""
    if model_id and not fits.of(spec := bench.spec(str(model_id), "portrait")):
        raise BadRequest(f"{spec.title} {fits.why}.")


def painter_of(bench: Workbench, model_id: str) -> Any:
    """What draws people of nobody first, for a model that must see a photo; None for the others. Raises
    ModelMissing."""
    from workbench.generation import sitters

    spec, here = bench.spec(model_id, "portrait"), bench.here("portrait")
    return sitters.painter_of(spec, here, bench.portrait, bench.recogniser, bench.finder)


def portrait_choice(bench: Workbench, prefix: str, fits: Fits = ALL) -> gr.Dropdown:
    """A dropdown of the portrait models that are here and fit, and the card of the chosen one."""
    model = model_choice(bench, "portrait", fits=fits.of, elem_id=f"{prefix}-model")
    drawer_card(bench, model, prefix)
    return model


def licences(bench: Workbench, model: gr.Dropdown, repair: bool = False) -> None:
    """Licences of all portrait models, and a way to bring more here. repair: those of repairs, too."""
    with gr.Accordion("Models and licences", open=False):
        fetch_panel(bench, "portrait", choice=model)
        if repair:
            gr.Markdown(f"Repair after drawing:\n\n{model_notes(bench, 'repair')}")


def photos_of(bench: Workbench, gallery: Any, consent: Any) -> list[tuple[str, np.ndarray]]:
    """The uploaded photos with names to speak of them by. Raises BadRequest without consent or photos, BadImage."""
    paths = [entry[0] if isinstance(entry, (tuple, list)) else entry for entry in gallery or []]
    if not paths:
        raise BadRequest("Add at least one photo of the person first.")
    if consent is not True:
        raise BadRequest(f"Please confirm first: “{CONSENT}”.")
    if len(paths) > 50:
        raise BadRequest(f"Expected at most 50 photos, got {len(paths)}.")
    return [(f"Photo {number}", read_photo(path, bench.settings).image) for number, path in enumerate(paths, start=1)]


def pictures_of(bench: Workbench, gallery: Any) -> list[np.ndarray]:
    """The pictures of a gallery, in order. Raises BadImage."""
    paths = [entry[0] if isinstance(entry, (tuple, list)) else entry for entry in gallery or []]
    return [read_photo(path, bench.settings).image for path in paths[:64]]


def face_number(choice: Any) -> int | None:
    """The chosen face, None to be asked. Raises BadRequest."""
    number = None if str(choice or ASK).strip() == ASK else number_in(choice)
    if number is not None and number < 1:
        raise BadRequest(f"Expected {ASK!r} or Face 1, Face 2, …, got {str(choice)[:40]!r}.")
    return number


def drawn_gallery(elem_id: str, columns: int, *, tiles: bool = False) -> gr.Gallery:
    """Pictures with a bar and a tick under each, their figures once one is opened; that they are drawn stands on each
    and above them."""
    gr.Markdown("**AI-generated**: every picture here is drawn by a model. Open one to read its figures.")
    return gr.Gallery(
        show_label=False,
        columns=columns,
        height="auto",
        elem_id=elem_id,
        elem_classes=["figures", "drawn", *(["tiles"] if tiles else [])],
        buttons=PLAIN,
        interactive=False,
    )


def sheet_outputs(prefix: str, beneath: gr.HTML | None = None) -> list[Any]:
    """Gallery, report, table and download of a sheet, laid out here. beneath: what stands right below the pictures, not
    laid out yet."""
    gallery = drawn_gallery(f"{prefix}-gallery", 4, tiles=True)
    if beneath is not None:
        beneath.render()
    words = gr.Markdown(elem_id=f"{prefix}-words")
    package = gr.DownloadButton("All pictures and figures (zip)", size="sm", interactive=False, elem_id=f"{prefix}-zip")
    with gr.Accordion("Every figure", open=False):
        table = gr.Dataframe(label="Figures per picture", interactive=False, elem_id=f"{prefix}-table")
    return [gallery, words, table, package]


def on_screen(bench: Workbench, sheet: Any) -> tuple[Any, ...]:
    """A sheet's gallery of marked PNGs with their figures, its report, table and zip."""
    folder = results(bench.settings)
    gallery = []
    for number in range(len(sheet.pictures)):
        path = folder / f"portrait-{number + 1:03d}.png"
        path.write_bytes(sheet.png(number))
        lines = [sheet.report.sign(number), sheet.report.caption(number), sheet.variant(number)]
        gallery.append((str(path), "\n".join(line for line in lines if line)))
    package = folder / "portraits.zip"
    package.write_bytes(sheet.package())
    warned = "".join(f"> ⚠ {warning}\n\n" for warning in sheet.warnings)
    table = pd.DataFrame(sheet.rows())
    return gallery, f"{warned}{sheet.words()}", table, str(package)


def running(work: Callable[[Watch, Previews], Any], progress: Any) -> Iterator[Any]:
    """Run `work` beside the screen: yields a list of unfinished pictures now and then, None in between, and its result
    at last."""
    latest: list[list[np.ndarray]] = []

    def preview(pictures: list[np.ndarray]) -> None:
        latest[:] = [pictures]

    for result in in_background(lambda watch: work(watch, preview), progress):
        if result is not None:
            yield result
        else:
            yield latest.pop() if latest else None


def events(work: Callable[[Watch, Previews], Any], bench: Workbench, progress: Any) -> Iterator[tuple[Any, ...]]:
    """What a sheet's four outputs show while it is drawn and in the end; unfinished pictures are called so."""
    for result in running(work, progress):
        if result is None:
            yield (gr.skip(),) * 4
        elif isinstance(result, list):
            yield (
                [(picture, "unfinished") for picture in result],
                "Drawing … figures follow.",
                None,
                gr.DownloadButton(interactive=False),
            )
        else:
            yield on_screen(bench, result)
