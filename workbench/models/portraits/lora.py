"""Low-rank changes (LoRA) added into a network's weights once, so that sampling costs what it costs without them.

W + scale · alpha / rank · up · down (Hu et al., arXiv 2106.09685). Strict: every matrix of the file finds its layer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from workbench.errors import BadWeights
from workbench.models.files import checkpoint


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What is added to one layer. down: (rank, inputs) or (rank, inputs, k, k). up: (outputs, rank) or (outputs, rank,
    1, 1)."""

    layer: str
    down: Tensor
    up: Tensor
    alpha: float | None = None

    def matrix(self) -> Tensor:
        """up · down · alpha / rank, float32, in the shape of the layer's weight."""
        rank = self.down.shape[0]
        product = self.up.float().flatten(1) @ self.down.float().flatten(1)
        return product.reshape(self.up.shape[0], *self.down.shape[1:]) * (
            1.0 if self.alpha is None else self.alpha / rank
        )


ENDINGS = {
    "lora_down.weight": "down",
    "lora_up.weight": "up",
    "lora.down.weight": "down",
    "lora.up.weight": "up",
    "lora_A.weight": "down",
    "lora_B.weight": "up",
    "alpha": "alpha",
}
"""Last words of a LoRA file's names in its three spellings, and what each is."""

_UNTOUCHED = ("text_encoder.", "text_encoder_2.", "lora_te_", "lora_te1_", "lora_te2_")


def changes(weights: Mapping[str, Tensor], network: nn.Module, name: str) -> list[Change]:
    """A LoRA file's changes to a UNet, in kohya's spelling (`lora_unet_down_blocks_…`) or diffusers'
    (`unet.down_blocks.…`, old and new).

    Raises BadWeights when one finds no layer, comes twice, lacks its other half, or changes the text encoder as well.
    """
    layers = {key: key for key, part in network.named_modules() if isinstance(part, nn.Linear | nn.Conv2d)}
    flat = {f"lora_unet_{key.replace('.', '_')}": key for key in layers}
    checkpoint.sound({key: value for key, value in weights.items() if not key.endswith(".alpha")}, name)
    found: dict[str, dict[str, Tensor]] = {}
    for key, value in weights.items():
        spelled = key.removeprefix("unet.").replace(".processor.", ".").replace("_lora.", ".lora.")
        ending = next((ending for ending in ENDINGS if spelled.endswith(f".{ending}")), "")
        stem = spelled.removesuffix(f".{ending}")
        layer = flat.get(stem) or layers.get(stem) or layers.get(f"{stem}.0")
        if key.startswith(_UNTOUCHED) or not ending or layer is None:
            raise BadWeights(
                f"{name}: {key!r} changes no layer of this network. Use the LoRA that belongs to this base model."
            )
        parts = found.setdefault(layer, {})
        if ENDINGS[ending] in parts:
            raise BadWeights(
                f"{name}: {key!r} is a second spelling of a change of {layer!r}; which is meant cannot be told."
            )
        parts[ENDINGS[ending]] = value
    return [_change(layer, parts, name) for layer, parts in found.items()]


def _change(layer: str, parts: Mapping[str, Tensor], name: str) -> Change:
    if not {"down", "up"} <= set(parts):
        raise BadWeights(f"{name}: the change of {layer!r} lacks its other half. The file breaks off; fetch it again.")
    return Change(layer, parts["down"], parts["up"], float(parts["alpha"]) if "alpha" in parts else None)


@torch.no_grad()
def merge(network: nn.Module, all_changes: Iterable[Change], name: str, scale: float = 1.0) -> None:
    """Add the changes into the network, in place. Weights mapped from a file become memory of this process, layer by
    layer.

    Raises BadWeights when a change has another shape than its layer.
    """
    for change in all_changes:
        layer = network.get_submodule(change.layer)
        weight = layer.get_parameter("weight")
        delta = change.matrix()
        if delta.shape != weight.shape:
            raise BadWeights(
                f"{name}: expected a change of shape {tuple(weight.shape)} for {change.layer!r}, got "
                f"{tuple(delta.shape)}. "
                "It belongs to another base model."
            )
        layer.weight = nn.Parameter(
            (weight.float() + scale * delta.to(weight.device)).to(weight.dtype), requires_grad=False
        )
