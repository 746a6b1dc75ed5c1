"""ConsistentID: a face vector, the photo and its regions, and a prompt, on Stable Diffusion 1.5.

Its attention and projection are those of IP-Adapter-FaceID Plus; what is its own puts pictures of face, eyes, ears,
nose and mouth into the words that name them, from a certain step on. Source: Huang et al., arXiv 2404.16771
(JackAILab/ConsistentID).
"""

import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from diffusers import EulerDiscreteScheduler, StableDiffusionPipeline
from torch import Tensor, nn

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest, BadWeights, NoFace
from workbench.models.blocks import memory
from workbench.models.files import checkpoint
from workbench.models.parsers import bisenet
from workbench.models.portraits import diffusion_parts, face_regions, identity_adapter, resampler
from workbench.models.portraits.arc2face import finished, stable_diffusion, where
from workbench.models.portraits.faceid import NEGATIVE, FaceId
from workbench.portraits import Recipe
from workbench.values import Face

PROMPT = (
    "cinematic photo, a person, 50mm photograph, half-length portrait, film, bokeh, professional, 4k, highly detailed"
)
GROUPS = ("FacialEncoder", "image_proj", "adapter_modules")
MERGED_FROM = 0.6
"""Share of the steps that only read the words: 30 of the authors' 50."""


class FacialEncoder(nn.Module):
    """Text tokens (N, 77, C) with the marked ones replaced by what they and the regions' pictures make together."""

    def __init__(self, shape: resampler.Shape) -> None:
        super().__init__()
        self.visual_projection = resampler.Resampler(shape)
        self.fuse_module = resampler.FuseWords(shape.outputs)

    def forward(self, tokens: Tensor, pictures: Tensor, marked: Tensor) -> Tensor:
        """pictures: (R, T, 1280), CLIP's tokens of R regions. marked: (77,) bool with R places, in their order."""
        found = self.visual_projection(pictures)[:, 0].expand(len(tokens), -1, -1)
        tokens = tokens.clone()
        tokens[:, marked] = self.fuse_module(tokens[:, marked], found)
        return tokens


class ConsistentId(FaceId):
    """Draws from a unit-length vector of InsightFace's buffalo_l, a photo (see `shown`) and a prompt."""

    def __init__(
        self,
        spec: ModelSpec,
        pipeline: StableDiffusionPipeline,
        projection: nn.Module,
        image_encoder: nn.Module,
        encoder: FacialEncoder,
        parser: bisenet.BiSeNetParser,
    ) -> None:
        super().__init__(spec, pipeline, projection, image_encoder)
        self.steps, self.guidance = (50, 1, 100), (5.0, 1.0, 20.0)
        self.encoder, self.parser = encoder, parser
        self._regions: dict[str, Tensor] = {}

    def shown(self, photo: np.ndarray, face: Face) -> "ConsistentId":
        """The same model with this photo in view; its regions are parsed on the whole photo. Raises NoFace when there
        are none."""
        masks = face_regions.regions(self.parser.raw(photo)["logits"].argmax(0))
        if not masks:
            raise NoFace(
                f"{self.spec.title} found no face, eyes, ears, nose or mouth in the photo. Use one that shows the "
                f"face larger."
            )
        other = copy.copy(self)
        other._looks = self.looks(photo)
        other._regions = {name: self.looks(face_regions.on_black(photo, mask))[1] for name, mask in masks.items()}
        return other

    def between(self, other: Self, share: float) -> Self:
        """As FaceID's, region by region; what only one of the faces shows is left out. Raises BadRequest where nothing
        is left."""
        found = super().between(other, share)
        found._regions = {
            name: torch.lerp(look, other._regions[name], share)
            for name, look in self._regions.items()
            if name in other._regions
        }
        if not found._regions:
            raise BadRequest(f"{self.spec.title} sees no region in both faces. Use photos more from the front.")
        return found

    def marked_words(self, prompt: str) -> tuple[Tensor, Tensor]:
        """(1, 77) token ids of the prompt and the sentence about the face, and (77,) bool: the words that name a region
        that is there.

        Raises BadRequest when prompt and sentence are too long together.
        """
        pieces = face_regions.sentence(tuple(self._regions))
        ids, marks = self._spelled([f"{prompt}Detail:{pieces[0]}", *pieces[1:]])
        if len(ids) + len(marks) > self.most:  # as its authors do: then the sentence comes first
            ids, marks = self._spelled([f"Detail:{pieces[0]}", *pieces[1:-1], f"{pieces[-1]} Caption:{prompt}"])
        if len(ids) > self.most:
            raise BadRequest(
                f"The prompt is {len(ids) - self.most} tokens too long beside what is said of the face. Shorten it."
            )
        tokenizer = self.pipeline.tokenizer
        marked = torch.zeros(self.most, dtype=torch.bool)
        marked[marks] = True
        return torch.tensor([ids + [tokenizer.pad_token_id] * (self.most - len(ids))]), marked

    @property
    def most(self) -> int:
        """Tokens the text encoder reads."""
        return int(self.pipeline.tokenizer.model_max_length)

    def _spelled(self, pieces: list[str]) -> tuple[list[int], list[int]]:
        """Token ids with both ends, and the place of the last token of every piece but the last."""
        tokenizer = self.pipeline.tokenizer
        ids, marks = [tokenizer.bos_token_id], []
        for piece in pieces:
            ids += tokenizer(piece, add_special_tokens=False, verbose=False).input_ids
            marks.append(len(ids) - 1)
        return [*ids, tokenizer.eos_token_id], marks[:-1]

    def condition(self, vectors: Tensor, recipe: Recipe, guided: bool) -> dict[str, Any]:
        """The words alone for the first steps; under `_fused` the tokens of the later ones."""
        unit, count = nn.functional.normalize(vectors, dim=1), len(vectors)
        self.look_at(count, guided)
        prompt = recipe.scene.worded(recipe.prompt or PROMPT)
        self.words(prompt, 1)  # refuses what is too long by far
        self.pipeline.set_ip_adapter_scale(recipe.scene.strength or 1.0)
        ids, marked = self.marked_words(prompt)
        words = self.pipeline.text_encoder(ids.to(self.device))[0]
        pictures = torch.stack(list(self._regions.values()))
        assert self._looks is not None
        black = self._looks[:1].expand(len(pictures), -1, -1)
        fused = self.encoder(words, pictures, marked)
        given: dict[str, Any] = {
            "prompt_embeds": words.expand(count, -1, -1),
            "ip_adapter_image_embeds": [identity_adapter.both(unit, guided)],
            "_changes": ("prompt_embeds",),
            "_fused": fused.expand(count, -1, -1),
        }
        if guided:
            against = self.encoder(self.words(recipe.scene.against(NEGATIVE), 1), black, marked).expand(count, -1, -1)
            given |= {"negative_prompt_embeds": against, "_fused": torch.cat([against, given["_fused"]])}
        return given

    def on_step(self, step: int, total: int, state: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
        """From three fifths of the steps on, the words that name regions carry their pictures."""
        return {"prompt_embeds": told["_fused"]} if step + 1 > MERGED_FROM * total else {}


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> ConsistentId:
    """ConsistentID: a base's files (see `arc2face.stable_diffusion`), `adapter`, `image_encoder` with its config,
    `parser`.

    Raises BadWeights, OutOfMemory.
    """
    place = where(spec, files, device)
    with memory.in_words(spec.title):
        found = checkpoint.groups(files["adapter"], GROUPS, {"image_proj_model": "image_proj"})
        encoder = facial_encoder(found["FacialEncoder"], files["adapter"].name, device)
        pipeline = stable_diffusion(files, place)
        pipeline.scheduler = diffusion_parts.schedule(EulerDiscreteScheduler, pipeline.scheduler.config)
        projection = identity_adapter.attach(
            pipeline, found["image_proj"], found["adapter_modules"], files["adapter"].name
        )
        seeing = diffusion_parts.image_encoder(files["image_encoder_config"], files["image_encoder"], device)
        parser = bisenet.load(replace(spec, id="bisenet-zll-resnet18"), {"weights": files["parser"]}, device)
        pipeline = finished(spec, pipeline, device)
    return ConsistentId(spec, pipeline, projection, seeing, encoder, parser)


def facial_encoder(weights: Mapping[str, Tensor], name: str, device: str = "cpu") -> FacialEncoder:
    """The encoder of regions from its weights, strictly. Raises BadWeights."""
    try:
        shape = resampler.shape_of(weights, "visual_projection.")
    except KeyError as error:
        raise BadWeights(f"{name} holds no FacialEncoder: {error} is missing. Use ConsistentID-v1.bin.") from error
    network = checkpoint.install(lambda: FacialEncoder(shape), weights, name, device)
    assert isinstance(network, FacialEncoder)
    return network
