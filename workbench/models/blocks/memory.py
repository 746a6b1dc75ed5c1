"""Whether a large model fits into this machine, said before it is loaded, and in words when it did not fit after
all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from workbench.errors import OutOfMemory

GIGA = 1e9
_SIGNS = ("not enough memory", "out of memory", "can't allocate memory", "cannot allocate memory", "bad alloc")


def free_bytes(device: str = "cpu", root: Path = Path("/")) -> int | None:
    """Memory that could be used now: of the graphics card, or of this machine within its container's limit; None when
    not known."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    found = [
        value for value in (_machine(root / "proc/meminfo"), _container(root / "sys/fs/cgroup")) if value is not None
    ]
    return min(found, default=None)


def _machine(path: Path) -> int | None:
    try:
        lines = dict(line.split(":", 1) for line in path.read_text().splitlines() if ":" in line)
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError, IndexError):
        return None


def _container(folder: Path) -> int | None:
    """A control group's limit less what it holds; files it only caches count as free."""
    try:
        limit, used = (folder / "memory.max").read_text().strip(), int((folder / "memory.current").read_text())
        if limit == "max":
            return None
        cached = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return int(limit) - used + int(cached.get("inactive_file", 0)) + int(cached.get("active_file", 0))
    except (OSError, ValueError):
        return None


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
