"""Portraits: photos of one person in, a sheet of drawn faces out, each with its figures."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr
import numpy as np

from workbench import checks
from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.ui.common.ask_people import Shown, ask_panel
from workbench.ui.common.events import GPU, bound
from workbench.ui.common.examples import example_row
from workbench.ui.common.outcome import Outcome, run_buttons
from workbench.ui.common.widgets import receive
from workbench.ui.generation import company, parts, scene, wishes
from workbench.watch import Watch

EMPTY = "Add photos of one person. What comes out is **AI-generated**; figures beside it say how like the person it is."


def build_inside(bench: Workbench, photo: gr.State | None) -> None:
    """Lay the sub-tab out: references and choices left, the sheet right."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            references = parts.reference_gallery("Photos of one person", "generate-references")
            example_row(bench, references, several=False)
            consent = parts.consent_tick("generate-consent")
            model = parts.portrait_choice(bench, "generate")
            count = gr.Slider(1, 16, 8, step=1, label="Pictures", elem_id="generate-count")
            drift = gr.Slider(0, 60, 0, step=1, label="Drift: degrees away from the person", elem_id="generate-drift")
            prompt = gr.Textbox("", label="Words", visible=False, elem_id="generate-prompt", max_lines=4)
            looks = wishes.controls("generate")
            told = scene.controls("generate")
            several, others = company.controls("generate")
            with gr.Accordion("Advanced", open=False):
                seed, steps, guidance = parts.knobs("generate")
                variation = gr.Slider(
                    0, 1, 0, step=0.05, label="Variation of the identity between pictures", elem_id="generate-variation"
                )
                face = parts.face_menu("generate-face")
                repair = parts.repair_choice(bench, "generate")
            start, stop = run_buttons("Draw", "generate")
            parts.licences(bench, model, repair=True)
        with gr.Column(scale=3, min_width=320):
            outcome = Outcome("generate", start, stop, named=[model])
            outputs = parts.sheet_outputs("generate")
            outputs[1].value = EMPTY
            ask_panel(
                bench, "generate", [("Same person as in the photo?", "same")], [references, outputs[0], model], asked
            )

    outcome.run(
        start.click,
        bound(generate, bench),
        [
            references,
            consent,
            model,
            count,
            seed,
            steps,
            guidance,
            drift,
            variation,
            prompt,
            face,
            *looks,
            repair,
            *told,
            *others,
        ],
        outputs,
        api_name="generate",
        show_progress_on=[outputs[0]],
        **parts.QUEUE,
    )
    outcome.photos([references, *others[:-1]])
    outcome.ages(model, count, drift, prompt, seed, steps, guidance, variation, face, repair, *told, others[-1])
    outcome.cancels()
    model.input(
        bound(ranges, bench),
        model,
        [steps, guidance, prompt, *told[:-1], several],
        api_visibility="private",
        show_progress_on=[model],
        **parts.QUEUE,
    )
    receive(photo, references)


def asked(bench: Workbench, question: str, references: Any, drawn: Any, model: str) -> list[Shown]:
    """The first photo beside each drawn picture, for people to say whether they show one person."""
    known, made = parts.pictures_of(bench, references), parts.pictures_of(bench, drawn)
    return [[(known[0], ""), (picture, model)] for picture in made] if known else []


@GPU
def ranges(bench: Workbench, model_id: str) -> tuple[Any, ...]:
    """What a chosen model allows: its steps and guidance, a line for words where it reads them, what it takes of the
    scene, and whether it draws several people."""
    model = parts.tools(bench, model_id).model
    (steps, fewest, most), (guidance, least, strongest) = model.steps, model.guidance
    return (
        gr.Slider(0, most, 0, step=1, label=f"Steps (0: the model's own, {steps}; {fewest} to {most})"),
        gr.Slider(
            0,
            max(strongest, 1),
            0,
            step=0.1,
            label=f"Guidance (0: the model's own, {guidance:g}; {least:g} to {strongest:g})",
        ),
        gr.Textbox("", visible=bool(model.reads_prompt)),
        *scene.shown(bench, model_id),
        company.shown(bench, model_id),
    )


@GPU
def generate(
    bench: Workbench,
    references: Any,
    consent: bool = False,
    model: str = "",
    count: float = 8,
    seed: float = 0,
    steps: float = 0,
    guidance: float = 0,
    drift: float = 0,
    variation: float = 0,
    prompt: str = "",
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
    repair: str = "",
    negative: str = "",
    style: str = "",
    strength: float = 0,
    size: float = 0,
    pose: str | None = None,
    variants: str = "",
    second: Any = None,
    third: Any = None,
    fourth: Any = None,
    places: str = "",
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[tuple[Any, ...]]:
    """Draw one person, and report.

    references: photos of the person. consent: whether they may be used. drift: degrees the identity is turned away,
    variation: noise on it from picture to picture. yaw to background: how the person is to look (`Wishes`). repair: id
    of a network that repairs the pictures afterwards; the report then says how far that took each from what was drawn.
    negative to pose: what models from the Hub are told beside the person (`Scene`), each for those whose row takes it.
    variants: lines of choices, each of which draws all pictures. second to fourth: photos of others in the same
    picture, for models that draw several; places: a line for each of them all, left top right bottom in per cent, side
    by side without.
    Returns marked PNGs with captions, the report, a row of figures per picture, and all as a zip.
    """
    from workbench.generation.sheets import check_count

    number = check_count(count)
    asked = parts.Asked(seed, steps, guidance, prompt)
    looks = wishes.wishes_of(bench, model, (yaw, pitch, smile, mouth, light, age, hair, glasses, background))
    setting = scene.scene_of(bench, model, (negative, style, strength, size))
    recipe = replace(asked.recipe(), wishes=looks, scene=setting)
    queue = scene.queue_of(bench, model, variants, recipe)
    check_count(number * max(1, len(queue)))
    posing = scene.pose_of(bench, model, pose)
    photos = parts.photos_of(bench, references, consent)
    others, places_of = company.asked(bench, model, (second, third, fourth), places, consent)
    turned = checks.number("drift", drift, 0, 90), checks.number("variation", variation, 0, 2)

    if others and (any(turned) or repair or posing is not None):
        raise BadRequest("Drift, variation, pose and repair are for one person in a picture. Leave them out.")

    def work(watch: Watch, preview: parts.Previews) -> Any:
        if others:
            people = [photos, *others]
            return _several(
                bench, people, places_of, model, number, recipe, parts.face_number(face), queue, watch, preview
            )
        shown = parts.face_number(face), posing
        return _drawn(bench, photos, model, number, recipe, turned, shown, repair, queue, watch, preview)

    yield from parts.events(work, bench, progress)


def _drawn(
    bench: Workbench,
    photos: Any,
    model_id: str,
    count: int,
    recipe: Any,
    turned: tuple[float, float],
    shown: tuple[int | None, Any],
    repair: str,
    queue: list[Any],
    watch: Watch,
    preview: parts.Previews,
) -> Any:
    from workbench.generation import identity
    from workbench.generation.population import population
    from workbench.generation.references import posed, read_person, seen
    from workbench.generation.report import Target
    from workbench.generation.sheets import checked, draw_sheet

    face, posing = shown
    watch.tell(0.02, "loading the model")
    tools = parts.tools(bench, model_id)
    checked(recipe, tools.model)
    repairing = parts.repair_of(bench, repair)
    watch.tell(0.05, "reading the photos")
    person = read_person(photos, tools.finder, tools.recognisers, choice=face)
    own = tools.model.recogniser
    vector = identity.drift(person.vectors[own], turned[0], tools.own.metric, recipe.seed, population(own))
    vectors = (
        identity.perturb(vector, turned[1], count, tools.own.metric, recipe.seed)
        if turned[1]
        else np.repeat(vector[None], count, axis=0)
    )
    targets = [Target(person.name, person.vectors)]
    if turned[0]:
        targets.append(Target("the turned identity", {own: vector}))
    drawing = seen(tools.model, photos, tools.finder, face)
    return draw_sheet(
        drawing if posing is None else posed(drawing, posing, tools.finder),
        tools.id,
        vectors,
        targets,
        recipe,
        tools.finder,
        tools.recognisers,
        warnings=[*person.warnings, *tools.notes],
        watch=watch.part(0.1, 1.0),
        preview=preview,
        repair=repairing,
        queue=queue,
    )


def _several(
    bench: Workbench,
    groups: list[Any],
    places: tuple[Any, ...],
    model_id: str,
    count: int,
    recipe: Any,
    face: int | None,
    queue: list[Any],
    watch: Watch,
    preview: parts.Previews,
) -> Any:
    """A sheet of pictures with several people in each."""
    from workbench.generation.company import Company, named
    from workbench.generation.references import read_person, seen
    from workbench.generation.sheets import draw_sheet

    watch.tell(0.02, "loading the model")
    tools = parts.tools(bench, model_id)
    watch.tell(0.05, "reading the photos")
    people = named([read_person(photos, tools.finder, tools.recognisers, choice=face) for photos in groups])
    views = tuple(seen(tools.model, photos, tools.finder, face) for photos in groups)
    company = Company(people, places, views)

    def judge(pictures: Any, part: Watch) -> Any:
        return company.measured(pictures, tools.finder, tools.recognisers, part)

    return draw_sheet(
        company.model(),
        tools.id,
        np.repeat(people[0].vectors[tools.model.recogniser][None], count, axis=0),
        (),
        recipe,
        tools.finder,
        tools.recognisers,
        warnings=[*(sentence for person in people for sentence in person.warnings), *tools.notes],
        watch=watch.part(0.1, 1.0),
        preview=preview,
        queue=queue,
        judge=judge,
    )
