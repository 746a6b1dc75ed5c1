"""Two to four parsers on one photo: their part maps, where they disagree, and how much per part."""

import html
from collections.abc import Sequence
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
            more = gr.Dropdown(
                first.choices, value=[], multiselect=True, max_choices=2, label="Up to two more", elem_id="compare-more"
            )
            start, stop = run_buttons("Compare", "compare")
        with gr.Column(scale=3, min_width=320):
            outcome = Outcome(
                "compare", start, stop, named=[first, second, more], empty="Drop a photo and choose two models."
            )
            with gr.Row(elem_classes="linked"):
                left = part_viewer(elem_id="compare-left", min_width=280)
                right = part_viewer(elem_id="compare-right", min_width=280)
                third = part_viewer(elem_id="compare-third", elem_classes="spare", min_width=280)
                fourth = part_viewer(elem_id="compare-fourth", elem_classes="spare", min_width=280)
            with gr.Row(equal_height=False):
                where = gr.Image(
                    label="Where they disagree",
                    interactive=False,
                    elem_id="compare-where",
                    min_width=280,
                    buttons=PLAIN,
                )
                with gr.Column(min_width=280):
                    bars = gr.HTML(elem_id="compare-bars", padding=False)
            table = gr.Dataframe(label="Agreement per part", interactive=False, elem_id="compare-table")
            ask_panel(bench, "compare", ASKED, [source, first, second], asked)
    outcome.run(
        start.click,
        bound(compare, bench),
        [source, first, second, more],
        [left, right, where, table, third, fourth, bars],
        api_name="compare_parsers",
        concurrency_id=MODELS_QUEUE,
        concurrency_limit=MODELS_AT_ONCE,
        show_progress_on=[left, right],
    )
    outcome.photos([source])
    outcome.ages(first, second, more)
    outcome.cancels()
    send_to(source, photo)
    receive(photo, source)


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
    more: list[str] | None = None,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> tuple[Any, ...]:
    """Parse one photo with two to four models.

    more: ids of a third and fourth model. Returns two viewers' content, the photo with their disagreement in red, the
    IoU of every part with the first model, the other viewers' content, and the IoU as bars (HTML).
    """
    from workbench.tasks.parsing_export import part_iou
    from workbench.ui.parsing.one import answer_of, run_parser

    others = [second, *map(str, more or ())]
    if first in others or len(set(others)) < len(others):
        raise BadRequest("Choose two different models to compare; none of them twice.")
    if len(others) > 3:
        raise BadRequest(f"Expected two to four models, got {len(others) + 1}.")
    for model in others:
        bench.spec(model, "parsing")
    one = run_parser(bench, source, first, progress)
    found = find_in(bench, source)
    answers = [answer_of(bench, found, model) for model in others]
    titles = [bench.spec(model).title for model in (first, *others)]
    rows = [
        {**row, "part": title(row["part"]), "against": name}
        for answer, name in zip(answers, titles[1:], strict=True)
        for row in part_iou(one.parsing, answer.parsing)
    ]
    maps = np.stack([one.parsing.labels, *(answer.parsing.labels for answer in answers)])
    share = float((maps != maps[0]).any(axis=0).mean())
    captions = [*titles[1:-1], f"{titles[-1]}. They disagree on {share:.1%} of the photo."]
    shown: list[Any] = [
        viewer_value(each.seen, each.seen_parsing, name) for each, name in zip(answers, captions, strict=True)
    ]
    shown += [""] * (3 - len(shown))
    return (
        viewer_value(one.seen, one.seen_parsing, titles[0]),
        shown[0],
        tinted(found.image, maps),
        pd.DataFrame(rows),
        *shown[1:],
        bars_html(rows, titles[0]),
    )


def tinted(image: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """The photo in grey with red where part maps differ, stronger the more of them do. maps: (n, H, W) part indices."""
    from workbench.tasks.parsing_export import dissent

    strength = (0.75 * dissent(maps))[..., None]
    grey = np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
    return np.round(grey * (1 - strength) + np.array([220, 38, 38]) * strength).astype(np.uint8)


def bars_html(rows: Sequence[dict[str, Any]], first: str) -> str:
    """The IoU of every part with the first model's as bars, a line per part and model; worst part first."""
    parts = list(dict.fromkeys(row["part"] for row in rows))
    parts.sort(key=lambda part: min(row["iou"] for row in rows if row["part"] == part))
    several = len({row["against"] for row in rows}) > 1
    lines = "".join(
        f"<tr><th scope='row'>{html.escape(row['part'])}</th>"
        + (f"<td class='who'>{html.escape(row['against'])}</td>" if several else "")
        + f"<td class='bar'><span style='width:{100 * row['iou']:.1f}%'></span></td><td>{row['iou']:.2f}</td></tr>"
        for part in parts
        for row in rows
        if row["part"] == part
    )
    return (
        f"{STYLE}<div class='iou'><p>IoU with {html.escape(first)}, per part (1: the same pixels), worst first</p>"
        f"<table>{lines}</table></div>"
    )


STYLE = (
    "<style>.iou p { margin: 4px 0; font-size: .9rem; } .iou table { width: 100%; font-size: .86rem; border: 0; } "
    ".iou th { text-align: left; font-weight: 400; } .iou td, .iou th { padding: 1px 6px !important; } "
    ".iou td, .iou th { border: 0 !important; white-space: nowrap; } .iou .bar { width: 100%; } "
    ".iou .bar span { display: block; height: 12px; border-radius: 3px; background: var(--primary-600); } "
    ".iou .who { width: 12em; } </style>"
)
