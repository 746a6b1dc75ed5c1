"""The controls of the scene, on screen and in the API: shown for models whose row says that they take them."""

from typing import Any

import gradio as gr

from workbench import scenes
from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.ui.common.widgets import photo_box, read_photo

NOTE = (
    "What a model is told beside the person. **Variants** are drawn one after another, from the same noise: a line "
    "each, as `style=film strength=0.6`, or a line of seeds, `3, 14, 15`."
)


def controls(prefix: str) -> list[Any]:
    """The accordion, laid out here: negative words, style, strength, size, pose, variants. All but the last are hidden
    until a model that takes them is chosen."""
    with gr.Accordion("Scene and variants", open=False, elem_id=f"{prefix}-scene"):
        gr.Markdown(NOTE)
        negative = gr.Textbox("", label="What must not be seen", visible=False, elem_id=f"{prefix}-negative")
        style = gr.Dropdown(
            [("as the words say", ""), *list(scenes.STYLES)[1:]],
            value="",
            label="Style",
            visible=False,
            elem_id=f"{prefix}-style",
        )
        strength = gr.Slider(
            0,
            scenes.STRONGEST,
            0,
            step=0.05,
            label="Strength of the identity (0: the model's own)",
            visible=False,
            elem_id=f"{prefix}-strength",
        )
        size = gr.Slider(0, 1280, 0, step=scenes.GRID, label="Side, pixels", visible=False, elem_id=f"{prefix}-size")
        pose = photo_box(
            "Pose: a photo of anybody whose face lies so",
            visible=False,
            sources=["upload"],
            elem_id=f"{prefix}-pose",
        )
        variants = gr.Textbox(
            "",
            label="Variants, one a line",
            lines=2,
            max_lines=8,
            elem_id=f"{prefix}-variants",
            placeholder="3, 14, 15",
        )
    return [negative, style, strength, size, pose, variants]


def shown(bench: Workbench, model_id: str) -> list[Any]:
    """The controls but the variants, each visible where the model's row takes it, and as it was left to the model."""
    spec = bench.spec(model_id, "portrait")
    least, most = spec.sides or (0, scenes.GRID)
    takes = [gr.update(visible=name in spec.takes) for name in ("negative", "style", "strength", "size", "pose")]
    takes[3] |= {"label": f"Side, pixels (0: the model's own; {least} to {most})", "maximum": most, "value": 0}
    return takes


def scene_of(bench: Workbench, model_id: str, told: tuple[Any, ...]) -> scenes.Scene:
    """The checked scene for a model: negative, style, strength, size. Raises BadRequest for what is none, or is not
    taken."""
    negative, style, strength, size = told
    whole = isinstance(size or 0, (int, float)) and not isinstance(size, bool) and float(size or 0).is_integer()
    if not whole:
        raise BadRequest(f"size: expected a whole number of pixels, got {str(size)[:20]}.")
    scene = scenes.Scene(str(negative or ""), strength or 0.0, int(size or 0), str(style or ""))
    spec = bench.spec(model_id or bench.first("portrait").id, "portrait")
    return scenes.heeded(scene, spec.takes, spec.sides, spec.title)


def pose_of(bench: Workbench, model_id: str, path: Any) -> Any:
    """The photo whose face tells the pose; None without. Raises BadRequest for a model that takes none, BadImage."""
    if not path:
        return None
    spec = bench.spec(model_id or bench.first("portrait").id, "portrait")
    if "pose" not in spec.takes:
        raise BadRequest(f"{spec.title} takes no pose from a photo. Leave it out.")
    return read_photo(path, bench.settings).image


def queue_of(bench: Workbench, model_id: str, text: Any, recipe: Any) -> list[Any]:
    """The variants of a recipe, each of which the model's row allows. Raises BadRequest."""
    from workbench.generation import variants
    from workbench.portraits import heeded

    spec = bench.spec(model_id or bench.first("portrait").id, "portrait")
    queue = variants.read(str(text or ""), recipe)
    for each in queue:
        heeded(each.wishes, spec.wishes)
        scenes.heeded(each.scene, spec.takes, spec.sides, spec.title)
    return queue
