"""One photo looked at by every kind of model: parts, what each face shows, the best supported heatmap, recognisers.

Knows no screen and loads no model: those that are asked are arguments.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from workbench.errors import Cancelled, WorkbenchError
from workbench.explanation.explain import explained, proof_of
from workbench.explanation.proof import Proof
from workbench.explanation.targets import named
from workbench.photo import Found
from workbench.tasks.analysis import FaceAnalysis, Readers, analyse
from workbench.tasks.parsing import parse
from workbench.tasks.recognition import FaceRecogniser, Match, verify
from workbench.values import Heatmap, Parsing
from workbench.watch import Watch

METHODS = ("occlusion", "grad_cam")
"""Methods that are tried; the one whose map is best supported is shown."""
COMPARED = 4
"""Faces of a photo that recognisers compare with each other, the largest."""


@dataclass(frozen=True, slots=True, eq=False)
class Why:
    """A heatmap of the largest face's expression, and what it is worth. tried: the word each method's map earned, by
    its name."""

    heatmap: Heatmap
    proof: Proof
    tried: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """What every recogniser says of two faces, by their numbers."""

    first: int
    second: int
    matches: tuple[Match, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Glance:
    """All that is known of a photo. parsing: None without a parser. why: None without an expression model, or where no
    map could be drawn; `untold` says why. pairs: of the largest faces, none of a photo of one."""

    found: Found
    faces: tuple[FaceAnalysis, ...]
    parsing: Parsing | None
    why: Why | None
    pairs: tuple[Pair, ...]
    untold: tuple[str, ...]

    @property
    def image(self) -> np.ndarray:
        """(H, W, 3) uint8."""
        return self.found.image


def glance(
    found: Found,
    readers: Readers = Readers(),  # noqa: B008 - frozen
    recognisers: Sequence[FaceRecogniser] = (),
    *,
    methods: Sequence[str] = METHODS,
    seed: int = 0,
    watch: Watch | None = None,
) -> Glance:
    """Everything known of a photo with faces.

    readers: who is asked of parts, expression, attributes and quality. recognisers: compare the photo's faces with each
    other. methods: heatmaps that are tried on the largest face. A model that cannot answer leaves a sentence in
    `untold`, no gap elsewhere. Raises BadRequest for an array that is no photo, Cancelled.
    """
    watch = watch or Watch()
    watch.tell(0.05, "parts")
    parsing = parse(found.image, readers.parser, found.faces) if readers.parser and found.faces else None
    watch.tell(0.2, "what every face shows")
    faces = analyse(found, readers)
    why, untold = _why(found, faces, parsing, readers.expression, methods, seed, watch.part(0.3, 0.85))
    watch.tell(0.9, "recognisers")
    return Glance(found, faces, parsing, why, _pairs(found, recognisers), untold)


def _why(
    found: Found,
    faces: tuple[FaceAnalysis, ...],
    parsing: Parsing | None,
    model: Any,
    methods: Sequence[str],
    seed: int,
    watch: Watch,
) -> tuple[Why | None, tuple[str, ...]]:
    """The best supported map of the largest face's expression, and why others were not drawn."""
    scores = faces[0].expression_scores if faces else None
    if model is None or scores is None:
        return None, ()
    target, drawn, untold = named(model, "expression", scores.top), list[tuple[Heatmap, Proof]](), list[str]()
    for place, method in enumerate(methods):
        part = watch.part(place / len(methods), (place + 1) / len(methods))
        try:
            found_map = explained(
                target, found.image, found.faces[0], method, parsing=parsing, seed=seed, watch=part.part(0, 0.5)
            )
            drawn.append((found_map.heatmap, proof_of(found_map, steps=8, randomise=False, watch=part.part(0.5, 1))))
        except Cancelled:
            raise
        except WorkbenchError as error:
            untold.append(f"{method}: {error}")
    if not drawn:
        return None, tuple(untold)
    heatmap, proof = max(drawn, key=lambda pair: (pair[1].verdict.counts, pair[1].verdict.gain))
    tried = tuple((each.method, of.verdict.word) for each, of in drawn)
    return Why(heatmap, proof, tried), tuple(untold)


def _pairs(found: Found, recognisers: Sequence[FaceRecogniser]) -> tuple[Pair, ...]:
    numbered = list(enumerate(found.faces, start=1))[:COMPARED]
    return tuple(
        Pair(one, other, tuple(verify(found.image, first, found.image, second, model) for model in recognisers))
        for (one, first), (other, second) in combinations(numbered, 2)
        if recognisers
    )
