"""One face: what the models say of it, then why one of them says so, then whether to believe the picture."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np

from workbench import drawing
from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.explanation.methods import find
from workbench.images import encode_png
from workbench.ui.common.ask_people import Shown, ask_panel
from workbench.ui.common.background import in_background
from workbench.ui.common.events import GPU, MODELS_AT_ONCE, MODELS_QUEUE, bound
from workbench.ui.common.examples import example_row
from workbench.ui.common.faces import choice, chosen, find_in
from workbench.ui.common.model_fetch import fetch_panel
from workbench.ui.common.outcome import Outcome, run_buttons
from workbench.ui.common.strip import begin, follow
from workbench.ui.common.widgets import PLAIN, photo_box, receive, results, send_to, write
from workbench.ui.explanation import views
from workbench.ui.explanation.parts import (
    DEFAULT_METHOD,
    USUAL,
    explainable,
    knob_panel,
    method_rows,
    model_of,
    open_choice,
    parsed,
    parsers,
    read_knobs,
    targets_of,
)
from workbench.ui.explanation.recipes import open_recipe
from workbench.values import Face
from workbench.watch import Watch

EMPTY = "<p style='opacity:.7'>Drop a photo: first comes what the models say, then why.</p>"
ASKED = [
    ("Where would you look to tell the expression?", "look-expression"),
    ("Where would you look to describe the face?", "look-attribute"),
    ("Where would you look to recognise the person?", "look-person"),
]
"""What people can be asked of the face that was explained."""
QUEUE: dict[str, Any] = {"concurrency_id": MODELS_QUEUE, "concurrency_limit": MODELS_AT_ONCE}


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What the screen or the API asked for, as it came; `seed` checked."""

    source: Any
    face: str
    model: str
    target: str | None
    method: str
    knobs: Any
    parser: str
    shuffle: bool
    more: bool
    seed: int
    opacity: float


def build_inside(bench: Workbench, photo: gr.State | None) -> None:
    """Lay the sub-tab out: answer first, heatmap second, proof beside it."""
    shown = gr.State(None, time_to_live=bench.settings.photo_lifetime)
    models = explainable(bench)
    first = models[0][1] if models else None
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            source = photo_box("Photo", elem_id="explain-photo", height=280)
            example_row(bench, source)
            answer_box = gr.HTML(EMPTY, elem_id="explain-answer", js_on_load=views.WHY)
            face = open_choice(["Face 1"], "Face 1", "Face", "explain-face")
            model = gr.Dropdown(models, value=first, label="Model", elem_id="explain-model")
            labels = list(bench.spec(first).labels) if first else []
            target = open_choice(labels, None, "Explain why it says", "explain-target")
            method = open_choice(method_rows(USUAL), DEFAULT_METHOD, "Method", "explain-method")
            with gr.Accordion("Advanced", open=False):
                knobs = knob_panel(method, "explain")
                parser_rows = parsers(bench)
                parser = gr.Dropdown(parser_rows, value=parser_rows[0][1], label="Parts from", elem_id="explain-parser")
                shuffle = gr.Checkbox(True, label="Also check against shuffled weights (slower)")
                more = gr.Checkbox(False, label="More tests: ROAD, infidelity, sensitivity (slower)")
                seed = gr.Number(0, precision=0, minimum=0, maximum=2**31 - 1, label="Seed")
                recipe = gr.File(
                    label="Open a recipe (JSON) of this photo",
                    file_types=[".json"],
                    height=170,
                    elem_id="explain-recipe",
                )
            start, stop = run_buttons("Explain", "explain")
            with gr.Accordion("Models and licences", open=False):
                fetch_panel(bench, "expression", "attributes")
        with gr.Column(scale=3, min_width=320):
            outcome = Outcome("explain", start, stop, named=[model, target, method])
            heat = gr.Image(
                label="Heatmap", interactive=False, format="png", elem_id="explain-heat", height=440, buttons=PLAIN
            )
            opacity = gr.Slider(0, 1, 0.7, step=0.05, label="Opacity", elem_id="explain-opacity")
            verdict = gr.Markdown(elem_id="explain-verdict")
            with gr.Row(equal_height=False, elem_classes="figured"):
                curves = gr.Plot(label="Curves", show_label=False, elem_id="explain-curves", min_width=300)
                shares = gr.Plot(label="Parts", show_label=False, elem_id="explain-shares", min_width=300)
            with gr.Row():
                png = gr.DownloadButton("Photo with heat (PNG)", size="sm", interactive=False, elem_id="explain-png")
                npz = gr.DownloadButton("Numbers (NPZ)", size="sm", interactive=False, elem_id="explain-npz")
                record = gr.DownloadButton("Recipe (JSON)", size="sm", interactive=False, elem_id="explain-json")
            ask_panel(bench, "explain", ASKED, [shown, model, method], asked_where)
            send_to(source, photo)

    outputs = [shown, heat, verdict, curves, shares, png, npz, record]
    asked: dict[str, Any] = {
        "fn": bound(explain, bench),
        "inputs": [source, face, model, target, method, knobs, parser, shuffle, seed, opacity, more],
        "outputs": outputs,
        "show_progress_on": [heat],
        **QUEUE,
    }
    say: dict[str, Any] = {
        "fn": bound(answer, bench),
        "inputs": [source, face, model],
        "outputs": [answer_box, face, target, method],
        **QUEUE,
    }
    outcome.run(start.click, **asked, api_name="explain")
    cleared = outcome.photos([source], clears=[answer_box, face, target])
    outcome.cancels()
    outcome.also(begin(photo, cleared, face).then(**say, api_visibility="private", show_progress="minimal"))
    face.input(**say, api_visibility="private")
    meant = follow(photo, source, face)
    if meant is not None:
        meant.success(**say, api_visibility="private")
    outcome.ages(face, model, target, method, parser, shuffle, seed, more, after=meant)
    model.input(**say, api_visibility="private")
    why = answer_box.select(bound(asked_why, bench), None, [model, target], api_visibility="private")
    outcome.after(why, **asked, api_visibility="private")
    verdict.change(None, verdict, heat, js=views.BADGE, api_visibility="private", show_progress="hidden")
    opened = recipe.upload(
        bound(open_recipe, bench), [recipe, source], [face, model, target, method, knobs, parser, seed],
        api_visibility="private",
    )  # fmt: skip
    outcome.after(opened, **asked, api_visibility="private")
    opacity.release(bound(repaint, bench), [shown, opacity], heat, api_visibility="private", show_progress="hidden")
    receive(photo, source)


def asked_where(bench: Workbench, question: str, shown: views.CloseUp | None, model: str, method: str) -> list[Shown]:
    """The face, with its heat for the comparison: white where it speaks most for the answer."""
    if shown is None:
        return []
    heat = np.maximum(shown.heat, 0)
    white = np.round(255 * heat / max(float(heat.max()), 1e-9)).astype(np.uint8)
    return [[(shown.seen, ""), (np.repeat(white[..., None], 3, axis=2), f"{model} {method}")]]


@GPU
def answer(bench: Workbench, source: Any, face: str, model: str) -> tuple[Any, ...]:
    """What every model here says of a face; then the faces, and the targets and methods of the chosen model."""
    if source is None:
        return EMPTY, choice(1), gr.skip(), gr.skip()
    from workbench.explanation.anatomy import anatomy

    found = find_in(bench, source)
    number, mine = chosen(found, face or "Face 1")
    scores = [(spec.title, bench.model(spec.id).scores(found.image, mine)) for spec in _scorers(bench)]
    count = len(found.faces)
    notes = [note for spec in _scorers(bench) if (note := unsure(bench.model(spec.id), found.image, mine))]
    notes += [] if count == 1 else [f"The photo has {count} faces; this is face {number}, by size."]
    asked, task = model_of(bench, model)
    rows = targets_of(bench, model)
    top = next((each.top for _, each in scores if each.model == model), rows[0][1])
    methods = method_rows(
        sorted(anatomy(asked, getattr(asked, "size", None) or chip_side(asked, mine, found.image)).abilities)
    )
    return (
        views.answer_html(scores, notes),
        choice(count, number),
        gr.Dropdown(rows, value=top if task != "parsing" else "hair"),
        gr.Dropdown(methods),
    )


def asked_why(bench: Workbench, event: gr.EventData) -> tuple[Any, ...]:
    """The model and the label whose question was pressed; the explanation follows.

    Raises BadRequest for a model or a label there is not.
    """
    data = getattr(event, "_data", None)
    told = data if isinstance(data, dict) else {}
    model, label = str(told.get("model", "")), str(told.get("label", ""))
    model_of(bench, model)
    rows = targets_of(bench, model)
    if label not in [value for _, value in rows]:
        raise BadRequest(f"{bench.spec(model).title} has no label {label[:40]!r}.")
    return model, gr.Dropdown(rows, value=label)


def unsure(model: Any, image: np.ndarray, face: Face) -> str:
    """How sure a model is of its answer, in a sentence; "" for one that does not say.

    Three signs: the highest probability, the energy of the logits, and agreement with the mirror image (docs/scorers.md
    says how well each notices an expression the model never learnt).
    """
    if not hasattr(model, "certainties"):
        return ""
    from workbench.tasks.expression import judge

    verdict, signs = judge(image, face, model), model.certainties(model.crop(image, face))
    told = ", ".join(f"{name} {value:.2f}" for name, value in signs.items())
    word = "sure" if verdict.sure else "unsure: the face shows something this model does not know, or too little"
    return f"{model.spec.title} is {word} ({told}; below {verdict.bar:.2f} by {model.rule} it says “unsure”)."


def chip_side(model: Any, face: Face, image: np.ndarray) -> int:
    """The side of the chip a model sees, where it does not say so itself."""
    return int(model.window(face, image.shape)[1])


def _scorers(bench: Workbench) -> list[Any]:
    return [spec for task in ("expression", "attributes") for spec in bench.here(task)]


@GPU
def explain(
    bench: Workbench,
    source: Any,
    face: str = "Face 1",
    model: str = "compact-expression",
    target: str | None = None,
    method: str = DEFAULT_METHOD,
    knobs: str = "{}",
    parser: str = "compact",
    shuffle: bool = True,
    seed: float = 0,
    opacity: float = 0.7,
    more: bool = False,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[tuple[Any, ...]]:
    """Explain one number of one face, and prove the map.

    face: by size, such as "Face 2", or a place in the photo ("x, y" or "left, top, right, bottom"). target: the label
    asked about; empty: the model's own answer. knobs: JSON of the method's settings. Returns the face with its heat,
    the verdict in words, the curves and parts as pictures, and the full picture, the numbers (NPZ) and the recipe
    (JSON) as files.
    """
    if source is None:
        raise BadRequest("Drop a photo first.")
    asked = Asked(source, face, model, target, method, knobs, parser, bool(shuffle), bool(more), seed_of(seed), opacity)
    for result in in_background(lambda watch: _work(bench, asked, watch), progress):
        yield _on_screen(bench, *result, opacity) if result is not None else (gr.skip(),) * 8


def _work(bench: Workbench, asked: Asked, watch: Watch) -> tuple[views.CloseUp, dict[str, Any], Any, dict[str, bytes]]:
    from workbench.explanation import explain as explanation
    from workbench.explanation import record as explanation_record
    from workbench.explanation.targets import named

    method = find(asked.method)
    settings = read_knobs(asked.knobs, method)
    scorer, task = model_of(bench, asked.model)
    watch.tell(0.02, "looking for faces")
    photo = find_in(bench, asked.source)
    image, (number, mine) = photo.image, chosen(photo, asked.face or "Face 1")
    parts = parsed(bench, image, photo.faces, asked.parser)
    label = asked.target or own_answer(scorer, task, image, mine)
    target = named(scorer, task, label)
    found = explanation.explained(
        target, image, mine, method.id, settings, parsing=parts, seed=asked.seed, watch=watch.part(0.1, 0.45)
    )
    proof = explanation.proof_of(found, randomise=asked.shuffle, more=asked.more, watch=watch.part(0.45, 1.0))
    recipe = explanation_record.recipe(
        found, image, number, label, "" if parts is None else parts.model, photo.photo.name or "PHOTO"
    )
    stem, values = photo.photo.stem, found.heatmap.values
    files = {
        f"{stem}_explanation.png": encode_png(drawing.heat(image, values, asked.opacity)),
        f"{stem}_explanation.npz": explanation_record.as_npz(found, proof),
        f"{stem}_explanation.json": explanation_record.as_json(recipe, found, proof),
    }
    return views.cut(image, values, mine), found.heatmap.extra, proof, files


def own_answer(scorer: Any, task: str, image: np.ndarray, face: Face) -> str:
    """What is asked of a model when nobody said: its highest label; a parser's hair."""
    return "hair" if task == "parsing" else str(scorer.scores(image, face).top)


def seed_of(value: Any) -> int:
    """A seed from the screen or the API. Raises BadRequest unless it is a whole number that fits 31 bits."""
    fits = (
        not isinstance(value, bool)
        and isinstance(value, (int, float))
        and 0 <= value < 2**31
        and float(value).is_integer()
    )
    if not fits:
        raise BadRequest(f"seed: expected a whole number from 0 to {2**31 - 1}, got {str(value)[:40]!r}.")
    return int(value)


def _on_screen(
    bench: Workbench,
    shown: views.CloseUp,
    extra: dict[str, Any],
    proof: Any,
    files: dict[str, bytes],
    opacity: float,
) -> tuple[Any, ...]:
    folder = results(bench.settings)
    paths = [write(folder / name, data) for name, data in files.items()]
    parts = views.shares_figure(proof.shares, extra.get("parts")) if proof.shares else None
    return (
        shown,
        shown.painted(opacity),
        views.verdict_markdown(proof, extra),
        views.curves_figure(proof),
        parts,
        *paths,
    )


def repaint(bench: Workbench, shown: views.CloseUp | None, opacity: float) -> Any:
    """The same map with another opacity."""
    return gr.skip() if shown is None else shown.painted(opacity)
