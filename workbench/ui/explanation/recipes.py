"""An explanation's saved recipe, opened again: the screen's choices are those it was made with."""

import json
from pathlib import Path
from typing import Any

import gradio as gr

from workbench import checks
from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.explanation.methods import find
from workbench.ui.common.events import GPU
from workbench.ui.common.faces import choice, chosen, find_in
from workbench.ui.explanation.parts import NO_PARSER, model_of, read_knobs, targets_of

MOST_RECIPE = 1_000_000
"""Bytes of a recipe."""


@GPU
def open_recipe(bench: Workbench, path: str | None, source: Any) -> tuple[Any, ...]:
    """The choices of a saved recipe: face, model, target, method, knobs, parser, seed. The same photo then gives the
    same picture.

    Raises BadRequest for what is no recipe, for another photo than the recipe's, and for choices that are not here.
    """
    from workbench.explanation.record import photo_hash, read_recipe

    if source is None:
        raise BadRequest("Drop the recipe's photo first.")
    if path is None or Path(path).stat().st_size > MOST_RECIPE:
        raise BadRequest("The recipe is too large to be one; expected a file that an explanation was saved with.")
    found = read_recipe(Path(path).read_bytes())
    photo = find_in(bench, source)
    if found["photo_sha256"] != photo_hash(photo.image):
        raise BadRequest("The recipe is of another photo: open the photo it was made from, then the recipe.")
    number, _ = chosen(photo, found["face"])
    model_of(bench, found["model"])
    method, rows = find(found["method"]), targets_of(bench, found["model"])
    knobs = method.settle(read_knobs(found["knobs"], method))
    if found["target"] not in [value for _, value in rows]:
        raise BadRequest(f"{found['model']} has no label {found['target'][:40]!r} any more.")
    if found["parser"] and not bench.available(bench.spec(found["parser"], "parsing").id):
        raise BadRequest(f"The recipe's parser {found['parser'][:40]!r} is not here: fetch it, or choose another.")
    return (
        choice(len(photo.faces), number),
        found["model"],
        gr.Dropdown(rows, value=found["target"]),
        method.id,
        json.dumps({method.id: knobs}),
        str(found["parser"] or NO_PARSER),
        checks.whole("seed", found["seed"], 0, 2**31 - 1),
    )
