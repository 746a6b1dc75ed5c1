"""Running a convolutional network as if some pixels did not exist, whatever the network is.

After Balasubramanian and Feizi, "Towards Improved Input Masking for Convolutional Neural Networks" (2022), section 3: a
mask travels beside the activations; before a convolution the missing places next to kept ones take the average of their
kept neighbours, layer by layer of pixels outwards; after it everything whose whole receptive field is missing is zero
again; pooling averages over kept places only. Theirs rewrites every layer class; here a mode watches the torch
functions that are called, so a network needs no change. With nothing missing the result is the network's own.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_CONVOLUTIONS = frozenset({"conv2d"})
_MAX_POOLS = frozenset({"max_pool2d", "_max_pool2d", "max_pool2d_with_indices"})
_MEAN_POOLS = frozenset({"avg_pool2d", "adaptive_avg_pool2d"})
_RESIZES = frozenset({"interpolate", "upsample", "upsample_nearest", "upsample_bilinear"})


def layer_masked(
    score: Callable[[torch.Tensor], torch.Tensor], chips: torch.Tensor, keep: torch.Tensor
) -> torch.Tensor:
    """What `score` says of chips (N, 3, S, S) of which only the pixels with keep (N, 1, S, S) = 1 exist."""
    with torch.no_grad(), _Masking():
        seen = chips.clone()
        seen.kept = keep
        return score(seen)


class _Masking(TorchFunctionMode):
    """Passes masks along: a tensor with an attribute `kept` has one; it broadcasts over the tensor."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        first = args[0] if args else kwargs.get("input")
        kept = getattr(first, "kept", None) if isinstance(first, torch.Tensor) else None
        if kept is not None and kept.ndim == 4:
            rule = _rule(name, args, kwargs)
            if rule is not None:
                return rule(
                    func, first, kept, args[1:], {key: value for key, value in kwargs.items() if key != "input"}
                )
        return _carry(func(*args, **kwargs), _union(args), func, args, kwargs)


def _rule(name: str, args: Any, kwargs: Any) -> Callable[..., torch.Tensor] | None:
    if name in _CONVOLUTIONS:
        return _convolve
    if name in _MAX_POOLS:
        return _max_pool
    if name in _MEAN_POOLS:
        return _mean_pool
    if name == "mean" and _is_spatial(args, kwargs):
        return _mean
    if name == "pad":
        return _pad
    if name in _RESIZES:
        return _resize
    if name in ("permute", "transpose", "contiguous", "to", "clone"):
        return _same_on_mask
    return None


def _convolve(func: Any, x: torch.Tensor, kept: torch.Tensor, args: Any, kwargs: Any) -> torch.Tensor:
    names = ("weight", "bias", "stride", "padding", "dilation", "groups")
    given = dict(zip(names, args, strict=False)) | kwargs
    kernel = given["weight"].shape[2:]
    output = func(_spread(x, kept, max(kernel) // 2), **given)
    ones = torch.ones((1, 1, *kernel), dtype=x.dtype, device=x.device)
    geometry = {key: given[key] for key in ("stride", "padding", "dilation") if key in given}
    return _with(output, (functional.conv2d(kept, ones, **geometry) > 0).to(x.dtype))


def _spread(x: torch.Tensor, kept: torch.Tensor, rounds: int) -> torch.Tensor:
    """Missing places take the mean of their kept neighbours, one ring of pixels a round (the paper's neighbour
    padding)."""
    if rounds == 0 or bool(kept.all()):
        return torch.where(kept > 0, x, 0.0)
    channels = x.shape[1]
    box = torch.ones((1, 1, 3, 3), dtype=x.dtype, device=x.device)
    for _ in range(rounds):
        count = functional.conv2d(kept, box, padding=1)
        total = functional.conv2d(x * kept, box.expand(channels, 1, 3, 3), padding=1, groups=channels)
        x = torch.where(kept > 0, x, total / count.clamp(min=1))
        kept = (count > 0).to(x.dtype)
    return torch.where(kept > 0, x, 0.0)


def _max_pool(func: Any, x: torch.Tensor, kept: torch.Tensor, args: Any, kwargs: Any) -> Any:
    pooled_mask = func(kept.expand(-1, 1, -1, -1), *args, **kwargs)
    pooled = func(torch.where(kept > 0, x, torch.finfo(x.dtype).min), *args, **kwargs)
    if isinstance(pooled, tuple):
        return _with(pooled[0], pooled_mask[0]), pooled[1]
    return _with(pooled, pooled_mask)


def _mean_pool(func: Any, x: torch.Tensor, kept: torch.Tensor, args: Any, kwargs: Any) -> torch.Tensor:
    share = func(kept, *args, **kwargs)
    full = func(torch.ones_like(kept), *args, **kwargs)
    pooled = func(x * kept, *args, **kwargs) * (full / share.clamp(min=1e-6))
    return _with(pooled, (share > 0).to(x.dtype))


def _mean(func: Any, x: torch.Tensor, kept: torch.Tensor, args: Any, kwargs: Any) -> torch.Tensor:
    mask = kept.expand(-1, *(x.shape[i] if kept.shape[i] == 1 else kept.shape[i] for i in range(1, 4)))
    return func(x * kept, *args, **kwargs) / func(mask, *args, **kwargs).clamp(min=1e-6)


def _is_spatial(args: Any, kwargs: Any) -> bool:
    dims = kwargs.get("dim", args[1] if len(args) > 1 else None)
    return isinstance(dims, (tuple, list)) and len(dims) == 2


def _pad(func: Any, x: torch.Tensor, kept: torch.Tensor, args: Any, kwargs: Any) -> torch.Tensor:
    pad = kwargs.get("pad", args[0] if args else None)
    output = func(x, *args, **kwargs)
    spatial = tuple(pad)[:4] if x.shape[2] > 1 else ()
    if len(pad) > 4 or any(
        side < 0 for side in pad
    ):  # channels grow, or the border is cut: same geometry, mask outside is 0
        return _with(output, functional.pad(kept, spatial) if spatial else kept)
    return _with(
        output, functional.pad(kept, pad, mode="replicate")
    )  # the border the network puts there belongs to its neighbour


def _resize(func: Any, x: torch.Tensor, kept: torch.Tensor, args: Any, kwargs: Any) -> torch.Tensor:
    output = func(x * kept, *args, **kwargs)
    return _with(output, functional.interpolate(kept, size=output.shape[2:], mode="nearest"))


def _same_on_mask(func: Any, x: torch.Tensor, kept: torch.Tensor, args: Any, kwargs: Any) -> torch.Tensor:
    return _with(func(x, *args, **kwargs), func(kept, *args, **kwargs))


def _with(output: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    output = torch.where(kept > 0, output, 0.0)
    output.kept = kept  # type: ignore[attr-defined]
    return output


def _union(args: Any) -> torch.Tensor | None:
    """The mask of an operation on several tensors: a place is kept when any of them keeps it."""
    masks = []
    for value in args:
        for tensor in value if isinstance(value, (tuple, list)) else (value,):
            kept = getattr(tensor, "kept", None) if isinstance(tensor, torch.Tensor) else None
            if kept is not None:
                masks.append(kept)
    union = masks[0] if masks else None
    for mask in masks[1:]:
        if mask.shape != masks[0].shape:
            return None
        union = torch.maximum(union, mask)  # type: ignore[arg-type]
    return union


def _carry(output: Any, kept: torch.Tensor | None, func: Any, args: Any, kwargs: Any) -> Any:
    if (
        kept is None
        or not isinstance(output, torch.Tensor)
        or output.ndim != kept.ndim
        or not output.is_floating_point()
    ):
        return output
    fits = all(have in (1, want) for have, want in zip(kept.shape, output.shape, strict=True))
    return _with(output, kept) if fits else output
