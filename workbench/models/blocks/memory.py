"""Whether a large model fits into this machine, said before it is loaded, and in words when it did not fit after
all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from workbench.errors import OutOfMemory
from workbench.memory import free_bytes as free_bytes

GIGA = 1e9
_SIGNS = ("not enough memory", "out of memory", "can't allocate memory", "cannot allocate memory", "bad alloc")


def require(needed: float, title: str, device: str = "cpu", root: Path = Path("/")) -> None:
    """Raises OutOfMemory, with both figures, when a model needs more bytes than are free; says nothing when that is not
    known."""
    free = free_bytes(device, root)
    if free is not None and needed > free:
        where = "graphics card" if device.startswith("cuda") else "machine"
        raise OutOfMemory(
            f"{title} needs about {needed / GIGA:.1f} GB of memory; this {where} has {free / GIGA:.1f} GB free. "
            "Close other programs, or choose a smaller model."
        )


@contextmanager
def in_words(title: str) -> Iterator[None]:
    """What runs inside may run out of memory: then OutOfMemory says so, what was held is given back, and the app lives
    on."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise _told(title) from error
    except RuntimeError as error:
        if any(sign in str(error).lower() for sign in _SIGNS):
            raise _told(title) from error
        raise


def _told(title: str) -> OutOfMemory:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return OutOfMemory(
        f"{title} ran out of memory and stopped. Ask for fewer pictures, close other programs, or use a smaller model."
    )
