"""Many maps at once: a grid of methods and models for one face, and global heatmaps over many photos. Models are
arguments."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.errors import BadRequest, Cancelled, NoFace, WorkbenchError
from workbench.explanation.agreement import rank_agreement
from workbench.explanation.explain import Explanation, explained, proof_of
from workbench.explanation.methods import find
from workbench.explanation.overview import Average, Overview, in_frame, mesh_in_frame, summarise, to_frame
from workbench.explanation.proof import Proof
from workbench.explanation.targets import named
from workbench.tasks.detection import find_faces
from workbench.tasks.face_search import FaceFinder
from workbench.values import Face, Parsing
from workbench.watch import Watch

Photo = tuple[str, Callable[[], np.ndarray]]
"""A name, and a function that reads the photo; it may raise a WorkbenchError."""

LabelOf = Callable[[str, np.ndarray, Face], str]
"""Which expression a photo's map is asked for: name, photo, face to a label; "" leaves the photo out."""


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """One map of a grid, or why there is none."""

    model: str
    method: str
    explanation: Explanation | None
    proof: Proof | None
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Methods × models for one face. cells: model by model. names: of the maps drawn; agreement: (n, n) rank
    correlation of them."""

    cells: tuple[Cell, ...]
    names: tuple[str, ...]
    agreement: np.ndarray


def compare(
    models: Mapping[str, tuple[Any, str]],
    methods: Sequence[str],
    label: str,
    image: np.ndarray,
    face: Face,
    *,
    parsing: Parsing | None = None,
    prove: bool = True,
    seed: int = 0,
    watch: Watch | None = None,
) -> Grid:
    """Every method on every model, for one target of one face.

    models: name to (model, task). A method that does not fit a model, or a label it does not know, leaves a cell with
    its reason. Raises BadRequest when not one map could be drawn, and Cancelled.
    """
    watch = watch or Watch()
    cells: list[Cell] = []
    total = len(models) * len(methods)
    for name, (model, task) in models.items():
        for method in methods:
            part = watch.part(len(cells) / total, (len(cells) + 1) / total)
            cells.append(_cell(name, model, task, method, label, image, face, parsing, prove, seed, part))
    drawn = [cell for cell in cells if cell.explanation is not None]
    if not drawn:
        raise BadRequest(
            "None of these methods fits any of these models: " + "; ".join(sorted({cell.reason for cell in cells}))
        )
    frames = [
        to_frame(c.explanation.chip_map.values, c.explanation.matrix, face) for c in drawn if c.explanation is not None
    ]
    return Grid(
        tuple(cells), tuple(f"{cell.model} · {find(cell.method).title}" for cell in drawn), rank_agreement(frames)
    )


def _cell(
    name: str, model: Any, task: str, method: str, label: str, image: np.ndarray, face: Face, parsing: Parsing | None, prove: bool,  # noqa: E501
    seed: int, watch: Watch,
) -> Cell:  # fmt: skip
    try:
        target = named(model, task, label)
        found = explained(
            target, image, face, method, parsing=parsing, seed=seed, watch=watch.part(0, 0.5 if prove else 1)
        )
        proof = proof_of(found, randomise=False, watch=watch.part(0.5, 1)) if prove else None
    except Cancelled:
        raise
    except WorkbenchError as error:
        return Cell(name, method, None, None, str(error))
    return Cell(name, method, found, proof)


def survey(
    photos: Sequence[Photo],
    finder: FaceFinder,
    models: Mapping[str, Any],
    methods: Sequence[str],
    label_of: LabelOf,
    *,
    knobs: Mapping[str, Mapping[str, Any]] | None = None,
    parse: Callable[[np.ndarray, Face], Parsing] | None = None,
    seed: int = 0,
    watch: Watch | None = None,
) -> Overview:
    """Global heatmaps: for every photo's largest face, every method on every expression model, averaged in the common
    frame.

    models: name to expression model. label_of: the expression a photo's maps are asked for. knobs: by method. parse:
    for methods that need parts. A photo that cannot be read, has no face or no label is listed with its reason; the
    rest goes on. Rows are named after the model, and after the method too when there are several. Raises BadRequest
    when nothing could be explained; Cancelled.
    """
    watch = watch or Watch()
    averages: dict[tuple[str, str], Average] = {}
    missing: list[tuple[str, str]] = []
    for place, (name, read) in enumerate(photos):
        watch.tell(place / len(photos), f"photo {place + 1} of {len(photos)}")
        try:
            _add(
                averages,
                name,
                read(),
                finder,
                models,
                methods,
                label_of,
                knobs or {},
                parse,
                seed,
                Watch(cancelled=watch.cancelled),
            )
        except Cancelled:
            raise
        except WorkbenchError as error:
            missing.append((name, str(error)))
    watch.tell(1.0, "done")
    return summarise(averages, missing)


def _add(
    averages: dict[tuple[str, str], Average], name: str, image: np.ndarray, finder: FaceFinder, models: Mapping[str, Any],  # noqa: E501
    methods: Sequence[str], label_of: LabelOf, knobs: Mapping[str, Mapping[str, Any]], parse: Any, seed: int, watch: Watch,  # noqa: E501
) -> None:  # fmt: skip
    faces = find_faces(image, finder)
    if not faces:
        raise NoFace("no face was found")
    face = faces[0]
    label = label_of(name, image, face)
    known = {who: model for who, model in models.items() if label in model.labels}
    if not known:
        raise BadRequest(f"no model here knows the expression {label!r}" if label else "it has no label")
    parsing = parse(image, face) if parse is not None else None
    found: list[tuple[tuple[str, str], np.ndarray]] = []
    for who, model in known.items():
        for method in methods:
            target = named(model, "expression", label)
            each = explained(target, image, face, method, knobs.get(method), parsing=parsing, seed=seed, watch=watch)
            key = (label, who if len(methods) == 1 else f"{who} · {find(method).title}")
            found.append((key, in_frame(each.chip_map.values, each.matrix, face)))
    for key, heat in found:  # only now, so that a photo that fails half way leaves nothing
        averages.setdefault(key, Average()).add(heat, mesh_in_frame(face))
