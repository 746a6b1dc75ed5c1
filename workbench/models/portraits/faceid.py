"""IP-Adapter-FaceID on Stable Diffusion 1.5: words for the scene, a recogniser's vector for the face.

Plus kinds look at the face itself too, through CLIP's vision transformer, and therefore need the photo. Source: Ye et
al., "IP-Adapter", arXiv 2308.06721 (tencent-ailab/IP-Adapter, h94/IP-Adapter-FaceID).
"""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from torch import Tensor, nn

from workbench import images
from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest, BadWeights
from workbench.models.blocks import memory
from workbench.models.blocks.windows import arcface
from workbench.models.files import checkpoint
from workbench.models.portraits import diffusion_parts, identity_adapter
from workbench.models.portraits.arc2face import finished, stable_diffusion, where
from workbench.models.portraits.clip_pixels import clip_pixels
from workbench.models.portraits.diffusion_portrait import DiffusionPortrait
from workbench.portraits import Recipe
from workbench.spots import Spot
from workbench.values import Face

RECOGNISER = "insightface-w600k-r50"
PROMPT = "best quality, high quality"
NEGATIVE = "monochrome, lowres, bad anatomy, worst quality, low quality"
TOGETHER = "{} people side by side, their faces to the camera, best quality, high quality"
NUMBERS = {2: "two", 3: "three", 4: "four"}
FACE_SIDE = 224
GROUPS = ("image_proj", "ip_adapter")


class PromptedPortrait(DiffusionPortrait):
    """A portrait model on Stable Diffusion 1.5 that also reads words."""

    def words(self, prompt: str, count: int) -> Tensor:
        """(count, 77, 768) of a prompt. Raises BadRequest when it is longer than the 75 tokens CLIP reads."""
        tokenizer = self.pipeline.tokenizer
        if len(prompt) > 2_000:
            raise BadRequest(
                f"The prompt has {len(prompt):,} characters; {self.spec.title} reads about 300. Shorten it."
            )
        found = tokenizer(
            prompt, padding="max_length", max_length=tokenizer.model_max_length, return_tensors="pt", verbose=False
        ).input_ids
        if found.shape[1] > tokenizer.model_max_length:
            raise BadRequest(
                f"The prompt has {found.shape[1] - 2} tokens; {self.spec.title} reads "
                f"{tokenizer.model_max_length - 2}. Shorten it."
            )
        return self.pipeline.text_encoder(found.repeat(count, 1).to(self.device))[0]


class FaceId(PromptedPortrait):
    """Draws from a unit-length vector of InsightFace's buffalo_l and a prompt.

    image_encoder: of the Plus kinds, which must be `shown` the face first. shortcut: Plus v2's, the vector's own tokens
    added.
    """

    def __init__(
        self,
        spec: ModelSpec,
        pipeline: StableDiffusionPipeline,
        projection: nn.Module,
        image_encoder: nn.Module | None = None,
        shortcut: bool = False,
    ) -> None:
        super().__init__(spec, pipeline, RECOGNISER, (30, 1, 100), (7.5, 1.0, 20.0))
        self.projection, self.image_encoder, self._looks = projection, image_encoder, None
        self._beside: tuple[tuple[Tensor, Tensor | None], ...] = ()
        """Vector (1, d) and looks of who else is in the picture."""
        self._spots: tuple[Spot, ...] = ()
        if image_encoder is not None:
            self.projection.shortcut = shortcut

    def shown(self, photo: np.ndarray, face: Face) -> "FaceId":
        """The same model with this face in view; the networks are shared. Raises BadRequest for the plain kind, which
        looks at nothing."""
        other = copy.copy(self)
        other._looks = self.looks(images.warp(photo, arcface(FACE_SIDE)(face), (FACE_SIDE, FACE_SIDE)))
        return other

    def between(self, other: Self, share: float) -> Self:
        """The same model, which looks at both faces: at the other's so much, 0..1. Raises BadRequest unless both were
        shown one."""
        if self._looks is None or other._looks is None:
            raise BadRequest(f"{self.spec.title} needs to see a photo of both people. Show it one of each.")
        found = copy.copy(self)
        found._looks = torch.lerp(self._looks, other._looks, share)
        return found

    def beside(self, others: Sequence[tuple[np.ndarray, Self]], spots: Sequence[Spot]) -> Self:
        """The same model, which draws these others beside the person it is told, each at a place, the told one's first.
        Raises BadRequest for more people than its row takes, or one whom a Plus kind has not seen."""
        if not 1 <= len(others) < self.spec.people or len(spots) != len(others) + 1:
            raise BadRequest(
                f"{self.spec.title} draws 2 to {self.spec.people} people in one picture, each at a place, got "
                f"{len(others) + 1} with {len(spots)} places."
            )
        found = copy.copy(self)
        found._beside = tuple((self.checked(vector[None]), view._looks) for vector, view in others)
        found._spots = tuple(spots)
        return found

    def masks(self, side: int) -> Tensor:
        """(1, people, side, side), where each of several people is heard: as diffusers' attention wants them."""
        return torch.from_numpy(np.stack([spot.mask(side) for spot in self._spots]))[None].to(self.device)

    @torch.inference_mode()
    def looks(self, chip: np.ndarray) -> Tensor:
        """(2, 257, 1280): CLIP's last layer but one for a picture without content and for a face (224, 224, 3) uint8
        RGB."""
        if self.image_encoder is None:
            raise BadRequest(f"{self.spec.title} does not look at photos; it takes the recogniser's vector alone.")
        side = self.image_encoder.config.image_size
        pixels = clip_pixels(chip, side).to(self.device)
        return self.image_encoder(
            torch.cat([torch.zeros_like(pixels), pixels]), output_hidden_states=True
        ).hidden_states[-2]

    def look_at(self, count: int, guided: bool) -> None:
        """Put what was shown where the projection looks for it. Raises BadRequest when nothing was."""
        if self.image_encoder is None:
            return
        seen = [self._looks, *(looks for _, looks in self._beside)]
        if any(looks is None for looks in seen):
            raise BadRequest(f"{self.spec.title} needs to see a photo of the face besides its vector. Give it a photo.")
        black, faces = torch.stack([looks for looks in seen if looks is not None], 1)[:, None].expand(
            -1, count, -1, -1, -1
        )
        self.projection.clip_embeds = torch.cat([black, faces]) if guided else faces

    def condition(self, vectors: Tensor, recipe: Recipe, guided: bool) -> dict[str, Any]:
        """The prompt's tokens and the faces' vectors; the projection inside the denoiser makes tokens of these, which
        of several people are heard at their places alone."""
        count, scene = len(vectors), recipe.scene
        everybody = [vectors, *(vector.expand(count, -1) for vector, _ in self._beside)]
        unit = nn.functional.normalize(torch.stack(everybody, 1), dim=-1)
        self.look_at(count, guided)
        self.pipeline.set_ip_adapter_scale(scene.strength or 1.0)
        prompt = recipe.prompt or (PROMPT if not self._beside else TOGETHER.format(NUMBERS[len(everybody)]))
        given: dict[str, Any] = {
            "prompt_embeds": self.words(scene.worded(prompt), count),
            "ip_adapter_image_embeds": [torch.cat([torch.zeros_like(unit), unit]) if guided else unit],
        }
        if self._beside:
            given["cross_attention_kwargs"] = {"ip_adapter_masks": [self.masks(self.sized(recipe))]}
        return given | {"negative_prompt_embeds": self.words(scene.against(NEGATIVE), count)} if guided else given

    @torch.inference_mode()
    def raw(
        self, vectors: np.ndarray, latents: np.ndarray, time: int = 500, words: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """`face` (n, 4, 768), the face's tokens; `nobody` (n, 4, 768), those of no face; `noise` (n, 4, h, w), the
        denoiser's answer.

        words: (n, 77, 768) text tokens; the default prompt's without. Vectors are brought to unit length here.
        """
        unit = nn.functional.normalize(self.checked(vectors), dim=1)
        self.pipeline.set_ip_adapter_scale(1.0)
        self.look_at(len(unit), guided=True)
        nobody, face = self.projection(torch.cat([torch.zeros_like(unit), unit])).chunk(2)
        self.look_at(len(unit), guided=False)
        tokens = self.words(PROMPT, len(unit)) if words is None else torch.from_numpy(words).to(self.device)
        extra = {"added_cond_kwargs": {"image_embeds": [identity_adapter.both(unit, guided=False)]}}
        found = {"face": face, "nobody": nobody}
        noise = self.denoise(latents, time, tokens, **extra)
        return {
            name: value.reshape(len(unit), -1, value.shape[-1]).float().cpu().numpy() for name, value in found.items()
        } | {"noise": noise}


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> FaceId:
    """FaceID: a base's files (see `arc2face.stable_diffusion`) and `adapter`. Raises BadWeights, OutOfMemory."""
    return _load(spec, files, device)


def load_plus(spec: ModelSpec, files: Mapping[str, Path], device: str) -> FaceId:
    """FaceID Plus: as `load`, then the image encoder's config.json and weights."""
    return _load(spec, files, device)


def load_plus_v2(spec: ModelSpec, files: Mapping[str, Path], device: str) -> FaceId:
    """FaceID Plus v2: as `load_plus`, with the shortcut its weights were trained with."""
    return _load(spec, files, device, shortcut=True)


def _load(spec: ModelSpec, files: Mapping[str, Path], device: str, shortcut: bool = False) -> FaceId:
    place = where(spec, files, device)
    with memory.in_words(spec.title):
        found = checkpoint.groups(files["adapter"], GROUPS)
        plus = any(key.startswith("perceiver_resampler.") for key in found["image_proj"])
        if plus != ("image_encoder" in files):
            raise BadWeights(
                f"{files['adapter'].name}: expected {'no ' * ('image_encoder' not in files)}Plus kind of FaceID, got "
                f"{'one' if plus else 'the plain one'}. "
                "Use the file this model names."
            )
        pipeline = stable_diffusion(files, place)
        pipeline.scheduler = diffusion_parts.schedule(DDIMScheduler, pipeline.scheduler.config)
        projection = identity_adapter.attach(pipeline, found["image_proj"], found["ip_adapter"], files["adapter"].name)
        encoder = (
            diffusion_parts.image_encoder(files["image_encoder_config"], files["image_encoder"], device)
            if plus
            else None
        )
        pipeline = finished(spec, pipeline, device)
    return FaceId(spec, pipeline, projection, encoder, shortcut)
