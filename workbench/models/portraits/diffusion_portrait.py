"""What the portrait models on Stable Diffusion share: noise per picture, live previews, Cancel, and errors in words.

Sampling is diffusers' own pipeline; a model only says what the denoiser is told. Knows no model's files.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest
from workbench.models.blocks import memory
from workbench.portraits import Preview, Recipe
from workbench.scenes import heeded
from workbench.watch import Watch

TOGETHER = {"cuda": 4}
"""Pictures drawn in one batch; elsewhere one, which takes the same time each and the least memory."""

PREVIEWS = 6
"""How often a picture is shown while it is drawn, at most."""

THUMBNAIL = 16
"""Latents are averaged down to about this side for a preview, which also averages their noise away."""


class DiffusionPortrait(ABC):
    """A `PortraitModel` over a diffusers pipeline. Subclasses give `condition`; everything else is the same for all.

    pipeline: with unet, vae and scheduler. recogniser: catalogue id whose vectors `condition` wants. steps, guidance:
    default, least, most. length: of the vectors, 512.
    """

    length = 512

    def __init__(
        self,
        spec: ModelSpec,
        pipeline: Any,
        recogniser: str,
        steps: tuple[int, int, int],
        guidance: tuple[float, float, float],
        side: int = 0,
    ) -> None:
        self.spec, self.pipeline, self.recogniser = spec, pipeline, recogniser
        self.reads_prompt, self.photo = spec.reads_prompt, spec.photo
        self.steps, self.guidance = steps, guidance
        self.device = torch.device(pipeline._execution_device)
        whole = self.denoiser.device.type == self.device.type  # else its networks take turns on the card
        self.together = TOGETHER.get(self.device.type, 1) if whole else 1
        self.side = side or pipeline.unet.config.sample_size * pipeline.vae_scale_factor
        self._one_at_a_time = threading.Lock()  # the sampler counts steps; copies of a model share it
        pipeline.set_progress_bar_config(disable=True)

    @property
    def denoiser(self) -> Any:
        """The large network."""
        return self.pipeline.unet

    @abstractmethod
    def condition(self, vectors: Tensor, recipe: Recipe, guided: bool) -> dict[str, Any]:
        """What the pipeline is called with for these vectors (n, 512); guided: also what the unguided half is told."""

    def on_step(self, step: int, total: int, state: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
        """What changes between two steps: tensors of `state` replaced. told: what `condition` gave under names that
        start with _."""
        return {}

    def __call__(
        self, vectors: np.ndarray, recipe: Recipe, watch: Watch | None = None, preview: Preview | None = None
    ) -> list[np.ndarray]:
        """One picture, side × side × 3 uint8 RGB, per row of (n, 512) float32. Row i's noise is a function of (seed, i)
        alone.

        Raises BadRequest (shape, steps, guidance, prompt, scene), Cancelled, OutOfMemory.
        """
        rows, watch = self.checked(vectors), watch or Watch()
        steps, guidance = self._chosen(recipe)
        done: list[np.ndarray] = []
        width = self.together
        with memory.in_words(self.spec.title), self._alone(watch), torch.inference_mode():
            for start in range(0, len(rows), width):
                batch = rows[start : start + width]
                part = watch.part(start / len(rows), (start + len(batch)) / len(rows))
                drawing = _Drawing(self, done, len(rows), steps, part, preview)
                done += self._draw(batch, start, recipe, steps, guidance, drawing)
        watch.tell(1.0, "drawn")
        return done

    @contextmanager
    def _alone(self, watch: Watch) -> Iterator[None]:
        while not self._one_at_a_time.acquire(timeout=0.2):
            watch.tell(0.0, "waiting for another sheet")
        try:
            yield
        finally:
            self._one_at_a_time.release()

    def _draw(
        self, rows: Tensor, start: int, recipe: Recipe, steps: int, guidance: float, drawing: "_Drawing"
    ) -> list[np.ndarray]:
        drawing.watch.tell(0.0, "reading the identity")
        given = self.condition(rows, recipe, guidance > 1)
        drawing.told = {name: given.pop(name) for name in list(given) if name.startswith("_")}
        self.begin(steps)
        pictures = self.pipeline(
            **given,
            height=self.sized(recipe),
            width=self.sized(recipe),
            num_inference_steps=steps,
            **self.strength(guidance),
            generator=[noise_of(recipe.seed, start + place) for place in range(len(rows))],
            callback_on_step_end=drawing,
            callback_on_step_end_tensor_inputs=drawing.wanted,
            output_type="np",
        ).images
        return [np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8) for picture in pictures]

    def sized(self, recipe: Recipe) -> int:
        """Side of the pictures that a recipe asks for."""
        return recipe.scene.size or self.side

    def strength(self, guidance: float) -> dict[str, Any]:
        """How the pipeline is told the guidance."""
        return {"guidance_scale": guidance}

    def begin(self, steps: int) -> None:  # noqa: B027 - most samplers need nothing
        """Called before each batch: models whose sampler depends on the number of steps set it here."""

    def checked(self, vectors: np.ndarray) -> Tensor:
        """The vectors on the model's device. Raises BadRequest for none, another length or numbers that are not
        finite."""
        found = np.asarray(vectors)
        if (
            found.ndim != 2
            or not len(found)
            or found.shape[1] != self.length
            or not np.issubdtype(found.dtype, np.floating)
        ):
            raise BadRequest(
                f"{self.spec.title}: expected n × {self.length} numbers of {self.recogniser}, got {found.shape} of "
                f"{found.dtype}."
            )
        if not np.isfinite(found).all():
            raise BadRequest(f"{self.spec.title}: a vector holds numbers that are not finite; use another photo.")
        return torch.from_numpy(np.ascontiguousarray(found, np.float32)).to(self.device)

    def _chosen(self, recipe: Recipe) -> tuple[int, float]:
        steps, guidance = recipe.steps or self.steps[0], recipe.guidance or self.guidance[0]
        for name, value, (_, least, most) in (("steps", steps, self.steps), ("guidance", guidance, self.guidance)):
            if not least <= value <= most:
                raise BadRequest(f"{self.spec.title}: expected {least} to {most} {name}, got {value}.")
        if recipe.seed < 0:
            raise BadRequest(f"Expected a seed of 0 or more, got {recipe.seed}.")
        heeded(recipe.scene, self.spec.takes, self.spec.sides, self.spec.title)
        return steps, float(guidance)

    def thumbnails(self, latents: Tensor) -> list[np.ndarray]:
        """How noisy latents look when averaged small and decoded: about 128 pixels wide, in milliseconds rather than
        seconds."""
        factor = max(1, latents.shape[-1] // THUMBNAIL)
        small = nn.functional.avg_pool2d(latents, factor) / self.pipeline.vae.config.scaling_factor
        pixels = (
            self.pipeline.vae.decode(small.to(self.pipeline.vae.dtype)).sample.float().nan_to_num()
        )  # SDXL's may overflow in 16 bits
        return list(((pixels.clamp(-1, 1) + 1) * 127.5).byte().permute(0, 2, 3, 1).cpu().numpy())

    def denoise(self, latents: np.ndarray, time: int, tokens: Tensor, **extra: Any) -> np.ndarray:
        """The denoiser's own answer, (n, 4, h, w): what it takes to be noise in `latents` at `time` of 1,000."""
        given = torch.from_numpy(np.asarray(latents, np.float32)).to(self.device, self.pipeline.unet.dtype)
        return self.pipeline.unet(given, time, encoder_hidden_states=tokens, **extra).sample.float().cpu().numpy()


class _Drawing:
    """What happens after every step: Cancel is looked at, the bar moves, a preview is shown, and the model may change
    its tokens."""

    def __init__(
        self,
        model: DiffusionPortrait,
        done: Sequence[np.ndarray],
        pictures: int,
        steps: int,
        watch: Watch,
        preview: Preview | None,
    ) -> None:
        self.model, self.done, self.pictures, self.steps, self.watch, self.preview = (
            model,
            list(done),
            pictures,
            steps,
            watch,
            preview,
        )
        self.told: dict[str, Any] = {}
        self.every = max(1, -(-steps // PREVIEWS))

    @property
    def wanted(self) -> list[str]:
        """Which tensors the pipeline hands over."""
        return ["latents", *self.told.get("_changes", ())]

    def __call__(self, pipeline: Any, step: int, time: Any, state: dict[str, Any]) -> dict[str, Any]:
        self.watch.tell((step + 1) / (self.steps + 1), f"step {step + 1} of {self.steps}")
        if self.preview and (step + 1) % self.every == 0 and step + 1 < self.steps:
            self._show(state["latents"])
        return self.model.on_step(step, self.steps, state, self.told)

    def _show(self, latents: Tensor) -> None:
        assert self.preview is not None
        now = self.model.thumbnails(latents)
        blank = np.full_like(now[0], 127)
        shown = [*self.done, *now]
        self.preview(shown + [blank] * (self.pictures - len(shown)))


def noise_of(seed: int, row: int) -> torch.Generator:
    """The source of a picture's noise: of (seed, row) alone, and on the CPU, so that every machine draws the same."""
    state = int(np.random.SeedSequence([seed, row]).generate_state(1, np.uint64)[0])
    return torch.Generator("cpu").manual_seed(state >> 1)
