"""Queries that gather what they need from many tokens, block by block (a perceiver), under the names IP-Adapter's
authors gave it.

Source: Jaegle et al., "Perceiver", arXiv 2103.03206; Ye et al., "IP-Adapter", arXiv 2308.06721;
lucidrains/imagen-pytorch's layout.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn


class Gather(nn.Module):
    """Queries attend to tokens and to themselves."""

    def __init__(self, width: int, heads: int, head: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.to_q = nn.Linear(width, heads * head, bias=False)
        self.to_kv = nn.Linear(width, 2 * heads * head, bias=False)
        self.to_out = nn.Linear(heads * head, width, bias=False)

    def forward(self, tokens: Tensor, queries: Tensor) -> Tensor:
        """(N, T, C), (N, Q, C) to (N, Q, C)."""
        tokens, queries = self.norm1(tokens), self.norm2(queries)
        k, v = (self._split(half) for half in self.to_kv(torch.cat([tokens, queries], 1)).chunk(2, -1))
        weights = (self._split(self.to_q(queries)) @ k.transpose(-2, -1) * k.shape[-1] ** -0.5).softmax(-1)
        return self.to_out((weights @ v).transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


def feed_forward(width: int) -> nn.Sequential:
    """A norm, then two linear layers without biases."""
    return nn.Sequential(
        nn.LayerNorm(width), nn.Linear(width, 4 * width, bias=False), nn.GELU(), nn.Linear(4 * width, width, bias=False)
    )


@dataclass(frozen=True, slots=True)
class Shape:
    """What the weights say of a resampler: own queries (0: they are given), widths, blocks, heads; head: how wide each
    is."""

    queries: int
    inputs: int
    width: int
    outputs: int
    blocks: int
    heads: int
    head: int = 64


class Resampler(nn.Module):
    """(N, T, inputs) to (N, Q, outputs), by learned queries or given ones."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        if shape.queries:
            self.latents = nn.Parameter(torch.zeros(1, shape.queries, shape.width))
        self.proj_in = nn.Linear(shape.inputs, shape.width)
        self.proj_out = nn.Linear(shape.width, shape.outputs)
        self.norm_out = nn.LayerNorm(shape.outputs)
        self.layers = nn.ModuleList(
            [
                nn.ModuleList([Gather(shape.width, shape.heads, shape.head), feed_forward(shape.width)])
                for _ in range(shape.blocks)
            ]
        )

    def forward(self, tokens: Tensor, queries: Tensor | None = None) -> Tensor:
        """queries: (N, Q, width), for a resampler that has none of its own."""
        tokens = self.proj_in(tokens)
        queries = self.latents.expand(len(tokens), -1, -1) if queries is None else queries
        for gather, forward in self.layers:  # type: ignore[misc]
            queries = gather(tokens, queries) + queries
            queries = forward(queries) + queries
        return self.norm_out(self.proj_out(queries))


def shape_of(weights: Mapping[str, Tensor], prefix: str = "", head: int = 64) -> Shape:
    """A resampler's measures, from its weights; head is the authors'. Raises KeyError when they are none."""
    start = f"{prefix}layers."
    own = weights.get(f"{prefix}latents")
    return Shape(
        queries=0 if own is None else own.shape[1],
        inputs=weights[f"{prefix}proj_in.weight"].shape[1],
        width=weights[f"{prefix}proj_in.weight"].shape[0],
        outputs=weights[f"{prefix}proj_out.weight"].shape[0],
        blocks=1
        + max((int(key.removeprefix(start).split(".")[0]) for key in weights if key.startswith(start)), default=-1),
        heads=weights[f"{start}0.0.to_q.weight"].shape[0] // head,
        head=head,
    )


class Fuse(nn.Module):
    """Two vectors made one: a norm and two linear layers, with or without the way round them."""

    def __init__(self, inputs: int, outputs: int, round_it: bool) -> None:
        super().__init__()
        self.round_it = round_it
        self.layernorm = nn.LayerNorm(inputs)
        self.fc1, self.fc2 = nn.Linear(inputs, outputs), nn.Linear(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs) to (N, outputs)."""
        found = self.fc2(nn.functional.gelu(self.fc1(self.layernorm(x))))
        return found + x if self.round_it else found


class FuseWords(nn.Module):
    """A word's token and a picture's, made one token that stands where the word stood. PhotoMaker's, which ConsistentID
    took over."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp1, self.mlp2 = Fuse(2 * width, width, round_it=False), Fuse(width, width, round_it=True)
        self.layer_norm = nn.LayerNorm(width)

    def forward(self, words: Tensor, pictures: Tensor) -> Tensor:
        """(N, C), (N, C) to (N, C)."""
        return self.layer_norm(self.mlp2(self.mlp1(torch.cat([words, pictures], -1)) + words))
