"""The controls of how a drawn person is to look, on screen and in the API: one value in, one accordion."""

from typing import Any

import gradio as gr

from workbench import portraits
from workbench.bench import Workbench

SLIDERS = {
    "yaw": ("Turn of the head, degrees to the image's right", 1.0),
    "pitch": ("Nod, degrees upward", 1.0),
    "smile": ("Smile", 0.25),
    "mouth": ("Mouth opened", 0.25),
    "light": ("Light from the image's left to its right", 0.25),
    "age": ("Older or younger, years", 1.0),
}
"""Titles and steps, in the order of the API; 0 leaves it to the model."""

MENUS = {"hair": "Hair", "glasses": "Glasses", "background": "Background"}

NOTE = (
    "Changes of what the model would draw, the person kept. The sheet's figures say what they cost in likeness. "
    "Measured on five people (SFace, 1 is unchanged): turn 0.89, nod 0.96, smile 0.97, mouth 0.98, light 0.96, "
    "15 years 0.96, hair 0.95, glasses 0.81, background 0.99."
)
"""The figures are those of `docs/portraits.md`, which a test compares."""


def controls(prefix: str) -> list[Any]:
    """The accordion, laid out here: sliders, then menus."""
    with gr.Accordion("Looks", open=False, elem_id=f"{prefix}-looks"):
        gr.Markdown(NOTE)
        sliders = [
            gr.Slider(
                -portraits.MOST[name], portraits.MOST[name], 0, step=step, label=title, elem_id=f"{prefix}-{name}"
            )
            for name, (title, step) in SLIDERS.items()
        ]
        with gr.Row():
            menus = [
                gr.Dropdown(
                    [("as the model has it", ""), *portraits.WORDS[name][1:]],
                    value="",
                    label=title,
                    elem_id=f"{prefix}-{name}",
                    min_width=120,
                )
                for name, title in MENUS.items()
            ]
    return [*sliders, *menus]


def wishes_of(bench: Workbench, model_id: str, told: tuple[Any, ...]) -> portraits.Wishes:
    """Checked wishes for a model, in the order of `controls`. Raises BadRequest for what is none, or is not heeded."""
    names = (*SLIDERS, *MENUS)
    plain: dict[str, Any] = {}
    for name, value in zip(names, told, strict=True):
        plain[name] = (value or 0.0) if name in SLIDERS else str(value or "")
    spec = bench.spec(model_id or bench.first("portrait").id, "portrait")
    return portraits.heeded(portraits.Wishes(**plain), spec.wishes)
