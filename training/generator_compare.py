"""The approaches to a small identity-conditioned generator, measured alike on the same held-out references.

    python -m training.generator_compare --out DIR --others DIR --data DIR [--people 100] [--record] [--grids DIR]

DIR of --others is what `generator_others` left. Each approach draws four pictures of everybody. Writes to
weights/figures.json.
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from training import generator, generator_others
from training import generator_check as check
from training.generator_prior import new_scheduler
from training.generator_samples import Samples
from workbench.bench import Workbench
from workbench.models.portraits.identity_prior import IdentityPrior, Search, as_pictures
from workbench.portraits import Recipe
from workbench.sources import figures

PICTURES = 4


def variant(model: IdentityPrior, plan: Search, guidance: float = 0.0) -> check.Draw:
    """The shipped model with another search or another guidance."""
    changed = IdentityPrior(model.spec, model.pipeline, model.guide, model.device, plan)
    return lambda vectors, seed: changed(vectors, Recipe(seed=seed, guidance=guidance))


def strangers(model: IdentityPrior) -> check.Draw:
    """The GAN's faces, whoever is asked for."""
    return lambda vectors, seed: model.guide.gan.draw(model.guide.gan.latents(len(vectors), 3_000_000 + seed))


def search_alone(model: IdentityPrior) -> check.Draw:
    """The same search, from latents that nobody proposed."""

    def draw(vectors: np.ndarray, seed: int) -> list[np.ndarray]:
        gan, plan, wanted = model.guide.gan, Search(), model.pipeline.prior.match(torch.from_numpy(vectors))
        start = torch.from_numpy(gan.latents(len(vectors), 3_000_000 + seed))
        moves = torch.randn(plan.steps, len(vectors), 2, generator=torch.Generator().manual_seed(seed))
        return gan.draw(model.guide.search(start, wanted, plan, moves).numpy())

    return draw


def latent_diffusion(model: IdentityPrior, folder: Path, guidance: float = 2.5, steps: int = 15) -> check.Draw:
    """The UNet on an autoencoder's latents."""
    autoencoder = generator_others.new_autoencoder().eval()
    autoencoder.load_state_dict(torch.load(folder / "autoencoder.pt", weights_only=True))
    codes = torch.load(folder / "codes.pt", weights_only=True)
    network = generator_others.ToldUNet(torch.zeros(128), torch.ones(128)).eval()
    network.load_state_dict(torch.load(folder / "unet.pt", weights_only=True))

    def draw(vectors: np.ndarray, seed: int) -> list[np.ndarray]:
        noise = torch.randn(len(vectors), 4, 16, 16, generator=torch.Generator().manual_seed(seed))
        wanted = model.pipeline.prior.match(torch.from_numpy(vectors))
        found = generator_others.sample(network, new_scheduler(), wanted, noise, steps, guidance)
        with torch.no_grad():
            return as_pictures(autoencoder.decode(found * codes["deviation"] + codes["mean"]).sample)

    return draw


def decoder(model: IdentityPrior, folder: Path) -> check.Draw:
    """The decoder: one picture per vector, always the same."""
    network = generator_others.Decoder(torch.zeros(128), torch.ones(128)).eval()
    network.load_state_dict(torch.load(folder / "decoder.pt", weights_only=True))

    def draw(vectors: np.ndarray, seed: int) -> list[np.ndarray]:
        with torch.no_grad():
            return as_pictures(network(model.pipeline.prior.match(torch.from_numpy(vectors))))

    return draw


def least_squares(model: IdentityPrior, folder: Path) -> check.Draw:
    """The GAN's picture of a vector's mean latent, always the same."""
    network = generator_others.ToLatent(torch.zeros(128), torch.ones(128)).eval()
    network.load_state_dict(torch.load(folder / "latent.pt", weights_only=True))

    def draw(vectors: np.ndarray, seed: int) -> list[np.ndarray]:
        with torch.no_grad():
            return model.guide.gan.draw(network(model.pipeline.prior.match(torch.from_numpy(vectors))).numpy())

    return draw


def nearest(model: IdentityPrior, samples: Samples) -> check.Draw:
    """Of all training faces, those whose vectors are nearest: the first for a person's first picture, and so on."""

    def draw(vectors: np.ndarray, seed: int) -> list[np.ndarray]:
        wanted = model.pipeline.prior.match(torch.from_numpy(vectors)).numpy()
        found = [np.argsort(((samples.vectors - vector) ** 2).sum(1))[: len(vectors)] for vector in wanted]
        places = [sum((vectors[:row] == vectors[row]).all(1)) for row in range(len(vectors))]
        return model.guide.gan.draw(samples.latents[[found[row][place] for row, place in enumerate(places)]])

    return draw


def approaches(bench: Workbench, others: Path, samples: Samples) -> dict[str, check.Draw]:
    """Every approach by name, the shipped one first."""
    model: IdentityPrior = bench.model(generator.MODEL)
    found = {
        "prior and search": variant(model, Search()),
        "prior alone": variant(model, Search(steps=0)),
        "search alone": search_alone(model),
        "nearest sample": nearest(model, samples),
        "strangers": strangers(model),
    }
    trained = {"least squares": ("latent.pt", least_squares), "latent diffusion": ("unet.pt", latent_diffusion)}
    for name, (file, make) in (trained | {"decoder": ("decoder.pt", decoder)}).items():
        if (others / file).is_file():
            found[name] = make(model, others)
    return found


def grid(pictures: list[np.ndarray], columns: int, side: int = 96) -> np.ndarray:
    """The pictures row by row in one, enlarged to `side`."""
    large = [cv2.resize(picture, (side, side), interpolation=cv2.INTER_LANCZOS4) for picture in pictures]
    rows = [np.hstack(large[at : at + columns]) for at in range(0, len(large) - columns + 1, columns)]
    return np.vstack(rows)


def main() -> None:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--out", type=Path, default=Path("build/generator"), help="as of training.generator")
    options.add_argument("--others", type=Path, default=Path("build/generator-others"))
    options.add_argument("--data", type=Path, help="the press photos; without them only the synthetic references")
    options.add_argument("--people", type=int, default=100)
    options.add_argument("--only", nargs="+", help="approaches to measure; none: all")
    options.add_argument("--record", action="store_true")
    options.add_argument("--grids", type=Path, help="folder for the first sheets of each approach")
    given = options.parse_args()
    bench = Workbench.from_env()
    sets = {
        name: generator.references(bench, name, given)
        for name in (("synthetic", "real") if given.data else ("synthetic",))
    }
    samples = generator_others.training(bench, given.out / "samples")
    for name, draw in approaches(bench, given.others, samples).items():
        if given.only and name not in given.only:
            continue
        entry = dict(figures.read("generation_approaches").get(name, {}))
        for which, people in sets.items():
            begun = time.process_time()
            found, _ = generator.measure(bench, people, draw, PICTURES)
            print(f"{name} on {which}: {found} ({time.process_time() - begun:.0f} s of processor time)", flush=True)
            entry[which] = found.as_dict()
            if given.grids:
                given.grids.mkdir(parents=True, exist_ok=True)
                first = [
                    picture
                    for seed in range(8)
                    for picture in draw(people.vectors[2 * seed : 2 * seed + 2].repeat(PICTURES, 0), seed)
                ]
                cv2.imwrite(str(given.grids / f"{name.replace(' ', '_')}_{which}.png"), grid(first, 16)[:, :, ::-1])
        if given.record:
            synthetic = entry["synthetic"]
            headline = f"AUC {synthetic['auc'][0]:.3f}, diversity {synthetic['diversity'][0]:.2f}"
            figures.update("generation_approaches", {name: entry | {"headline": headline}})


if __name__ == "__main__":
    main()
