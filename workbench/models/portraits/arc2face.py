"""Arc2Face: portraits from an ArcFace vector and nothing else, on Stable Diffusion 1.5.

The prompt is always "photo of a id person"; the vector takes the place of the word `id` before CLIP's text transformer,
which was tuned together with the denoiser. Source: Paraperas Papantoniou et al., arXiv 2403.11641 (foivospar/Arc2Face).
Few steps: LCM-LoRA, Luo et al., arXiv 2311.05556.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DPMSolverMultistepScheduler, LCMScheduler, StableDiffusionPipeline
from torch import Tensor, nn

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadWeights
from workbench.models.blocks import memory
from workbench.models.files import checkpoint
from workbench.models.portraits import diffusion_parts, lora, small_weights
from workbench.models.portraits.diffusion_portrait import DiffusionPortrait
from workbench.portraits import Recipe

PROMPT, WORD = "photo of a id person", "id"
RECOGNISER = "arcface-r100-arc2face"

HEADROOM = 1.3
"""Memory needed while drawing, as a multiple of the weights."""


@contextmanager
def replaced(embedding: nn.Module, word: int, vectors: Tensor) -> Iterator[None]:
    """Inside, the text model's `token_embedding` gives row i of `vectors` (n, width) wherever row i of its input is
    `word`."""

    def hook(module: nn.Module, given: tuple[Tensor, ...], found: Tensor) -> Tensor:
        return torch.where((given[0] == word)[..., None], vectors.to(found.dtype)[:, None], found)

    handle = embedding.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def token_embedding(text_encoder: nn.Module) -> nn.Module:
    """The table of words in a CLIP text model of transformers 4 or 5."""
    return next(part for name, part in text_encoder.named_modules() if name.endswith("token_embedding"))


class Arc2Face(DiffusionPortrait):
    """Draws from a unit-length ArcFace vector; words do not matter. fast: with LCM-LoRA merged in, 2 to 8 steps without
    guidance."""

    def __init__(self, spec: ModelSpec, pipeline: StableDiffusionPipeline, fast: bool) -> None:
        steps, guidance = ((3, 1, 20), (1.0, 1.0, 4.0)) if fast else ((25, 1, 100), (3.0, 1.0, 10.0))
        super().__init__(spec, pipeline, RECOGNISER, steps, guidance)
        self._word = pipeline.tokenizer(WORD, add_special_tokens=False).input_ids[0]

    def ids(self, prompt: str, count: int) -> Tensor:
        """(count, 77) token ids of a prompt."""
        found = self.pipeline.tokenizer(
            prompt, padding="max_length", truncation=True, max_length=77, return_tensors="pt"
        ).input_ids
        return found.repeat(count, 1).to(self.device)

    def tokens(self, vectors: Tensor) -> Tensor:
        """(n, 77, 768): what the denoiser is told of unit-length vectors (n, 512)."""
        encoder = self.pipeline.text_encoder
        padded = nn.functional.pad(vectors, (0, encoder.config.hidden_size - vectors.shape[1]))
        with replaced(token_embedding(encoder), self._word, padded):
            return encoder(self.ids(PROMPT, len(vectors)))[0]

    def nobody(self, count: int) -> Tensor:
        """(count, 77, 768): the empty prompt through the same encoder."""
        return self.pipeline.text_encoder(self.ids("", count))[0]

    def condition(self, vectors: Tensor, recipe: Recipe, guided: bool) -> dict[str, Any]:
        """Tokens of the face and, when guided, of the empty prompt."""
        unit = nn.functional.normalize(vectors, dim=1)
        given = {"prompt_embeds": self.tokens(unit)}
        return given | {"negative_prompt_embeds": self.nobody(len(unit))} if guided else given

    @torch.inference_mode()
    def raw(self, vectors: np.ndarray, latents: np.ndarray, time: int = 500) -> dict[str, np.ndarray]:
        """`tokens` and `empty` (n, 77, 768) and `noise` (n, 4, h, w), the denoiser's answer to `latents` (n, 4, h, w)
        at `time`.

        vectors: (n, 512), brought to unit length here. Works on any latents' size that the denoiser's depth divides.
        """
        tokens = self.tokens(nn.functional.normalize(self.checked(vectors), dim=1))
        noise = self.denoise(latents, time, tokens)
        return {
            "tokens": tokens.float().cpu().numpy(),
            "empty": self.nobody(len(tokens)).float().cpu().numpy(),
            "noise": noise,
        }


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> Arc2Face:
    """Arc2Face with DPM++ (25 steps, guidance 3), or with LCM-LoRA (3 steps) when there is a file `lora`.

    files: those of `stable_diffusion`. Raises BadWeights for the file of another model, OutOfMemory before loading what
    cannot fit.
    """
    place = where(spec, files, device)
    with memory.in_words(spec.title):
        pipeline = stable_diffusion(files, place)
        width = pipeline.text_encoder.config.hidden_size
        if width < DiffusionPortrait.length:
            raise BadWeights(
                f"{files['text_encoder'].name}: a text encoder {width} wide cannot hold a vector of "
                f"{DiffusionPortrait.length} numbers."
            )
        fast = "lora" in files
        if fast:
            found = lora.changes(checkpoint.read(files["lora"]), pipeline.unet, files["lora"].name)
            lora.merge(pipeline.unet, found, files["lora"].name)
        kind = LCMScheduler if fast else DPMSolverMultistepScheduler
        pipeline.scheduler = diffusion_parts.schedule(kind, pipeline.scheduler.config)
        pipeline = finished(spec, pipeline, device)
    return Arc2Face(spec, pipeline, fast)


def where(spec: ModelSpec, files: Mapping[str, Path], device: str) -> str:
    """Where Stable Diffusion 1.5 is loaded: on the device; in rows whose denoiser is held in 8 bits on the processor,
    so that a card never holds it wide. Raises OutOfMemory."""
    sizes = {role: path.stat().st_size for role, path in files.items()}
    small = small_weights.wanted(spec) and device.startswith("cuda")
    wide = HEADROOM * sum(sizes.values())
    memory.require(wide - (HEADROOM * 0.75 * sizes["unet"] if small else 0), spec.title, device)
    if small:
        memory.require(wide, spec.title)
    return "cpu" if small_weights.wanted(spec) else device


def finished(spec: ModelSpec, pipeline: StableDiffusionPipeline, device: str) -> StableDiffusionPipeline:
    """The pipeline on its device; its denoiser in 8 bits where its row says so: after all is merged and attached."""
    if not small_weights.wanted(spec):
        return pipeline
    small_weights.held(pipeline.unet, pipeline.unet.dtype)
    return pipeline.to(device)


def stable_diffusion(files: Mapping[str, Path], device: str) -> StableDiffusionPipeline:
    """diffusers' pipeline, without a safety checker, which knows adult content only.

    files: `unet`, `text_encoder` and `vae`, each with its `…_config`; `scheduler`, `vocabulary` and `merges`.
    """
    settings = diffusion_parts.configuration(files["scheduler"])
    return StableDiffusionPipeline(
        unet=diffusion_parts.unet(files["unet_config"], files["unet"], device),
        text_encoder=diffusion_parts.text_encoder(files["text_encoder_config"], files["text_encoder"], device),
        vae=diffusion_parts.autoencoder(files["vae_config"], files["vae"], device),
        scheduler=diffusion_parts.schedule(DPMSolverMultistepScheduler, settings),
        tokenizer=diffusion_parts.tokenizer(files["vocabulary"], files["merges"]),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
