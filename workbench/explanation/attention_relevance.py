"""What a vision transformer's score owes to each patch: attention weighted by its gradient, and layer-wise relevance.

Both watch the operations while the network runs, so that they need no knowledge of how a library writes its blocks.
Sources: Chefer et al., "Generic Attention-model Explainability" (2021), equations 5 and 6; Achtibat et al., "AttnLRP"
(2024), sections 3.2 and 3.3.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from workbench.errors import BadRequest
from workbench.explanation.activations import as_grid
from workbench.explanation.anatomy import grid_side
from workbench.explanation.question import ChipMap, Question
from workbench.explanation.rollout import as_map


def gradient_rollout(question: Question) -> ChipMap:
    """Attention followed through all layers, each head counted by how much its attention raises this score.

    Unlike plain rollout it depends on what is asked. Raises BadRequest for a network without attention that can be
    seen.
    """
    question.watch.tell(0.0, "gradient-weighted rollout")
    kept = Attentions()
    chip = question.chip.clone().requires_grad_()
    with kept:
        score = question.graded(chip)
    if not kept.weights:
        raise BadRequest("Gradient-weighted rollout needs a vision transformer; no attention was seen in this model.")
    grads = torch.autograd.grad(score.sum(), kept.weights, allow_unused=True)
    return ChipMap(as_map(rolled(kept.weights, grads), question.size))


def rolled(weights: list[Tensor], grads: "tuple[Tensor | None, ...]") -> Tensor:
    """(T, T): relevance of every token (columns) to every token at the end (rows). weights, grads: (1, heads, T, T) of
    every layer, first layer first; None for one that the score does not depend on."""
    tokens = weights[0].shape[-1]
    whole = torch.eye(tokens, dtype=weights[0].dtype, device=weights[0].device)
    for weight, grad in zip(weights, grads, strict=True):
        if grad is not None:
            whole = whole + (grad * weight).detach()[0].relu().mean(dim=0) @ whole
    return (whole - torch.eye(tokens, dtype=whole.dtype, device=whole.device)).cpu()


def layer_relevance(question: Question) -> ChipMap:
    """The score handed back to the patches, layer by layer; positive patches speak for it, negative ones against.

    extra: "score", and "share", how much of it reached the patches; the rest stayed with biases, places and the class
    token.
    """
    question.watch.tell(0.0, "layer-wise relevance")
    chip = question.chip.clone().requires_grad_()
    with Relevance() as rules:
        score = question.graded(chip)
    if rules.patches is None:
        raise BadRequest("Layer-wise relevance needs a vision transformer that cuts the picture into patches.")
    (grad,) = torch.autograd.grad(score.sum(), rules.patches, allow_unused=True)
    found = torch.zeros_like(rules.patches) if grad is None else grad * rules.patches
    shares = as_grid(found.detach()).sum(dim=1, keepdim=True)
    size = (question.size, question.size)
    fine = functional.interpolate(shares, size, mode="bilinear", align_corners=False)
    extra = {"score": float(score.detach().sum()), "share": float(shares.sum())}
    return ChipMap(fine[0, 0].cpu().numpy(), extra)


class Attentions(TorchFunctionMode):
    """While it is entered, attention is written out and its weights are kept: (N, heads, T, T), in order."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: list[Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation."""
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name == "scaled_dot_product_attention":
            return self._kept(written_out(*args, **kwargs)) @ args[2]
        result = func(*args, **kwargs)
        return self._kept(result) if name == "softmax" else result

    def _kept(self, weights: Tensor) -> Tensor:
        square = weights.ndim == 4 and weights.shape[0] == 1 and weights.shape[-1] == weights.shape[-2]
        if square and grid_side(weights.shape[-1]) and weights.requires_grad:
            self.weights.append(weights)
        return weights


def written_out(
    queries: Tensor, keys: Tensor, values: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: float | None = None, **others: Any,
) -> Tensor:  # fmt: skip
    """The weights of an attention that is otherwise worked out in one step. Raises BadRequest for a causal one."""
    if is_causal:
        raise BadRequest("Attention that looks only backwards is none of a picture.")
    logits = queries @ keys.transpose(-2, -1) * (queries.shape[-1] ** -0.5 if scale is None else scale)
    return (logits if attn_mask is None else logits + attn_mask).softmax(dim=-1)


class Relevance(TorchFunctionMode):
    """While it is entered, gradient times input is relevance by AttnLRP's rules. patches: output of the first
    convolution.

    Linear layers and softmax are their own rule; products give each factor half; norms and activations pass through.
    """

    def __init__(self) -> None:
        super().__init__()
        self.patches: Tensor | None = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation by its rule."""
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in _PRODUCTS and all(isinstance(each, Tensor) and each.requires_grad for each in args[:2]):
            return func(_half(args[0]), _half(args[1]), *args[2:], **kwargs)
        if name == "scaled_dot_product_attention":
            weights = written_out(_half(args[0]), _half(args[1]), args[2], *args[3:], **kwargs)
            return _half(weights) @ _half(args[2])
        if name in _PASSING:
            return _through(args[0], func, args[1:], kwargs)
        if name in ("normalize", "cosine_similarity", "layer_norm"):
            return _scaled(name, func, args, kwargs)
        result = func(*args, **kwargs)
        if name == "conv2d" and self.patches is None and isinstance(result, Tensor) and result.requires_grad:
            self.patches = result
        return result


_PRODUCTS = frozenset(("matmul", "__matmul__", "bmm", "mul", "__mul__", "multiply"))
_PASSING = frozenset(("gelu", "relu", "relu6", "silu", "hardswish", "sigmoid", "tanh", "leaky_relu", "elu", "prelu"))


def _half(x: Tensor) -> Tensor:
    """The same numbers, of which only half the gradient goes back."""
    return 0.5 * x + 0.5 * x.detach()


def _through(x: Tensor, func: Any, rest: Any, kwargs: Any) -> Tensor:
    """An activation as a factor that is taken as given: its whole relevance is its input's."""
    with torch.no_grad():
        found = func(x.detach().clone(), *rest, **kwargs)
        factor = torch.where(x.abs() > 1e-9, found / torch.where(x.abs() > 1e-9, x, 1.0), 0.0)
    return x * factor + (found - x * factor).detach()


def _scaled(name: str, func: Any, args: Any, kwargs: Any) -> Tensor:
    """A norm whose length is taken as given: what is left is a linear map."""
    with torch.no_grad():
        found: Tensor = func(*[each.detach() if isinstance(each, Tensor) else each for each in args], **kwargs)
    x = args[0]
    if name == "layer_norm":
        given = dict(zip(("normalized_shape", "weight", "bias", "eps"), args[1:], strict=False)) | kwargs
        dims = tuple(range(-len(given["normalized_shape"]), 0))
        centred = x - x.mean(dim=dims, keepdim=True)
        deviation = torch.sqrt(x.detach().var(dim=dims, keepdim=True, correction=0) + given.get("eps", 1e-5))
        linear = centred / deviation * (1.0 if given.get("weight") is None else given["weight"])
    elif name == "normalize":
        dim = kwargs.get("dim", args[2] if len(args) > 2 else 1)
        linear = x / x.detach().norm(dim=dim, keepdim=True).clamp(min=1e-12)
    else:
        dim, y = kwargs.get("dim", args[2] if len(args) > 2 else 1), args[1].detach()
        lengths = x.detach().norm(dim=dim) * y.norm(dim=dim)
        linear = (x * y).sum(dim=dim) / lengths.clamp(min=1e-12)
    return linear + (found - linear).detach()
