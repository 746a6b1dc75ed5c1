"""A photo's part map, and what its parts measure."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench import images
from workbench.bench import Workbench
from workbench.errors import BadRequest, NoFace
from workbench.scale.step import Outcome, Step, Work
from workbench.scale.steps.faces import finder_id
from workbench.watch import Watch

COLUMNS = ("face", "part", "pixels", "share", "color", "symmetry")
NO_FACE = ("fail", "background")


def settle(bench: Workbench, options: Mapping[str, Any]) -> Step:
    """options: model; no_face: what a photo without one is, "fail" or "background"."""
    spec = bench.spec(str(options["model"]), "parsing")
    no_face = options.get("no_face", "fail")
    if no_face not in NO_FACE:
        raise BadRequest(f"no_face: expected {' or '.join(NO_FACE)}, got {str(no_face)[:40]!r}.")
    settled = {"model": spec.id, "no_face": no_face}
    return Step(
        "parse", settled, (spec.id, finder_id(bench)), COLUMNS, lambda bench: _open(bench, spec.id, no_face), (".png",)
    )


def _open(bench: Workbench, model_id: str, no_face: str) -> Work:
    from workbench.tasks.detection import find_faces
    from workbench.tasks.parsing import parse
    from workbench.tasks.parsing_export import measure_parts, palette_png
    from workbench.values import Parsing

    finder, parser = bench.finder(), bench.parser(model_id)

    def work(name: str, data: bytes, watch: Watch) -> Outcome:
        image = images.decode(data, bench.settings)
        faces = find_faces(image, finder)
        if not faces and no_face == "fail":
            raise NoFace("no face was found (use --no-face background to write an empty map)")
        empty = np.zeros(image.shape[:2], np.uint8)
        parsing = parse(image, parser, faces) if faces else Parsing(empty, empty, (), "none")
        return Outcome(tuple(measure_parts(image, parsing)) or ({},), {".png": palette_png(parsing)})

    return work
