"""A network of somebody's own as a parser, a scorer or a recogniser: its crop, its labels, what its numbers are."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from workbench.catalog.spec import Input, ModelSpec
from workbench.errors import BadRequest, BadWeights
from workbench.geometry import face_window, square_crop, stretch
from workbench.models.attributes.face_quality import QualityNetwork
from workbench.models.blocks.chips import EXPRESSIONS, AttributeModel, ChipModel, ExpressionModel, Recogniser
from workbench.models.blocks.pixels import Normal
from workbench.models.blocks.windows import arcface, dlib_chip, mtcnn_box
from workbench.models.expressions.vit_expression import WORDS
from workbench.models.parsers.hub_parser import HubParser
from workbench.parts import INDEX, PARTS
from workbench.values import Face

AsSeen = Callable[[Face, tuple[int, ...], int], np.ndarray]
"""From a face, the photo's shape and the chip's side to the matrix photo → chip."""
PLAIN = Normal((0.0, 0.0, 0.0), (1 / 255,) * 3)
"""Pixels stay 0..255: an own network normalises by itself."""
_LEAST = 1e-9

SYNONYMS = {
    "face": "skin", "left_eye": "", "right_eye": "", "eye_g": "eyeglasses", "glasses": "eyeglasses",
    "l_eye": "image_right_eye", "r_eye": "image_left_eye", "l_brow": "image_right_brow", "r_brow": "image_left_brow",
    "l_ear": "image_right_ear", "r_ear": "image_left_ear", "u_lip": "upper_lip", "l_lip": "lower_lip",
    "ear_r": "earring", "neck_l": "necklace", "inner_mouth": "mouth", "clothes": "cloth",
}  # fmt: skip
"""Words of data sets → parts. CelebAMask-HQ's sides are the person's own."""


def wrapped(
    spec: ModelSpec, network: nn.Module, labels: Sequence[str], side: int, layer: str, device: str
) -> ChipModel | HubParser:
    """The network as the row's task wants it. network: (N, 3, S, S) RGB in 0..255 to its own numbers.

    Raises BadRequest for labels that cannot be mapped.
    """
    told = spec.input or Input(side)
    if spec.task == "parsing":
        return OwnParser(spec, network, side, labels, told, device, layer)
    window = _faces(told)
    if spec.task == "recognition":
        model = OwnRecogniser(spec, network, window, side, layer, told.metric)
        model.threshold = told.threshold if told.threshold is not None else model.threshold
        return model
    if spec.task == "quality":
        rating = OwnQuality(spec, network, window, side, layer)
        rating.low = told.threshold
        return rating
    if spec.task == "expression":
        order = [WORDS.get(label.strip().lower(), label.strip().lower()) for label in labels]
        if unknown := [label for label in order if label not in EXPRESSIONS]:
            raise BadRequest(
                f"{spec.title}: {unknown[0]!r} is no expression; known are {', '.join(EXPRESSIONS)}. Use task = "
                '"attributes" for labels of your own.'
            )
        return OwnExpression(spec, network, window, side, layer, order)
    return OwnAttributes(spec, network, window, side, layer, tuple(labels))


class _Framed:
    """Sees the crop its row names, which may depend on the photo's shape."""

    spec: ModelSpec
    size: int

    def window(self, face: Face, shape: Sequence[int] = ()) -> tuple[np.ndarray, int]:
        """The (2, 3) matrix from photo points to chip points, and the chip's side in pixels."""
        return seen(self.spec.input or Input(self.size))(face, tuple(shape), self.size), self.size


class OwnRecogniser(_Framed, Recogniser):
    """Vectors, brought to unit length where the metric is cosine."""


class OwnQuality(_Framed, QualityNetwork):
    """One number, more being better; the row's threshold is the number below which a photo is called poor."""

    def forward(self, chips: Tensor) -> Tensor:
        """(N, 1), between 0 and 1 where the row says sigmoid."""
        found = super().forward(chips)
        return found.sigmoid() if _kind(self.spec) == "sigmoid" else found


class OwnExpression(_Framed, ExpressionModel):
    """Expressions; probabilities are taken as such where the row says so."""

    def forward(self, chips: Tensor) -> Tensor:
        """(N, number of labels) logits, or the logarithm of probabilities."""
        found = super().forward(chips)
        return found.clamp_min(_LEAST).log() if _kind(self.spec) == "probabilities" else found


class OwnAttributes(_Framed, AttributeModel):
    """Labels of the model's own: one probability shared, or each alone where the row says sigmoid."""

    def __init__(
        self, spec: ModelSpec, network: nn.Module, window: object, size: int, layer: str, labels: tuple[str, ...]
    ) -> None:
        super().__init__(spec, network, window, size, layer)  # type: ignore[arg-type]
        self.labels, self.exclusive = labels, _kind(spec) != "sigmoid"

    def values(self, chips: Tensor) -> Tensor:
        """(N, number of labels) probabilities."""
        found = self.forward(chips)
        kind = _kind(self.spec)
        return found if kind == "probabilities" else found.sigmoid() if kind == "sigmoid" else found.softmax(1)


class OwnParser(_Framed, HubParser):
    """Classes are added up into the canonical parts; those with another name count as background."""

    def __init__(
        self,
        spec: ModelSpec,
        network: nn.Module,
        size: int,
        labels: Sequence[str],
        told: Input,
        device: str,
        layer: str,
    ) -> None:
        super().__init__(spec, network, size, PLAIN, PARTS, device, seen(told), layer)
        self.parts = tuple(part_of(label, spec.title) for label in labels)
        adds = torch.zeros(len(PARTS), len(labels))
        for place, part in enumerate(self.parts):
            adds[INDEX.get(part, 0), place] = 1
        self._adds = adds.to(self.device)

    def canonical(self, logits: Tensor) -> Tensor:
        """(N, classes, h, w) to (N, 19, h, w): the logarithm of each part's share."""
        shares = logits if _kind(self.spec) == "probabilities" else logits.softmax(1)
        return torch.einsum("pc,nchw->nphw", self._adds, shares).clamp_min(_LEAST).log()


def part_of(label: str, title: str) -> str:
    """The canonical part of a label, "" for none. Raises BadRequest where left and right could be anybody's."""
    word = label.strip().lower().replace(" ", "_").replace("-", "_")
    found = word if word in INDEX else SYNONYMS.get(word, "")
    if not found and word.startswith(("left_", "right_")):
        raise BadRequest(f"{title}: label {label!r}: whose side is it? Write image_{word}, as it lies in the picture.")
    return found


def _kind(spec: ModelSpec) -> str:
    return spec.input.kind if spec.input else "logits"


def _faces(told: Input) -> Callable[[Face], np.ndarray]:
    return lambda face: seen(told)(face, (), told.side)


def seen(told: Input) -> AsSeen:
    """The crop of this name."""

    def window(face: Face, shape: tuple[int, ...], size: int) -> np.ndarray:
        if told.crop == "whole" and shape:
            return stretch(shape, size)
        if told.crop == "arcface112":
            return arcface(size, told.margin)(face)
        if told.crop == "dlib150":
            return dlib_chip(size, 0.25 * told.margin)(face)
        if told.crop == "mtcnn160":
            return mtcnn_box(size, told.margin)(face)
        if told.crop == "celeba":
            return face_window(face, shape or (1, 2), size)
        left, top, right, bottom = (float(value) for value in face.box)
        middle = np.array([(left + right) / 2, (top + bottom) / 2])
        return square_crop(middle, told.margin * max(right - left, bottom - top), 0.0, size)

    return window


def checked(found: np.ndarray, task: str, labels: Sequence[str], name: str) -> np.ndarray:
    """The network's answer to one chip, if it has the shape its task needs. Raises BadWeights."""
    dims, shape = 4 if task == "parsing" else 2, " × ".join(map(str, found.shape))
    count = 1 if task == "quality" else len(labels)
    if found.ndim != dims or (task != "recognition" and found.shape[1] != count):
        wanted = {
            "parsing": f"1 × {count} × h × w (a label each)", "recognition": "1 × d", "quality": "1 × 1",
        }.get(task, f"1 × {count} (a label each)")  # fmt: skip
        raise BadWeights(f"{name}: expected an output of {wanted}, got {shape}.")
    if not np.isfinite(found).all():
        raise BadWeights(f"{name}: the network answers NaN or infinity to a grey picture.")
    return found
