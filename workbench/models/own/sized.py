"""A network that a stranger's configuration describes is built no further than its weights can fill it."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from workbench.errors import BadWeights

_SPARE_TENSORS, _SPARE_NUMBERS = 100, 1_000_000


@contextmanager
def no_larger_than(weights: Mapping[str, Tensor], name: str) -> Iterator[None]:
    """While a network is built in this thread: raises BadWeights as soon as it has more than twice the tensors or
    numbers of `weights`. A configuration of a billion layers would else take this machine's memory before anything
    could be compared. name: of the file, for the message."""
    me, given = threading.get_ident(), sum(value.numel() for value in weights.values())
    tensors = numbers = 0

    def count(module: nn.Module, key: str, value: nn.Parameter) -> None:
        nonlocal tensors, numbers
        if threading.get_ident() != me or value is None:
            return
        tensors, numbers = tensors + 1, numbers + value.numel()
        if tensors > 2 * len(weights) + _SPARE_TENSORS or numbers > 2 * given + _SPARE_NUMBERS:
            raise BadWeights(f"{name}: its configuration describes a network far larger than its {given:,} weights.")

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()
