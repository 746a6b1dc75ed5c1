"""The parts of a photo on the screen: as its visitor corrected them, or as a model finds them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from workbench.bench import Workbench
from workbench.ui.common.visitor import visitor
from workbench.values import Face, Parsing


def parsing_of(bench: Workbench, image: np.ndarray, faces: Sequence[Face], model: str) -> Parsing:
    """The photo's parsing: the corrected mask of this page, if there is one; else what `model` says.

    image: the photo at its own size, or as the screen shows it. Raises BadRequest for an unknown model.
    """
    from workbench.tasks.parsing import parse

    bench.spec(model, "parsing")
    kept = bench.corrections.of(visitor(), image, faces)
    return parse(image, bench.parser(model), faces) if kept is None else kept


def brush() -> str:
    """The brush of all that paint on a picture, as JavaScript: `capsule(width, height, a, b, r, put)`."""
    return (Path(__file__).parent / "brush.js").read_text(encoding="utf-8")
