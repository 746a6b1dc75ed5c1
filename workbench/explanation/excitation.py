"""Probability sent back through a network: every number asks which of its inputs excited it, and shares itself out.

The rules stand in place of the derivative while a network runs, so that any network made of known operations works;
an operation without a rule is refused by name. A share below zero asks what made a number low. Knows nothing of faces
and maps.
Source: Zhang et al., "Top-down Neural Attention by Excitation Backprop" (2016), equations 5 to 8; for the pixels, which
have no zero of their own, the w²-rule of Montavon et al., "Deep Taylor Decomposition" (2017), equation 8.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.overrides import TorchFunctionMode

from workbench.errors import BadRequest

SMALL = 1e-12
"""Sums below this share of the layer's largest excite nothing: there is nobody to share among."""

Apply = Callable[[Tensor], Tensor]


def excited(forward: Apply, chips: Tensor, seed: Apply) -> Tensor:
    """What every input number contributed: (N, 3, S, S), not negative where the seed is not, summing to the seed's sum
    at most.

    forward: chips to the network's numbers. seed: these numbers to the share each starts with, same shape. Raises
    BadRequest for an operation that has no rule.
    """
    pixels = chips.detach().clone().requires_grad_()
    with Excitation():
        found = forward(pixels)
    return sent_back(found, pixels, seed(found.detach()))


def sent_back(found: Tensor, pixels: Tensor, share: Tensor) -> Tensor:
    """The shares of `pixels` in `found`, which was computed from them under `Excitation`; zeros where it does not
    depend on them."""
    if not found.requires_grad:
        return torch.zeros_like(pixels)
    (back,) = torch.autograd.grad(found, pixels, share, retain_graph=True, allow_unused=True)
    return torch.zeros_like(pixels) if back is None else back


class Excitation(TorchFunctionMode):
    """While it is entered, what runs backwards is excitation. kept: outputs of the weighted layers, in order."""

    def __init__(self, plain: bool = False) -> None:
        """plain: keep the outputs and leave the derivative as it is."""
        super().__init__()
        self.plain, self.kept, self.first = plain, list[Tensor](), True

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation by its rule."""
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if not _graded(args):
            return func(*args, **kwargs)
        rule = None if self.plain else _RULES.get(name)
        result = rule(self, func, args, kwargs) if rule else func(*args, **kwargs)
        if name in WEIGHTED:
            self.kept.append(result)
        routed = self.plain or rule or name in ROUTES
        if not routed and isinstance(result, Tensor) and result.requires_grad:
            raise BadRequest(
                f"Excitation backprop has no rule for “{name}”, which this model uses. Choose another map."
            )
        return result


def _with(layer: Any, weight: Tensor, values: Tensor) -> Tensor:
    return layer(values, weight)  # type: ignore[no-any-return]


def _graded(args: Any) -> bool:
    if isinstance(args, Tensor):
        return args.requires_grad
    return isinstance(args, (tuple, list)) and any(_graded(each) for each in args)


def _passed(values: Tensor, apply: Apply, share: Tensor) -> Tensor:
    """Shares of not negative `values` in their weighted sums `apply(values)`, of which each has `share` to give."""
    with torch.enable_grad():
        values = values.detach().requires_grad_()
        sums = apply(values)
        each = torch.where(sums > SMALL * sums.detach().abs().max(), share / sums, 0.0).detach()
        (back,) = torch.autograd.grad(sums, values, each)
    return values.detach() * back


class _Weighted(Function):
    """A layer of weights: whoever is above zero and has a weight that pushes the right way gets a share."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, output: Tensor, apply: Any, first: bool) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.layer, ctx.first = apply, first
        return output.view_as(output)

    @staticmethod
    def backward(ctx: Any, share: Tensor) -> Any:  # type: ignore[override]
        x, weight = ctx.saved_tensors
        total = torch.zeros_like(x)
        for sign in (1.0, -1.0):
            part = (sign * share).clamp(min=0)
            if part.any():
                pushing = weight**2 if ctx.first else (sign * weight).clamp(min=0)
                values = torch.ones_like(x) if ctx.first else x.clamp(min=0)
                total += _passed(values, partial(_with, ctx.layer, pushing), part)
        return total, None, None, None, None


class _Pooled(Function):
    """A mean or sum without weights of its own; shares keep their sign."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, output: Tensor, apply: Any) -> Tensor:
        ctx.save_for_backward(x)
        ctx.layer = apply
        return output.view_as(output)

    @staticmethod
    def backward(ctx: Any, share: Tensor) -> Any:  # type: ignore[override]
        (x,) = ctx.saved_tensors
        total = torch.zeros_like(x)
        for sign in (1.0, -1.0):
            part = (sign * share).clamp(min=0)
            if part.any():
                total += sign * _passed((sign * x).clamp(min=0), ctx.layer, part)
        return total, None, None


class _Straight(Function):
    """An operation on each number by itself: the share goes straight through. sign: −1 where it turns numbers
    around."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, output: Tensor, sign: Any) -> Tensor:
        ctx.sign, ctx.shape = sign, x.shape
        return output.view_as(output)

    @staticmethod
    def backward(ctx: Any, share: Tensor) -> Any:  # type: ignore[override]
        return (share * ctx.sign).sum_to_size(ctx.shape), None, None


class _Added(Function):
    """Two numbers added (sign 1) or taken off (sign −1): each gets its part of what pushes the right way."""

    @staticmethod
    def forward(ctx: Any, one: Tensor, two: Tensor, output: Tensor, sign: float) -> Tensor:
        ctx.save_for_backward(one, two)
        ctx.sign = sign
        return output.view_as(output)

    @staticmethod
    def backward(ctx: Any, share: Tensor) -> Any:  # type: ignore[override]
        one, two = ctx.saved_tensors
        way = share.sign()
        a, b = (way * one).clamp(min=0), (way * ctx.sign * two).clamp(min=0)
        each = torch.where(a + b > 0, share / (a + b), 0.0)
        return (a * each).sum_to_size(one.shape), (ctx.sign * b * each).sum_to_size(two.shape), None, None


def _plain(func: Any, args: Sequence[Any], kwargs: Any) -> Tensor:
    with torch.no_grad():
        copies = [each.detach().clone() if isinstance(each, Tensor) else each for each in args]
        result: Tensor = func(*copies, **kwargs)
        return result


def _weighted(mode: Excitation, func: Any, args: Any, kwargs: Any) -> Tensor:
    x, weight, *rest = args
    output = _plain(func, args, kwargs)
    others = {key: value for key, value in kwargs.items() if key != "bias"}
    rest = [None, *rest[1:]] if rest else []
    first, mode.first = mode.first, False
    return _Weighted.apply(x, weight, output, lambda a, w: func(a, w, *rest, **others), first)  # type: ignore[no-any-return]


def _product(mode: Excitation, func: Any, args: Any, kwargs: Any) -> Tensor:
    """Matrices: by fixed weights like a layer; by attention, whose weights are given, only the values get shares."""
    one, two = args
    output = _plain(func, args, kwargs)
    if _graded(two):
        weights = one.detach()
        return _Pooled.apply(two, output, lambda a: func(weights.clamp(min=0), a))  # type: ignore[no-any-return]
    return _Weighted.apply(one, two, output, func, False)  # type: ignore[no-any-return]


def _attention(mode: Excitation, func: Any, args: Any, kwargs: Any) -> Tensor:
    queries, keys, values = (each.detach() for each in args[:3])

    def apply(a: Tensor) -> Tensor:
        found: Tensor = func(queries, keys, a, *args[3:], **kwargs)
        return found

    return _Pooled.apply(args[2], apply(values), apply)  # type: ignore[no-any-return]


def _pooled(mode: Excitation, func: Any, args: Any, kwargs: Any) -> Tensor:
    rest = args[1:]
    return _Pooled.apply(args[0], _plain(func, args, kwargs), lambda a: func(a, *rest, **kwargs))  # type: ignore[no-any-return]


def _straight(mode: Excitation, func: Any, args: Any, kwargs: Any) -> Tensor:
    return _Straight.apply(args[0], _plain(func, args, kwargs), 1.0)  # type: ignore[no-any-return]


def _batch_norm(mode: Excitation, func: Any, args: Any, kwargs: Any) -> Tensor:
    scale = kwargs.get("weight", args[3] if len(args) > 3 else None)
    sign = 1.0 if scale is None else scale.sign().reshape(-1, *[1] * (args[0].ndim - 2))
    return _Straight.apply(args[0], _plain(func, args, kwargs), sign)  # type: ignore[no-any-return]


def _negative(mode: Excitation, func: Any, args: Any, kwargs: Any) -> Tensor:
    return _Straight.apply(args[0], _plain(func, args, kwargs), -1.0)  # type: ignore[no-any-return]


def _added(sign: float, swapped: bool = False) -> Any:
    """swapped: the operation is called on its second number (1 − x)."""

    def rule(mode: Excitation, func: Any, args: Any, kwargs: Any) -> Tensor:
        output = _plain(func, args, kwargs)
        one, two = reversed(args[:2]) if swapped else args[:2]
        if _graded(one) and _graded(two):
            return _Added.apply(one, two, output, sign)  # type: ignore[no-any-return]
        found, way = (one, 1.0) if _graded(one) else (two, sign)
        return _Straight.apply(found, output, way)  # type: ignore[no-any-return]

    return rule


def _times(mode: Excitation, func: Any, args: Any, kwargs: Any) -> Tensor:
    """A factor keeps or turns the sign; of two numbers that both depend on the face the smaller array is a gate."""
    output = _plain(func, args, kwargs)
    one, two = args[:2]
    if _graded(one) and (not _graded(two) or one.numel() >= two.numel()):
        return _Straight.apply(one, output, _sign(two))  # type: ignore[no-any-return]
    return _Straight.apply(two, output, _sign(one))  # type: ignore[no-any-return]


def _sign(factor: Any) -> Any:
    return factor.detach().sign() if isinstance(factor, Tensor) else (1.0 if factor > 0 else -1.0)


WEIGHTED = ("conv2d", "linear")
# fmt: off
_EACH = (
    "relu", "relu_", "relu6", "hardtanh", "leaky_relu", "prelu", "gelu", "silu", "elu", "hardswish", "sigmoid",
    "tanh", "clamp", "layer_norm", "group_norm", "normalize", "dropout", "softmax", "softplus", "mish",
)
_MEANS = ["sum", "mean", "avg_pool2d", "adaptive_avg_pool2d", "interpolate"]
ROUTES = frozenset((
    "view", "reshape", "permute", "transpose", "flatten", "unflatten", "unbind", "chunk", "split", "cat", "concat",
    "stack", "__getitem__", "index_select", "select", "narrow", "squeeze", "unsqueeze", "expand", "expand_as",
    "repeat", "contiguous", "clone", "to", "float", "type", "pad", "roll", "movedim", "flip", "max_pool2d", "max",
    "maximum", "amax", "adaptive_max_pool2d", "__get__", "pixel_shuffle", "view_as", "reshape_as",
))
# fmt: on
"""Operations that only choose or move numbers: their own derivative already sends a share where it belongs."""

_RULES: dict[str, Any] = {
    **dict.fromkeys(WEIGHTED, _weighted),
    **dict.fromkeys(("matmul", "__matmul__", "bmm", "mm"), _product),
    **dict.fromkeys(_EACH, _straight),
    **dict.fromkeys(_MEANS, _pooled),
    **{name: _added(1.0) for name in ("add", "__add__", "__iadd__", "add_", "__radd__")},
    **{name: _added(-1.0) for name in ("sub", "__sub__", "__isub__", "sub_", "subtract")},
    **{name: _added(-1.0, swapped=True) for name in ("rsub", "__rsub__")},
    **dict.fromkeys(("mul", "__mul__", "__rmul__", "__imul__", "mul_", "multiply"), _times),
    **dict.fromkeys(("div", "__truediv__", "true_divide", "div_"), _times),
    "neg": _negative,
    "__neg__": _negative,
    "batch_norm": _batch_norm,
    "scaled_dot_product_attention": _attention,
}
