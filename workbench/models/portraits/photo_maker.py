"""PhotoMaker v1 and v2: photos of a face put into the word for the person, on Stable Diffusion XL. For graphics cards.

The prompt says `img` after that word ("a woman img in a garden"). v1 sees the photo alone; v2 the recogniser's vector
as well. Source: Li et al., "PhotoMaker", CVPR 2024, arXiv 2312.04461 (TencentARC/PhotoMaker).
"""

import copy
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline
from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest, BadWeights
from workbench.models.blocks import memory
from workbench.models.files import checkpoint
from workbench.models.portraits import diffusion_parts, diffusion_xl, lora, resampler
from workbench.models.portraits.clip_pixels import clip_pixels
from workbench.models.recognisers.insight_recogniser import full_length
from workbench.portraits import Recipe
from workbench.values import Face, check_image

RECOGNISER = "insightface-glintr100"
GROUPS = ("id_encoder", "lora_weights")
TRIGGER = "img"
PROMPT = "portrait photo of a person img, colorful, perfect face, natural skin, hard shadows, film grain, best quality"
NEGATIVE = "asymmetry, worst quality, low quality, illustration, 3d, 2d, painting, cartoons, sketch, open mouth"
MERGED_FROM = 0.2
"""Share of the steps that only read the words: 10 of the authors' 50."""

FACE_HEAD = 128
"""Width of an attention head in v2's resampler."""


class FaceTokens(nn.Module):
    """v2: (N, 512) vectors and CLIP's tokens (N, T, 1024) to (N, k, 2048)."""

    def __init__(self, vector: int, tokens: int, shape: resampler.Shape) -> None:
        super().__init__()
        self.token_proj = nn.Sequential(
            nn.Linear(vector, 4 * vector), nn.GELU(), nn.Linear(4 * vector, tokens * shape.width)
        )
        self.token_norm = nn.LayerNorm(shape.width)
        self.perceiver_resampler = resampler.Resampler(shape)

    def forward(self, vectors: Tensor, looks: Tensor) -> Tensor:
        """The vector's own tokens, and what they gather from the photo, added."""
        tokens = self.token_norm(self.token_proj(vectors).unflatten(-1, (-1, self.token_norm.normalized_shape[0])))
        found: Tensor = tokens + self.perceiver_resampler(looks, tokens)
        return found


class IdentityEncoder(nn.Module):
    """Photos (N, 3, 224, 224) to tokens, and tokens into words. tokens: of v2's resampler; None for v1, which makes one
    per photo."""

    def __init__(self, vision: CLIPVisionConfig, second: int, width: int, face: FaceTokens | None) -> None:
        super().__init__()
        clip = CLIPVisionModelWithProjection(vision)
        self.vision_model, self.visual_projection = clip.vision_model, clip.visual_projection
        self.visual_projection_2 = nn.Linear(vision.hidden_size, second, bias=False)
        self.fuse_module = resampler.FuseWords(width)
        if face is not None:
            self.qformer_perceiver = face

    @property
    def sees_vectors(self) -> bool:
        """v2."""
        return hasattr(self, "qformer_perceiver")

    def tokens(self, photos: Tensor, vectors: Tensor) -> Tensor:
        """(N, k, 2048)."""
        seen = self.vision_model(photos)
        if self.sees_vectors:
            found: Tensor = self.qformer_perceiver(vectors, seen[0])
            return found
        return torch.cat([self.visual_projection(seen[1]), self.visual_projection_2(seen[1])], -1)[:, None]

    def forward(self, words: Tensor, tokens: Tensor, marked: Tensor) -> Tensor:
        """words (N, 77, 2048) with the marked places (77,) bool replaced by what they and the tokens (N, k, 2048) make
        together."""
        words = words.clone()
        words[:, marked] = self.fuse_module(words[:, marked], tokens)
        return words


class PhotoMaker(diffusion_xl.XlPortrait):
    """Draws from a photo (see `shown`), a prompt with `img` and, in v2, a vector of InsightFace's antelopev2."""

    def __init__(self, spec: ModelSpec, pipeline: StableDiffusionXLPipeline, encoder: IdentityEncoder) -> None:
        super().__init__(spec, pipeline, RECOGNISER, (50, 1, 100), (5.0, 1.0, 20.0))
        self.encoder = encoder
        self._photos: tuple[tuple[Tensor, float], ...] = ()

    def shown(self, photo: np.ndarray, face: Face) -> "PhotoMaker":
        """The same model with this photo in view, as its authors use it: whole, its middle square."""
        other = copy.copy(self)
        other._photos = ((clip_pixels(check_image(photo)).to(self.device, self.dtype), 1.0),)
        return other

    def between(self, other: Self, share: float) -> Self:
        """The same model, whose word for the person is made of both photos' tokens: of the other's so much, 0..1.
        Raises BadRequest unless both were shown one."""
        if not self._photos or not other._photos:
            raise BadRequest(f"{self.spec.title} needs to see a photo of both people. Show it one of each.")
        found = copy.copy(self)
        found._photos = tuple(
            (photo, part * of)
            for each, of in ((self, 1 - share), (other, share))
            for photo, part in each._photos
            if of > 0
        )
        return found

    def marked(self, prompt: str, tokens: int) -> tuple[list[int], list[int], Tensor]:
        """Token ids without `img`; the same with the word before it said `tokens` times; (77,) bool, where those words
        are.

        Raises BadRequest when `img` is missing, said twice, said first, or the prompt too long.
        """
        before, *after = re.split(rf"\b{TRIGGER}\b", prompt)
        head = self.spelled(before)
        if len(after) != 1 or not head:
            raise BadRequest(
                f'{self.spec.title} wants the word {TRIGGER} once, after the word for the person, as in "a woman '
                f'{TRIGGER} in a garden".'
            )
        tail = self.spelled(after[0])
        said = [*head[:-1], *[head[-1]] * tokens, *tail]
        if len(said) > self.most - 2:
            raise BadRequest(f"The prompt has {len(said)} tokens; {self.spec.title} reads {self.most - 2}. Shorten it.")
        places = torch.zeros(self.most, dtype=torch.bool)
        places[len(head) : len(head) + tokens] = True
        return [*head, *tail], said, places

    def condition(self, vectors: Tensor, recipe: Recipe, guided: bool) -> dict[str, Any]:
        """The words alone for the first steps; under `_fused` and `_pooled` those of the later ones. Raises BadRequest
        without a photo."""
        if not self._photos:
            raise BadRequest(f"{self.spec.title} needs to see a photo of the face. Give it a photo.")
        count, dtype = len(vectors), self.dtype
        whole = full_length(vectors).to(dtype)
        tokens = torch.stack(
            [part * self.encoder.tokens(photo.expand(count, -1, -1, -1), whole) for photo, part in self._photos]
        ).sum(0)
        plain, said, places = self.marked(recipe.scene.worded(recipe.prompt or PROMPT), tokens.shape[1])
        words, pooled = self.words(plain)
        given: dict[str, Any] = {
            "prompt_embeds": words.expand(count, -1, -1),
            "pooled_prompt_embeds": pooled.expand(count, -1),
        }
        words, pooled = self.words(said)
        fused, late = self.encoder(words.expand(count, -1, -1), tokens, places), pooled.expand(count, -1)
        if guided:
            words, pooled = self.words(self.spelled(recipe.scene.against(NEGATIVE)))
            against, never = words.expand(count, -1, -1), pooled.expand(count, -1)
            given |= {"negative_prompt_embeds": against, "negative_pooled_prompt_embeds": never}
            fused, late = torch.cat([against, fused]), torch.cat([never, late])
        return given | {"_changes": ("prompt_embeds", "add_text_embeds"), "_fused": fused, "_pooled": late}

    def on_step(self, step: int, total: int, state: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
        """From a fifth of the steps on, the word for the person carries the photo."""
        late = step + 1 > MERGED_FROM * total
        return {"prompt_embeds": told["_fused"], "add_text_embeds": told["_pooled"]} if late else {}

    @torch.inference_mode()
    def raw(
        self, vectors: np.ndarray, photos: np.ndarray, words: np.ndarray, marked: np.ndarray
    ) -> dict[str, np.ndarray]:
        """`tokens` (n, k, 2048) and `fused` (n, 77, 2048), of vectors as they are, photos (n, 3, 224, 224) and words
        (n, 77, 2048)."""
        rows, seen, text = (
            torch.from_numpy(np.asarray(x, np.float32)).to(self.device, self.dtype) for x in (vectors, photos, words)
        )
        tokens = self.encoder.tokens(seen, rows)
        fused = self.encoder(text, tokens, torch.from_numpy(np.asarray(marked, bool)))
        return {"tokens": tokens.float().cpu().numpy(), "fused": fused.float().cpu().numpy()}


def identity_encoder(
    weights: Mapping[str, Tensor], name: str, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> IdentityEncoder:
    """The encoder of either version from its weights, strictly; CLIP ViT-L/14's measures are read off them. Raises
    BadWeights."""
    try:
        vision = _vision(weights)
        width, second = (
            weights["fuse_module.layer_norm.weight"].shape[0],
            weights["visual_projection_2.weight"].shape[0],
        )
        face = _face_tokens(weights) if any(key.startswith("qformer_perceiver.") for key in weights) else None
    except KeyError as error:
        raise BadWeights(
            f"{name} holds no PhotoMaker encoder: {error} is missing. Use photomaker-v1.bin or photomaker-v2.bin."
        ) from error

    def make() -> nn.Module:
        return IdentityEncoder(vision, second, width, FaceTokens(*face) if face else None).to(dtype)

    network = diffusion_parts.install_clip(make, weights, name, device)
    assert isinstance(network, IdentityEncoder)
    return network


def _vision(weights: Mapping[str, Tensor]) -> CLIPVisionConfig:
    width, _, patch, _ = weights["vision_model.embeddings.patch_embedding.weight"].shape
    places = weights["vision_model.embeddings.position_embedding.weight"].shape[0]
    return CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=weights["vision_model.encoder.layers.0.mlp.fc1.weight"].shape[0],
        num_attention_heads=max(1, width // 64),
        num_hidden_layers=len({key.split(".")[3] for key in weights if key.startswith("vision_model.encoder.layers.")}),
        patch_size=patch,
        image_size=patch * round((places - 1) ** 0.5),
        projection_dim=weights["visual_projection.weight"].shape[0],
    )


def _face_tokens(weights: Mapping[str, Tensor]) -> tuple[int, int, resampler.Shape]:
    shape = resampler.shape_of(weights, "qformer_perceiver.perceiver_resampler.", FACE_HEAD)
    outputs, _ = weights["qformer_perceiver.token_proj.2.weight"].shape
    return weights["qformer_perceiver.token_proj.0.weight"].shape[1], outputs // shape.width, shape


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> PhotoMaker:
    """PhotoMaker: SDXL's files (see `diffusion_xl.base`) and `adapter`, v1's or v2's, told apart by content.

    Raises BadWeights, OutOfMemory.
    """
    place, dtype = diffusion_xl.where(spec, files, device), diffusion_parts.half(device)
    with memory.in_words(spec.title):
        found = checkpoint.groups(files["adapter"], GROUPS)
        encoder = identity_encoder(found["id_encoder"], files["adapter"].name, device, dtype)
        if encoder.sees_vectors != ("-v2" in spec.id):
            raise BadWeights(
                f"{files['adapter'].name} is PhotoMaker {'v2' if encoder.sees_vectors else 'v1'}'s, not that of "
                f"{spec.title}."
            )
        parts = diffusion_xl.base(files, place, dtype)
        lora.merge(
            parts["unet"],
            lora.changes(found["lora_weights"], parts["unet"], files["adapter"].name),
            files["adapter"].name,
        )
        scheduler = diffusion_parts.schedule(EulerDiscreteScheduler, diffusion_parts.configuration(files["scheduler"]))
        pipeline = StableDiffusionXLPipeline(**parts, scheduler=scheduler)
        pipeline = diffusion_xl.finished(spec, pipeline, place, device)
    return PhotoMaker(spec, pipeline, encoder)
