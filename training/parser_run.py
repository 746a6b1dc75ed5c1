"""One training run of the compact parser: its plan, its state, and a step of it. Knows neither pictures on disk nor the
clock."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, distributed, nn

from training.parser_loss import coarse_loss, parts_loss
from workbench.models.parsers.compact_network import Network, prepare
from workbench.models.parsers.compact_torch import PRIOR
from workbench.parts import PARTS

COARSE_WEIGHT = 0.3
WARM_UP = 300


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train. batch: pictures per core and step. sides: (up to this share of the run, input side). power: of a
    part's frequency, in its weight. afresh: a resumed run starts its schedule anew. closer: the share of samples that
    look closely at a small or rare part."""

    batch: int = 4
    rate: float = 2e-3
    decay: float = 0.03
    average: float = 0.999
    power: float = -0.2
    sides: tuple[tuple[float, int], ...] = ((0.4, 256), (0.8, 320), (1.0, 352))
    seed: int = 0
    afresh: bool = False
    closer: float = 0.0

    def side(self, share: float) -> int:
        """The input side at this share of the run."""
        return next((side for until, side in self.sides if share < until), self.sides[-1][1])

    def rate_at(self, share: float, step: int) -> float:
        """Cosine to zero over the run, after a short warm-up."""
        return self.rate * min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + float(np.cos(np.pi * min(share, 1.0))))


@dataclass(slots=True)
class Run:
    """What a checkpoint holds. share: how much of the schedule is done, 0 to 1."""

    network: Network
    average: Network
    coarse_head: nn.Conv2d
    optimiser: torch.optim.AdamW
    step: int = 0
    share: float = 0.0
    seconds: float = 0.0

    def parameters(self) -> list[nn.Parameter]:
        """Everything that learns."""
        return [*self.network.parameters(), *self.coarse_head.parameters()]

    def save(self, path: Path) -> None:
        """The checkpoint, replacing the last one in one move."""
        parts = {name: getattr(self, name).state_dict() for name in ("network", "average", "coarse_head", "optimiser")}
        partial = path.with_suffix(".partial")
        torch.save(parts | {"step": self.step, "share": self.share, "seconds": self.seconds}, partial)
        partial.replace(path)

    def start_from(self, path: Path) -> None:
        """Begins with the weights of an exported file instead of none."""
        weights = {name: value.float() for name, value in load_file(path).items() if name != PRIOR}
        for network in (self.network, self.average):
            found = network.load_state_dict(weights, strict=False)
            if found.unexpected_keys or not all(name.endswith("num_batches_tracked") for name in found.missing_keys):
                raise ValueError(f"{path.name}: expected the compact parser's weights.")

    def restore(self, path: Path) -> None:
        """Goes on from a checkpoint."""
        state = torch.load(path, weights_only=True)
        for name in ("network", "average", "coarse_head", "optimiser"):
            getattr(self, name).load_state_dict(state[name])
        self.step, self.share, self.seconds = state["step"], state["share"], state["seconds"]


def new_run(plan: Plan) -> Run:
    """A run at its start. Norms and biases are not decayed."""
    torch.manual_seed(plan.seed)
    network = Network().to(memory_format=torch.channels_last)
    average = Network().to(memory_format=torch.channels_last)
    average.load_state_dict(network.state_dict())
    coarse_head = nn.Conv2d(64, len(PARTS), 1)
    parameters = [*network.parameters(), *coarse_head.parameters()]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": plan.decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return Run(network, average.eval(), coarse_head, torch.optim.AdamW(groups, lr=plan.rate, fused=True))


def learn(run: Run, plan: Plan, crops: Tensor, labels: Tensor, weights: Tensor, share: float) -> float:
    """One step of all cores together; this core's loss. share: how far the first core's clock says the run is."""
    for group in run.optimiser.param_groups:
        group["lr"] = plan.rate_at(run.share, run.step)
    truth = labels.long()
    with torch.autocast("cpu", torch.bfloat16):
        fine, middle = run.network.features(prepare(crops))
        logits, coarse = run.network.head(fine), run.coarse_head(middle)
    loss = parts_loss(logits, truth, weights) + COARSE_WEIGHT * coarse_loss(coarse, truth, weights)
    run.optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    run.share = _agree(run, share)
    nn.utils.clip_grad_norm_(run.parameters(), 5.0)
    run.optimiser.step()
    run.step += 1
    return float(loss.detach())


def _agree(run: Run, share: float) -> float:
    """Averages the gradients over the cores; returns the first core's `share`, so that all stop at the same step."""
    gradients = [parameter.grad for parameter in run.parameters() if parameter.grad is not None]
    count, first = distributed.get_world_size(), distributed.get_rank() == 0
    flat = torch.cat(
        [*(gradient.reshape(-1) for gradient in gradients), torch.tensor([share * count if first else 0.0])]
    )
    distributed.all_reduce(flat)
    flat /= count
    pieces = flat[:-1].split([gradient.numel() for gradient in gradients])
    torch._foreach_copy_(
        gradients, [piece.view(gradient.shape) for piece, gradient in zip(pieces, gradients, strict=True)]
    )
    return float(flat[-1])


@torch.no_grad()
def follow(run: Run, plan: Plan) -> None:
    """Moves the averaged network towards the trained one: slowly, but faster at the start."""
    keep = min(plan.average, (1 + run.step) / (10 + run.step))
    slow, fast = run.average.state_dict(), run.network.state_dict()
    floats = [name for name, value in slow.items() if value.is_floating_point()]
    torch._foreach_lerp_([slow[name] for name in floats], [fast[name] for name in floats], 1 - keep)
