"""A transformers model of somebody's own, from its configuration and safetensors: image classification and semantic
segmentation. Only architectures that transformers itself ships are built; code beside a model is never run."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from workbench.catalog.spec import Input, ModelSpec
from workbench.errors import BadWeights
from workbench.models.expressions.vit_expression import pixels
from workbench.models.own.sized import no_larger_than
from workbench.models.own.wrapped import checked, wrapped

_CLASSES = {"parsing": "AutoModelForSemanticSegmentation"}


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> Any:
    """The model for the row's task; labels and pixel statistics come from its files where the row says nothing.

    Raises BadWeights when a file is damaged, of an architecture transformers does not ship, or does not fit.
    """
    config, preprocessor = (read_json(files[role]) for role in ("config", "preprocessor"))
    side, mean, std = pixels(preprocessor, files["preprocessor"].name)
    told = spec.input or Input(side)
    told = dataclasses.replace(told, side=told.side or side)
    labels = spec.labels or _labels(config, files["config"].name)
    network = Network(_built(spec, config, files["weights"]), mean, std).eval().requires_grad_(False).to(device)
    with torch.inference_mode():
        grey = network(torch.full((1, 3, told.side, told.side), 128.0, device=device))
    checked(grey.cpu().numpy(), spec.task, labels, files["weights"].name)
    row = dataclasses.replace(spec, input=told, labels=tuple(labels))
    return wrapped(row, network, labels, told.side, "", device)


class Network(nn.Module):
    """(N, 3, S, S) RGB in 0..255 to logits."""

    def __init__(self, model: nn.Module, mean: list[float], std: list[float]) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("mean", torch.tensor(mean)[:, None, None] * 255)
        self.register_buffer("std", torch.tensor(std)[:, None, None] * 255)

    def forward(self, chips: Tensor) -> Tensor:
        """Logits, with gradients to the chips."""
        found: Tensor = self.model((chips - self.mean) / self.std).logits
        return found


def _built(spec: ModelSpec, config: dict[str, Any], path: Path) -> nn.Module:
    import transformers

    _check_closed(config, path.name)
    try:
        weights = load_file(path)
        settings = transformers.AutoConfig.for_model(**config)
        family = getattr(transformers, _CLASSES.get(spec.task, "AutoModelForImageClassification"))
        with no_larger_than(weights, path.name):
            bare = type(family.from_config(settings))
        with no_larger_than(weights, path.name):
            network, report = bare.from_pretrained(
                None, config=settings, state_dict=weights, output_loading_info=True, ignore_mismatched_sizes=True
            )
    except BadWeights:
        raise
    except (SafetensorError, OSError) as error:
        raise BadWeights(f"{path.name} is not a readable safetensors file ({error}).") from error
    except Exception as error:  # what a configuration can make transformers raise is in no list
        kind = str(config.get("model_type"))[:40]
        raise BadWeights(
            f"{path.name}: transformers builds no such model from type {kind!r} ({str(error)[:120]})."
        ) from error
    wrong = [*report["missing_keys"], *report["unexpected_keys"], *report["mismatched_keys"]]
    if wrong:
        first = str(wrong[0])[:80]
        raise BadWeights(
            f"{path.name}: {len(wrong)} weights are missing, left over or of another shape, first {first!r}."
        )
    built: nn.Module = network
    return built


def _check_closed(config: Any, name: str) -> None:
    """Raises BadWeights for a configuration, however deep, that makes transformers run code, read other files or ask
    the Hub: a model's own code, timm's loader, attention kernels fetched by name, quantisers."""
    left = [config]
    while left:
        here = left.pop()
        left += list(here.values()) if isinstance(here, dict) else here if isinstance(here, list) else []
        if not isinstance(here, dict):
            continue
        if "auto_map" in here:
            raise BadWeights(f"{name}: this model brings code of its own, which is not run here.")
        opening = [key for key in here if str(key).lstrip("_") in _OPENING and here[key] not in _CLOSED]
        if str(here.get("model_type")).startswith("timm"):
            raise BadWeights(f'{name}: this is a timm model; add it with runtime = "timm".')
        if opening:
            raise BadWeights(f"{name}: its configuration asks for {opening[0]}, which reads other files: refused.")


_OPENING = {
    "attn_implementation", "attn_implementation_internal", "experts_implementation", "use_kernels",
    "quantization_config", "use_timm_backbone", "use_pretrained_backbone", "checkpoint_path", "pretrained",
}  # fmt: skip
_CLOSED = (None, False, "", "eager", "sdpa")
"""Values with which these open nothing."""


def _labels(config: dict[str, Any], name: str) -> tuple[str, ...]:
    names: Any = config.get("id2label")
    try:
        return tuple(str(names[str(index)]) for index in range(len(names)))
    except (KeyError, TypeError) as error:
        raise BadWeights(f"{name}: expected id2label, the names of its outputs; or labels in the row.") from error


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises BadWeights when the file is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise BadWeights(f"{path.name} is not readable JSON ({error}).") from error
    if not isinstance(content, dict):
        raise BadWeights(f"{path.name}: expected a JSON object.")
    return content
