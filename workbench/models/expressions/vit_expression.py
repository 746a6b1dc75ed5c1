"""Vision transformers that tell expressions apart, from the Hub, in transformers' format.

Only the three verified files are read: config.json, preprocessor_config.json and model.safetensors; no code of a
repository ever runs. Label names and pixel statistics come from the files, never from memory: every family has its own
order.
"""

import json
from collections.abc import Mapping
from math import inf, isfinite
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import ViTConfig, ViTForImageClassification

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadWeights
from workbench.models.blocks.chips import ExpressionModel
from workbench.models.blocks.windows import upright_square
from workbench.models.files import checkpoint
from workbench.models.files.whole import whole

WIDTH, DROP = 3.2, 0.12
"""The crop that mini-XCEPTION, trained on the same pictures, does best with."""

WORDS = {
    "neutral": "neutral",
    "happy": "happy",
    "happiness": "happy",
    "sad": "sad",
    "sadness": "sad",
    "surprise": "surprise",
    "surprised": "surprise",
    "fear": "fear",
    "fearful": "fear",
    "disgust": "disgust",
    "disgusted": "disgust",
    "angry": "anger",
    "anger": "anger",
    "contempt": "contempt",
}
"""What repositories call an expression, in our words."""


class Classifier(nn.Module):
    """(N, 3, S, S) RGB in 0..255 to logits in the repository's order: its own pixel statistics, then its network."""

    def __init__(self, vit: ViTForImageClassification, mean: list[float], deviation: list[float]) -> None:
        super().__init__()
        self.vit = vit
        self.register_buffer("mean", 255 * torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("deviation", 255 * torch.tensor(deviation)[:, None, None], persistent=False)

    def forward(self, chips: Tensor) -> Tensor:
        """Logits of a batch of chips."""
        return self.vit(pixel_values=(chips - self.mean) / self.deviation).logits


BESIDE = {"config": "config.json", "preprocessor": "preprocessor_config.json"}
"""Names of the small files beside the weights, by role."""


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> ExpressionModel:
    """The scorer; files: `config`, `preprocessor`, `weights`; or `weights` alone, with the other two beside it.

    Raises BadWeights when the configuration is not a ViT classifier of expressions, or weights are missing or left
    over.
    """
    files = {**_beside(files["weights"], files), **files}
    config, preprocessor = _json(files["config"]), _json(files["preprocessor"])
    order = labels(config, files["config"].name)
    with whole(files["preprocessor"], "what the pixels are divided by"):
        size, mean, deviation = pixels(preprocessor, files["preprocessor"].name)
    if config.get("image_size", 224) != size:
        raise BadWeights(
            f"{spec.title}: the network wants {config.get('image_size')} pixels, its preprocessor makes {size}. Fetch "
            f"it again."
        )
    network = Classifier(_network(config, files), mean, deviation).eval().requires_grad_(False).to(device)
    return ExpressionModel(spec, network, upright_square(size, WIDTH, DROP), size, last_tokens(network), order)


def _beside(weights: Path, files: Mapping[str, Path]) -> dict[str, Path]:
    """Config and preprocessor that were not given, from the folder of the weights. Raises BadWeights without them."""
    beside = {role: weights.with_name(name) for role, name in BESIDE.items() if role not in files}
    if missing := [path.name for path in beside.values() if not path.is_file()]:
        raise BadWeights(
            f"{weights.name}: expected {' and '.join(missing)} beside it: they say what its outputs and pixels mean."
        )
    return beside


def labels(config: dict[str, Any], name: str) -> list[str]:
    """What each output means, in the words of `EXPRESSIONS`. Raises BadWeights for a name nobody knows."""
    try:
        names = [str(config["id2label"][str(index)]).lower() for index in range(len(config["id2label"]))]
        return [WORDS[name] for name in names]
    except (KeyError, TypeError) as error:
        raise BadWeights(
            f"{name}: expected id2label with names of expressions, {error} is none that is known."
        ) from error


def pixels(preprocessor: dict[str, Any], name: str) -> tuple[int, list[float], list[float]]:
    """Side of the input, mean and deviation of pixels in 0..1. Raises BadWeights when the file asks for anything
    else."""
    size = preprocessor.get("size", {})
    side = size if isinstance(size, int) else size.get("height", 0)
    square = isinstance(size, int) or side == size.get("width")
    scale = preprocessor.get("rescale_factor", 1 / 255)
    if not side or not square or abs(scale * 255 - 1) > 1e-6 or not preprocessor.get("do_rescale", True):
        raise BadWeights(
            f"{name}: expected a square size and pixels divided by 255, got size {size} and factor {scale}."
        )
    if not preprocessor.get("do_normalize", True):
        return int(side), [0.0] * 3, [1.0] * 3
    mean, deviation = (tuple(map(float, preprocessor[key])) for key in ("image_mean", "image_std"))
    if len(mean) != 3 or len(deviation) != 3 or not all(map(isfinite, mean)) or not all(0 < x < inf for x in deviation):
        raise BadWeights(f"{name}: expected three means and deviations, got {mean} and {deviation}.")
    return int(side), list(mean), list(deviation)


def last_tokens(network: nn.Module) -> str:
    """Name of the norm before the last attention: after it only the class token still matters, so maps are read
    there."""
    return [name for name, _ in network.named_modules() if name.endswith("layernorm_before")][-1]


def _network(config: dict[str, Any], files: Mapping[str, Path]) -> ViTForImageClassification:
    path = files["weights"]
    if config.get("model_type") != "vit":
        raise BadWeights(f"{path.name}: expected a model of type vit, got {config.get('model_type')!r}.")
    weights = checkpoint.read(path)
    checkpoint.sound(weights, path.name)
    settings = _settings(config, weights, files["config"])
    wide = {key: value.float() for key, value in weights.items()}
    with whole(path, "the weights of a vision transformer"):
        network, report = ViTForImageClassification.from_pretrained(
            None, config=settings, state_dict=wide, output_loading_info=True, ignore_mismatched_sizes=True
        )
    wrong = [*report["missing_keys"], *report["unexpected_keys"], *report["mismatched_keys"]]
    if wrong:
        raise BadWeights(
            f"{path.name}: {len(wrong)} weights are missing, unexpected or of another shape, first {wrong[0]!r}. "
            f"Fetch it again."
        )
    if len(weights) != len(network.state_dict()):  # transformers knows old names, and takes the last of two spellings
        raise BadWeights(
            f"{path.name}: expected {len(network.state_dict())} weights, got {len(weights)}: some are there under two "
            f"names, and which is meant cannot be told. Use the file as its authors publish it."
        )
    return network


def _settings(config: dict[str, Any], weights: checkpoint.Weights, path: Path) -> ViTConfig:
    """What the configuration describes. Raises BadWeights when that is no network, or one far larger than the weights:
    making it would ask for memory that is not there."""
    with whole(path, "the configuration of a vision transformer"):
        labels = config["id2label"]
        kept = {key: value for key, value in config.items() if key not in ("dtype", "torch_dtype")}
        settings = ViTConfig.from_dict(kept | {"num_labels": len(labels)})
        if not 0 < settings.num_hidden_layers <= len(weights):
            raise BadWeights(f"{path.name} describes {settings.num_hidden_layers} layers of {len(weights)} weights.")
        with torch.device("meta"):
            asked = sum(value.numel() for value in ViTForImageClassification(settings).state_dict().values())
    given = sum(value.numel() for value in weights.values())
    if asked > 2 * given:
        raise BadWeights(
            f"{path.name} describes a network of {asked:,} numbers, the weights are {given:,}. Fetch it again."
        )
    return settings


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (ValueError, UnicodeDecodeError) as error:
        raise BadWeights(f"{path.name} is not readable JSON ({error}). Fetch the model again.") from error
    if not isinstance(content, dict):
        raise BadWeights(f"{path.name}: expected an object, got {type(content).__name__}.")
    return content
