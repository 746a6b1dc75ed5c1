"""Where models run, and in what: the graphics card that is here or the processor, in torch or in 8 bits.

Imports torch only where the answer needs it.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from workbench.errors import BadRequest

RUNTIMES = ("auto", "torch")
"""auto: on a processor, networks that ship a twin in 8 bits run it through ONNX Runtime. torch: everything in torch."""

_ALLOWED: ContextVar[int] = ContextVar("threads", default=0)

_NODES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/kfd", "/dev/dxg", "/proc/driver/nvidia")
"""What a Linux with a graphics card for torch shows: NVIDIA's driver, AMD's, and that of Windows' own Linux."""


def choose(wanted: str, zero_gpu: bool = False) -> str:
    """The device models are loaded on: "cuda", "cuda:1", "mps" or "cpu".

    wanted: one of these, or "auto", which is CUDA where PyTorch sees it, else MPS (Apple), else the processor.
    zero_gpu: a card is lent per call, and no driver shows before. Raises
    BadRequest for a device that is not here.
    """
    if wanted == "cpu" or (wanted == "auto" and not zero_gpu and _certainly_none()):
        return "cpu"
    import torch

    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    apple = torch.backends.mps.is_available()
    if wanted == "auto":
        return "cuda" if cards else "mps" if apple else "cpu"
    kind, _, number = wanted.partition(":")
    if kind == "cuda" and int(number or 0) >= cards:
        raise BadRequest(
            f"The device {wanted!r} was asked for, and PyTorch {torch.__version__} sees {cards or 'no'} CUDA "
            f"device{'' if cards == 1 else 's'} here. Set WORKBENCH_DEVICE to auto or cpu, or install the driver and a "
            "CUDA build of torch."
        )
    if kind == "mps" and not apple:
        raise BadRequest(
            f"The device 'mps' was asked for, and PyTorch {torch.__version__} sees no Apple graphics here. Set "
            "WORKBENCH_DEVICE to auto or cpu."
        )
    return wanted


def reads(role: str, device: str, runtime: str = "auto") -> bool:
    """Whether a model on this device is given the file of this role.

    The one place that decides between runtimes: a twin of role "int8" is read on processors only, where it takes half
    the time of bfloat16 and a quarter of float32's, and not where torch is asked for. What needs gradients asks the
    weights beside it.
    """
    return role != "int8" or (device == "cpu" and runtime == "auto")


def threads(most: int) -> int:
    """How many threads a network that is being loaded gets: as many as the settings say, else one per core, at most
    `most`."""
    return _ALLOWED.get() or min(most, os.cpu_count() or 1)


@contextmanager
def allowing(count: int) -> Iterator[None]:
    """What is loaded inside gets so many threads; 0 leaves it to `threads`. Torch has one number for all its models."""
    held = _ALLOWED.set(count)
    try:
        yield
        if count and "torch" in sys.modules:
            import torch

            torch.set_num_threads(count)
    finally:
        _ALLOWED.reset(held)


def _certainly_none(nodes: Sequence[str] = _NODES) -> bool:
    """On Linux, as long as torch is not loaded anyway: no driver, no card, and a second saved."""
    return sys.platform == "linux" and sys.modules.get("torch") is None and not any(map(_exists, nodes))


def _exists(node: str) -> bool:
    return Path(node).exists()
