"""A graphics card that computes on the processor, and minds where its tensors are as a real one does.

A tensor of the card says it is on `cuda:0`, has no `numpy()`, and does not mix with tensors of the processor: the
mistakes a machine without a card never shows. Results, gradients included, are those of the processor.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

CARD = "cuda:0"
_MIXES = {Tensor.copy_, Tensor.__setitem__, Tensor.__getitem__, Tensor.to, Tensor.type_as, torch.autograd.grad}
"""What may be given tensors of both places."""
_READS = {Tensor.numpy, Tensor.__array__}


class OnCard(Tensor):
    """A tensor of the card."""

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        """The card."""
        return torch.device(CARD)

    @property
    def is_cuda(self) -> bool:  # type: ignore[override]
        """Yes."""
        return True


class _Machine(TorchFunctionMode):
    """Every call of torch: put where it asks to be, refused when it mixes places."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if getattr(func, "__name__", "") in ("__get__", "_parse_to"):  # a property; the words of `Module.to`
            return func(*args, **kwargs)
        tensors = [value for value in tree_leaves((args, kwargs)) if isinstance(value, Tensor)]
        if func in _READS and isinstance(args[0], OnCard):
            raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first.")
        if func in (Tensor.__deepcopy__, torch.nn.Parameter.__deepcopy__) and isinstance(args[0], OnCard):
            return _copied(args[0])
        if func is torch._has_compatible_shallow_copy_type:  # asked by Module.to: a weight that moves is a new one
            return all(isinstance(one, OnCard) for one in tensors) and func(*args, **kwargs)
        if func not in _MIXES:
            _refuse_a_mixture(func, tensors)
        if func in (Tensor.to, Tensor.cpu, Tensor.cuda):
            return _moved(func, args, kwargs)
        asked = kwargs.get("device")
        if asked is not None and torch.device(asked).type == "cuda":
            return _placed(func(*args, **{**kwargs, "device": "cpu"}), card=True)
        return func(*args, **kwargs)


def _refuse_a_mixture(func: Callable[..., Any], tensors: list[Tensor]) -> None:
    strays = [one for one in tensors if not isinstance(one, OnCard) and one.dim() and one.device.type != "meta"]
    if strays and any(isinstance(one, OnCard) for one in tensors):
        raise RuntimeError(
            f"{getattr(func, '__name__', func)}: expected all tensors on {CARD}, got {[tuple(s.shape) for s in strays]}"
            " on cpu"
        )


def _moved(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """`to`, `cpu` and `cuda`: the numbers converted, the place changed."""
    tensor, *rest = args
    if func is not Tensor.to:
        return _placed(tensor, card=func is Tensor.cuda)
    wanted = kwargs.get("device") or next((one for one in rest if isinstance(one, (str, torch.device))), None)
    other = next((one for one in rest if isinstance(one, Tensor)), None)
    card = isinstance(tensor if other is None else other, OnCard)
    card = card if wanted is None else torch.device(wanted).type == "cuda"
    if wanted is not None and torch.device(wanted).type == "meta":
        return func(*args, **kwargs)
    rest = ["cpu" if isinstance(one, (str, torch.device)) else one for one in rest]
    given = {name: "cpu" if name == "device" and value is not None else value for name, value in kwargs.items()}
    with torch._C.DisableTorchFunctionSubclass():
        return _placed(func(tensor, *rest, **given), card)


def _copied(tensor: OnCard) -> Tensor:
    copy = _placed(tensor.detach().clone(), card=True)
    return torch.nn.Parameter(copy, tensor.requires_grad) if isinstance(tensor, torch.nn.Parameter) else copy


def _placed(value: Any, card: bool) -> Any:
    kind = OnCard if card else Tensor
    return tree_map(lambda one: one.as_subclass(kind) if isinstance(one, Tensor) else one, value)


@contextmanager
def machine_with_a_card(monkeypatch: Any, free: int = 80_000_000_000) -> Iterator[None]:
    """A machine with one card, `cuda:0`, and so many free bytes on it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device=None: (free, free))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    run = threading.Thread.run

    def run_here(thread: threading.Thread) -> None:
        with _Machine():  # a mode holds in one thread
            run(thread)

    monkeypatch.setattr(threading.Thread, "run", run_here)
    with _Machine():
        yield
