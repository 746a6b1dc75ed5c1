"""What the sub-tabs of Explanation share: reading a photo and its faces, the models to choose from, targets, methods
and knobs."""

import json
from collections.abc import Sequence
from typing import Any

import gradio as gr
import numpy as np

from workbench.bench import Workbench
from workbench.errors import BadRequest, ModelMissing
from workbench.explanation.methods import METHODS, ROWS, Method, methods_for
from workbench.parts import PARTS, title
from workbench.ui.common.masks import parsing_of
from workbench.values import Face, Parsing

TASKS = ("expression", "attributes", "parsing")
"""Whose numbers can be explained for one face."""

USUAL = ("gradients", "places", "layers")
"""What a convolutional network can do: the methods that are offered before a model was looked into."""

DEFAULT_METHOD = "occlusion"
NO_PARSER = "none"


def explainable(bench: Workbench, tasks: Sequence[str] = TASKS) -> list[tuple[str, str]]:
    """(title, id) of the models here whose numbers can be explained; parsers only with gradients."""
    rows = [spec for task in tasks for spec in bench.here(task) if task != "parsing" or spec.gradients]
    return [(f"{spec.title}" if spec.task != "parsing" else f"{spec.title}: area of a part", spec.id) for spec in rows]


def parsers(bench: Workbench) -> list[tuple[str, str]]:
    """(title, id) of the parsers here, and none."""
    return [(spec.title, spec.id) for spec in bench.here("parsing")] + [("None (no parts)", NO_PARSER)]


def targets_of(bench: Workbench, model_id: str) -> list[tuple[str, str]]:
    """(words, value) of what can be asked of a model. Raises BadRequest for an unknown one."""
    spec = bench.spec(model_id)
    if spec.task == "parsing":
        return [(f"Area of {title(part).lower()}", part) for part in PARTS[1:]]
    return [(label, label) for label in bench.model(model_id).labels]


def open_choice(choices: Sequence[Any], value: Any, label: str, elem_id: str) -> gr.Dropdown:
    """A dropdown whose choices follow the photo and the model. It lets other words through, for clients of the API that
    never saw the screen: the handler refuses what does not exist, in words.
    """
    return gr.Dropdown(list(choices), value=value, label=label, elem_id=elem_id, allow_custom_value=True)


def parsed(bench: Workbench, image: np.ndarray, faces: Sequence[Face], parser: str | None) -> Parsing | None:
    """The parsed photo, as it was corrected if it was, or None when no parser was chosen.

    Raises BadRequest for an unknown parser.
    """
    if not parser or parser == NO_PARSER:
        return None
    return parsing_of(bench, image, faces, parser)


def model_of(bench: Workbench, model_id: Any, tasks: Sequence[str] = TASKS) -> tuple[Any, str]:
    """A loaded model and its task. Raises BadRequest when it does another task, ModelMissing when none is here."""
    if not model_id:
        raise ModelMissing("No model is on this machine. Run: python -m workbench models fetch")
    spec = bench.spec(model_id)
    if spec.task not in tasks:
        known = ", ".join(value for _, value in explainable(bench, tasks))
        raise BadRequest(f"{spec.id} does {spec.task}; expected one of: {known}.")
    return bench.model(model_id), spec.task


def method_rows(abilities: Sequence[str] = USUAL, *, pair: bool = False) -> list[tuple[str, str]]:
    """(title, id) of the methods that fit."""
    return [(row.title, row.id) for row in methods_for(abilities, parts=True, pair=pair)]


def read_knobs(text: Any, method: Method) -> dict[str, Any]:
    """A method's knobs out of the screen's JSON: {"masks": 500}, or by method {"rise": {"masks": 500}}. Raises
    BadRequest."""
    if not text:
        return {}
    try:
        found = json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError) as error:
        raise BadRequest('knobs: expected JSON such as {"masks": 500}.') from error
    if not isinstance(found, dict):
        raise BadRequest('knobs: expected a JSON object such as {"masks": 500}.')
    own = found.get(method.id)
    if isinstance(own, dict):
        return own
    return {name: value for name, value in found.items() if name not in METHODS}


def knob_panel(method: gr.Dropdown, prefix: str) -> gr.Textbox:
    """Sliders for every method's knobs, of which those of the chosen method show; returns the JSON they write,
    hidden."""
    text = gr.Textbox("{}", visible="hidden", label="knobs", elem_id=f"{prefix}-knobs")
    panels = []
    for row in ROWS:
        with gr.Group(visible=row.id == method.value) as panel:
            gr.Markdown(f"<span style='opacity:.8;padding:0 8px'>{row.sentence}</span>")
            for knob in row.knobs:
                if knob.choices:
                    control: Any = gr.Dropdown(list(knob.choices), value=str(knob.default), label=knob.title)
                else:
                    control = gr.Slider(
                        knob.low, knob.high, value=float(knob.default), step=knob.step, label=knob.title
                    )
                control.change(None, [text, control], text, js=_set_knob(row.id, knob.name), api_visibility="private")
        panels.append(panel)
    method.change(_show_panel, method, panels, api_visibility="private", show_progress="hidden")
    return text


def _set_knob(method: str, knob: str) -> str:
    """The browser's function that writes one knob into the JSON."""
    put = f"(all['{method}'] ??= {{}})['{knob}'] = value"
    return f"(text, value) => {{ const all = JSON.parse(text || '{{}}'); {put}; return JSON.stringify(all); }}"


def _show_panel(method: str) -> list[Any]:
    return [gr.Group(visible=row.id == method) for row in ROWS]
