"""Which models look at a face, as arguments: none of them is needed, geometry alone says a good deal."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from workbench.catalog.spec import ModelSpec
from workbench.signs import Signs
from workbench.tasks.attributes import AttributeScorer
from workbench.tasks.expression import ExpressionScorer
from workbench.tasks.parsing import Parser
from workbench.tasks.quality import QualityModel
from workbench.values import Face


class SignReader(Protocol):
    """A model whose other heads say more: points, pose, gaze, action units, blendshapes, valence and arousal."""

    spec: ModelSpec

    def signs(self, image: np.ndarray, face: Face) -> Signs:
        """What they say of one face."""


@dataclass(frozen=True, slots=True, eq=False)
class Readers:
    """The models that are asked. parser: says what covers a face. An expression model that can be unsure says so."""

    expression: ExpressionScorer | None = None
    attributes: tuple[AttributeScorer, ...] = ()
    parser: Parser | None = None
    quality: tuple[QualityModel, ...] = ()
    signs: tuple[SignReader, ...] = ()


def name(model: Any) -> str:
    """The model's id in the catalogue."""
    return str(getattr(getattr(model, "spec", None), "id", type(model).__name__))
