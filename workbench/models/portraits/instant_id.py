"""InstantID: a face vector, its points and a prompt, on Stable Diffusion XL. For graphics cards.

The denoiser listens to sixteen face tokens beside the text; a ControlNet listens to those tokens instead of the text
and to a drawing of the face's points. Source: Wang et al., "InstantID", arXiv 2401.07519 (instantX-research/InstantID).
"""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import EulerDiscreteScheduler, StableDiffusionXLControlNetPipeline
from PIL import Image
from torch import Tensor, nn

from workbench.catalog.spec import ModelSpec
from workbench.models.blocks import memory
from workbench.models.files import checkpoint
from workbench.models.portraits import diffusion_parts, diffusion_xl, identity_adapter, key_points
from workbench.models.recognisers.insight_recogniser import full_length
from workbench.portraits import Recipe
from workbench.values import Face, check_image

RECOGNISER = "insightface-glintr100"
GROUPS = ("image_proj", "ip_adapter")
STRENGTH = 0.8
PROMPT = "film photo of a person, portrait, highly detailed, best quality"
NEGATIVE = (
    "lowres, low quality, worst quality, text, watermark, painting, drawing, illustration, glitch, deformed, mutated, "
    "cross-eyed, "
    "ugly, disfigured"
)


class InstantId(diffusion_xl.XlPortrait):
    """Draws from a vector of InsightFace's antelopev2 and a prompt; `shown` lends it the photo's own five points.

    Vectors of unit length are made as long as the recogniser's are before division; its authors do not divide.
    """

    def __init__(self, spec: ModelSpec, pipeline: StableDiffusionXLControlNetPipeline, projection: nn.Module) -> None:
        super().__init__(spec, pipeline, RECOGNISER, (30, 1, 100), (5.0, 1.0, 20.0))
        self.projection = projection
        self.points = key_points.middle(self.side)
        self._heard: Tensor = torch.zeros(0)
        """Face tokens of the batch being drawn, which the ControlNet is given instead of the text."""
        pipeline.set_ip_adapter_scale(STRENGTH)

    def shown(self, photo: np.ndarray, face: Face) -> "InstantId":
        """The same model, drawing faces where this one is in the photo's middle square; without it, in the middle, from
        the front."""
        other = copy.copy(self)
        height, width = check_image(photo).shape[:2]
        other.points = key_points.within(face.points, height, width, self.side)
        return other

    def posed(self, photo: np.ndarray, face: Face) -> "InstantId":
        """As `shown`, of a photo of anybody whose face is where the drawn ones shall be."""
        return self.shown(photo, face)

    def face_tokens(self, vectors: Tensor, guided: bool) -> Tensor:
        """(n, 16, 2048), or (2n, 16, 2048) with those of nobody first."""
        weight = next(self.projection.parameters())  # a part of the denoiser, which may be waiting off the card
        found: Tensor = self.projection(identity_adapter.both(full_length(vectors), guided).to(weight))
        return found.to(self.device)

    def _draw(self, *given: Any) -> list[np.ndarray]:
        with self._hearing():
            return super()._draw(*given)

    @contextmanager
    def _hearing(self) -> Iterator[None]:
        def hook(
            module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> tuple[tuple[Any, ...], dict[str, Any]]:
            return args, kwargs | {"encoder_hidden_states": self._heard}

        handle = self.pipeline.controlnet.register_forward_pre_hook(hook, with_kwargs=True)
        try:
            yield
        finally:
            handle.remove()

    def condition(self, vectors: Tensor, recipe: Recipe, guided: bool) -> dict[str, Any]:
        """The prompt's tokens, the face's vectors, and the drawing of its points."""
        scene, side = recipe.scene, self.sized(recipe)
        strength = scene.strength or STRENGTH
        self.pipeline.set_ip_adapter_scale(strength)
        self._heard = self.face_tokens(vectors, guided)
        embeds = identity_adapter.both(full_length(vectors), guided)[:, None].to(self.dtype)
        drawing = Image.fromarray(key_points.draw(self.points * side / self.side, side, side))
        words = scene.worded(recipe.prompt or PROMPT), scene.against(NEGATIVE)
        return self.told(*words, len(vectors), guided) | {
            "image": [drawing] * len(vectors),
            "ip_adapter_image_embeds": [embeds],
            "controlnet_conditioning_scale": strength,
        }

    @torch.inference_mode()
    def raw(
        self, vectors: np.ndarray, latents: np.ndarray, time: int, words: np.ndarray, pooled: np.ndarray
    ) -> dict[str, np.ndarray]:
        """`face` (n, 16, 2048) and `noise` (n, 4, h, w), the denoiser's answer with its ControlNet's.

        words: (n, 77, 2048); pooled: (n, 1280). The points are drawn at the latents' size times the autoencoder's
        factor.
        """
        rows, factor = self.checked(vectors), self.pipeline.vae_scale_factor
        self.pipeline.set_ip_adapter_scale(STRENGTH)
        given = torch.from_numpy(np.asarray(latents, np.float32)).to(self.device, self.dtype)
        text = torch.from_numpy(np.asarray(words, np.float32)).to(self.device, self.dtype)
        height, width = given.shape[2] * factor, given.shape[3] * factor
        drawing = torch.from_numpy(
            key_points.draw(key_points.middle(self.side) * width / self.side, height, width)
        ).permute(2, 0, 1)[None]
        face = self.face_tokens(rows, guided=False)
        added = {"text_embeds": torch.from_numpy(pooled).to(self.device, self.dtype), "time_ids": self.sizes(len(rows))}
        down, middle = self.pipeline.controlnet(
            given,
            time,
            encoder_hidden_states=face,
            controlnet_cond=(drawing / 255).to(self.device, self.dtype).expand(len(rows), -1, -1, -1),
            conditioning_scale=STRENGTH,
            added_cond_kwargs=added,
            return_dict=False,
        )
        embeds = identity_adapter.both(full_length(rows), guided=False)[:, None].to(self.dtype)
        noise = self.pipeline.unet(
            given,
            time,
            encoder_hidden_states=text,
            added_cond_kwargs=added | {"image_embeds": [embeds]},
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
        ).sample
        return {"face": face.float().cpu().numpy(), "noise": noise.float().cpu().numpy()}


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> InstantId:
    """InstantID: SDXL's files (see `diffusion_xl.base`), `adapter`, and `controlnet` with its config.

    Raises BadWeights, OutOfMemory.
    """
    place, dtype = diffusion_xl.where(spec, files, device), diffusion_parts.half(device)
    with memory.in_words(spec.title):
        found = checkpoint.groups(files["adapter"], GROUPS)
        pipeline = StableDiffusionXLControlNetPipeline(
            **diffusion_xl.base(files, place, dtype),
            controlnet=diffusion_parts.controlnet(files["controlnet_config"], files["controlnet"], place, dtype),
            scheduler=diffusion_parts.schedule(
                EulerDiscreteScheduler, diffusion_parts.configuration(files["scheduler"])
            ),
        )
        projection = identity_adapter.attach(pipeline, found["image_proj"], found["ip_adapter"], files["adapter"].name)
        pipeline = diffusion_xl.finished(spec, pipeline, place, device)
    return InstantId(spec, pipeline, projection)
