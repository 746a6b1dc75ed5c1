"""Clicks in the mask editor: each mends the part under it, from features that are computed once per face."""

from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np

from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.parts import PARTS
from workbench.photo import check_number
from workbench.ui.common.events import GPU
from workbench.ui.common.widgets import data_url, exact_png
from workbench.ui.parsing.mask_editor import png_bytes, same_answer, sent, told
from workbench.ui.parsing.one import Answer
from workbench.values import FaceFeatures


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """What was computed of one face for its clicks. key: of the answer it belongs to. by: the model that looked."""

    key: str
    face: int
    by: str
    features: FaceFeatures


@GPU
def refine(
    bench: Workbench, answer: Answer | None, looks: Looks | None, by: str | None, event: gr.EventData
) -> tuple[Any, Looks]:
    """What clicks change about a part, for the editor; and what was computed of this face, for the next click.

    by: the model that mends; None: the default.

    Raises BadRequest for a part, a face, a mask or clicks that are none.
    """
    from workbench.tasks.clicks import refine as mend

    answer, asked = same_answer(answer, event), sent(event)
    part, face, shape = asked.get("part"), asked.get("face"), answer.seen.shape[:2]
    faces = answer.seen_parsing.faces
    if not isinstance(part, int) or not 0 < part < len(PARTS) or not isinstance(face, int):
        raise BadRequest("Choose a part of a face first.")
    check_number(face, len(faces))
    model = bench.clicks(by or "")
    if looks is None or (looks.key, looks.face, looks.by) != (answer.key, face, model.spec.id):
        looks = Looks(answer.key, face, model.spec.id, model.look(answer.seen, faces[face - 1]))
    mask = part_mask(asked.get("box"), asked.get("mask"), shape, bench)
    labels, changed = mend(answer.seen, model, looks.features, PARTS[part], mask, asked.get("clicks"))  # type: ignore[arg-type]
    return gr.HTML(patch=told(**changes(labels, changed))), looks


def part_mask(box: Any, png: Any, shape: tuple[int, ...], bench: Workbench) -> np.ndarray:
    """(H, W) bool: the part as the editor has it, sent as a box (left, top, width, height) and what is in it."""
    from workbench.tasks.mask_edit import picture

    mask = np.zeros(shape, bool)
    if box is None:
        return mask
    if not isinstance(box, list) or len(box) != 4 or not all(isinstance(value, int) for value in box):
        raise BadRequest("Expected a box of left, top, width and height around the part.")
    left, top, width, height = box
    if left < 0 or top < 0 or min(width, height) < 1 or left + width > shape[1] or top + height > shape[0]:
        raise BadRequest("The part's box does not lie in the photo.")
    mask[top : top + height, left : left + width] = (
        np.asarray(picture(png_bytes(png, bench), (height, width)).convert("L")) > 127
    )
    return mask


def changes(labels: np.ndarray, changed: np.ndarray) -> dict[str, Any]:
    """For the editor: the box of what changed, and a PNG of it with the new part in red and whether it is new in
    blue."""
    if not changed.any():
        return {"words": "That place is as you clicked it already."}
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    here = (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
    codes = np.dstack([labels[here], np.zeros_like(labels[here]), changed[here].astype(np.uint8) * 255])
    size = (here[1].stop - here[1].start, here[0].stop - here[0].start)
    return {"box": [here[1].start, here[0].start, *size], "codes": data_url(exact_png(codes), "image/png")}
