"""Heatmaps by excitation backprop: what excited the numbers by which two faces are alike, or by which a class is told.

Source: Zhang et al. (2016) for the first and the opposite unit; Williford et al., "Explainable Face Recognition"
(2020), sections 4.1 and 4.2, for contrast with other people, truncation and subtrees, written anew from the paper.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from workbench.errors import BadRequest
from workbench.explanation.excitation import Apply, Excitation, excited, sent_back
from workbench.explanation.fills import blurred
from workbench.explanation.question import ChipMap, Question

SUBTREES = 64
"""Layers whose strongest number is followed."""


def excitation_backprop(question: Question, smooth: float = 1.5) -> ChipMap:
    """Where what excites the answer comes from; never negative. smooth: of the map, in percent of the side.

    extra: "reached", the part of the whole that arrived at the pixels; what met only zeros on its way is lost.
    """
    question.watch.tell(0.0, "excitation backprop")
    share = _pixels(question, seed_of(question))
    return _finished(share, question, smooth, {"reached": float(share.sum())})


def contrastive_excitation(question: Question, cut: int = 0, smooth: float = 1.5) -> ChipMap:
    """What excites this answer more than its opposite, or more than other people where the target names some.

    cut: share of the weakest mass, in percent, that is dropped before (20 is the paper's truncated form).
    """
    question.watch.tell(0.0, "contrastive excitation backprop")
    mate = _whole(_pixels(question, seed_of(question)))
    question.watch.tell(0.5, "contrastive excitation backprop")
    other = _whole(_pixels(question, opposite_of(question)))
    heat = contrast(mate, other, cut / 100)
    return _finished(heat, question, smooth, {"left": float(heat.sum())})


def contrast(mate: Tensor, other: Tensor, cut: float = 0.0) -> Tensor:
    """max(mate − other, 0) of two maps that sum to 1, without the pixels that hold the weakest `cut` of mate's mass."""
    flat = mate.flatten()
    order = flat.argsort()
    keep = torch.zeros_like(flat, dtype=torch.bool)
    keep[order] = flat[order].double().cumsum(0) > cut * flat.double().sum()
    return torch.where(keep.reshape(mate.shape), mate - other, torch.zeros_like(mate)).clamp(min=0)


def weighted_subtree(question: Question, subtrees: int = SUBTREES, smooth: float = 1.5) -> ChipMap:
    """The sum, over layers, of what excites the number there that most raises the likeness and lowers it to others.

    Weights are the products of the two gradients, scaled from 0 to 1 over the layers that are kept. Without other
    people in the target the gradient of the likeness alone counts.
    """
    tops = _strongest(question)[:subtrees]
    pixels, kept = _run(question)
    weights = torch.tensor([weight for weight, _, _ in tops], dtype=torch.float64)
    if not len(weights) or not (weights > 0).any():
        return ChipMap(np.zeros((question.size, question.size), np.float32), {"subtrees": 0})
    spread = weights.max() - weights.min()
    scaled = (weights - weights.min()) / spread if spread > 0 else torch.ones_like(weights)
    heat = torch.zeros_like(pixels[0, 0])
    for done, ((_, layer, place), weight) in enumerate(zip(tops, scaled.tolist(), strict=True)):
        question.watch.tell(done / len(tops), "subtrees")
        share = torch.zeros_like(kept[layer])
        share.view(-1)[place] = 1.0
        heat += weight * _whole(sent_back(kept[layer], pixels, share)[0].sum(dim=0))
    return _finished(heat, question, smooth, {"subtrees": len(tops)})


def _run(question: Question) -> tuple[Tensor, list[Tensor]]:
    pixels = question.chip.detach().clone().requires_grad_()
    with Excitation() as mode:
        question.target.model.forward(pixels)
    return pixels, mode.kept


def _strongest(question: Question) -> list[tuple[float, int, int]]:
    """(weight, layer, place) of every weighted layer's strongest number, strongest first."""
    pixels = question.chip.detach().clone().requires_grad_()
    with Excitation(plain=True) as mode:
        found = question.target.model.forward(pixels)
    other = question.target.against
    mate = _gradients(_likeness(found, question), mode.kept)
    away = None if other is None else _gradients(_alike(found, _vectors(question, other)), mode.kept)
    tops = []
    for layer, rise in enumerate(mate):
        weight = rise if away is None else (rise >= 0) * -away[layer]
        place = int(weight.argmax())
        tops.append((float(weight.flatten()[place]), layer, place))
    return sorted((each for each in tops if each[0] > 0), reverse=True)


def _gradients(score: Tensor, layers: list[Tensor]) -> list[Tensor]:
    found = torch.autograd.grad(score, layers, retain_graph=True, allow_unused=True)
    return [torch.zeros_like(layer) if each is None else each for each, layer in zip(found, layers, strict=True)]


def _vectors(question: Question, chips: Tensor) -> Tensor:
    with torch.no_grad():
        return question.target.model.forward(chips)  # type: ignore[no-any-return]


def _likeness(found: Tensor, question: Question) -> Tensor:
    if question.target.other is None:
        return found[0, _class(question)]
    return _alike(found, _vectors(question, question.target.other))


def _alike(found: Tensor, references: Tensor) -> Tensor:
    return torch.nn.functional.cosine_similarity(found, references, dim=1).mean()


def seed_of(question: Question) -> Apply:
    """The share each of the network's numbers starts with, for this question: (1, n) to (1, n), signs as the numbers'.

    Two faces: the numbers whose product raises the cosine. A class: its own logit. Raises BadRequest for other targets.
    """
    if question.target.other is not None:
        return agreeing(_vectors(question, question.target.other).mean(dim=0, keepdim=True))
    return _one(_class(question), 1.0)


def opposite_of(question: Question) -> Apply:
    """The seed to contrast with: the nearest of the other people's, or, without them, what keeps the two apart; of a
    class, its negative."""
    target = question.target
    if target.other is None:
        return _one(_class(question), -1.0)
    if target.against is None:
        return agreeing(-_vectors(question, target.other).mean(dim=0, keepdim=True))
    others = _vectors(question, target.against)
    nearest = torch.nn.functional.cosine_similarity(_vectors(question, question.chip), others, dim=1).argmax()
    return agreeing(others[nearest : nearest + 1])


def agreeing(reference: Tensor) -> Apply:
    """Vectors to their numbers' shares in what agrees with `reference` (1, n): the products, where above zero."""

    def seed(found: Tensor) -> Tensor:
        products = (found * reference).clamp(min=0)
        total = products.sum(dim=1, keepdim=True)
        return torch.where(total > 0, products / total, 0.0) * found.sign()

    return seed


def _one(index: int, sign: float) -> Apply:
    def seed(found: Tensor) -> Tensor:
        share = torch.zeros_like(found)
        share[:, index] = sign
        return share

    return seed


def _class(question: Question) -> int:
    target: Any = question.target
    labels = getattr(target.model, "labels", ())
    if target.label not in labels or target.unit != "probability":
        raise BadRequest(
            "Excitation backprop explains the likeness of two faces or the score of one class; this target is neither."
        )
    return list(labels).index(target.label)


def _pixels(question: Question, seed: Apply) -> Tensor:
    question.watch.check()
    return excited(question.target.model.forward, question.chip, seed)[0].sum(dim=0)


def _whole(share: Tensor) -> Tensor:
    total = share.sum()
    return share / total if float(total) > 0 else torch.zeros_like(share)


def _finished(share: Tensor, question: Question, smooth: float, extra: dict[str, Any]) -> ChipMap:
    if smooth > 0 and bool(share.any()):
        share = blurred(share[None, None], question.size * smooth / 100)[0, 0]
    return ChipMap(share.detach().cpu().numpy().astype(np.float32), extra)
