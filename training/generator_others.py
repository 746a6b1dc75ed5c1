"""The approaches the identity prior was compared with, and that do not ship: diffusion of an autoencoder's latents, and
a decoder.

    python -m training.generator_others --samples DIR --out DIR --minutes 10 30 5 1

DIR holds the shards of `generator_samples`. First a vector's latent by least squares and a decoder from vector to
picture, then the autoencoder (AutoencoderTiny, 4 × 16 × 16) and a UNet2DModel on its latents, told the vector beside
the time (class embedding, so that it drives every group norm). Minutes are of processor time. Seeded; each stage is
kept when it ends and skipped when it is there.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderTiny, DDIMScheduler, UNet2DModel
from torch import Tensor, nn

from training.generator_prior import new_scheduler
from training.generator_samples import HELD_OUT, Samples, join, shard
from workbench.bench import Workbench
from workbench.models.portraits.dcgan import Generator

BATCH = 32
UNKNOWN, COMPONENTS = 0.15, 0.1


class ToldUNet(nn.Module):
    """A UNet2DModel on 4 × 16 × 16 latents with a vector for its class embedding."""

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.unet = UNet2DModel(
            sample_size=16,
            in_channels=4,
            out_channels=4,
            block_out_channels=(64, 128, 192),
            layers_per_block=2,
            down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
            class_embed_type="identity",
            resnet_time_scale_shift="scale_shift",
        )
        self.identity = nn.Sequential(nn.Linear(128, 256), nn.SiLU(), nn.Linear(256, 256))
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(self, latents: Tensor, times: Tensor, vectors: Tensor, known: Tensor) -> Tensor:
        """v of (n, 4, 16, 16) latents; known: (n, 1), 0 for nobody."""
        told = self.identity((vectors - self.mean) / self.deviation) * known
        return self.unet(latents, times, class_labels=told).sample


class Decoder(nn.Module):
    """A vector to one picture: a linear layer, then four doublings."""

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.entry = nn.Linear(128, 256 * 16)
        layers: list[nn.Module] = []
        for before, after in ((256, 128), (128, 96), (96, 64), (64, 32)):
            layers += [
                nn.Upsample(scale_factor=2),
                nn.Conv2d(before, after, 3, padding=1),
                nn.GroupNorm(8, after),
                nn.SiLU(),
            ]
        self.body = nn.Sequential(*layers, nn.Conv2d(32, 3, 3, padding=1), nn.Tanh())

    def forward(self, vectors: Tensor) -> Tensor:
        """(n, 128) to (n, 3, 64, 64) in −1..1."""
        return self.body(self.entry((vectors - self.mean) / self.deviation).reshape(-1, 256, 4, 4))


class ToLatent(nn.Sequential):
    """A vector to the GAN's latent in one go, by least squares: its mean, and so one picture per vector."""

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        wide = 512
        super().__init__(nn.Linear(128, wide), nn.SiLU(), nn.Linear(wide, wide), nn.SiLU(), nn.Linear(wide, 100))
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(self, vectors: Tensor) -> Tensor:
        """(n, 128) to (n, 100)."""
        return super().forward((vectors - self.mean) / self.deviation)


def new_autoencoder() -> AutoencoderTiny:
    """0.3 M parameters, 64 pixels to 4 × 16 × 16 and back."""
    wide = (32, 32, 32)
    counts = {"num_encoder_blocks": (1, 2, 2), "num_decoder_blocks": (2, 2, 1)}
    return AutoencoderTiny(encoder_block_out_channels=wide, decoder_block_out_channels=wide, **counts)


def run(network: nn.Module, minutes: float, rate: float, step: Callable[[int], Tensor], word: str) -> nn.Module:
    """Trains for so many minutes of processor time with a cosine schedule; returns the moving average of the weights as
    the network."""
    optimiser = torch.optim.AdamW(network.parameters(), rate, betas=(0.9, 0.99), weight_decay=0.01)
    slow = [parameter.detach().clone() for parameter in network.parameters()]
    begun, count, lost = time.process_time(), 0, []
    while (share := (time.process_time() - begun) / max(minutes * 60, 1e-3)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, (count + 1) / 100) * 0.5 * (1 + float(np.cos(np.pi * share)))
        value = step(count)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(value)
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        count += 1
        with torch.no_grad():
            torch._foreach_lerp_(slow, list(network.parameters()), 1 - min(0.999, (1 + count) / (10 + count)))
        lost.append(float(value.detach()))
        if count % 50 == 0:
            print(
                f"{word} step {count} minutes {(time.process_time() - begun) / 60:.1f} loss {np.mean(lost[-200:]):.4f}",
                flush=True,
            )
    with torch.no_grad():
        for parameter, mean in zip(network.parameters(), slow, strict=True):
            parameter.copy_(mean)
    return network.eval().requires_grad_(False)


def likeness(made: Tensor, true: Tensor) -> Tensor:
    """L1 of colours and, as much, of their differences to the right and downwards."""
    edges = sum((made.diff(dim=axis) - true.diff(dim=axis)).abs().mean() for axis in (2, 3))
    return (made - true).abs().mean() + edges


def rows(count: int, step: int, size: int = BATCH) -> Tensor:
    """Which samples a step sees: a function of the step."""
    return torch.randint(0, count, (size,), generator=torch.Generator().manual_seed(step))


def autoencoder(gan: Generator, latents: Tensor, minutes: float) -> AutoencoderTiny:
    """The autoencoder, trained on the GAN's pictures."""
    network = new_autoencoder()

    def step(count: int) -> Tensor:
        with torch.no_grad():
            pictures = gan(latents[rows(len(latents), count)])
        return likeness(network.decode(network.encode(pictures).latents).sample, pictures)

    return run(network, minutes, 1.5e-3, step, "autoencoder")


def diffuse(codes: Tensor, vectors: Tensor, minutes: float) -> ToldUNet:
    """The UNet, trained on an autoencoder's codes of unit deviation."""
    network, kept = ToldUNet(vectors.mean(0), vectors.std(0)), new_scheduler().alphas_cumprod

    def step(count: int) -> Tensor:
        chance = torch.Generator().manual_seed(count)
        chosen = torch.randint(0, len(codes), (BATCH,), generator=chance)
        clean, noise = codes[chosen], torch.randn(codes[chosen].shape, generator=chance)
        times = torch.randint(0, 1000, (BATCH,), generator=chance)
        signal, spread = (value[:, None, None, None].sqrt() for value in (kept[times], 1 - kept[times]))
        known = (torch.rand(BATCH, 1, generator=chance) >= UNKNOWN).float()
        velocity = network(signal * clean + spread * noise, times, vectors[chosen], known)
        weight = (kept[times] / (1 - kept[times])).clamp(max=5) / (kept[times] / (1 - kept[times]) + 1)
        return (weight[:, None, None, None] * (velocity - (signal * noise - spread * clean)) ** 2).mean()

    return run(network, minutes, 4e-4, step, "unet")  # type: ignore[return-value]


def decode(gan: Generator, latents: Tensor, vectors: Tensor, minutes: float) -> Decoder:
    """The decoder, trained to draw the GAN's picture from its vector."""
    network = Decoder(vectors.mean(0), vectors.std(0))

    def step(count: int) -> Tensor:
        chosen = rows(len(latents), count)
        with torch.no_grad():
            pictures = gan(latents[chosen])
        return likeness(network(vectors[chosen]), pictures)

    return run(network, minutes, 1.5e-3, step, "decoder")  # type: ignore[return-value]


def regress(latents: Tensor, vectors: Tensor, minutes: float) -> ToLatent:
    """The latent of a vector, by least squares."""
    network = ToLatent(vectors.mean(0), vectors.std(0))

    def step(count: int) -> Tensor:
        chosen = rows(len(latents), count, 256)
        return ((network(vectors[chosen]) - latents[chosen]) ** 2).mean()

    return run(network, minutes, 1e-3, step, "latent")  # type: ignore[return-value]


@torch.no_grad()
def encoded(network: AutoencoderTiny, gan: Generator, latents: Tensor) -> Tensor:
    """(n, 4, 16, 16) codes of the GAN's pictures."""
    return torch.cat([network.encode(gan(latents[at : at + 64])).latents for at in range(0, len(latents), 64)])


@torch.no_grad()
def sample(
    network: ToldUNet, scheduler: DDIMScheduler, vectors: Tensor, noise: Tensor, steps: int, guidance: float
) -> Tensor:
    """(n, 4, 16, 16) codes for (n, 128) vectors."""
    scheduler.set_timesteps(steps)
    told = torch.ones(len(vectors), 1)
    for step in scheduler.timesteps:
        times = step.expand(len(noise))
        seen, blind = (network(noise, times, vectors, known) for known in (told, 0 * told))
        noise = scheduler.step(blind + guidance * (seen - blind), step, noise).prev_sample
    return noise


def main() -> None:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--samples", type=Path, required=True)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument(
        "--minutes", type=float, nargs=4, default=(10, 30, 5, 1), metavar=("CODES", "UNET", "DECODER", "LATENT")
    )
    options.add_argument("--codes", type=int, default=45_000, help="samples that the UNet is trained on")
    given = options.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    given.out.mkdir(parents=True, exist_ok=True)
    bench = Workbench.from_env()
    gan, samples = bench.model("dcgan-digiface-64").network, training(bench, given.samples)
    latents, vectors = torch.from_numpy(samples.latents), torch.from_numpy(samples.vectors)
    stage(given.out / "latent.pt", lambda: regress(latents, vectors, given.minutes[3]).state_dict())
    stage(given.out / "decoder.pt", lambda: decode(gan, latents, vectors, given.minutes[2]).state_dict())
    stage(given.out / "autoencoder.pt", lambda: autoencoder(gan, latents, given.minutes[0]).state_dict())
    network = new_autoencoder().eval()
    network.load_state_dict(torch.load(given.out / "autoencoder.pt", weights_only=True))
    stage(given.out / "codes.pt", lambda: codes_of(encoded(network, gan, latents[: given.codes])))
    codes = torch.load(given.out / "codes.pt", weights_only=True)["codes"]
    stage(given.out / "unet.pt", lambda: diffuse(codes, vectors[: given.codes], given.minutes[1]).state_dict())


def training(bench: Workbench, folder: Path) -> Samples:
    """All training shards in a folder."""
    seeds = sorted(int(path.stem) for path in folder.glob("*.npz") if path.stem.isdecimal())
    return join([shard(bench, folder, seed) for seed in seeds if seed < HELD_OUT])


def codes_of(codes: Tensor) -> dict[str, Tensor]:
    """Codes of unit deviation per channel, and what undoes it."""
    mean, deviation = codes.mean((0, 2, 3), keepdim=True), codes.std((0, 2, 3), keepdim=True)
    return {"codes": (codes - mean) / deviation, "mean": mean, "deviation": deviation}


def stage(path: Path, make: Callable[[], dict[str, Tensor]]) -> None:
    """Keeps what `make` gives, once."""
    if not path.is_file():
        partial = path.with_suffix(".partial")
        torch.save(make(), partial)
        partial.replace(path)


if __name__ == "__main__":
    main()
