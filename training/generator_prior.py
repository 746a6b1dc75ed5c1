"""One training run of the latent prior: its plan, its state, a step of it, and the diffusers folder it ends as. Knows
no pictures."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import DDIMScheduler
from safetensors.torch import save_file
from torch import Tensor

from training.generator_samples import Samples
from workbench.models.portraits.identity_prior import IdentityPriorPipeline
from workbench.models.portraits.identity_prior_network import LatentPrior

WARM_UP = 200
CHECK_STEPS = 250


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train. unknown: share of samples told of nobody, for guidance. components: share of the numbers of a
    vector that is left out, of every second sample, and noise: what is added to each, in deviations, so that faces of
    one person may differ (component
    dropout: Boutros et al., IDiff-Face, arXiv 2308.04995, section 3.2).
    """

    width: int = 320
    depth: int = 5
    batch: int = 256
    rate: float = 1e-3
    decay: float = 0.05
    average: float = 0.999
    unknown: float = 0.15
    components: float = 0.2
    noise: float = 0.15
    seed: int = 0

    def rate_at(self, share: float, step: int) -> float:
        """Cosine to zero over the run, after a short warm-up."""
        return self.rate * min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + float(np.cos(np.pi * min(share, 1.0))))


@dataclass(slots=True)
class Run:
    """What a checkpoint holds. share: how much of the schedule is done, 0 to 1."""

    network: LatentPrior
    average: LatentPrior
    optimiser: torch.optim.AdamW
    step: int = 0
    share: float = 0.0
    seconds: float = 0.0

    def save(self, path: Path) -> None:
        """The checkpoint, replacing the last one in one move."""
        parts = {name: getattr(self, name).state_dict() for name in ("network", "average", "optimiser")}
        partial = path.with_suffix(".partial")
        torch.save(parts | {"step": self.step, "share": self.share, "seconds": self.seconds}, partial)
        partial.replace(path)

    def restore(self, path: Path) -> None:
        """Goes on from a checkpoint."""
        state = torch.load(path, weights_only=True)
        for name in ("network", "average", "optimiser"):
            getattr(self, name).load_state_dict(state[name])
        self.step, self.share, self.seconds = state["step"], state["share"], state["seconds"]


def new_scheduler() -> DDIMScheduler:
    """The noise schedule: cosine (Nichol and Dhariwal, arXiv 2102.09672, section 3.2), v-prediction, zero signal at the
    last time."""
    return DDIMScheduler(
        1000,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        clip_sample=False,
        timestep_spacing="trailing",
    )


SIGNAL = new_scheduler().alphas_cumprod
"""(1000,) how much of a latent is left at each time, as a variance."""


def new_run(plan: Plan, vectors: np.ndarray) -> Run:
    """A run at its start. vectors: (n, 128) of the training samples, for their mean and deviation."""
    torch.manual_seed(plan.seed)
    network, average = LatentPrior(plan.width, plan.depth), LatentPrior(plan.width, plan.depth)
    network.mean.copy_(torch.from_numpy(vectors.mean(0)))
    network.deviation.copy_(torch.from_numpy(vectors.std(0)))
    average.load_state_dict(network.state_dict())
    optimiser = torch.optim.AdamW(network.parameters(), plan.rate, betas=(0.9, 0.99), weight_decay=plan.decay)
    return Run(network, average.eval(), optimiser)


def loss(
    network: LatentPrior,
    latents: Tensor,
    told: Tensor | None,
    times: Tensor,
    noise: Tensor,
    known: Tensor | None = None,
) -> Tensor:
    """Mean squared error of v = α·noise − σ·latent (Salimans and Ho, arXiv 2202.00512, appendix D)."""
    kept = SIGNAL[times][:, None]
    signal, spread = kept.sqrt(), (1 - kept).sqrt()
    velocity = network(signal * latents + spread * noise, times, told, known)
    return ((velocity - (signal * noise - spread * latents)) ** 2).mean()


def learn(run: Run, plan: Plan, latents: Tensor, vectors: Tensor) -> float:
    """One step on a random batch; its loss. The chance of step n follows from the seed and n."""
    chance = torch.Generator().manual_seed(plan.seed * 1_000_003 + run.step)
    rows = torch.randint(0, len(latents), (plan.batch,), generator=chance)
    told = run.network.tell(vectors[rows])
    told = told + plan.noise * torch.randn(told.shape, generator=chance)
    sparse = torch.rand(plan.batch, 1, generator=chance) < 0.5
    told = told * ~(sparse & (torch.rand(told.shape, generator=chance) < plan.components))
    known = torch.rand(plan.batch, generator=chance) >= plan.unknown
    times = torch.randint(0, 1000, (plan.batch,), generator=chance)
    noise = torch.randn(latents[rows].shape, generator=chance)
    for group in run.optimiser.param_groups:
        group["lr"] = plan.rate_at(run.share, run.step)
    value = loss(run.network, latents[rows], told, times, noise, known)
    run.optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(value)
    torch.nn.utils.clip_grad_norm_(run.network.parameters(), 1.0)
    run.optimiser.step()
    run.step += 1
    keep = min(plan.average, (1 + run.step) / (10 + run.step))
    with torch.no_grad():
        torch._foreach_lerp_(list(run.average.parameters()), list(run.network.parameters()), 1 - keep)
    return float(value.detach())


@torch.no_grad()
def held_loss(run: Run, latents: Tensor, vectors: Tensor) -> tuple[float, float]:
    """The averaged network's loss on samples kept aside, told who they are and told nobody; always the same times and
    noise."""
    chance = torch.Generator().manual_seed(1)
    rows = torch.arange(len(latents)).repeat(4)
    times, noise = (
        torch.randint(0, 1000, (len(rows),), generator=chance),
        torch.randn(len(rows), latents.shape[1], generator=chance),
    )
    told = run.average.tell(vectors[rows])
    return tuple(float(loss(run.average, latents[rows], who, times, noise)) for who in (told, None))  # type: ignore[return-value]


def train(samples: Samples, out: Path, minutes: float, plan: Plan, resume: bool) -> Run:
    """Trains for so many minutes of processor time; every twentieth sample is kept aside. A stopped run goes on where
    it was, and spreads what is left of its schedule over the time it is given.
    """
    latents, vectors = torch.from_numpy(samples.latents), torch.from_numpy(samples.vectors)
    aside = torch.arange(len(latents)) % 20 == 0
    run = new_run(plan, samples.vectors)
    if resume and (out / "prior.pt").is_file():
        run.restore(out / "prior.pt")
    begun, first, lost = time.process_time(), run.share, [0.0]
    earlier = run.seconds
    while run.share < 1:
        lost.append(learn(run, plan, latents[~aside], vectors[~aside]))
        run.seconds = earlier + time.process_time() - begun
        run.share = first + (1 - first) * min((time.process_time() - begun) / max(minutes * 60, 1e-3), 1.0)
        if run.step % CHECK_STEPS == 0 or run.share >= 1:
            told, nobody = held_loss(run, latents[aside], vectors[aside])
            line = f"step {run.step} minutes {run.seconds / 60:.1f} loss {np.mean(lost[-CHECK_STEPS:]):.4f}"
            line += f" held {told:.4f} nobody {nobody:.4f}"
            with (out / "prior.log").open("a") as log:
                log.write(line + "\n")
            print(line, flush=True)
            run.save(out / "prior.pt")
    return run


def export(network: LatentPrior, directions: np.ndarray, folder: Path) -> None:
    """The diffusers folder that ships: 16-bit weights as safetensors. directions: (k, 128), see `LatentPrior`."""
    shipped = LatentPrior(**{**network.config, "directions": len(directions)})
    weights = network.state_dict() | {"photo": torch.from_numpy(directions.astype(np.float32))}
    shipped.load_state_dict(weights)
    IdentityPriorPipeline(shipped, new_scheduler()).save_pretrained(folder)
    keep = {"mean", "deviation", "photo"}
    halves = {name: value if name in keep else value.half() for name, value in shipped.state_dict().items()}
    save_file(
        {name: value.contiguous() for name, value in halves.items()},
        folder / "prior" / "diffusion_pytorch_model.safetensors",
        {"format": "pt"},
    )
