"""New identities: people who do not exist, kept apart from each other and, if wanted, from people who do."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr
import numpy as np

from workbench import checks
from workbench.bench import Workbench
from workbench.ui.common.events import GPU, bound
from workbench.ui.common.outcome import Outcome, run_buttons
from workbench.ui.generation import parts, wishes
from workbench.watch import Watch

EMPTY = (
    "Nobody's photo is needed. Identities are packed on the recogniser's hypersphere, far enough apart to be strangers."
)


def build_inside(bench: Workbench) -> None:
    """Lay the sub-tab out: how many and how far apart left, the sheet right."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            model = parts.portrait_choice(bench, "new")
            count = gr.Slider(1, 16, 8, step=1, label="New identities", elem_id="new-count")
            least = gr.Slider(
                0, 60, 0, step=1, label="Degrees apart at least (0: as far as the threshold)", elem_id="new-least"
            )
            with gr.Accordion("Keep away from these people", open=False):
                gallery = parts.reference_gallery("Photos, one person each", "new-gallery")
                consent = parts.consent_tick("new-consent")
                face = parts.face_menu("new-face")
            looks = wishes.controls("new")
            with gr.Accordion("Advanced", open=False):
                seed, steps, guidance = parts.knobs("new")
            start, stop = run_buttons("Draw new people", "new")
            parts.licences(bench, model)
        with gr.Column(scale=3, min_width=320):
            outcome = Outcome("new", start, stop, named=[model])
            outputs = parts.sheet_outputs("new")
            outputs[1].value = EMPTY

    inputs = [model, count, least, seed, steps, guidance, gallery, consent, face, *looks]
    outcome.run(
        start.click,
        bound(new_identities, bench),
        inputs,
        outputs,
        api_name="new_identities",
        show_progress_on=[outputs[0]],
        **parts.QUEUE,
    )
    outcome.photos([gallery])
    outcome.ages(model, count, least, seed, steps, guidance, face)
    outcome.cancels()


@GPU
def new_identities(
    bench: Workbench,
    model: str = "",
    count: float = 8,
    least: float = 0,
    seed: float = 0,
    steps: float = 0,
    guidance: float = 0,
    gallery: Any = None,
    consent: bool = False,
    face: str = parts.ASK,
    yaw: float = 0,
    pitch: float = 0,
    smile: float = 0,
    mouth: float = 0,
    light: float = 0,
    age: float = 0,
    hair: str = "",
    glasses: str = "",
    background: str = "",
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[tuple[Any, ...]]:
    """Draw people who do not exist, and report how unlike each other they are.

    least: degrees between any two identities, 0 for the recogniser's threshold. gallery: people to keep away from.
    yaw to background: how all of them are to look (`Wishes`). Returns as `generate` does.
    """
    from workbench.generation.sheets import check_count

    looks = wishes.wishes_of(bench, model, (yaw, pitch, smile, mouth, light, age, hair, glasses, background))
    number, recipe = check_count(count), replace(parts.Asked(seed, steps, guidance).recipe(), wishes=looks)
    checks.number("least", least, 0, 120, "0 to 120 degrees")
    parts.check_fits(bench, model, parts.ALL)
    photos = parts.photos_of(bench, gallery, consent) if gallery else []

    def work(watch: Watch, preview: parts.Previews) -> Any:
        return _drawn(bench, photos, model, number, float(least), recipe, parts.face_number(face), watch, preview)

    yield from parts.events(work, bench, progress)


def _drawn(
    bench: Workbench,
    photos: Any,
    model_id: str,
    count: int,
    least: float,
    recipe: Any,
    face: int | None,
    watch: Watch,
    preview: parts.Previews,
) -> Any:
    from workbench.generation.references import read_person
    from workbench.generation.report import Target
    from workbench.generation.sheets import draw_sheet

    watch.tell(0.02, "loading the model")
    tools = parts.tools(bench, model_id)
    people = [read_person([photo], tools.finder, tools.recognisers, choice=face) for photo in photos]
    own = tools.model.recogniser
    known = np.stack([person.vectors[own] for person in people]) if people else None
    vectors, target, model, notes = _of_nobody(bench, tools, count, least, known, recipe.seed, watch.part(0.05, 0.25))
    stacked = {name: np.stack([person.vectors[name] for person in people]) for name in tools.recognisers if people}
    away = [Target("the nearest to keep away from", stacked, nearest=True)] if people else []
    return draw_sheet(
        model,
        tools.id,
        vectors,
        [target, *away],
        recipe,
        tools.finder,
        tools.recognisers,
        groups=range(count),
        warnings=tools.notes,
        notes=notes,
        watch=watch.part(0.25, 1.0),
        preview=preview,
    )


def _of_nobody(
    bench: Workbench, tools: parts.Tools, count: int, least: float, known: Any, seed: int, watch: Watch
) -> tuple[np.ndarray, Any, Any, tuple[str, ...]]:
    """Vectors of new people, what their pictures are compared with, what draws them, and how they came about where the
    model had to see a photo of each."""
    from workbench.generation import sitters
    from workbench.generation.packing import invented
    from workbench.generation.report import Target

    own = tools.model.recogniser
    painter = parts.painter_of(bench, tools.id)
    if painter is None:
        vectors = invented(count, least, own, tools.own, gallery=known, seed=seed, watch=watch)
        return vectors, Target("its own vector", {own: vectors}), tools.model, ()
    told = (count, least, tools.model, tools.recognisers, painter)
    found = sitters.sitters(*told, gallery=known, seed=seed, watch=watch)
    target = Target("the photo drawn first", found.vectors)
    return found.told, target, sitters.EachSees(found.shown_to(tools.model)), (found.said,)
