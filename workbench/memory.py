"""How much memory is free, and giving back what is not needed any more. Imports torch only when it is asked."""

import ctypes
import gc
import sys
from pathlib import Path

_ARENA_MAX = -8
"""M_ARENA_MAX of malloc.h."""

_SECOND = ("memory.max", "memory.current", "memory.stat"), ("inactive_file", "active_file")
_FIRST = (
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
    ("total_inactive_file", "total_active_file"),
)
"""Of a control group: files of its limit, of what it holds and of what that is; and what it only caches."""
_NO_LIMIT = 1 << 60
"""The first version writes a number near 2^63 where there is none."""


def free_bytes(device: str = "cpu", root: Path = Path("/")) -> int | None:
    """Memory that could be used now: of the graphics card, or of this machine within its container's limit; None when
    not known."""
    if device.startswith("cuda"):
        import torch

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
    """A control group's limit less what it holds, of the second version or of the first; files it only caches count as
    free."""
    for names, caches in (_SECOND, _FIRST):
        try:
            limit, used, stat = ((folder / name).read_text().strip() for name in names)
            if limit == "max" or int(limit) > _NO_LIMIT:
                return None
            lines = dict(line.split() for line in stat.splitlines())
            return int(limit) - int(used) + sum(int(lines.get(cache, 0)) for cache in caches)
        except (OSError, ValueError):
            continue
    return None


def give_back() -> None:
    """Return to the system what was freed: cycles and what the graphics card's allocator keeps, then `trim`."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    trim()


def trim() -> None:
    """Return to the system what was freed, where the C library is glibc. It keeps the memory of freed pictures and
    networks in a pool for each thread, so that a server grows with its visitors although nothing is held."""
    _of_glibc("malloc_trim", 0)


def few_pools(most: int = 4) -> None:
    """From now on let all threads share a few pools of memory; by default a server makes eight for each core."""
    _of_glibc("mallopt", _ARENA_MAX, most)


def _of_glibc(name: str, *numbers: int) -> None:
    try:
        call = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError, TypeError):  # another C library: it gives back by itself
        return
    call(*numbers)
