"""What the portrait models on Stable Diffusion XL share: two text encoders, pictures of 1,024 pixels, a graphics card.

Sampling, noise per picture, previews and Cancel are those of `diffusion_portrait`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest
from workbench.models.blocks import memory
from workbench.models.portraits import diffusion_parts, small_weights
from workbench.models.portraits.arc2face import HEADROOM
from workbench.models.portraits.diffusion_portrait import DiffusionPortrait

DENOISERS = ("unet", "controlnet")
"""What is held in 8 bits by the rows that hold theirs so: most of the weights."""


def where(spec: ModelSpec, files: Mapping[str, Path], device: str) -> str:
    """Where the networks are loaded: on the device; or on the processor, when a graphics card has room for two at a
    time, and not for all of them: then `finished` makes them take turns on it.

    Raises OutOfMemory when neither fits. The files are in half precision, which a processor needs in full.
    """
    held = 2 if small_weights.wanted(spec) else 1
    sizes = sorted(path.stat().st_size / (held if role in DENOISERS else 1) for role, path in files.items())
    if not device.startswith("cuda"):
        memory.require(HEADROOM * sum(sizes) * 2, spec.title, device)
        return device
    free = memory.free_bytes(device)
    if free is None or HEADROOM * sum(sizes) <= free:
        return device
    memory.require(HEADROOM * sum(sizes[-2:]), spec.title, device)  # a denoiser and its ControlNet work together
    memory.require(HEADROOM * sum(sizes), spec.title)
    return "cpu"


def finished(spec: ModelSpec, pipeline: Any, place: str, device: str) -> Any:
    """The pipeline, whose networks are at `place`, ready to work on `device`; in 8 bits where its row says so."""
    for name in DENOISERS if small_weights.wanted(spec) else ():
        if getattr(pipeline, name, None) is not None:
            small_weights.held(getattr(pipeline, name), getattr(pipeline, name).dtype)
    if place != device:
        pipeline.enable_model_cpu_offload(device=device)
    return pipeline


def base(files: Mapping[str, Path], device: str, dtype: torch.dtype) -> dict[str, Any]:
    """What diffusers' SDXL pipelines are made of, but for the scheduler, which differs from model to model.

    files: `unet`, `text_encoder`, `text_encoder_2` and `vae`, each with its `…_config`; `vocabulary` and `merges`.
    Raises BadWeights.
    """
    return {
        "unet": diffusion_parts.unet(files["unet_config"], files["unet"], device, dtype),
        "text_encoder": diffusion_parts.text_encoder(
            files["text_encoder_config"], files["text_encoder"], device, dtype=dtype
        ),
        "text_encoder_2": diffusion_parts.text_encoder(
            files["text_encoder_2_config"], files["text_encoder_2"], device, projection=True, dtype=dtype
        ),
        "vae": diffusion_parts.autoencoder(
            files["vae_config"], files["vae"], device, dtype
        ),  # the pipelines widen it while they decode
        "tokenizer": diffusion_parts.tokenizer(files["vocabulary"], files["merges"]),
        "tokenizer_2": diffusion_parts.tokenizer(files["vocabulary"], files["merges"], padding="!"),
        "add_watermarker": False,
    }


class XlPortrait(DiffusionPortrait):
    """A portrait model on Stable Diffusion XL that also reads words."""

    @property
    def dtype(self) -> torch.dtype:
        """Of the large networks."""
        return self.pipeline.unet.dtype

    @property
    def most(self) -> int:
        """Tokens the text encoders read."""
        return int(self.pipeline.tokenizer.model_max_length)

    def spelled(self, prompt: str) -> list[int]:
        """A prompt's token ids without ends. Raises BadRequest when it is longer than the 75 that the encoders read."""
        if len(prompt) > 2_000:
            raise BadRequest(
                f"The prompt has {len(prompt):,} characters; {self.spec.title} reads about 300. Shorten it."
            )
        ids: list[int] = self.pipeline.tokenizer(prompt, add_special_tokens=False, verbose=False).input_ids
        if len(ids) > self.most - 2:
            raise BadRequest(f"The prompt has {len(ids)} tokens; {self.spec.title} reads {self.most - 2}. Shorten it.")
        return ids

    def words(self, ids: list[int]) -> tuple[Tensor, Tensor]:
        """(1, 77, 2048) of both encoders' last layer but one, and (1, 1280), the second's sentence vector; ids without
        ends."""
        found, pooled = [], torch.zeros(0)
        for spelling, encoder in (
            (self.pipeline.tokenizer, self.pipeline.text_encoder),
            (self.pipeline.tokenizer_2, self.pipeline.text_encoder_2),
        ):
            row = [spelling.bos_token_id, *ids, spelling.eos_token_id]
            row += [spelling.pad_token_id] * (self.most - len(row))
            answer = encoder(torch.tensor([row], device=self.device), output_hidden_states=True)
            found.append(answer.hidden_states[-2])
            pooled = answer[0]
        return torch.cat(found, -1), pooled

    def told(self, prompt: str, negative: str, count: int, guided: bool) -> dict[str, Tensor]:
        """The pipeline's arguments for a prompt and, when guided, what it must not be."""
        words, pooled = self.words(self.spelled(prompt))
        given = {"prompt_embeds": words.expand(count, -1, -1), "pooled_prompt_embeds": pooled.expand(count, -1)}
        if guided:
            words, pooled = self.words(self.spelled(negative))
            given |= {
                "negative_prompt_embeds": words.expand(count, -1, -1),
                "negative_pooled_prompt_embeds": pooled.expand(count, -1),
            }
        return given

    def sizes(self, count: int) -> Tensor:
        """(count, 6): what SDXL is told of the picture's size; all of it, uncropped."""
        side = float(self.side)
        return torch.tensor([[side, side, 0, 0, side, side]], device=self.device, dtype=self.dtype).expand(count, -1)
