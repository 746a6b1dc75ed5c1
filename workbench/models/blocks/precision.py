"""Which precision a device multiplies fastest in."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch


def fast_bfloat16(device: str | torch.device = "cpu") -> bool:
    """Whether this processor or graphics card multiplies bfloat16 in hardware; elsewhere float32 is faster."""
    kind = torch.device(device).type
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return kind == "cpu" and "avx512_bf16" in _processor_flags() and torch.ops.mkldnn._is_mkldnn_bf16_supported()


def fastest(device: str | torch.device) -> AbstractContextManager[object]:
    """What runs inside multiplies in bfloat16 where that is faster, and adds up in float32."""
    kind = torch.device(device).type
    return torch.autocast(kind, torch.bfloat16) if fast_bfloat16(device) else nullcontext()


def _processor_flags() -> str:
    try:
        return Path("/proc/cpuinfo").read_text()[:8000]
    except OSError:
        return ""
