"""A timm model of somebody's own, from its config.json and safetensors, as the Hub keeps them: expressions, attributes,
vectors, quality. Only architectures that timm itself registers are built."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from workbench.catalog.spec import Input, ModelSpec
from workbench.errors import BadWeights, ModelMissing
from workbench.models.own.sized import no_larger_than
from workbench.models.own.transformers import read_json
from workbench.models.own.wrapped import checked, wrapped

_ARGUMENTS = (bool, int, float, str, list)
_NEVER = {"pretrained", "checkpoint_path", "cache_dir", "features_only", "scriptable", "exportable"}
"""Arguments of `timm.create_model` that read other files or return another thing."""


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> Any:
    """The model for the row's task; pixel statistics, side and labels come from config.json where the row is silent.

    Raises ModelMissing without the package timm; BadWeights when a file is damaged or of an unknown architecture.
    """
    config = read_json(files["config"])
    told, labels = _told(config, spec, files["config"].name)
    vector = spec.task == "recognition"
    network = Network(_built(config, files["weights"]), told, vector).eval().requires_grad_(False).to(device)
    with torch.inference_mode():
        grey = network(torch.full((1, 3, told.side, told.side), 128.0, device=device))
    checked(grey.cpu().numpy(), spec.task, labels, files["weights"].name)
    return wrapped(replace(spec, input=told, labels=labels), network, labels, told.side, "", device)


class Network(nn.Module):
    """(N, 3, S, S) RGB in 0..255 to logits, or to what stands before the classifier (vector)."""

    def __init__(self, model: nn.Module, told: Input, vector: bool) -> None:
        super().__init__()
        self.model, self._vector, self._bgr = model, vector, told.order == "bgr"
        self.register_buffer("mean", torch.tensor(told.mean)[:, None, None] * 255)
        self.register_buffer("std", torch.tensor(told.std)[:, None, None] * 255)

    def forward(self, chips: Tensor) -> Tensor:
        """The answers, with gradients to the chips."""
        pixels = ((chips.flip(1) if self._bgr else chips) - self.mean) / self.std
        if not self._vector:
            found: Tensor = self.model(pixels)
            return found
        kept: Tensor = self.model.forward_head(self.model.forward_features(pixels), pre_logits=True)
        return kept


def _told(config: dict[str, Any], spec: ModelSpec, name: str) -> tuple[Input, tuple[str, ...]]:
    told = spec.input or Input(0)
    trained = config.get("pretrained_cfg", config)
    try:
        side = told.side or int(trained["input_size"][-1])
        mean, std = (tuple(float(x) for x in trained.get(key, usual)) for key, usual in _STATISTICS.items())
        if told.mean == Input(0).mean and told.std == Input(0).std:
            told = replace(told, mean=mean, std=std)
        names = config.get("label_names") or trained.get("label_names") or ()
        labels = spec.labels or tuple(str(each) for each in names)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise BadWeights(f"{name}: expected timm's pretrained_cfg with input_size, mean and std.") from error
    if (
        not 16 <= side <= 2048
        or len(told.mean) != 3
        or len(told.std) != 3
        or not all(1e-6 <= x <= 10 for x in told.std)
    ):
        raise BadWeights(f"{name}: input_size {side}, mean or std is none that a face can be shown in.")
    return replace(told, side=side), labels


_STATISTICS = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def _built(config: dict[str, Any], path: Path) -> nn.Module:
    try:
        import timm
    except ImportError as error:
        raise ModelMissing("timm models need the package timm: pip install 'face-workbench[timm]'") from error
    name, arguments = config.get("architecture"), config.get("model_args", {})
    if not isinstance(name, str) or ":" in name or not timm.is_model(name):
        raise BadWeights(
            f"{path.name}: timm has no architecture {str(name)[:60]!r}; is this the Hub id of a timm model?"
        )
    if not isinstance(arguments, dict) or set(arguments) & _NEVER:
        asked = ", ".join(sorted(set(arguments) & _NEVER)) if isinstance(arguments, dict) else "what is no table"
        raise BadWeights(f"{path.name}: its config.json asks for {asked}: refused.")
    kept: dict[str, Any] = {key: value for key, value in arguments.items() if isinstance(value, _ARGUMENTS)}
    try:
        kept = {"num_classes": int(config.get("num_classes", 1000))} | kept
        weights = load_file(path)
        with no_larger_than(weights, path.name):
            network: nn.Module = timm.create_model(name, pretrained=False, **kept)
        network.load_state_dict(weights)
    except BadWeights:
        raise
    except (SafetensorError, OSError) as error:
        raise BadWeights(f"{path.name} is not a readable safetensors file ({error}).") from error
    except Exception as error:  # what a configuration can make timm raise is in no list
        raise BadWeights(f"{path.name}: its weights are not those of {name} ({str(error)[:160]}).") from error
    return network
