"""What a network is made of, as far as methods ask: does it have gradients, places, attention? Found by structure, not
by name.

Libraries rename their modules between versions; what an attention block *does* (queries, keys, a softmax between them)
stays.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from workbench.errors import BadRequest

_QUERIES, _KEYS = ("query", "q_proj", "q", "to_q", "queries"), ("key", "k_proj", "k", "to_k", "keys")


@dataclass(frozen=True, slots=True, eq=False)
class Attention:
    """One self-attention block: the linear maps that make queries and keys, and its number of heads.

    One map may make queries, keys and values side by side; then it stands for both. owner: the block itself, whose
    second argument may be a bias on its attention.
    """

    query: nn.Module
    key: nn.Module
    heads: int
    owner: nn.Module


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """gradients: the score can be differentiated. places: "grid", "tokens" or "" (`features` has none).

    attention: the blocks in the order they run. convolutions: whether there are any of more than one pixel. gate:
    whether the network says itself how far it lets patches or parts through. selector: whether another network was
    trained beside it to say what its answers rest on.
    """

    gradients: bool
    places: str
    attention: tuple[Attention, ...]
    convolutions: bool
    gate: bool = False
    selector: bool = False

    @property
    def abilities(self) -> frozenset[str]:
        """The words a method's `needs` are checked against."""
        words = {"gradients"} if self.gradients else set()
        words |= {"places"} if self.gradients and self.places else set()
        words |= {"attention"} if self.attention else set()
        words |= {"gate"} if self.gate else set()
        words |= {"selector"} if self.selector else set()
        words |= {"layers"} if self.convolutions and not self.attention else set()
        return frozenset(words)


def anatomy(model: Any, size: int | None = None) -> Anatomy:
    """Look into a model by sending one grey chip through it. A model without a torch `network` is a black box: nothing
    found."""
    network = getattr(model, "network", None)
    if not isinstance(network, nn.Module):
        return Anatomy(False, "", (), False)
    side = size or getattr(model, "size", None)
    if not side:
        raise BadRequest("A model to explain must say the side of its chip (`size`).")
    places: list[str] = []
    features = getattr(model, "features", None)
    handle = (
        features.register_forward_hook(lambda m, i, o: places.append(_kind(o)))
        if isinstance(features, nn.Module)
        else None
    )
    try:
        chip = torch.full((1, 3, side, side), 127.5, device=getattr(model, "device", "cpu"), requires_grad=True)
        gradients = bool(model.forward(chip).requires_grad) and bool(
            getattr(getattr(model, "spec", None), "gradients", True)
        )
    finally:
        if handle is not None:
            handle.remove()
    convolutions = any(isinstance(m, nn.Conv2d) and max(m.kernel_size) > 1 for m in network.modules())
    gate = callable(getattr(network, "gate", None))
    selector = isinstance(getattr(model, "selector", None), nn.Module)
    blocks = tuple(attention_blocks(network))
    return Anatomy(gradients, places[0] if places else "", blocks, convolutions, gate, selector)


def _kind(output: Any) -> str:
    if not isinstance(output, Tensor):
        output = output[0] if isinstance(output, (tuple, list)) and output else None
    if not isinstance(output, Tensor):
        return ""
    if output.ndim == 4 and min(output.shape[2:]) > 1:
        return "grid"
    return "tokens" if output.ndim == 3 and grid_side(output.shape[1]) else ""


def grid_side(tokens: int) -> int:
    """Side of the square grid that `tokens` tokens form, with or without one class token in front; 0 if they form
    none."""
    for count in (tokens - 1, tokens):
        side = round(count**0.5)
        if side > 1 and side * side == count:
            return side
    return 0


def attention_blocks(network: nn.Module) -> list[Attention]:
    """Self-attention blocks: modules that own a query and a key map of equal width, or one map for queries, keys and
    values, and know their number of heads.

    Blocks with weights of their own beside their maps are left out: windows with learned places, attention between
    channels.
    """
    blocks = []
    for module in network.modules():
        query = next((c for name, c in module.named_children() if name in _QUERIES and isinstance(c, nn.Linear)), None)
        key = next((c for name, c in module.named_children() if name in _KEYS and isinstance(c, nn.Linear)), None)
        heads = next(
            (
                int(getattr(module, name))
                for name in ("num_attention_heads", "num_heads", "heads")
                if hasattr(module, name)
            ),
            0,
        )
        if not heads and hasattr(module, "config"):
            heads = int(getattr(module.config, "num_attention_heads", 0))
        if query is not None and key is not None and heads and query.out_features == key.out_features:
            blocks.append(Attention(query, key, heads, module))
        fused = getattr(module, "qkv", None)
        plain = isinstance(fused, nn.Linear) and fused.out_features == 3 * fused.in_features
        if plain and heads and not list(module.parameters(recurse=False)):
            blocks.append(Attention(fused, fused, heads, module))
    return blocks
