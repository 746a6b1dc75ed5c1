"""Trains the embedded portrait model's prior on faces of nobody, and measures it.

    python -m training.generator --out DIR --samples 100 --minutes 6 [--resume]
    python -m training.generator --out DIR --export FOLDER --photos PICTURES ...
    python -m training.generator --out DIR --measure synthetic real --data DIR [--people 300] [--record]

Seeded: samples follow from their shard's number and each step from the seed; how many steps a run makes follows from
the processor time it is given. Shards of 500 latents and checkpoints stay in --out: a run that was stopped goes on. No
real photo is read for the training. --export reads photos for one thing: the direction in which their vectors differ
from those of the GAN's faces, whoever is shown. The figures are by a recogniser that takes no part in training, search
or choice.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from training import generator_check as check
from training.generator_prior import Plan, export, new_run, train
from training.generator_samples import join, shard
from workbench import images
from workbench.bench import Workbench
from workbench.portraits import Recipe
from workbench.sources import figures
from workbench.tasks.detection import find_faces

MODEL = "identity-prior-64"


def vectors_of(bench: Workbench, folder: Path, limit: int = 400) -> np.ndarray:
    """(n, 128): the conditioning recogniser's vectors of the largest faces of a folder's photos, every n-th of them up
    to `limit`."""
    finder, recogniser = bench.finder(), bench.model(check.CONDITIONER)
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    chips = []
    for file in files[:: max(1, len(files) // limit)]:
        picture, _ = images.shrink(images.decode(file, bench.settings), 350)
        faces = find_faces(picture, finder, limit=1)
        if faces and faces[0].mesh is not None:
            chips.append(recogniser.align(picture, faces[0]))
    found: np.ndarray = recogniser.batch(np.stack(chips))
    return found


def photo_direction(drawn: np.ndarray, photographed: Sequence[np.ndarray]) -> np.ndarray:
    """(1, 128) of unit length: the mean of the ways from the mean of drawn faces to the mean of each set of
    photographed ones."""
    ways = [vectors.mean(0) - drawn.mean(0) for vectors in photographed]
    mean = sum(way / np.linalg.norm(way) for way in ways)
    direction: np.ndarray = mean[None] / np.linalg.norm(mean)
    return direction


def drawer(bench: Workbench, model: str = MODEL) -> check.Draw:
    """How a catalogued model is measured: with its own defaults."""
    portrait = bench.portrait(model)
    return lambda vectors, seed: portrait(vectors, Recipe(seed=seed))


def measure(
    bench: Workbench, references: check.References, draw: check.Draw, count: int
) -> tuple[check.Figures, check.Sheet]:
    """The figures of a generator on these references, `count` pictures of each."""
    seen = check.sheet(bench, references, draw, count)
    thresholds = tuple(float(bench.model(name).threshold) for name in (check.JUDGE, check.CONDITIONER))
    return check.measure(seen, references, (thresholds[0], thresholds[1])), seen


def references(bench: Workbench, name: str, given: argparse.Namespace) -> check.References:
    """The held-out references of a name: synthetic, real (the half nothing was chosen on) or chosen (the half settings
    are chosen on)."""
    if name == "synthetic":
        return check.synthetic(bench, given.out / "samples", given.people)
    return check.real(bench, given.data, given.out / "photos", even=name == "chosen").some(slice(given.people))


def main() -> int:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument(
        "--out", type=Path, default=Path("build/generator"), help="folder for samples, checkpoints and logs"
    )
    options.add_argument("--samples", type=int, default=100, help="shards of 500 latents to train on")
    options.add_argument("--minutes", type=float, default=6.0, help="of processor time")
    options.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --out")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument(
        "--export", type=Path, metavar="FOLDER", help="write the averaged network as a diffusers folder"
    )
    options.add_argument("--photos", type=Path, nargs="+", default=[], help="with --export: folders of photos")
    options.add_argument(
        "--measure", nargs="+", choices=("synthetic", "real", "chosen"), help="measure the shipped model on these"
    )
    options.add_argument("--data", type=Path, help="with --measure real: the press photos")
    options.add_argument("--people", type=int, default=300)
    options.add_argument("--pictures", type=int, default=4)
    options.add_argument("--record", action="store_true", help="write what --measure finds to weights/figures.json")
    given = options.parse_args()
    bench = Workbench.from_env()
    if given.measure:
        return _measured(bench, given)
    samples = join([shard(bench, given.out / "samples", seed) for seed in range(given.samples)])
    print(f"{len(samples)} whole faces of {samples.drawn} drawn")
    plan = Plan(seed=given.seed)
    if not given.export:
        torch.set_num_threads(1)
        train(samples, given.out, given.minutes, plan, given.resume)
        return 0
    run = new_run(plan, samples.vectors)
    run.restore(given.out / "prior.pt")
    direction = photo_direction(samples.vectors, [vectors_of(bench, folder) for folder in given.photos])
    export(run.average, direction, given.export)
    return 0


def _measured(bench: Workbench, given: argparse.Namespace) -> int:
    for name in given.measure:
        people = references(bench, name, given)
        found, seen = measure(bench, people, drawer(bench), given.pictures)
        print(f"{name}: {found}", flush=True)
        extra = {}
        if name == "synthetic":
            extra["frechet_proxy"] = check.frechet_of(seen, check.synthetic(bench, given.out / "samples", 10**6).judged)
            print(extra, flush=True)
        if given.record:
            figures.update(
                "generation",
                {MODEL: recorded(figures.read("generation").get(MODEL, {}) | {name: found.as_dict()} | extra)},
            )
    return 0


def recorded(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry of figures.json with the one line that tables show."""
    areas = {name: entry[name]["auc"] for name in ("synthetic", "real") if name in entry}
    words = [f"AUC {value:.3f} [{low:.3f}, {high:.3f}] {name}" for name, (value, low, high) in areas.items()]
    return entry | {"headline": ", ".join(words)}


if __name__ == "__main__":
    raise SystemExit(main())
