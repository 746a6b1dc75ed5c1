"""What if: sliders that change the face while the scores move, the curve of the slider in hand with its flip point, and
the smallest change that flips the decision."""

import functools
import json
from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.makeup.looks import LOOKS
from workbench.ui.common.background import in_background
from workbench.ui.common.events import GPU, bound
from workbench.ui.common.examples import example_row
from workbench.ui.common.faces import choice, chosen, find_in
from workbench.ui.common.model_fetch import fetch_panel
from workbench.ui.common.outcome import Outcome, run_buttons
from workbench.ui.common.strip import begin, follow
from workbench.ui.common.widgets import PLAIN, QUIET, photo_box, receive, results, send_to, write
from workbench.ui.explanation.one import QUEUE
from workbench.ui.explanation.parts import explainable, model_of, open_choice, parsed
from workbench.watch import Watch
from workbench.whatif.changes import OUT_OF_REACH, PAINT, PARTLY, POSE, REGIONS, SLIDERS, WAYS, Change

TASKS = ("expression", "attributes", "recognition")
GROUPS = tuple(dict.fromkeys(row.group for row in SLIDERS.values()))
EMPTY = "Drop a photo: the sliders then answer at once. The pictures here are <b>edited</b>, they are no photos."
OWN = "each model's own answer"


def build_inside(bench: Workbench, photo: gr.State | None) -> None:
    """Lay the sub-tab out: photo and question, the face with its scores, the sliders."""
    stage = gr.State(None, time_to_live=bench.settings.photo_lifetime)
    values = gr.Textbox("{}", visible="hidden", label="values", elem_id="whatif-values")
    models = explainable(bench, TASKS)
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=240):
            source = photo_box("Photo", elem_id="whatif-photo", height=200)
            example_row(bench, source)
            face = open_choice(["Face 1"], "Face 1", "Face", "whatif-face")
            asked = gr.Dropdown(
                models, value=[models[0][1]] if models else [], multiselect=True, max_choices=2,
                label="Ask (one model, or two)", elem_id="whatif-models",
            )  # fmt: skip
            label = open_choice([OWN], OWN, "Whether it says", "whatif-label")
            with gr.Accordion("A second photo: do they match, and parts to swap", open=False):
                other = photo_box("Second photo", elem_id="whatif-other", height=180)
                gr.Markdown("Then a recogniser can be asked; the first face of the second photo counts.")
            start, stop = run_buttons("Find what flips it", "whatif")
            with gr.Accordion("What cannot be changed", open=False):
                gr.Markdown(OUT_OF_REACH)
            with gr.Accordion("Models and licences", open=False):
                fetch_panel(bench, "expression", "attributes", "recognition")
        with gr.Column(scale=4, min_width=320):
            outcome = Outcome("whatif", start, stop, named=[asked, label])
            words = gr.Markdown(elem_id="whatif-words")
            found = gr.Gallery(
                label="Smallest changes found", columns=3, height="auto", object_fit="contain", buttons=PLAIN,
                elem_id="whatif-found", elem_classes="figures",
            )  # fmt: skip
            with gr.Row(equal_height=False):
                with gr.Column(scale=3, min_width=280):
                    shown = gr.Image(
                        label="Edited face", interactive=False, format="jpeg", elem_id="whatif-shown", height=240,
                        buttons=["fullscreen"],
                    )  # fmt: skip
                    bars = gr.HTML(EMPTY, elem_id="whatif-bars")
                    curve = gr.HTML("", elem_id="whatif-curve")
                with gr.Column(scale=2, min_width=240):
                    controls, sliders, reset = _controls(values)
            curves = gr.HTML(elem_id="whatif-curves")
            with gr.Row():
                page = gr.DownloadButton("Page (HTML)", size="sm", interactive=False, elem_id="whatif-page")
                numbers = gr.DownloadButton("Numbers (JSON)", size="sm", interactive=False, elem_id="whatif-json")
            send_to(source, photo)

    look, parts, way, groups = controls
    outcome.run(
        start.click, bound(what_if, bench), [source, face, asked, label, other, groups, look, way],
        [words, found, curves, page, numbers], api_name="what_if", show_progress_on=[found], **QUEUE,
    )  # fmt: skip
    live = [shown, bars, curve]
    cleared = outcome.photos([source, other], clears=[stage, *live, face])
    outcome.cancels()
    meant = follow(photo, source, face)
    outcome.ages(face, asked, label, groups, look, way, after=meant)
    inputs = [stage, values, asked, label, look, parts, way]
    ready: dict[str, Any] = {
        "fn": bound(prepare, bench),
        "inputs": [source, other, face, *inputs[1:]],
        "outputs": [stage, face, label, *live],
        **QUEUE,
    }
    for event in (begin(photo, cleared, face).then, face.input, *([] if meant is None else [meant.success])):
        event(**ready, api_visibility="private", show_progress_on=[shown])
    asked.input(**ready, api_visibility="private", show_progress_on=[shown])
    moving: dict[str, Any] = {"fn": bound(move, bench), "inputs": inputs, "outputs": live, **QUEUE, **QUIET}
    gr.on([values.change, label.input, look.input, parts.input, way.input], **moving, trigger_mode="always_last")
    reset.click(lambda: [0.0] * len(sliders), None, sliders, **QUIET)
    receive(photo, source)


def _controls(values: gr.Textbox) -> tuple[tuple[Any, Any, Any, Any], list[gr.Slider], gr.Button]:
    """The sliders in their groups, what they need beside, and which groups a search may move."""
    sliders: list[gr.Slider] = []
    look = parts = way = None
    for group in GROUPS:
        with gr.Accordion(group, open=group == POSE, elem_id=f"whatif-group-{GROUPS.index(group)}"):
            if group == PAINT:
                look = gr.Dropdown([name for name in LOOKS if name != "none"], value="natural", label="Look")
            if group == PARTLY:
                parts = gr.Dropdown(list(REGIONS), value=["mouth"], multiselect=True, label="Parts")
                way = gr.Dropdown([(word, name) for name, word in WAYS.items()], value="blur", label="How")
            for row in SLIDERS.values():
                if row.group == group:
                    each = gr.Slider(row.low, row.high, 0, step=row.step, label=row.title, elem_id=f"whatif-{row.name}")
                    each.change(None, [values, each], values, js=_put(row.name), **QUIET)
                    sliders.append(each)
    reset = gr.Button("Reset the sliders", size="sm", elem_id="whatif-reset")
    free = [group for group in GROUPS if group != PARTLY]
    groups = gr.CheckboxGroup(free, value=free, label="The search may move", elem_id="whatif-groups")
    return (look, parts, way, groups), sliders, reset


def _put(name: str) -> str:
    """The browser's function that writes one slider into the JSON, last: the last one is the one in hand."""
    return (
        "(text, value) => { const all = JSON.parse(text || '{}'); "
        f"if ((all['{name}'] ?? 0) === value) return text; delete all['{name}']; all['{name}'] = value; "
        "return JSON.stringify(all); }"
    )


@GPU
def prepare(
    bench: Workbench, source: Any, other: Any, face: str, values: str, models: list[str], label: str, look: str,
    parts: list[str], way: str,
) -> tuple[Any, ...]:  # fmt: skip
    """A photo made ready for the sliders: found, cut out and parsed once; then the face as the sliders stand."""
    if source is None:
        return None, gr.skip(), gr.skip(), None, EMPTY, ""
    stage, count, number = staged(bench, source, other, face)
    known = [OWN, *_labels(bench, models)]
    label = label if label in known else OWN
    return (
        stage,
        choice(count, number),
        gr.Dropdown(known, value=label),
        *_now(bench, stage, values, models, label, look, parts, way),
    )


def staged(bench: Workbench, source: Any, other: Any, face: str) -> tuple[Any, int, int]:
    """The stage of one face, the number of faces, and which it is."""
    from workbench.whatif.stage import prepared

    parser = bench.first("parsing").id
    found = find_in(bench, source)
    try:
        number, mine = chosen(found, face or "Face 1")
    except BadRequest:  # the photo changed under the choice
        number, mine = 1, found.faces[0]
    second = None
    if other is not None:
        there = find_in(bench, other)
        second = there.image, there.faces[0], parsed(bench, there.image, there.faces, parser)
    here = parsed(bench, found.image, found.faces, parser)
    return prepared(found.image, mine, here, second), len(found.faces), number


def _labels(bench: Workbench, models: Sequence[str]) -> list[str]:
    rows = [model_of(bench, name, TASKS) for name in models or []]
    return list(dict.fromkeys(word for model, task in rows if task != "recognition" for word in model.labels))


@GPU
def move(
    bench: Workbench, stage: Any, values: str, models: list[str], label: str, look: str, parts: list[str], way: str
) -> tuple[Any, ...]:
    """The face as the sliders stand, what the models say of it, and the curve of the slider moved last."""
    if stage is None:
        return gr.skip(), gr.skip(), gr.skip()
    return _now(bench, stage, values, models, label, look, parts, way)


def _now(
    bench: Workbench, stage: Any, values: str, models: list[str], label: str, look: str, parts: list[str], way: str
) -> tuple[Any, ...]:
    from workbench.whatif.curves import curve
    from workbench.whatif.drawn import bars, curve_svg
    from workbench.whatif.study import identity

    change, last = read_values(values, look, parts, way)
    readers, keeper = _asked(bench, stage, models, label)
    view = stage.draw(change)
    now = [reader.read([view])[0] for reader in readers]
    rest = [
        stage.kept(("rest", reader.name), functools.partial(lambda one: one.read([stage.rest])[0], reader))
        for reader in readers
    ]
    kept = f"<p style='margin:6px 0'>{identity(keeper.read([view])[0])}</p>" if keeper else ""
    held = "" if view.share > 0.9 else f"<p>Only {view.share:.0%} of the movement was possible without folding.</p>"
    told = bars([r.name for r in readers], rest, now, [r.unit for r in readers]) + kept + held
    key = ("curve", last, change.moved(last, 0.0).key, tuple(reader.name for reader in readers))
    found = stage.kept(key, lambda: curve(stage, readers, last, change, keeper))
    return view.image, told, curve_svg(found, change.value(last)) + f"<p>{found.words(change.value(last))}</p>"


def _asked(bench: Workbench, stage: Any, models: list[str], label: str) -> tuple[list[Any], Any]:
    from workbench.whatif.asking import ask, keeper_of

    loaded = {str(name): model_of(bench, name, TASKS) for name in models or []}
    recogniser = bench.first("recognition")
    watching = bench.recogniser(recogniser.id) if bench.available(recogniser.id) else None
    return ask(stage, loaded, "" if label in ("", OWN, None) else str(label)), keeper_of(stage, watching)


def read_values(text: Any, look: str, parts: Any, way: str) -> tuple[Change, str]:
    """The change in the screen's JSON, {"smile": 0.5}, and the slider moved last. Raises BadRequest."""
    try:
        found = json.loads(text or "{}") if isinstance(text, str) else text
    except (ValueError, RecursionError) as error:
        raise BadRequest('values: expected JSON such as {"smile": 0.5}.') from error
    if not isinstance(found, dict):
        raise BadRequest('values: expected a JSON object such as {"smile": 0.5}.')
    chosen_parts = tuple(str(part) for part in parts or [])
    change = Change(found, str(look or "natural"), chosen_parts, str(way or "blur"))
    return change, next(reversed(found), "smile")


@GPU
def what_if(
    bench: Workbench,
    source: Any,
    face: str = "Face 1",
    models: list[str] | None = None,
    label: str = OWN,
    other: Any = None,
    groups: list[str] | None = None,
    look: str = "natural",
    way: str = "blur",
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[tuple[Any, ...]]:
    """Where every slider flips a decision about one face, and the smallest changes that do.

    models: one or two ids of expression, attribute or recognition models, none for the default. label: what is asked of
    classifiers, each one's own answer by default. other: a second photo, which recognisers compare with. groups: of
    sliders that may be moved, none for all. way: blur, fill or swap, how parts are changed. Returns what was found in
    words, pictures, the curves as HTML, the page (HTML) and every number (JSON).
    """
    if source is None:
        raise BadRequest("Drop a photo first.")
    asked = (source, other, face, [str(name) for name in models or [bench.first("expression").id]], label, groups, look)
    for result in in_background(lambda watch: _work(bench, asked, str(way), watch), progress):
        yield result if result is not None else (gr.skip(),) * 5


def _work(bench: Workbench, asked: tuple[Any, ...], way: str, watch: Watch) -> tuple[Any, ...]:
    from workbench.whatif.drawn import page, told
    from workbench.whatif.study import as_json, study

    source, other, face, models, label, groups, look = asked
    watch.tell(0.02, "looking for faces")
    stem = find_in(bench, source).photo.stem
    stage, _, _ = staged(bench, source, other, face)
    readers, keeper = _asked(bench, stage, models, label)
    names = [row.name for row in SLIDERS.values() if row.group in (groups or GROUPS)]
    ways = dict.fromkeys((way, *(("swap",) if other is not None else ())))
    found = study(stage, readers, keeper, sliders=names, ways=tuple(ways), look=str(look), watch=watch.part(0.1, 1))
    folder = results(bench.settings)
    sentences = told(found)
    pictures = [(found.image, "As it is")]
    pictures += [
        (each.view.image, f"{title}: {each.change.words()}")
        for title, each in zip(sentences, found.smallest.values(), strict=True)
    ]
    words = [f"**{title}.** {sentence}" for title, sentence in sentences.items()]
    words += [f"Left out: {note}." for note in found.left_out]
    return (
        "\n\n".join(words),
        pictures,
        _all_curves(found.curves),
        write(folder / f"{stem}_what_if.html", page(found, f"What if: {stem}").encode()),
        write(folder / f"{stem}_what_if.json", as_json(found)),
    )


def _all_curves(found: Sequence[Any]) -> str:
    """The curves that flip, then the others folded away."""
    from workbench.whatif.drawn import curve_svg

    flat = [each for each in found if not any(each.flips(number) for number in range(len(each.names)))]
    rows = []
    for some in ([each for each in found if each not in flat], flat):
        drawn = "".join(f"<div style='flex:1 1 300px;max-width:420px'>{curve_svg(each)}</div>" for each in some)
        rows.append(f"<div style='display:flex;flex-wrap:wrap;gap:12px'>{drawn}</div>")
    folded = f"<details><summary>{len(flat)} sliders that flip nothing by themselves</summary>{rows[1]}</details>"
    return rows[0] + (folded if flat else "")
