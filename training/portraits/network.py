"""Trains the portrait model's detail network, in the background, on one thread; a run that was stopped goes on.

    python -m training.portraits.network --out WORK --minutes 60 [--start CHECKPOINT]

What goes in is a training photo as the linear part draws it, of 40 to 140 components shaken a little, within the
photo's own outlines; what should come out is the photo's own detail on those colours. Absolute differences and their
gradients first; after --adversary steps a discriminator of patches (Miyato et al., arXiv 1802.05957; hinge loss, Lim
and Ye, arXiv 1705.02894), which is told where in the frame a patch lies. Each step sees a window of the frame of some
photos. Weights are averaged over steps. Every step's chance comes from its number. Checkpoints: WORK/network.pt (torch,
read by this script alone) and WORK/network.safetensors.
"""

import argparse
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from workbench.mesh import LIPS_OUTER, OVAL, REGIONS, polygon
from workbench.models.portraits.appearance import Appearance, read
from workbench.models.portraits.detail import DetailNetwork, coarse
from workbench.models.portraits.frame import SIDE

BATCH, WINDOW, RATE, AVERAGE = 4, 160, 5e-4, 0.995
FEWEST, MOST, SHAKEN = 40, 140, 0.12
ADVERSARY, FEATURES = 0.08, 0.5
"""Weights of the discriminator's verdict, and of what its layers see, beside the absolute difference."""


class Critic(nn.Module):
    """(n, 3, 256, 256) and the frame's coordinates to verdicts on patches; its layers' answers come too."""

    def __init__(self) -> None:
        super().__init__()
        sizes = (12 + 3 + 3, 40, 64, 96, 128)
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv2d(before, after, 4 if at else 3, 2 if at else 1, 1))
            for at, (before, after) in enumerate(pairwise(sizes))
        )
        self.exit = spectral_norm(nn.Conv2d(sizes[-1], 1, 3, padding=1))
        y, x = torch.meshgrid(torch.linspace(-1, 1, SIDE // 2), torch.linspace(-1, 1, SIDE // 2), indexing="ij")
        self.register_buffer("places", torch.stack([x, y, x.abs()])[None])

    def forward(self, pixels: Tensor, soft: Tensor, window: tuple[slice, slice]) -> list[Tensor]:
        """Answers of every layer, the verdicts last. soft: the colours the detail was drawn on. window: rows and
        columns of the folded frame that are seen.
        """
        low = functional.avg_pool2d(soft, 2)
        x = torch.cat(
            [
                functional.pixel_unshuffle(pixels, 2),
                low,
                self.places[..., window[0], window[1]].expand(len(pixels), -1, -1, -1),
            ],
            1,
        )
        seen = []
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), 0.2)
            seen.append(x)
        return [*seen, self.exit(x)]


@dataclass
class Photos:
    """What is trained on: photo (n, 256, 256, 3) and known (n, 256, 256) uint8, outlines (n, 3, 64, 64), scores (n, t)
    of the model, and weight (256, 256), how much each pixel counts.
    """

    photo: np.ndarray
    known: np.ndarray
    outlines: Tensor
    scores: Tensor
    model: Appearance
    weight: Tensor

    def batch(self, step: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Soft colours, outlines, the wanted pixels and their weights, of the photos of this step."""
        rng = np.random.default_rng([7, step])
        rows = rng.integers(0, len(self.scores), BATCH)
        own = self.scores[rows].clone()
        for at in range(BATCH):
            own[at, rng.integers(FEWEST, MOST + 1) :] = 0
        own += SHAKEN * torch.from_numpy(rng.standard_normal(own.shape).astype(np.float32)) * (own != 0)
        outlines = self.outlines[rows]
        soft = self.model.drawn(own, outlines)
        photo = torch.from_numpy(self.photo[rows]).permute(0, 3, 1, 2).float() / 127.5 - 1
        known = torch.from_numpy(self.known[rows])[:, None].float() / 255
        return soft, outlines, coarse(soft) + photo - coarse(photo), known * self.weight


def softened(out: Path) -> Tensor:
    """(n, 3, 64, 64): the photos' own outlines, as smooth as the linear part draws them."""
    outlines = torch.from_numpy(np.load(out / "outlines.npy"))
    return functional.avg_pool2d(functional.pad(outlines, (1, 1, 1, 1), mode="replicate"), 3, 1)


def windows(step: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Rows and columns of this step's window in the folded frame, and in the frame; on the grid of coarse cells."""
    top, left = 8 * np.random.default_rng([8, step]).integers(0, (SIDE - WINDOW) // 8 + 1, 2)
    half = slice(int(top) // 2, int(top + WINDOW) // 2), slice(int(left) // 2, int(left + WINDOW) // 2)
    return half, (slice(int(top), int(top + WINDOW)), slice(int(left), int(left + WINDOW)))


def importance(mean: np.ndarray) -> Tensor:
    """(256, 256): eyes, brows and mouth count most, the face more than hair and clothes."""
    weight = 0.6 + 0.5 * (polygon(mean, OVAL, (SIDE, SIDE)) > 127)
    for path in (*(REGIONS[name] for name in REGIONS if "eye" in name or "brow" in name), LIPS_OUTER):
        weight = np.maximum(weight, 2.2 * (polygon(mean, path, (SIDE, SIDE)) > 127))
    blurred = functional.avg_pool2d(torch.from_numpy(weight).float()[None, None], 9, 1, 4)
    return blurred[0, 0]


def gradients(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Differences of neighbours, across and down."""
    return pixels[..., :, 1:] - pixels[..., :, :-1], pixels[..., 1:, :] - pixels[..., :-1, :]


def plain_loss(drawn: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Mean absolute difference of pixels and of their gradients."""
    loss = (weight * (drawn - wanted).abs()).mean()
    (ours, down), (theirs, there) = gradients(drawn), gradients(wanted)
    return loss + (weight[..., 1:] * (ours - theirs).abs()).mean() + (weight[..., 1:, :] * (down - there).abs()).mean()


def mixed(drawn: Tensor, wanted: Tensor, known: Tensor) -> Tensor:
    """What the critic compares: outside the person both are the same."""
    seen = (known > 0.02).float()
    return seen * drawn + (1 - seen) * wanted


def main() -> int:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--out", type=Path, default=Path("build/portraits"))
    options.add_argument("--minutes", type=float, default=60.0, help="of the clock")
    options.add_argument("--adversary", type=int, default=500, help="the step from which patches are judged")
    options.add_argument("--start", type=Path, help="weights (safetensors) to begin with")
    options.add_argument("--steps", type=int, default=10**9)
    given = options.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    out = given.out
    model = read(load_file(out / "linear.safetensors"))
    mean = np.load(out / "frame.npz")["mean"]
    scores = torch.from_numpy(np.load(out / "coefficients.npz")["scores"][:, : model.textures])
    photos = Photos(
        np.load(out / "photo.npy", mmap_mode="r"),
        np.load(out / "known.npy", mmap_mode="r"),
        softened(out),
        scores,
        model,
        importance(mean),
    )
    network, critic, average = (DetailNetwork(), Critic(), DetailNetwork())
    network, critic, average = (each.to(memory_format=torch.channels_last) for each in (network, critic, average))
    ours = torch.optim.Adam(network.parameters(), RATE, (0.5, 0.99))
    theirs = torch.optim.Adam(critic.parameters(), RATE, (0.5, 0.99))
    parts = {"network": network, "critic": critic, "average": average, "ours": ours, "theirs": theirs}
    step, begun = 0, time.monotonic()
    if given.start:
        network.load_state_dict(load_file(given.start))
    average.load_state_dict(network.state_dict())
    if (out / "network.pt").is_file():
        kept = torch.load(out / "network.pt", weights_only=True)
        step = kept.pop("step")
        for name, state in kept.items():
            parts[name].load_state_dict(state)
    totals: list[list[float]] = []
    while time.monotonic() - begun < 60 * given.minutes and step < given.steps:
        soft, outlines, wanted, weight = photos.batch(step)
        window, fine = windows(step)
        soft, wanted, weight = (each[..., fine[0], fine[1]] for each in (soft, wanted, weight))
        noise = torch.randn(BATCH, 1, WINDOW // 2, WINDOW // 2, generator=torch.Generator().manual_seed(step))
        judged = step >= given.adversary
        with torch.autocast("cpu", torch.bfloat16):
            drawn = network(soft.contiguous(memory_format=torch.channels_last), outlines, noise, window)
            loss = plain_loss(drawn.float(), wanted, weight)
            told = [loss.item(), 0.0, 0.0]
            if judged:
                fake, true = mixed(drawn, wanted, weight), wanted
                real = critic(true, soft, window)
                seen = critic(fake.detach(), soft, window)
                verdict = functional.relu(1 - real[-1].float()).mean() + functional.relu(1 + seen[-1].float()).mean()
                theirs.zero_grad(set_to_none=True)
                verdict.backward()
                theirs.step()
                for weights in critic.parameters():
                    weights.requires_grad_(False)
                seen = critic(fake, soft, window)
                matched = sum(
                    (a.float() - b.detach().float()).abs().mean() for a, b in zip(seen[:-1], real[:-1], strict=True)
                )
                loss = loss + ADVERSARY * -seen[-1].float().mean() + FEATURES * 0.1 * matched
                for weights in critic.parameters():
                    weights.requires_grad_(True)
                told[1:] = [verdict.item(), matched.item()]
        ours.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        ours.step()
        step += 1
        with torch.no_grad():
            share = min(AVERAGE, step / (step + 20))
            for mean_weight, weight_now in zip(average.parameters(), network.parameters(), strict=True):
                mean_weight.lerp_(weight_now, 1 - share)
        totals.append(told)
        if step % 100 == 0:
            print(
                step,
                f"{(time.monotonic() - begun):.0f} s",
                *(f"{value:.4f}" for value in np.mean(totals, 0)),
                flush=True,
            )
            totals = []
        if step % 50 == 0:
            _keep(out, step, parts)
    _keep(out, step, parts)
    return 0


def _keep(out: Path, step: int, parts: dict[str, nn.Module | torch.optim.Optimizer]) -> None:
    torch.save({"step": step, **{name: part.state_dict() for name, part in parts.items()}}, out / "network.part")
    (out / "network.part").replace(out / "network.pt")
    average = parts["average"]
    assert isinstance(average, nn.Module)
    save_file(
        {name: tensor.contiguous() for name, tensor in average.state_dict().items()},
        out / "network.safetensors",
        {"steps": str(step)},
    )


if __name__ == "__main__":
    raise SystemExit(main())
