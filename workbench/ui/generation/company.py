"""Who else is in the picture, on screen and in the API: shown for models whose row says that they draw several."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from workbench import spots
from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.ui.generation import parts

NOTE = (
    "The model listens to each person at their place alone: side by side from left to right, or in boxes of your own. "
    "Words should say how many people there are. The figures compare each person with the face at their place."
)


def controls(prefix: str) -> tuple[gr.Accordion, list[Any]]:
    """The accordion, laid out here and hidden until a model that draws several is chosen: photos of the second, third
    and fourth person, and their places."""
    with gr.Accordion("More people in the picture", open=False, visible=False, elem_id=f"{prefix}-company") as shown:
        gr.Markdown(NOTE)
        with gr.Row():
            more = [
                parts.reference_gallery(label, f"{prefix}-{label.split()[0].lower()}", columns=1, min_width=90)
                for label in ("Second person", "Third person", "Fourth person")
            ]
        boxes = gr.Textbox(
            "",
            label="Places (side by side, if empty)",
            info="A line for each person: left top right bottom, in per cent",
            placeholder="0 0 50 100\n50 0 100 100",
            lines=2,
            max_lines=4,
            elem_id=f"{prefix}-places",
        )
    return shown, [*more, boxes]


def shown(bench: Workbench, model_id: str) -> Any:
    """The accordion, visible where the model's row draws several people."""
    return gr.update(visible=bench.spec(model_id, "portrait").people > 1)


def asked(
    bench: Workbench, model_id: str, others: Sequence[Any], boxes: Any, consent: Any
) -> tuple[list[Any], tuple[spots.Spot, ...]]:
    """Photos of everybody else and the places of all; none of both where nobody else was given. Raises BadRequest for
    a model that draws fewer, and for what are no places."""
    given = [gallery for gallery in others if gallery]
    if not given:
        if str(boxes or "").strip():
            raise BadRequest("Places are for several people in one picture: add photos of the second person.")
        return [], ()
    spec = bench.spec(model_id or bench.first("portrait").id, "portrait")
    if len(given) >= spec.people:
        many = f"{spec.people} people at most" if spec.people > 1 else "one person only"
        raise BadRequest(f"{spec.title} draws {many} in one picture. Leave the others out, or choose another model.")
    return [parts.photos_of(bench, gallery, consent) for gallery in given], spots.read(str(boxes or ""), len(given) + 1)
