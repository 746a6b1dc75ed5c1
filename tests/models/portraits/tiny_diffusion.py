"""Folders shaped like Stable Diffusion's, small enough for a test: every block and every name of the real one, a few
channels each.

Weights come from their names (`tests/golden/fill.py`), so that a golden and a test make the same files.
"""

import json
import string
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from tests.golden.fill import fill

WIDTH = 520
"""Of the tiny text encoder: at least the 512 numbers of a face."""

UNET = {
    "_class_name": "UNet2DConditionModel",
    "sample_size": 8,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": [8, 16, 32, 32],
    "layers_per_block": 2,
    "cross_attention_dim": WIDTH,
    "attention_head_dim": 2,
    "norm_num_groups": 4,
    "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
}
VAE = {
    "_class_name": "AutoencoderKL",
    "sample_size": 64,
    "block_out_channels": [4, 8, 16, 16],
    "layers_per_block": 2,
    "norm_num_groups": 4,
    "latent_channels": 4,
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
}
SCHEDULER = {
    "_class_name": "PNDMScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "clip_sample": False,
    "set_alpha_to_one": False,
}
LETTERS = "!" + string.ascii_lowercase + ",.:<|>"
SENTENCE = "id the person has one face two ears eyes nose and mouth detail caption photo of man in forest"
WORDS = SENTENCE.split()


def _joins() -> tuple[str, ...]:
    """Rules that join letters to these words, letter by letter."""
    joins = []
    for word in WORDS:
        letters = [*word[:-1], f"{word[-1]}</w>"]
        joins += [f"{''.join(letters[:place])} {letters[place]}" for place in range(1, len(letters))]
    return tuple(dict.fromkeys(joins))


MERGES = _joins()
VOCABULARY = [
    *LETTERS,
    *(f"{letter}</w>" for letter in LETTERS),
    *dict.fromkeys(join.replace(" ", "") for join in MERGES),
    "<|startoftext|>",
    "<|endoftext|>",
]


def text_config(width: int = WIDTH, **changes: object) -> dict:
    """A text encoder's config.json."""
    end = len(VOCABULARY) - 1
    plain = {
        "hidden_size": width,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 8,
        "vocab_size": len(VOCABULARY),
        "projection_dim": 16,
        "max_position_embeddings": 77,
        "bos_token_id": end - 1,
        "eos_token_id": end,
        "pad_token_id": end,
    }
    return {"architectures": ["CLIPTextModel"], "model_type": "clip_text_model"} | plain | changes


def filled(shapes: Mapping[str, tuple[int, ...]], seed: int = 0) -> dict[str, torch.Tensor]:
    """Weights from their names and shapes."""
    return {name: torch.from_numpy(np.asarray(fill(name, tuple(shape), seed=seed))) for name, shape in shapes.items()}


def under(weights: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """The weights whose names start so, without that start."""
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


def part(weights: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """The weights whose names start so, under their full names."""
    return {name: value for name, value in weights.items() if name.startswith(prefix)}


def write(
    folder: Path, weights: Mapping[str, torch.Tensor], width: int = WIDTH, unet: Mapping[str, object] | None = None
) -> dict[str, Path]:
    """The files of a tiny Stable Diffusion by role: unet, text encoder and vae from weights under `unet/`, `text/` and
    `vae/`."""
    folder.mkdir(parents=True, exist_ok=True)
    return (
        write_network(folder, "unet", unet or UNET, under(weights, "unet/"))
        | write_network(folder, "text_encoder", text_config(width), under(weights, "text/"))
        | write_network(folder, "vae", VAE, under(weights, "vae/"))
        | write_words(folder)
        | write_scheduler(folder, SCHEDULER)
    )


def write_network(
    folder: Path, role: str, config: Mapping[str, object], weights: Mapping[str, torch.Tensor]
) -> dict[str, Path]:
    """A network's config.json and weights by role."""
    paths = {f"{role}_config": folder / f"{role}.json", role: folder / f"{role}.safetensors"}
    paths[f"{role}_config"].write_text(json.dumps(config))
    save_file(dict(weights), paths[role])
    return paths


def write_scheduler(folder: Path, config: Mapping[str, object]) -> dict[str, Path]:
    """A noise schedule by role."""
    path = folder / "scheduler.json"
    path.write_text(json.dumps(config))
    return {"scheduler": path}


def write_words(folder: Path) -> dict[str, Path]:
    """A tokenizer's vocab.json and merges.txt that know letters, and `id` as one word, by role."""
    paths = {"vocabulary": folder / "vocab.json", "merges": folder / "merges.txt"}
    paths["vocabulary"].write_text(json.dumps({word: place for place, word in enumerate(VOCABULARY)}))
    paths["merges"].write_text("\n".join(("#version: 0.2", *MERGES)) + "\n")
    return paths


VISION = {
    "architectures": ["CLIPVisionModelWithProjection"],
    "model_type": "clip_vision_model",
    "hidden_size": 64,
    "intermediate_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "image_size": 224,
    "patch_size": 32,
    "projection_dim": 16,
}


def write_vision(folder: Path, weights: Mapping[str, torch.Tensor]) -> dict[str, Path]:
    """A tiny image encoder's config.json and weights, from those under `vision/`, by role."""
    return write_network(folder, "image_encoder", VISION, under(weights, "vision/"))


XL_WIDTHS = (96, 160)
"""Of the two tiny text encoders; the denoiser listens to both, 256 together."""

XL_UNET = {  # fewer layers per block than SDXL's 1, 2 and 10, which would take ten seconds to build
    "_class_name": "UNet2DConditionModel",
    "sample_size": 8,
    "block_out_channels": [8, 16, 32],
    "layers_per_block": 2,
    "transformer_layers_per_block": [1, 1, 2],
    "cross_attention_dim": sum(XL_WIDTHS),
    "attention_head_dim": [1, 2, 4],
    "norm_num_groups": 4,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8,
    "projection_class_embeddings_input_dim": 6 * 8 + 16,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
}
CONTROLNET = {
    key: value for key, value in XL_UNET.items() if key not in ("_class_name", "sample_size", "up_block_types")
} | {
    "_class_name": "ControlNetModel",
    "conditioning_embedding_out_channels": [4, 8, 8, 8],
}
XL_SCHEDULER = SCHEDULER | {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "leading"}


def write_xl(folder: Path, weights: Mapping[str, torch.Tensor]) -> dict[str, Path]:
    """The files of a tiny SDXL by role: from weights under `xl/`, `text/`, `text2/` and `vae/`."""
    folder.mkdir(parents=True, exist_ok=True)
    return (
        write_network(folder, "unet", XL_UNET, under(weights, "xl/"))
        | write_network(folder, "text_encoder", text_config(XL_WIDTHS[0]), under(weights, "text/"))
        | write_network(folder, "text_encoder_2", text_config(XL_WIDTHS[1]), under(weights, "text2/"))
        | write_network(folder, "vae", VAE, under(weights, "vae/"))
        | write_words(folder)
        | write_scheduler(folder, XL_SCHEDULER)
    )


def write_controlnet(folder: Path, weights: Mapping[str, torch.Tensor]) -> dict[str, Path]:
    """A tiny ControlNet's config.json and weights, from those under `controlnet/`, by role."""
    return write_network(folder, "controlnet", CONTROLNET, under(weights, "controlnet/"))
