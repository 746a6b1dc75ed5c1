"""64-pixel portraits on two cores: a diffusion prior proposes a GAN's latents for a face's vector, and a short search
brings them nearer.

The prior (`identity_prior_network`, trained here on faces of nobody) turns noise and a vector into a latent of the GAN.
Then a few steps downhill move each latent until the recogniser sees the asked face in the GAN's picture (as Nguyen et
al., arXiv 1605.09304, move a generator's code by a classifier's gradient), held back by a pull to where the prior put
it, so that pictures stay faces. The GAN and the recogniser are fetched; the mesh network says where in a picture the
face is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from diffusers import DDIMScheduler, DiffusionPipeline
from torch import Tensor

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest, BadWeights
from workbench.geometry import DLIB_POINTS
from workbench.models.blocks import memory
from workbench.models.blocks.chips import Recogniser
from workbench.models.blocks.precision import fastest
from workbench.models.finders import mediapipe
from workbench.models.finders.mediapipe import FaceFinder
from workbench.models.portraits import dcgan
from workbench.models.portraits.dcgan import LATENT, SIDE, Dcgan
from workbench.models.portraits.identity_prior_network import IDENTITY, TEMPLATE, LatentPrior, chips, windows
from workbench.models.recognisers import dlib_residual
from workbench.portraits import Preview, Recipe
from workbench.watch import Watch

TOGETHER = 8
"""Pictures drawn at once."""

BOX = np.array([12, 16, 51, 61], np.float32)
EYES = np.array([[22.4, 29.5], [40.6, 29.6]], np.float32)
"""About where the GAN draws a face, and its eyes."""

Told = Callable[[int, Tensor], None]
"""Told the steps done, counted from 1, and the latents as they would be if this were the end, (n, 100)."""


@dataclass(frozen=True, slots=True)
class Search:
    """How latents are brought nearer. rate: length of the first step, in units of the latent. momentum: share of a step
    that is as the one before. pull: weight of the mean squared way from the prior's latent beside the squared distance
    of vectors. refresh: steps between two looks at where the face is. jitter: by how many pixels of the GAN's picture a
    crop is moved in each step, so that what is found is a face and not a weakness of the recogniser.
    """

    steps: int = 12
    rate: float = 1.0
    momentum: float = 0.5
    pull: float = 0.05
    refresh: int = 6
    jitter: float = 1.0


class IdentityPriorPipeline(DiffusionPipeline):
    """Vectors to latents: a diffusers pipeline of the prior and its scheduler."""

    def __init__(self, prior: LatentPrior, scheduler: DDIMScheduler) -> None:
        super().__init__()
        self.register_modules(prior=prior, scheduler=scheduler)

    @torch.no_grad()
    def __call__(self, vectors: Tensor, noise: Tensor, steps: int, guidance: float, told: Told | None = None) -> Tensor:
        """(n, 100) latents for (n, 128) vectors from (n, 100) noise.

        guidance: 1 is the prior as trained; more is nearer to the vector and less varied (Ho and Salimans, arXiv
        2207.12598, eq. 6).
        """
        scheduler = DDIMScheduler.from_config(
            self.scheduler.config
        )  # one per call: it remembers its steps, and calls may overlap
        scheduler.set_timesteps(steps)
        identity, latents = self.prior.tell(vectors), noise
        for done, time in enumerate(scheduler.timesteps, 1):
            times = time.expand(len(latents)).to(latents.device)
            velocity = self.prior(latents, times, identity)
            if guidance != 1:
                blind = self.prior(latents, times, None)
                velocity = blind + guidance * (velocity - blind)
            step = scheduler.step(velocity, time, latents)
            latents = step.prev_sample
            if told:
                told(done, step.pred_original_sample)
        return latents


class Guide:
    """What the search asks: the GAN for a picture, the mesh network for its face, the recogniser for its vector."""

    def __init__(self, gan: Dcgan, recogniser: Recogniser, finder: FaceFinder) -> None:
        self.gan, self.recogniser, self.finder = gan, recogniser, finder
        self.template = TEMPLATE.to(gan.device)
        recogniser.network.requires_grad_(False)

    def frames(self, pixels: Tensor) -> Tensor:
        """(n, 2, 3): where the recogniser's chips lie on (n, 3, 64, 64) pictures in −1..1."""
        pictures = as_pictures(pixels)
        points = [self.finder.mesh(picture, BOX, EYES).points[list(DLIB_POINTS), :2] for picture in pictures]
        return windows(torch.from_numpy(np.stack(points)).to(pixels.device), self.template)

    def see(self, pixels: Tensor, frames: Tensor) -> Tensor:
        """(n, 128) vectors, with gradients to the pictures."""
        with fastest(pixels.device):
            return self.recogniser.network(chips(pixels, frames, self.recogniser.size)).float()

    def search(self, latents: Tensor, vectors: Tensor, plan: Search, moves: Tensor, told: Told | None = None) -> Tensor:
        """The latents, moved so that the recogniser sees `vectors`. moves: (steps, n, 2) standard normal, how each crop
        is jittered."""
        moved, pace, frames = latents, torch.zeros_like(latents), torch.empty(0)
        for done in range(plan.steps):
            with torch.enable_grad():
                tried = moved.detach().requires_grad_(True)
                pixels = self.gan.network(tried)
                frames = self.frames(pixels) if done % plan.refresh == 0 else frames
                jittered = frames.clone()
                jittered[:, :, 2] += moves[done] * plan.jitter * self.recogniser.size / SIDE
                loss = ((self.see(pixels, jittered) - vectors) ** 2).sum(1) + plan.pull * ((tried - latents) ** 2).mean(
                    1
                )
                (slope,) = torch.autograd.grad(loss.sum(), tried)
            pace = plan.momentum * pace + (1 - plan.momentum) * slope / slope.norm(dim=1, keepdim=True).clamp(min=1e-8)
            moved = moved - plan.rate * (1 - done / plan.steps) ** 0.5 * pace
            if told:
                told(done + 1, moved)
        return moved


def as_pictures(pixels: Tensor) -> list[np.ndarray]:
    """(n, 3, h, w) in −1..1 as RGB uint8 pictures."""
    scaled = ((pixels.detach() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return list(np.ascontiguousarray(scaled.permute(0, 2, 3, 1).cpu().numpy()))


class IdentityPrior:
    """A `PortraitModel` of 64 × 64 pictures."""

    recogniser = "dlib"
    side = SIDE
    steps = (15, 2, 50)
    guidance = (2.0, 1.0, 6.0)

    def __init__(
        self, spec: ModelSpec, pipeline: IdentityPriorPipeline, guide: Guide, device: str, plan: Search | None = None
    ) -> None:
        """plan: of the search after the prior; with no steps the prior's latents are drawn as they are."""
        self.spec, self.pipeline, self.guide, self.device = spec, pipeline, guide, device
        self.reads_prompt, self.photo = spec.reads_prompt, spec.photo
        self.plan = plan or Search()

    def __call__(
        self, vectors: np.ndarray, recipe: Recipe, watch: Watch | None = None, preview: Preview | None = None
    ) -> list[np.ndarray]:
        """One picture, 64 × 64 × 3 uint8 RGB, per row of (n, 128) float32 vectors of dlib. Row i's noise is a function
        of (seed, i).

        Raises BadRequest (shape, numbers, steps, guidance, seed), Cancelled, OutOfMemory.
        """
        rows, watch = self.checked(vectors), watch or Watch()
        done: list[np.ndarray] = []
        with memory.in_words(self.spec.title):
            for start in range(0, len(rows), TOGETHER):
                part = watch.part(start / len(rows), min(start + TOGETHER, len(rows)) / len(rows))
                shown = preview and partial(_with, preview, tuple(done))
                latents = self.latents(rows[start : start + TOGETHER], recipe, start, part, shown)
                done += self.guide.gan.draw(latents.cpu().numpy())
        watch.tell(1.0, "drawn")
        return done

    def latents(
        self, vectors: Tensor, recipe: Recipe, first: int, watch: Watch, preview: Preview | None = None
    ) -> Tensor:
        """(n, 100) of the GAN for up to 8 vectors (n, 128), the first of which is row `first` of the sheet.

        Always eight are drawn, so that rounding, and with it the picture of a row, does not depend on how many are
        asked for.
        """
        steps, guidance = self.chosen(recipe)
        asked = len(vectors)
        vectors = torch.cat([vectors, vectors[-1:].expand(TOGETHER - asked, -1)])
        chance = [np.random.default_rng([recipe.seed, first + row]) for row in range(TOGETHER)]
        noise = self._tensor(np.stack([rng.standard_normal(LATENT) for rng in chance]))
        moves = self._tensor(np.stack([rng.standard_normal((self.plan.steps, 2)) for rng in chance], axis=1))
        total = steps + self.plan.steps

        def told(offset: int) -> Told:
            def tell(done: int, latents: Tensor) -> None:
                watch.tell((offset + done) / (total + 1), f"step {offset + done} of {total}")
                if preview and (offset + done) % 2 == 0:
                    preview(self.guide.gan.draw(latents[:asked].cpu().numpy()))

            return tell

        watch.tell(0.0, "reading the identity")
        wanted = self.pipeline.prior.match(vectors)
        proposed = self.pipeline(wanted, noise, steps, guidance, told(0))
        return self.guide.search(proposed, wanted, self.plan, moves, told(steps))[:asked]

    def raw(self, vectors: np.ndarray, recipe: Recipe | None = None) -> dict[str, np.ndarray]:
        """`proposed`, `found`: (n, 100) latents before and after the search, for up to 8 vectors (n, 128) float32."""
        rows, recipe = self.checked(vectors)[:TOGETHER], recipe or Recipe()
        found = self.latents(rows, recipe, 0, Watch())
        plain = IdentityPrior(self.spec, self.pipeline, self.guide, self.device, Search(steps=0))
        return {"proposed": plain.latents(rows, recipe, 0, Watch()).cpu().numpy(), "found": found.cpu().numpy()}

    def checked(self, vectors: np.ndarray) -> Tensor:
        """The vectors on the model's device. Raises BadRequest for none, another length or numbers that are not
        finite."""
        found = np.asarray(vectors)
        if (
            found.ndim != 2
            or not len(found)
            or found.shape[1] != IDENTITY
            or not np.issubdtype(found.dtype, np.floating)
        ):
            raise BadRequest(
                f"{self.spec.title}: expected n × {IDENTITY} numbers of {self.recogniser}, got {found.shape} of "
                f"{found.dtype}."
            )
        if not np.isfinite(found).all():
            raise BadRequest(f"{self.spec.title}: a vector holds numbers that are not finite; use another photo.")
        return self._tensor(found)

    def chosen(self, recipe: Recipe) -> tuple[int, float]:
        """Steps and guidance of a recipe. Raises BadRequest for those out of range, and for a seed below 0."""
        steps, guidance = recipe.steps or self.steps[0], recipe.guidance or self.guidance[0]
        for name, value, (_, least, most) in (("steps", steps, self.steps), ("guidance", guidance, self.guidance)):
            if not least <= value <= most:
                raise BadRequest(f"{self.spec.title}: expected {least} to {most} {name}, got {value}.")
        if recipe.seed < 0:
            raise BadRequest(f"Expected a seed of 0 or more, got {recipe.seed}.")
        return steps, float(guidance)

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(self.device)


def _with(preview: Preview, done: tuple[np.ndarray, ...], drawing: list[np.ndarray]) -> None:
    preview([*done, *drawing])


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> IdentityPrior:
    """The model from the diffusers folders of `prior` and `scheduler`, `generator`, `recogniser` and the face finder's
    files.

    Raises BadWeights when one of them is another file.
    """
    prior_folder, scheduler_folder = files["prior"].parent, files["scheduler"].parent
    try:
        prior = LatentPrior.from_pretrained(prior_folder, low_cpu_mem_usage=False, dtype=torch.float32)
        pipeline = IdentityPriorPipeline(prior, DDIMScheduler.from_pretrained(scheduler_folder))
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise BadWeights(
            f"{prior_folder.parent.name} does not hold the pipeline of {spec.id}: {type(error).__name__}."
        ) from error
    pipeline.prior.eval().requires_grad_(False).to(device)
    guide = Guide(
        dcgan.load(spec, {"weights": files["generator"]}, device),
        dlib_residual.load(spec, {"weights": files["recogniser"]}, device),
        mediapipe.load(spec, files, device),
    )
    return IdentityPrior(spec, pipeline, guide, device)
