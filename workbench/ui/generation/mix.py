"""Mix two people: faces on the way from one identity to the other, from one and the same noise."""

from collections.abc import Iterator
from typing import Any

import gradio as gr
import numpy as np

from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.ui.common.events import GPU, bound
from workbench.ui.common.outcome import Outcome, run_buttons
from workbench.ui.common.widgets import QUIET
from workbench.ui.generation import parts
from workbench.ui.generation.way import curve_html
from workbench.watch import Watch

EMPTY = (
    "Two people, and the faces between them. Every picture is drawn from the same noise, so that only the identity "
    "changes."
)

FITS = parts.Fits(
    lambda spec: spec.photo != "must" or spec.mixes,
    "edits one photo and cannot mix two. Choose a model that takes a face vector",
)


def build_inside(bench: Workbench) -> None:
    """Lay the sub-tab out: two people left, the way between them right."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            with gr.Row():
                first = parts.reference_gallery("First person", "mix-first", columns=2, height=180, min_width=130)
                second = parts.reference_gallery("Second person", "mix-second", columns=2, height=180, min_width=130)
            consent = parts.consent_tick("mix-consent")
            model = parts.portrait_choice(bench, "mix", FITS)
            count = gr.Slider(1, 9, 5, step=1, label="Pictures on the way (1: the middle)", elem_id="mix-count")
            with gr.Accordion("Advanced", open=False):
                seed, steps, guidance = parts.knobs("mix")
                face = parts.face_menu("mix-face")
            start, stop = run_buttons("Mix", "mix")
            parts.licences(bench, model)
        with gr.Column(scale=3, min_width=320):
            outcome = Outcome("mix", start, stop, named=[model])
            curve = gr.HTML(elem_id="mix-curve", padding=False, render=False)
            outputs = parts.sheet_outputs("mix", curve)
            outputs[1].value = EMPTY

    inputs = [first, second, consent, model, count, seed, steps, guidance, face]
    outcome.run(
        start.click, bound(mix, bench), inputs, outputs, api_name="mix", show_progress_on=[outputs[0]], **parts.QUEUE
    )
    outputs[2].change(curve_html, outputs[2], curve, **QUIET)
    outcome.photos([first, second], clears=[curve])
    outcome.ages(model, count, seed, steps, guidance, face)
    outcome.cancels()


@GPU
def mix(
    bench: Workbench,
    first: Any,
    second: Any,
    consent: bool = False,
    model: str = "",
    count: float = 5,
    seed: float = 0,
    steps: float = 0,
    guidance: float = 0,
    face: str = parts.ASK,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[tuple[Any, ...]]:
    """Draw the faces between two people, and report how like either each is.

    first, second: photos of each. count: pictures from the first to the second; 1 is the middle. Returns as `generate`
    does.
    """
    from workbench.generation.sheets import check_count

    number, recipe = check_count(count, 64), parts.Asked(seed, steps, guidance).recipe()
    if not first or not second:
        raise BadRequest("Add photos of both people first.")
    parts.check_fits(bench, model, FITS)
    people = [parts.photos_of(bench, gallery, consent) for gallery in (first, second)]

    def work(watch: Watch, preview: parts.Previews) -> Any:
        return _drawn(bench, people, model, number, recipe, parts.face_number(face), watch, preview)

    yield from parts.events(work, bench, progress)


def _drawn(
    bench: Workbench,
    photos: Any,
    model_id: str,
    count: int,
    recipe: Any,
    face: int | None,
    watch: Watch,
    preview: parts.Previews,
) -> Any:
    from workbench.generation import identity
    from workbench.generation.references import read_person, views
    from workbench.generation.report import Target
    from workbench.generation.sheets import draw_sheet

    watch.tell(0.02, "loading the model")
    tools = parts.tools(bench, model_id)
    watch.tell(0.05, "reading the photos")
    names = ("the first person", "the second person")
    people = [
        read_person(group, tools.finder, tools.recognisers, choice=face, name=name)
        for group, name in zip(photos, names, strict=True)
    ]
    own, spec = tools.model.recogniser, bench.spec(tools.id)
    shares = [0.5] if count == 1 else [place / (count - 1) for place in range(count)]
    vectors = np.stack(
        [identity.between(people[0].vectors[own], people[1].vectors[own], share, tools.own.metric) for share in shares]
    )
    firsts = [group[0] for group in photos]
    seen = views(tools.model, shares, firsts, tools.finder, face) if spec.mixes else ()
    return draw_sheet(
        tools.model,
        tools.id,
        vectors,
        [Target(person.name, person.vectors) for person in people],
        recipe,
        tools.finder,
        tools.recognisers,
        groups=range(count),
        one_noise=True,
        views=seen,
        warnings=[*people[0].warnings, *people[1].warnings, *tools.notes],
        watch=watch.part(0.1, 1.0),
        preview=preview,
    )
