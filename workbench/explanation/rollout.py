"""Where a vision transformer's last layer gets its information from: attention followed back through all layers."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from workbench.errors import BadRequest
from workbench.explanation.anatomy import Attention, attention_blocks, grid_side
from workbench.explanation.question import ChipMap, Question


def attention_rollout(question: Question) -> ChipMap:
    """How much of each patch reaches the class token, or on average any token where there is none.

    It does not depend on the target: what the network looks at at all.

    Source: Abnar and Zuidema, "Quantifying Attention Flow in Transformers" (2020), section 3: half attention, half the
    residual path, rows normalised, multiplied over layers, heads averaged. Raises BadRequest for a model without
    attention.
    """
    blocks = attention_blocks(question.target.model.network)
    if not blocks:
        raise BadRequest("Attention rollout needs a vision transformer; this model has no attention.")
    question.watch.tell(0.0, "attention rollout")
    rolled: Tensor | None = None
    for weights in _attentions(question, blocks):
        step = 0.5 * weights.mean(dim=0) + 0.5 * torch.eye(weights.shape[-1], dtype=weights.dtype)
        step = step / step.sum(dim=-1, keepdim=True)
        rolled = step if rolled is None else step @ rolled
    assert rolled is not None  # there is at least one block
    return ChipMap(as_map(rolled, question.size))


def _attentions(question: Question, blocks: list[Attention]) -> list[Tensor]:
    """(heads, T, T) attention of every block, worked out from the queries and keys that its linear maps put out."""
    seen: dict[int, Tensor] = {}
    biases: dict[int, Tensor] = {}

    def keep(place: int) -> Any:
        def hook(module: Any, inputs: Any, output: Tensor) -> None:
            seen[place] = output.detach()[0].cpu()

        return hook

    def keep_bias(place: int) -> Any:
        def hook(module: Any, inputs: Any) -> None:
            if len(inputs) > 1 and isinstance(inputs[1], Tensor):
                biases[place] = inputs[1].detach()[0].cpu()

        return hook

    maps = [part for block in blocks for part in (block.query, block.key)]
    handles = [part.register_forward_hook(keep(place)) for place, part in enumerate(maps)]
    handles += [block.owner.register_forward_pre_hook(keep_bias(place)) for place, block in enumerate(blocks)]
    try:
        question.scores(question.chip)
    finally:
        for handle in handles:
            handle.remove()
    pairs = [_queries_keys(seen, place, block) for place, block in enumerate(blocks)]
    return [
        _softmax(*pair, block.heads, biases.get(place))
        for place, (pair, block) in enumerate(zip(pairs, blocks, strict=True))
    ]


def _queries_keys(seen: dict[int, Tensor], place: int, block: Attention) -> tuple[Tensor, Tensor]:
    queries, keys = seen[2 * place], seen[2 * place + 1]
    if block.query is not block.key:
        return queries, keys
    queries, keys, _ = queries.chunk(3, -1)
    return queries, keys


def _softmax(queries: Tensor, keys: Tensor, heads: int, bias: Tensor | None = None) -> Tensor:
    tokens, width = queries.shape
    q, k = (x.reshape(tokens, heads, width // heads).transpose(0, 1) for x in (queries, keys))
    logits = q @ k.transpose(1, 2) / (width // heads) ** 0.5
    return (logits if bias is None else logits + bias).softmax(dim=-1)


def as_map(rolled: Tensor, size: int) -> np.ndarray:
    """(size, size): what each patch gave to the class token, or on average to any token; rolled: (T, T), columns give.

    Raises BadRequest when the tokens form no square.
    """
    tokens = len(rolled)
    side = grid_side(tokens)
    if not side:
        raise BadRequest(f"Attention rollout needs tokens that form a square grid, got {tokens} of them.")
    flow = rolled[0, tokens - side * side :] if tokens > side * side else rolled.mean(dim=0)
    fine = torch.nn.functional.interpolate(
        flow.reshape(1, 1, side, side), (size, size), mode="bilinear", align_corners=False
    )
    return fine[0, 0].numpy().astype(np.float32)
