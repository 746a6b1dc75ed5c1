"""IDiff-Face: faces of 128 pixels from ElasticFace's vectors, by diffusion among the codes of a VQGAN.

Source: Boutros et al., "IDiff-Face", ICCV 2023, arXiv 2308.04995 (fdbtrs/IDiff-Face, CC BY-NC-SA 4.0): the network told
by cross attention. A thousand steps are the authors' own sampling (Ho et al., arXiv 2006.11239, algorithm 2); fewer are
spaced evenly (Nichol and Dhariwal, arXiv 2102.09672, section 4), which the authors do not do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest
from workbench.models.blocks import memory
from workbench.models.blocks.context_unet import ContextUNet
from workbench.models.blocks.vq_decoder import CodedDecoder
from workbench.models.files import checkpoint
from workbench.portraits import Preview, Recipe
from workbench.watch import Watch

RECOGNISER = "elasticface-arc"
STEPS, LATENT, SIDE, VECTOR = 1000, 32, 128, 512
LEAST, MOST = 1e-4, 0.02
"""How much noise the first and the last step add."""
AT_ONCE = 4
"""Pictures drawn together."""


@dataclass(frozen=True, slots=True)
class Spacing:
    """Which of the thousand steps are taken, and of each: what is left of the picture before it, and how much noise it
    adds."""

    taken: Tensor
    kept: Tensor
    noise: Tensor


def spacing(count: int) -> Spacing:
    """`count` of the thousand steps, evenly spaced, the last among them."""
    betas = torch.linspace(LEAST, MOST, STEPS, dtype=torch.float64)
    kept = (1 - betas).log().cumsum(0).exp()
    taken = torch.linspace(STEPS - 1, 0, count, dtype=torch.float64).round().long().flip(0)
    held = kept[taken]
    return Spacing(taken, held, 1 - held / torch.cat([torch.ones(1, dtype=torch.float64), held[:-1]]))


def sampled(
    noise_in: Callable[[Tensor, Tensor], Tensor],
    start: Tensor,
    draws: Callable[[], Tensor],
    steps: Spacing,
    watch: Watch,
) -> Tensor:
    """Latents (N, 3, h, w) from noise. noise_in: of latents and step; draws: fresh noise of the same shape.

    As the authors have it, the last two steps add none.
    """
    x, last = start, len(steps.taken) - 1
    for place in range(last, -1, -1):
        watch.tell((last - place) / len(steps.taken), f"step {last - place + 1} of {last + 1}")
        beta, kept = float(steps.noise[place]), float(steps.kept[place])
        found = noise_in(x, steps.taken[place].to(x.device).expand(len(x)))
        x = (x - found * (beta / (1 - kept) ** 0.5)) / (1 - beta) ** 0.5
        x = x + beta**0.5 * draws() if place > 1 else x
    return x


class IDiffFace:
    """A `PortraitModel` without prompt; vectors count by their direction alone."""

    recogniser, side = RECOGNISER, SIDE
    steps, guidance = (50, 2, STEPS), (1.0, 1.0, 1.0)

    def __init__(self, spec: ModelSpec, unet: nn.Module, decoder: nn.Module, latent: int = LATENT) -> None:
        self.spec, self.unet, self.decoder, self.latent = spec, unet, decoder, latent
        self.reads_prompt, self.photo = spec.reads_prompt, spec.photo
        self.device = next(unet.parameters()).device
        self.side = 4 * latent

    def __call__(
        self, vectors: np.ndarray, recipe: Recipe, watch: Watch | None = None, preview: Preview | None = None
    ) -> list[np.ndarray]:
        """One face, 128 × 128 × 3 uint8 RGB, per row of (n, 512) float32; row i's noise is a function of (seed, i)
        alone.

        Raises BadRequest, Cancelled, OutOfMemory.
        """
        watch, rows = watch or Watch(), self.checked(vectors)
        count = recipe.steps or self.steps[0]
        if recipe.seed < 0 or not self.steps[1] <= count <= self.steps[2]:
            raise BadRequest(f"{self.spec.title}: expected 2 to 1000 steps and a seed of 0 or more, got {count}.")
        done: list[np.ndarray] = []
        with memory.in_words(self.spec.title), torch.inference_mode():
            for first in range(0, len(rows), AT_ONCE):
                part = watch.part(first / len(rows), min(1.0, (first + AT_ONCE) / len(rows)))
                done += self._drawn(rows[first : first + AT_ONCE], first, recipe.seed, count, part)
                if preview:
                    preview(done + [np.full_like(done[0], 127)] * (len(rows) - len(done)))
        watch.tell(1.0, "drawn")
        return done

    def _drawn(self, rows: Tensor, first: int, seed: int, count: int, watch: Watch) -> list[np.ndarray]:
        numbers = [np.random.default_rng([seed, first + place]) for place in range(len(rows))]

        def draws() -> Tensor:
            shape = (3, self.latent, self.latent)
            noise = np.stack([number.standard_normal(shape, np.float32) for number in numbers])
            return torch.from_numpy(noise).to(self.device)

        found = sampled(lambda x, step: self.unet(x, step, rows), draws(), draws, spacing(count), watch)
        return [_picture(pixels) for pixels in self.decoder(found)]

    def checked(self, vectors: np.ndarray) -> Tensor:
        """The vectors at unit length. Raises BadRequest for another shape or numbers that are not finite."""
        found = np.asarray(vectors)
        if found.ndim != 2 or not len(found) or found.shape[1] != VECTOR or not np.isfinite(found).all():
            raise BadRequest(
                f"{self.spec.title}: expected n × {VECTOR} finite numbers of {RECOGNISER}, got {found.shape}."
            )
        rows = torch.from_numpy(np.ascontiguousarray(found, np.float32)).to(self.device)
        return nn.functional.normalize(rows, dim=1)


def _picture(pixels: Tensor) -> np.ndarray:
    return ((pixels.clamp(-1, 1) + 1) / 2 * 255).round().byte().permute(1, 2, 0).cpu().numpy()


def load(
    spec: ModelSpec,
    files: Mapping[str, Path],
    device: str,
    make: tuple[Callable[[], nn.Module], Callable[[], nn.Module]] = (ContextUNet, CodedDecoder),
    latent: int = LATENT,
) -> IDiffFace:
    """files: `unet`, the averaged training checkpoint, and `decoder`. Raises BadWeights for the file of another
    network, OutOfMemory."""
    memory.require(1.3 * sum(path.stat().st_size for path in files.values()), spec.title, device)
    with memory.in_words(spec.title):
        found = checkpoint.stripped(
            checkpoint.read(files["unet"]), "image_proj.weight", ("eps_model.", "module.eps_model.", "")
        )
        unet = checkpoint.install(make[0], {n: v for n, v in found.items() if n not in SCHEDULE}, spec.title, device)
        codes = checkpoint.stripped(checkpoint.read(files["decoder"]), "post_quant_conv.weight", ("module.", ""))
        return IDiffFace(spec, unet, checkpoint.install(make[1], codes, spec.title, device), latent)


SCHEDULE = (
    "betas",
    "alphas",
    "sigmas",
    "sqrt_alphas_inv",
    "alpha_bars",
    "sqrt_alpha_bars",
    "sqrt_one_minus_alpha_bars",
    "one_minus_alphas_over_sqrt_one_minus_alpha_bars",
)
"""What the training checkpoint repeats of the noise schedule."""
