"""Everything one face shows, as one value; and the same of every face of a photo."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from workbench.errors import Cancelled, WorkbenchError
from workbench.photo import Found
from workbench.signs import Gaze, Signs
from workbench.tasks.analysis.covering import covered
from workbench.tasks.analysis.eyes import gaze
from workbench.tasks.analysis.figures import figures
from workbench.tasks.analysis.layouts import points_of
from workbench.tasks.analysis.readers import Readers, SignReader
from workbench.tasks.attributes import read_attributes
from workbench.tasks.expression import Verdict, classify, judge
from workbench.tasks.model_id import model_id
from workbench.tasks.parsing import Parser, parse
from workbench.tasks.quality import ask, assess
from workbench.values import Face, Finding, Quality, Scores, check_image
from workbench.watch import look

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class FaceAnalysis:
    """What is known of one face; what nobody could say is None or empty, and `untold` says why.

    number: from 1, largest first. face: box, five points, mesh, head pose, eye and mouth openness. gaze: from the
    irises. figures: the mesh's distances by name, in widths between the outer eye corners. expression: a Verdict where
    the model can be unsure, else its Scores. age: years, as it looks to a network. attributes: one Scores per model.
    quality: words and figures. networks: what quality networks say, by id. signs: of each model that gives more.
    """

    number: int
    face: Face
    gaze: Gaze | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    expression: Verdict | Scores | None = None
    age: float | None = None
    attributes: tuple[Scores, ...] = ()
    quality: Quality | None = None
    networks: Mapping[str, float] = field(default_factory=dict)
    signs: tuple[Signs, ...] = ()
    untold: tuple[str, ...] = ()

    def points(self, layout: str = "mesh") -> np.ndarray | None:
        """(n, 3) float32 in pixels of the photo, z smaller is nearer; None without landmarks. layout: see `layouts`."""
        return None if self.face.mesh is None else points_of(self.face.mesh, layout)

    @property
    def expression_word(self) -> str:
        """The expression, "unsure", or "" where none was asked."""
        if self.expression is None:
            return ""
        return self.expression.word if isinstance(self.expression, Verdict) else self.expression.top

    @property
    def expression_scores(self) -> Scores | None:
        """The probability of every expression."""
        return self.expression.scores if isinstance(self.expression, Verdict) else self.expression


def analyse(found: Found, readers: Readers = Readers()) -> tuple[FaceAnalysis, ...]:  # noqa: B008 - frozen
    """Every face of a photo, in its order. A model that cannot judge a face leaves a sentence in `untold`, no gap
    elsewhere. Raises BadRequest for an array that is no photo."""
    labels = None
    if readers.parser is not None and found.faces:
        labels = parse(found.image, readers.parser, found.faces).labels
    return tuple(
        analyse_face(found.image, face, readers, number=number, labels=labels)
        for number, face in enumerate(found.faces, start=1)
    )


def analyse_face(
    image: np.ndarray,
    face: Face,
    readers: Readers = Readers(),  # noqa: B008 - frozen
    *,
    number: int = 1,
    labels: np.ndarray | None = None,
) -> FaceAnalysis:
    """Everything one face shows. labels: (H, W) part indices where the photo is parsed already.

    Without `readers` it takes a millisecond: points, pose, openness, gaze, geometry's figures and the photo's quality.
    """
    look()
    ask_of = _Asked(check_image(image), face)
    if labels is None and readers.parser is not None:
        labels = ask_of(readers.parser, _parts)
    read = [scores for model in readers.attributes if (scores := ask_of(model, read_attributes)) is not None]
    judged = {model_id(model): answer for model in readers.quality if (answer := ask_of(model, ask)) is not None}
    quality = ask_of(None, lambda image, face, _: assess(image, face))
    return FaceAnalysis(
        number=number,
        face=face,
        gaze=gaze(face),
        figures=figures(face),
        expression=ask_of(readers.expression, _expression) if readers.expression else None,
        age=next((float(scores.values[0]) for scores in read if scores.labels == ("age",)), None),
        attributes=tuple(scores for scores in read if scores.labels != ("age",)),
        quality=None if quality is None else _with(quality, labels, face, judged),
        networks={model: value for model, (value, _) in judged.items()},
        signs=tuple(signs for model in readers.signs if (signs := ask_of(model, _signs)) is not None),
        untold=tuple(dict.fromkeys(ask_of.untold)),
    )


class _Asked:
    """One face, and what could not be said of it."""

    def __init__(self, image: np.ndarray, face: Face) -> None:
        self._image, self._face, self.untold = image, face, list[str]()

    def __call__(self, model: Any, question: Callable[[np.ndarray, Face, Any], T]) -> T | None:
        try:
            return question(self._image, self._face, model)
        except Cancelled:
            raise
        except WorkbenchError as error:
            self.untold.append(str(error) if model is None else f"{model_id(model)}: {error}")
            return None


def _parts(image: np.ndarray, face: Face, parser: Parser) -> np.ndarray:
    return parse(image, parser, [face]).labels


def _signs(image: np.ndarray, face: Face, model: SignReader) -> Signs:
    return model.signs(image, face)


def _expression(image: np.ndarray, face: Face, model: Any) -> Verdict | Scores:
    return judge(image, face, model) if hasattr(model, "certainty") else classify(image, face, model)


def _with(
    quality: Quality, labels: np.ndarray | None, face: Face, judged: Mapping[str, tuple[float, tuple[Finding, ...]]]
) -> Quality:
    """The photo's findings, what covers the face, and what the networks found."""
    cover = None if labels is None else covered(labels, face)
    more = [finding for _, findings in judged.values() for finding in findings]
    return Quality((*quality.findings, *([cover] if cover else []), *more))
