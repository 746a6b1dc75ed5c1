"""Where models run: the graphics card that is here, or the processor. Imports torch only when it is asked."""

from workbench.errors import BadRequest


def choose(wanted: str) -> str:
    """The device models are loaded on: "cuda", "cuda:1", "mps" or "cpu".

    wanted: one of these, or "auto", which is CUDA where PyTorch sees it, else MPS (Apple), else the processor. Raises
    BadRequest for a device that is not here.
    """
    if wanted == "cpu":
        return wanted
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
