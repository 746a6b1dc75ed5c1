"""Repositories shaped like those of FLUX.1 Kontext, FLUX.2 klein and Qwen-Image-Edit, with random weights of a few
channels.

Written by the libraries' own `save_pretrained`, so that file names and configurations are those of real repositories.
"""

from pathlib import Path
from typing import Any

import diffusers
import tokenizers
import torch
import transformers
from tokenizers import decoders, models, pre_tokenizers

from tests.models.portraits import tiny_diffusion

CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
)
SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
FLUX = {
    "patch_size": 1,
    "in_channels": 4,
    "num_layers": 1,
    "num_single_layers": 1,
    "attention_head_dim": 16,
    "num_attention_heads": 2,
}
"""What both of FLUX's networks have in common."""
SCHEDULE = {"use_dynamic_shifting": True, "base_shift": 0.5, "max_shift": 1.15, "shift": 3.0}


def kontext(folder: Path) -> dict[str, Path]:
    """FLUX.1 Kontext's files by their paths in the repository."""
    torch.manual_seed(0)
    text = {key: value for key, value in tiny_diffusion.text_config(32).items() if key != "architectures"}
    five = {"d_model": 32, "d_ff": 37, "d_kv": 8, "num_heads": 4, "num_layers": 2, "vocab_size": 64}
    parts = {
        "transformer": diffusers.FluxTransformer2DModel(
            **FLUX,
            joint_attention_dim=32,
            pooled_projection_dim=32,
            axes_dims_rope=(4, 4, 8),
            guidance_embeds=True,
        ),
        "vae": diffusers.AutoencoderKL(**_vae(1), shift_factor=0.06, scaling_factor=1.5),
        "text_encoder": transformers.CLIPTextModel(transformers.CLIPTextConfig(**text)),
        "text_encoder_2": transformers.T5EncoderModel(transformers.T5Config(**five)),
        "tokenizer": _clip_words(folder),
        "tokenizer_2": transformers.T5TokenizerFast(
            tokenizer_object=tokenizers.Tokenizer(
                models.Unigram([("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), ("a", -3.0)], unk_id=2)
            ),
            extra_ids=0,
        ),
    }
    return _written(folder, parts)


def klein(folder: Path) -> dict[str, Path]:
    """FLUX.2 klein's files."""
    torch.manual_seed(1)
    words = transformers.Qwen3Config(
        **_language(), num_hidden_layers=28, head_dim=8, tie_word_embeddings=True, max_position_embeddings=1024
    )
    parts = {
        "transformer": diffusers.Flux2Transformer2DModel(
            **FLUX,
            joint_attention_dim=3 * 16,
            timestep_guidance_channels=256,
            axes_dims_rope=(4, 4, 4, 4),
        ),
        "vae": diffusers.AutoencoderKLFlux2(**_vae(1)),
        "text_encoder": transformers.Qwen3ForCausalLM(words),
        "tokenizer": transformers.Qwen2TokenizerFast(tokenizer_object=_bytes(), chat_template=CHAT),
    }
    return _written(folder, parts)


def qwen(folder: Path) -> dict[str, Path]:
    """Qwen-Image-Edit's files."""
    torch.manual_seed(2)
    words = transformers.Qwen2TokenizerFast(tokenizer_object=_bytes(), chat_template=CHAT)
    ids = {name: words.convert_tokens_to_ids(f"<|{name}|>") for name in ("vision_start", "vision_end", "image_pad")}
    seeing = transformers.Qwen2_5_VLConfig(
        text_config=_language() | {"num_hidden_layers": 2, "rope_parameters": _rope()},
        vision_config={
            "depth": 2,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": 16,
            "fullatt_block_indexes": [1],
        },
        image_token_id=ids["image_pad"],
        vision_start_token_id=ids["vision_start"],
        vision_end_token_id=ids["vision_end"],
    )
    pixels = {"min_pixels": 28 * 28, "max_pixels": 56 * 56}
    parts = {
        "transformer": diffusers.QwenImageTransformer2DModel(
            patch_size=2,
            in_channels=16,
            out_channels=4,
            num_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=16,
            guidance_embeds=False,
            axes_dims_rope=(8, 4, 4),
        ),
        "vae": diffusers.AutoencoderKLQwenImage(
            base_dim=8,
            z_dim=4,
            dim_mult=[1, 2, 4],
            num_res_blocks=1,
            temperal_downsample=[False, True],
            latents_mean=[0.0] * 4,
            latents_std=[1.0] * 4,
        ),
        "text_encoder": transformers.Qwen2_5_VLForConditionalGeneration(seeing),
        "tokenizer": words,
        "processor": transformers.Qwen2VLProcessor(
            transformers.Qwen2VLImageProcessor(**pixels), words, transformers.Qwen2VLVideoProcessor(**pixels)
        ),
    }
    return _written(folder, parts)


def _vae(channels: int) -> dict[str, Any]:
    return {
        "sample_size": 32,
        "block_out_channels": (4, 8),
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
        "layers_per_block": 1,
        "latent_channels": channels,
        "norm_num_groups": 1,
        "use_quant_conv": False,
        "use_post_quant_conv": False,
    }


def _language() -> dict[str, Any]:
    return {
        "vocab_size": 256 + len(SPECIAL),
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
    }


def _rope() -> dict[str, Any]:
    return {"rope_type": "default", "rope_theta": 1_000_000.0, "mrope_section": [1, 1, 2]}


def _bytes() -> tokenizers.Tokenizer:
    """A tokenizer that spells byte by byte."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    spelling = tokenizers.Tokenizer(models.BPE({letter: place for place, letter in enumerate(letters)}, []))
    spelling.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    spelling.decoder = decoders.ByteLevel()
    spelling.add_special_tokens([tokenizers.AddedToken(word, special=True) for word in SPECIAL])
    return spelling


def _clip_words(folder: Path) -> transformers.CLIPTokenizer:
    words = tiny_diffusion.write_words(folder)
    return transformers.CLIPTokenizer(str(words["vocabulary"]), str(words["merges"]), model_max_length=77)


def _written(folder: Path, parts: dict[str, Any]) -> dict[str, Path]:
    home = folder / "repository"
    for name, part in parts.items():
        part.save_pretrained(home / name)
    diffusers.FlowMatchEulerDiscreteScheduler(**SCHEDULE).save_pretrained(home / "scheduler")
    return {path.relative_to(home).as_posix(): path for path in sorted(home.rglob("*")) if path.is_file()}
