"""Two parsers on one photo: both part maps, where they disagree, and how much per part."""

from typing import Any

import gradio as gr
import numpy as np
import pandas as pd

from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.parts import INDEX, title
from workbench.ui.common.ask_people import Shown, ask_panel
from workbench.ui.common.events import GPU, MODELS_AT_ONCE, MODELS_QUEUE, bound
from workbench.ui.common.examples import example_row
from workbench.ui.common.faces import find_in
from workbench.ui.common.outcome import Outcome, run_buttons
from workbench.ui.common.widgets import (
    PLAIN,
    PagePhoto,
    model_choice,
    part_viewer,
    photo_box,
    receive,
    send_to,
    viewer_value,
)

ASKED = [("Which mask is better?", "mask"), ("Correct the hair's mask", "hair"), ("Correct the face's mask", "skin")]
_EYES = ("eyeglasses", "image_left_eye", "image_right_eye", "image_left_brow", "image_right_brow")
PARTS_OF = {"hair": ("hair",), "skin": ("skin", "nose", *_EYES, "mouth", "upper_lip", "lower_lip")}
"""Question → the parts whose mask people correct."""


def build_inside(bench: Workbench, photo: PagePhoto = None) -> None:
    """Lay the comparison out in the tab that is open."""
    here = [spec.id for spec in bench.here("parsing")]
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=260):
            source = photo_box("Photo", elem_id="compare-photo", height=280)
            example_row(bench, source)
            first = model_choice(bench, "parsing", "First model", elem_id="compare-first")
            second = model_choice(bench, "parsing", "Second model", elem_id="compare-second")
            second.value = here[min(1, len(here) - 1)] if here else None
            start, stop = run_buttons("Compare", "compare")
        with gr.Column(scale=3, min_width=320):
            outcome = Outcome(
                "compare", start, stop, named=[first, second], empty="Drop a photo and choose two models."
            )
            with gr.Row():
                left = part_viewer(elem_id="compare-left", min_width=280)
                right = part_viewer(elem_id="compare-right", min_width=280)
            with gr.Row(equal_height=False):
                where = gr.Image(
                    label="Where they disagree (white)",
                    interactive=False,
                    elem_id="compare-where",
                    min_width=240,
                    buttons=PLAIN,
                )
                table = gr.Dataframe(
                    label="Agreement per part", interactive=False, elem_id="compare-table", min_width=240
                )
            ask_panel(bench, "compare", ASKED, [source, first, second], asked)
    outcome.run(
        start.click,
        bound(compare, bench),
        [source, first, second],
        [left, right, where, table],
        api_name="compare_parsers",
        concurrency_id=MODELS_QUEUE,
        concurrency_limit=MODELS_AT_ONCE,
        show_progress_on=[left, right],
    )
    outcome.photos([source])
    outcome.ages(first, second)
    outcome.cancels()
    send_to("parsing", source, photo, bench)
    receive("parsing", photo, source)


def asked(bench: Workbench, question: str, source: str | None, first: str, second: str) -> list[Shown]:
    """The photo and both models' masks over it, as one item for people to judge; or, to correct, an item for each
    model's mask of the hair or of the face, white on black."""
    from workbench.drawing import overlay
    from workbench.tasks.parsing import parse

    if source is None:
        return []
    if first == second:
        raise BadRequest("Choose two different models to compare.")
    found = find_in(bench, source)
    maps = [(model, parse(found.image, bench.parser(model), found.faces).labels) for model in (first, second)]
    if question in PARTS_OF:
        masks = [(np.isin(labels, [INDEX[part] for part in PARTS_OF[question]]), model) for model, labels in maps]
        white = [
            (np.repeat(np.uint8(255) * mask.astype(np.uint8)[..., None], 3, axis=2), model) for mask, model in masks
        ]
        return [[(found.image, ""), one] for one in white]
    return [[(found.image, ""), *((overlay(found.image, labels), model) for model, labels in maps)]]


@GPU
def compare(
    bench: Workbench,
    source: str | None,
    first: str,
    second: str,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> tuple[Any, ...]:
    """Parse one photo with two models. Returns both viewers' content, the disagreement map and the IoU of every
    part."""
    from workbench.tasks.parsing_export import disagreement, part_iou
    from workbench.ui.parsing.one import answer_of, run_parser

    if first == second:
        raise BadRequest("Choose two different models to compare.")
    bench.spec(second, "parsing")
    one = run_parser(bench, source, first, progress)
    two = answer_of(bench, find_in(bench, source), second)
    rows = [{**row, "part": title(row["part"])} for row in part_iou(one.parsing, two.parsing)]
    where = disagreement(one.parsing, two.parsing)
    share = float((where > 0).mean())
    titles = [bench.spec(model).title for model in (first, second)]
    return (
        viewer_value(one.seen, one.seen_parsing, titles[0]),
        viewer_value(two.seen, two.seen_parsing, f"{titles[1]}. They disagree on {share:.1%} of the photo."),
        where,
        pd.DataFrame(rows),
    )
