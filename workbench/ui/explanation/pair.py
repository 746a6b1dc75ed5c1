"""Two faces: every recogniser's verdict against its threshold, then which places make them alike and which keep them
apart."""

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
import numpy as np

from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.explanation.methods import find
from workbench.ui.common.background import in_background
from workbench.ui.common.events import GPU, bound
from workbench.ui.common.faces import choice, chosen, find_in
from workbench.ui.common.model_fetch import fetch_panel
from workbench.ui.common.outcome import Outcome, run_buttons
from workbench.ui.common.widgets import PLAIN, photo_box, results, write
from workbench.ui.explanation import views
from workbench.ui.explanation.one import QUEUE, seed_of
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
)
from workbench.values import Face
from workbench.watch import Watch

RECOGNISERS = ("recognition",)

WORTH_SAYING = 0.1
"""Heat against the match below this share of the heat for it is not put into words."""


def build_inside(bench: Workbench) -> None:
    """Lay the sub-tab out: two photos, the verdicts, a map on each face."""
    models = explainable(bench, RECOGNISERS)
    with gr.Row():
        sources = [
            photo_box(name, elem_id=f"pair-{place}", height=260)
            for place, name in enumerate(("First photo", "Second photo"))
        ]
    with gr.Row():
        faces = [
            open_choice(["Face 1"], "Face 1", f"Face in the {word} photo", f"pair-face-{word}")
            for word in ("first", "second")
        ]
    words = gr.Markdown("Drop two photos: first comes what every recogniser says, then why.", elem_id="pair-words")
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=260):
            model = gr.Dropdown(
                models, value=models[0][1] if models else None, label="Explain the recogniser", elem_id="pair-model"
            )
            method = open_choice(method_rows(USUAL, pair=True), DEFAULT_METHOD, "Method", "pair-method")
            with gr.Accordion("Advanced", open=False):
                knobs = knob_panel(method, "pair")
                parser = gr.Dropdown(parsers(bench), value=parsers(bench)[0][1], label="Parts from")
                proving = gr.Checkbox(True, label="Prove both maps (slower)")
                seed = gr.Number(0, precision=0, label="Seed")
            start, stop = run_buttons("Explain the pair", "pair")
            with gr.Accordion("Recognisers and licences", open=False):
                fetch_panel(bench, "recognition", choice=model)
        with gr.Column(scale=3, min_width=320):
            outcome = Outcome("pair", start, stop, named=[model, method])
            with gr.Row():
                maps = [
                    gr.Image(label=f"{word} photo", interactive=False, format="png", height=340,
                             elem_id=f"pair-map-{place}", buttons=PLAIN)
                    for place, word in enumerate(("First", "Second"))
                ]  # fmt: skip
            answers = gr.Image(
                label="Which place answers which", interactive=False, format="png", visible=False,
                elem_id="pair-flow", buttons=PLAIN,
            )  # fmt: skip
            verdict = gr.Markdown(elem_id="pair-verdict")
            numbers = gr.DownloadButton("Numbers (NPZ)", size="sm", interactive=False)
    say: dict[str, Any] = {
        "fn": bound(compare, bench),
        "inputs": [*sources, *faces],
        "outputs": [words, *faces],
        **QUEUE,
    }
    outcome.run(
        start.click,
        bound(explain_similarity, bench),
        [*sources, *faces, model, method, knobs, parser, proving, seed],
        [words, *maps, verdict, numbers, answers],
        api_name="explain_similarity",
        show_progress_on=maps,
        **QUEUE,
    )
    method.change(_pairs_patches, method, answers, api_visibility="private", show_progress="hidden")
    cleared = outcome.photos(sources, clears=faces)
    outcome.cancels()
    outcome.ages(*faces, model, method, parser, proving, seed)
    cleared.then(**say, api_visibility="private", show_progress="minimal")
    for face in faces:
        face.input(**say, api_visibility="private")


UNPROVEN = "**Not proven yet.** What these maps are worth is being worked out; it may be nothing."
"""Said of maps that are shown before their proof, which takes many times as long."""


@GPU
def compare(bench: Workbench, first: Any, second: Any, first_face: str, second_face: str) -> tuple[Any, ...]:
    """What every recogniser here says of two faces, against its threshold; then the faces of both photos to choose
    from."""
    if first is None or second is None:
        return "Drop two photos: first comes what every recogniser says, then why.", choice(1), choice(1)
    pair, choices = [], []
    for source, asked in ((first, first_face), (second, second_face)):
        found = find_in(bench, source)
        try:
            number, face = chosen(found, asked or "Face 1")
        except BadRequest:  # the photo changed under the choice
            number, face = 1, found.faces[0]
        pair.append((found.image, face))
        choices.append(choice(len(found.faces), number))
    return verdicts(bench, pair[0], pair[1]), *choices


def verdicts(bench: Workbench, one: tuple[np.ndarray, Face], two: tuple[np.ndarray, Face]) -> str:
    """Markdown: a sentence per recogniser, and what they say together."""
    from workbench.tasks.recognition import verify

    found = [verify(*one, *two, bench.recogniser(spec)) for _, spec in explainable(bench, RECOGNISERS)]
    known = [match.same for match in found if match.same is not None]
    agree = "" if not known else (
        "**All take them for one person.**" if all(known) else "**All take them for two people.**" if not any(known)
        else f"**They disagree: {sum(known)} of {len(known)} take them for one person.**"
    )  # fmt: skip
    return "\n".join([agree, "", *(f"- {match.words()}" for match in found)])


@GPU
def explain_similarity(
    bench: Workbench,
    first: Any,
    second: Any,
    first_face: str = "Face 1",
    second_face: str = "Face 1",
    model: str = "sface",
    method: str = DEFAULT_METHOD,
    knobs: str = "{}",
    parser: str = "compact",
    prove: bool = True,
    seed: float = 0,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[tuple[Any, ...]]:
    """Why two faces match for a recogniser, or why not: every recogniser's verdict, a map on each face, and what they
    are worth, which comes later than they do."""
    if first is None or second is None:
        raise BadRequest("Drop two photos first: one face in each.")
    asked = (first, second, first_face, second_face, model, method, knobs, parser, prove, seed)
    early: list[tuple[Any, ...]] = []
    for result in in_background(lambda watch: _work(bench, asked, watch, early.append), progress):
        yield result if result is not None else early.pop() if early else (gr.skip(),) * 6


def _read(bench: Workbench, source: Any, face: str) -> tuple[np.ndarray, Face]:
    found = find_in(bench, source)
    return found.image, chosen(found, face or "Face 1")[1]


def _work(
    bench: Workbench, asked: tuple[Any, ...], watch: Watch, tell: Callable[[tuple[Any, ...]], None]
) -> tuple[Any, ...]:
    from workbench.explanation import explain as explanation
    from workbench.explanation import record as explanation_record

    first, second, first_face, second_face, model, method, knobs, parser, prove, seed = asked
    settings = read_knobs(knobs, find(method))
    recogniser, _ = model_of(bench, model, RECOGNISERS)
    watch.tell(0.02, "looking for faces")
    pair = _read(bench, first, first_face), _read(bench, second, second_face)
    words = verdicts(bench, *pair)
    parts = tuple(parsed(bench, image, [face], parser) for image, face in pair)
    end = 0.4 if prove else 1.0
    found = explanation.explain_pair(
        recogniser,
        *pair,
        method,
        settings,
        parsings=(parts[0], parts[1]),
        seed=seed_of(seed),
        watch=watch.part(0.1, end),
    )
    maps = [
        views.close_up(image, each.heatmap.values, face, 0.75) for each, (image, face) in zip(found, pair, strict=True)
    ]
    if prove:
        tell((words, *maps, f"{UNPROVEN}\n\n{pair_words(found, (None, None))}", gr.skip(), _answers(found)))
    proofs = [
        _proof(each, watch.part(0.4 + 0.3 * place, 0.7 + 0.3 * place)) if prove else None
        for place, each in enumerate(found)
    ]
    folder = results(bench.settings)
    data = explanation_record.as_npz_pair(found)
    return words, *maps, pair_words(found, proofs), write(folder / "pair.npz", data), _answers(found)


def _answers(found: Any) -> Any:
    """The picture of which patch answers which; None for methods that do not pair patches."""
    from workbench.explanation.flow_picture import flow_picture

    extra = found[0].chip_map.extra
    first, second = (each.question.pixels for each in found)
    return flow_picture(first, second, extra) if "partners" in extra else None


def _pairs_patches(method: str) -> Any:
    return gr.Image(visible=method == "patch_flow")


def _proof(found: Any, watch: Watch) -> Any:
    from workbench.explanation.explain import proof_of

    return proof_of(found, randomise=False, steps=8, watch=watch)


def pair_words(found: Any, proofs: Any) -> str:
    """What speaks for the match and what against it, on either face, and what each map is worth."""
    from workbench.explanation.agreement import part_shares

    lines = []
    for name, each, proof in zip(("First", "Second"), found, proofs, strict=True):
        regions, values = each.question.regions, each.chip_map.values
        sentence = ""
        if regions is not None:
            against = (
                part_shares(-values, regions)
                if -values.clip(max=0).sum() > WORTH_SAYING * values.clip(min=0).sum()
                else ()
            )
            sentence = views.shares_sentence(part_shares(values, regions)).replace(
                "Where the heat is", "Makes them alike"
            )
            if any(share.heat > 0.02 for share in against):
                sentence += " " + views.shares_sentence(against).replace("Where the heat is", "Keeps them apart")
        lines.append(f"**{name} photo.** {sentence}" + (f" {proof.verdict.sentence}" if proof else ""))
    return "\n\n".join(["Red makes the two alike for this recogniser, blue keeps them apart.", *lines])
