"""Which number is explained: a score, an attribute, an age, the likeness of two faces, the area of a part.

A target is a function from chips to one number each, tied to the model it reads. Methods know targets and nothing of
tasks.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from workbench.errors import BadRequest
from workbench.parts import PARTS, title
from workbench.tasks.model_id import model_id
from workbench.thresholds import Metric
from workbench.values import Face

SCALES = ("log odds", "probability", "logit")


class Scorer(Protocol):
    """A model that can be explained; `models.chips.ChipModel` is one.

    network: the torch module, features: the part of it whose output still has places, (N, C, h, w) or tokens (N, 1 +
    h·w, C), looked up in `network` each time.
    window: the (2, 3) matrix from the photo to the chip, and the chip's side. crop: the chip, (S, S, 3) uint8.
    forward: chips (N, 3, S, S), RGB, 0 to 255, to logits or embeddings (N, n); values: the same as people read them.
    """

    network: nn.Module

    @property
    def features(self) -> nn.Module: ...  # noqa: D102
    def window(self, face: Face, shape: Sequence[int] = ()) -> tuple[np.ndarray, int]: ...  # noqa: D102
    def crop(self, image: np.ndarray, face: Face) -> np.ndarray: ...  # noqa: D102
    def forward(self, chips: Tensor) -> Tensor: ...  # noqa: D102
    def values(self, chips: Tensor) -> Tensor: ...  # noqa: D102


Reading = Callable[[Any, Tensor], Tensor]
"""A model and chips (N, 3, S, S) to one number per chip (N,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """One number of one model.

    name: in words. model: a Scorer. read: the number on the scale maps are made on. shown: the same on the scale people
    read and curves are drawn on (a probability, years, a cosine); unit names that scale. label: the class, if it is
    one.
    again: makes this target for another model, where that takes more than exchanging the model. other: the chip of the
    face this one is compared with, (1, 3, S, S), for the likeness of two; against: chips (M, 3, S, S) of other people,
    for maps that ask what tells the person apart from them.
    """

    name: str
    model: Any
    read: Reading
    shown: Reading
    unit: str = "score"
    label: str = ""
    again: Callable[[Any], "Target"] | None = None
    other: Tensor | None = None
    against: Tensor | None = None

    def score(self, chips: Tensor, shown: bool = False) -> Tensor:
        """Scores (N,) of chips (N, 3, S, S)."""
        return (self.shown if shown else self.read)(self.model, chips)

    def of(self, model: Any) -> "Target":
        """The same number of another model (the randomisation check asks a damaged copy)."""
        return self.again(model) if self.again else replace(self, model=model)

    @property
    def model_id(self) -> str:
        """The catalogue id of the model, or its class name where it has none."""
        return model_id(self.model)


def class_score(model: Any, label: str, scale: str = "log odds") -> Target:
    """The score of one class that excludes the others (an expression, female or male).

    scale: "log odds" is log p/(1 − p): it never saturates and says *this rather than the rest*; "probability"; "logit"
    alone. Raises BadRequest for a label or scale that does not exist.
    """
    index = _place(label, model.labels, "label")
    reading = (_log_odds, _probability, _logit)[_place(scale, SCALES, "scale")]
    name = f"“{label}”" if scale == "log odds" else f"“{label}” ({scale})"
    return Target(
        name,
        model,
        lambda m, x: reading(m.forward(x), index),
        lambda m, x: _probability(m.forward(x), index),
        "probability",
        label,
    )


def _log_odds(logits: Tensor, index: int) -> Tensor:
    rest = torch.cat([logits[:, :index], logits[:, index + 1 :]], dim=1)
    return logits[:, index] - torch.logsumexp(rest, dim=1)


def _probability(logits: Tensor, index: int) -> Tensor:
    return logits.softmax(dim=1)[:, index]


def _logit(logits: Tensor, index: int) -> Tensor:
    return logits[:, index]


def attribute(model: Any, label: str, unit: str = "") -> Target:
    """An attribute that stands alone, as the model's `values` give it: years of age, or a probability of its own."""
    index = _place(label, model.labels, "label")

    def read(asked: Any, chips: Tensor) -> Tensor:
        return asked.values(chips)[:, index]

    return Target(f"“{label}”", model, read, read, unit or ("years" if label == "age" else "score"), label)


def number(model: Any, name: str, read: Callable[[Tensor], Tensor], unit: str = "score") -> Target:
    """Any other scalar of a model's output, given as a function of it: (N, n) to (N,)."""

    def reading(asked: Any, chips: Tensor) -> Tensor:
        return read(asked.forward(chips))

    return Target(name, model, reading, reading, unit)


def similarity(model: Any, other: Tensor, against: Tensor | None = None) -> Target:
    """How alike a chip and the `other` chip (1, 3, S, S) are: the cosine, or minus the distance where the metric is l2.

    More always means more alike. Give the second face as `other` to explain the first, and the other way round.
    against: chips (M, 3, S, S) of other people; they change no score, only the maps that contrast.
    """
    with torch.no_grad():
        reference = model.forward(other)

    def read(asked: Any, chips: Tensor) -> Tensor:
        embeddings = asked.forward(chips)
        if asked.metric is Metric.COSINE:
            return nn.functional.cosine_similarity(embeddings, reference, dim=1)
        return -torch.linalg.vector_norm(embeddings - reference, dim=1)

    unit = "cosine" if model.metric is Metric.COSINE else "minus distance"
    return Target(
        "the likeness to the other face",
        model,
        read,
        read,
        unit,
        again=lambda asked: similarity(asked, other, against),
        other=other,
        against=against,
    )


def rather(model: Any, other: Tensor, against: Tensor) -> Target:
    """How much more alike a chip is to the `other` chip (1, 3, S, S) than, on average, to `against`, (M, 3, S, S).

    In the unit of `similarity`; above 0 it is nearer to the other.
    """
    mate = similarity(model, other, against)
    away = [similarity(model, each[None]) for each in against]

    def read(asked: Any, chips: Tensor) -> Tensor:
        return mate.read(asked, chips) - torch.stack([each.read(asked, chips) for each in away]).mean(dim=0)

    return replace(
        mate, name="the likeness to one face rather than others", read=read, shown=read,
        again=lambda asked: rather(asked, other, against),
    )  # fmt: skip


def area(model: Any, part: str) -> Target:
    """The share of the chip (0 to 1) that a differentiable parser gives to a part. Its `forward` gives (N, 19, h, w)
    logits."""
    index = _place(part, PARTS, "part")

    def read(asked: Any, chips: Tensor) -> Tensor:
        return asked.forward(chips).softmax(dim=1)[:, index].mean(dim=(1, 2))

    return Target(f"the area of {title(part).lower()}", model, read, read, "share of the chip")


def named(model: Any, task: str, label: str, scale: str = "log odds") -> Target:
    """The target a word stands for: a label of an expression or attribute model, or the part of a parser whose area is
    asked.

    task: of the catalogue. Raises BadRequest for a word the model does not know, or a task that has no such targets.
    """
    if task == "parsing":
        return area(model, label)
    if task not in ("expression", "attributes"):
        raise BadRequest(f"A {task} model has no labels to explain; compare two faces instead.")
    return class_score(model, label, scale) if getattr(model, "exclusive", True) else attribute(model, label)


def copy_of(model: Any) -> Any:
    """The model with a network of its own, so that changing its weights leaves the original alone."""
    twin = copy.copy(model)
    twin.network = copy.deepcopy(model.network)
    return twin


def _place(name: str, allowed: Sequence[str], what: str) -> int:
    if name not in allowed:
        raise BadRequest(f"There is no {what} {str(name)[:60]!r}; expected one of: {', '.join(allowed)}.")
    return list(allowed).index(name)
