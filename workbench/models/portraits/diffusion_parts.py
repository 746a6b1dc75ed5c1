"""The parts of a Stable Diffusion folder, each from its configuration and its weights, strictly: no weight missing,
none left over.

The networks are those of diffusers and transformers; the files are read here, mapped and never executed, and nothing is
looked up elsewhere. Works with the key names of old and new files and of transformers 4 and 5.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from diffusers.utils import logging
from torch import nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from workbench.errors import BadWeights
from workbench.models.files import checkpoint
from workbench.models.files.whole import whole

Configuration = dict[str, Any]

OLD_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
"""Names in autoencoders saved before diffusers 0.15 (Stable Diffusion 1.5's is one), and today's."""


def configuration(path: Path) -> Configuration:
    """A config.json. Raises BadWeights when it is no JSON object (a web page, a broken file)."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadWeights(
            f"{path.name} is not a readable configuration ({error}). Delete it and fetch the model again."
        ) from error
    if not isinstance(content, dict):
        raise BadWeights(f"{path.name}: expected a JSON object, got {type(content).__name__}. Fetch the model again.")
    return content


def schedule(kind: Any, config: Mapping[str, Any]) -> Any:
    """A sampler from another's configuration, without a word about the settings it does not share. Raises BadWeights
    for one that describes none."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        return _made(lambda: kind.from_config(config), "scheduler_config.json")
    finally:
        logging.set_verbosity(before)


def half(device: str) -> torch.dtype:
    """The type large networks have: 16 bits on a graphics card, 32 elsewhere."""
    return torch.float16 if device.startswith("cuda") else torch.float32


def unet(config: Path, weights: Path, device: str = "cpu", dtype: torch.dtype = torch.float32) -> UNet2DConditionModel:
    """The denoiser. Raises BadWeights for the files of another network."""
    return _diffusers(UNet2DConditionModel, config, checkpoint.read(weights), weights.name, device, dtype)


def controlnet(config: Path, weights: Path, device: str = "cpu", dtype: torch.dtype = torch.float32) -> ControlNetModel:
    """A ControlNet of a UNet."""
    return _diffusers(ControlNetModel, config, checkpoint.read(weights), weights.name, device, dtype)


def autoencoder(config: Path, weights: Path, device: str = "cpu", dtype: torch.dtype = torch.float32) -> AutoencoderKL:
    """The network between pixels and latents."""
    return _diffusers(AutoencoderKL, config, modern_attention(checkpoint.read(weights)), weights.name, device, dtype)


def modern_attention(weights: Mapping[str, torch.Tensor]) -> checkpoint.Weights:
    """An autoencoder's weights with today's names of its attention, which older files call query, key, value and
    proj_attn."""

    def name(key: str) -> str:
        return re.sub(
            r"(attentions\.\d+\.)(query|key|value|proj_attn)\.",
            lambda match: f"{match[1]}{OLD_ATTENTION[match[2]]}.",
            key,
        )

    return {
        key: value.flatten(1) if _was_convolution(key, value) else value
        for key, value in checkpoint.renamed(weights, name).items()
    }


def _was_convolution(key: str, value: torch.Tensor) -> bool:
    return ".attentions." in key and value.ndim == 4


def text_encoder(
    config: Path, weights: Path, device: str = "cpu", projection: bool = False, dtype: torch.dtype = torch.float32
) -> nn.Module:
    """CLIP's text transformer; projection: the one that also projects its sentence vector (SDXL's second)."""
    kind = CLIPTextModelWithProjection if projection else CLIPTextModel
    return _clip(
        lambda: kind(_configured(CLIPTextConfig, config)).to(dtype), checkpoint.read(weights), weights.name, device
    )


def image_encoder(config: Path, weights: Path, device: str = "cpu") -> CLIPVisionModelWithProjection:
    """CLIP's vision transformer with its projection."""
    return _clip(
        lambda: CLIPVisionModelWithProjection(_configured(CLIPVisionConfig, config)),
        checkpoint.read(weights),
        weights.name,
        device,
    )


def install_clip(
    make: Callable[[], nn.Module], weights: Mapping[str, torch.Tensor], name: str, device: str = "cpu"
) -> nn.Module:
    """As `checkpoint.install`, for networks that hold a transformers CLIP: its names with or without `text_model.` and
    `vision_model.`."""
    return _clip(make, weights, name, device)


def tokenizer(vocabulary: Path, merges: Path, padding: str = "<|endoftext|>") -> CLIPTokenizer:
    """CLIP's byte pair encoding. Raises BadWeights when a file is none of its two."""
    words = configuration(vocabulary)
    if not {"<|startoftext|>", "<|endoftext|>"} <= set(words):
        raise BadWeights(
            f"{vocabulary.name}: expected CLIP's vocabulary, which has <|startoftext|> and <|endoftext|>. Fetch it again."  # noqa: E501
        )
    with whole(merges, f"the merges that belong to {vocabulary.name}"):
        return CLIPTokenizer(str(vocabulary), str(merges), pad_token=padding, model_max_length=77)


def _configured(kind: Any, path: Path) -> Any:
    config = configuration(path)
    inner = config.get({CLIPTextConfig: "text_config", CLIPVisionConfig: "vision_config"}[kind])
    config = inner if isinstance(inner, dict) else config
    known = {
        key: value
        for key, value in config.items()
        if key not in ("torch_dtype", "dtype", "architectures", "model_type")
    }
    return _made(lambda: kind(**known), path.name)


def _diffusers(
    kind: Any,
    config: Path,
    weights: Mapping[str, torch.Tensor],
    name: str,
    device: str,
    dtype: torch.dtype = torch.float32,
) -> Any:
    settings = configuration(config)

    def make() -> nn.Module:
        network: nn.Module = kind.from_config(settings)
        return network if dtype == torch.float32 else network.to(dtype)

    return checkpoint.install(lambda: _made(make, config.name), weights, name, device)


def _made(make: Callable[[], Any], name: str) -> Any:
    try:
        return make()
    except BadWeights:
        raise
    except Exception as error:  # a configuration may hold anything, and each library checks it with errors of its own
        raise BadWeights(
            f"{name} does not describe a network this version can make ({str(error)[:160]}). Fetch the model again."
        ) from error


def _clip(make: Callable[[], nn.Module], weights: Mapping[str, torch.Tensor], name: str, device: str) -> Any:
    def placed() -> nn.Module:
        network = _made(make, name)
        for part in network.modules():
            places = part._buffers.get("position_ids")
            if places is not None:
                part.register_buffer(
                    "position_ids", torch.arange(places.shape[-1], device="cpu")[None], persistent=False
                )
        return network

    kept = {key: value for key, value in weights.items() if not key.endswith("embeddings.position_ids")}
    with torch.device("meta"):
        wanted = set(make_names(placed))
    return checkpoint.install(placed, fitting_names(kept, wanted), name, device)


def make_names(make: Callable[[], nn.Module]) -> list[str]:
    """The names of the weights of the network that `make` builds."""
    return list(make().state_dict())


def fitting_names(weights: Mapping[str, torch.Tensor], wanted: set[str]) -> checkpoint.Weights:
    """Weights under the names the network has: transformers 4 puts `text_model.` before what transformers 5 leaves
    bare, per class."""

    def name(key: str) -> str:
        if key in wanted:
            return key
        bare = re.sub(r"(^|\.)(text_model|vision_model)\.", r"\1", key, count=1)
        dressed = (f"{prefix}.{key}" for prefix in ("text_model", "vision_model"))
        return next((other for other in (bare, *dressed) if other in wanted), key)

    return checkpoint.renamed(weights, name)
