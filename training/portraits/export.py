"""Writes the portrait model's weights as the package ships them, and prints the catalogue's lines.

    python -m training.portraits.export --out WORK --to workbench/weights/portrait_256

Bases of components and the network in 16 bits, everything small in 32.
"""

import argparse
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from workbench.models.portraits.appearance import TEXTURE
from workbench.sources.fetching import sha256


def main() -> int:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--out", type=Path, default=Path("build/portraits"))
    options.add_argument("--to", type=Path, required=True)
    given = options.parse_args()
    given.to.mkdir(parents=True, exist_ok=True)
    for name in ("linear", "network", "hair"):
        tensors = load_file(given.out / f"{name}.safetensors")
        with safe_open(given.out / f"{name}.safetensors", "pt") as file:
            about = file.metadata()
        small = {
            key: tensor.half() if name == "network" or tensor.numel() > TEXTURE**2 * 2 else tensor
            for key, tensor in tensors.items()
        }
        target = given.to / f"{name}.safetensors"
        save_file({key: tensor.contiguous() for key, tensor in small.items()}, target, about)
        target.chmod(0o644)
        print(
            f'File("builtin:{given.to.name}/{target.name}", "{sha256(target)}"),  # {target.stat().st_size / 1e6:.1f} MB'  # noqa: E501
        )
        print(f"  {sum(tensor.numel() for tensor in tensors.values()):,} numbers")
    assert torch.isfinite(
        torch.cat([tensor.float().ravel() for tensor in load_file(given.to / "network.safetensors").values()])
    ).all()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
