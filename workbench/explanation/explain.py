"""Explains any number a model gives for a face: from the photo to the chip the model sees, and back to a heatmap on the
photo.

A target comes from `explain.targets`, a method from the table `explain.methods`. `explain` is the whole way in one
call; `Explanation` keeps what the proof needs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import torch

from workbench.errors import BadRequest
from workbench.explanation import methods
from workbench.explanation.anatomy import anatomy
from workbench.explanation.methods import Method
from workbench.explanation.proof import RANDOMS, Proof, prove
from workbench.explanation.question import ChipMap, Question
from workbench.explanation.speed import batch_for, made_fast
from workbench.explanation.targets import Target, similarity
from workbench.geometry import apply, invert
from workbench.images import warp
from workbench.values import Face, Heatmap, Parsing, check_image
from workbench.watch import Progress, Watch


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """One drawn map with all it was made of.

    heatmap: on the photo. chip_map: the same on the chip. matrix: (2, 3), photo to chip. mesh: (478, 2) float64 in chip
    pixels, or None. abilities: what the model can do, in the words of `explain.anatomy`. pair: two faces were compared.
    """

    heatmap: Heatmap
    chip_map: ChipMap
    question: Question
    matrix: np.ndarray
    method: Method
    knobs: dict[str, Any]
    abilities: frozenset[str]
    mesh: np.ndarray | None
    pair: bool = False

    def draw(self, question: Question) -> ChipMap:
        """The same method with the same knobs on another question (another model, another chip)."""
        return methods.run(self.method, question, self.abilities, self.knobs, pair=self.pair)


def explain(
    target: Target,
    image: np.ndarray,
    face: Face,
    method: str = "grad_cam",
    knobs: Mapping[str, Any] | None = None,
    *,
    parsing: Parsing | None = None,
    seed: int = 0,
    progress: Progress = lambda share, word: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Heatmap:
    """Why the target has its value on this face: a heatmap over the photo, positive where it speaks for the target.

    method: an id of `explain.methods`; knobs: its settings by name, defaults for the rest. parsing: of this photo, for
    methods that work on parts. seed: of every random choice. progress: told a share 0..1 and a word. cancelled: asked
    between batches. Outside the square that the model sees the map is 0. Raises BadRequest (method does not fit the
    model, wrong knob, NaN scores) and Cancelled.
    """
    watch = Watch(progress, cancelled)
    return explained(target, image, face, method, knobs, parsing=parsing, seed=seed, watch=watch).heatmap


def explained(
    target: Target,
    image: np.ndarray,
    face: Face,
    method: str = "grad_cam",
    knobs: Mapping[str, Any] | None = None,
    *,
    parsing: Parsing | None = None,
    seed: int = 0,
    watch: Watch | None = None,
    pair: bool = False,
) -> Explanation:
    """As `explain`, with everything that `proof_of` and the downloads need beside the heatmap."""
    chosen = methods.find(method)
    settled = chosen.settle(knobs or {})
    asked = target if "gradients" in chosen.needs else made_fast(target)
    question, matrix = ask(asked, image, face, parsing, seed, watch or Watch())
    found = anatomy(target.model, question.size)
    question = replace(question, places=found.places or "grid")
    drawn = methods.run(chosen, question, found.abilities, settled, pair=pair)
    extra = {**drawn.extra, "face_box": [round(float(side), 2) for side in face.box]}
    values = on_photo(drawn.values, matrix, image.shape)
    heatmap = Heatmap(values, chosen.id, target.name, target.model_id, extra)
    mesh = None if face.mesh is None else apply(matrix, face.mesh[:, :2].astype(np.float64))
    return Explanation(heatmap, drawn, question, matrix, chosen, settled, found.abilities, mesh, pair)


def explain_pair(
    model: Any,
    first: tuple[np.ndarray, Face],
    second: tuple[np.ndarray, Face],
    method: str = "occlusion",
    knobs: Mapping[str, Any] | None = None,
    *,
    parsings: tuple[Parsing | None, Parsing | None] = (None, None),
    seed: int = 0,
    watch: Watch | None = None,
) -> tuple[Explanation, Explanation]:
    """Why two faces match, or do not, for a recogniser: a map on the first photo and one on the second.

    first, second: photo and face. Each map explains one face while the other stays whole; positive makes them more
    alike.
    """
    watch = watch or Watch()
    chips = [chip_of(model, image, face) for image, face in (first, second)]
    found = []
    for place, ((image, face), other) in enumerate(zip((first, second), reversed(chips), strict=True)):
        part = watch.part(place / 2, (place + 1) / 2)
        target = similarity(model, other)
        found.append(
            explained(target, image, face, method, knobs, parsing=parsings[place], seed=seed, watch=part, pair=True)
        )
    return found[0], found[1]


def proof_of(
    explanation: Explanation, *, steps: int = 12, randoms: int = RANDOMS, fill: str = "blur", stages: int = 4, randomise: bool = True,  # noqa: E501
    more: bool = False, watch: Watch | None = None,
) -> Proof:  # fmt: skip
    """Whether the map can be believed: curves against chance, shuffled weights, shares of the parts, action units.

    steps: of each curve. randoms: random maps. fill: what covers. stages: of the weight shuffling; randomise: do it at
    all. more: also ROAD, infidelity and sensitivity. Raises BadRequest for layer masking on a model without
    convolutions, and Cancelled.
    """
    if fill == "layer" and "layers" not in explanation.abilities:
        raise BadRequest(
            "Layer masking works on convolutional networks; choose the fill blur, grey or mean for this model."
        )
    question = replace(
        explanation.question, target=made_fast(explanation.question.target), watch=watch or explanation.question.watch
    )
    draw = explanation.draw if randomise and "gradients" in explanation.abilities else None
    return prove(
        question,
        explanation.chip_map,
        draw,
        mesh=explanation.mesh,
        steps=steps,
        randoms=randoms,
        fill=fill,
        stages=stages,
        redraw=explanation.draw if more else None,
    )


def ask(
    target: Target,
    image: np.ndarray,
    face: Face,
    parsing: Parsing | None = None,
    seed: int = 0,
    watch: Watch | None = None,
) -> tuple[Question, np.ndarray]:
    """The question about one face of a photo, and the matrix from the photo to its chip."""
    check_image(image)
    matrix, size = target.model.window(face, image.shape)
    matrix = np.asarray(matrix, np.float64)
    regions = None if parsing is None else regions_on_chip(parsing, face, matrix, size, image.shape)
    chip = chip_of(target.model, image, face)
    return Question(target, chip, regions, batch=batch_for(size), seed=seed, watch=watch or Watch()), matrix


def chip_of(model: Any, image: np.ndarray, face: Face) -> torch.Tensor:
    """What a model sees of a face: (1, 3, S, S) float32, RGB, 0 to 255."""
    chip = torch.from_numpy(np.ascontiguousarray(model.crop(image, face)))
    return chip.to(getattr(model, "device", "cpu")).permute(2, 0, 1)[None].float().contiguous()


def on_photo(values: np.ndarray, matrix: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(H, W) float32: a map on the chip, laid where the chip lies in a photo of `shape`; 0 outside. matrix: photo to
    chip."""
    return warp(values.astype(np.float32), invert(matrix), (shape[1], shape[0]), "black").astype(np.float32)


def regions_on_chip(parsing: Parsing, face: Face, matrix: np.ndarray, size: int, shape: tuple[int, ...]) -> np.ndarray:
    """(S, S) uint8: this face's parts on the chip; everything else, other people too, is background.

    Raises BadRequest when the parsing is not of this photo, or holds other faces only.
    """
    if parsing.labels.shape != shape[:2]:
        raise BadRequest(f"The parsing is of another photo: it is {parsing.labels.shape}, the photo {shape[:2]}.")
    number = face_number(parsing, face)
    mine = np.where(parsing.owners == number, parsing.labels, 0).astype(np.uint8)
    flags = cv2.INTER_NEAREST
    regions: np.ndarray = cv2.warpAffine(
        mine, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=0
    )
    return regions


def face_number(parsing: Parsing, face: Face) -> int:
    """Which face of a parsing this is, counted from 1: the one whose box is nearest. Raises BadRequest when none
    overlaps."""
    best, number = 0.3, 0
    for place, other in enumerate(parsing.faces, start=1):
        low, high = np.maximum(face.box[:2], other.box[:2]), np.minimum(face.box[2:], other.box[2:])
        shared = float(np.prod(np.clip(high - low, 0, None)))
        area = sum(float(np.prod(each.box[2:] - each.box[:2])) for each in (face, other))
        if shared / (area - shared) > best:
            best, number = shared / (area - shared), place
    if not number:
        raise BadRequest("The parsing does not hold this face: parse the photo with this face in it.")
    return number
