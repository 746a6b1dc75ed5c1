"""The embedded portrait model: how long it takes, how much memory, and whether its pictures show who was asked for.

    python benchmarks/generation.py                       time and memory, on two threads
    python benchmarks/generation.py --data PHOTOS         also the figures of docs/generation.md, about 20 minutes

The figures are those of `training.generator --measure`: by a recogniser that takes no part in training, search or
choice, on faces that nothing was trained or chosen on.
"""

import argparse
import resource
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
from measure import milliseconds, report

from training import generator
from workbench.bench import Workbench
from workbench.portraits import Recipe

LOADING = """
import sys, time
sys.path.insert(0, {root!r})
import torch
from workbench.bench import Workbench
torch.set_num_threads({threads})
begun = time.perf_counter()
from diffusers import ConfigMixin, DDIMScheduler, DiffusionPipeline, ModelMixin
imported, bench = time.perf_counter(), Workbench.from_env()
bench.model({model!r})
print(imported - begun, time.perf_counter() - imported)
"""


def loading(threads: int) -> tuple[float, float]:
    """Seconds a new process that has imported torch takes to import diffusers, and then to load the model."""
    code = LOADING.format(root=str(Path(__file__).parents[1]), threads=threads, model=generator.MODEL)
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    imports, loads = answer.stdout.split()[-2:]
    return float(imports), float(loads)


def speed(bench: Workbench, threads: int, runs: int) -> list[dict[str, Any]]:
    torch.set_num_threads(threads)
    model = bench.model(generator.MODEL)
    gan = model.guide.gan
    with torch.inference_mode():
        pixels = gan.network(torch.from_numpy(gan.latents(1, 5)))
        vector = model.guide.see(pixels, model.guide.frames(pixels)).numpy()
    rows = []
    for count in (1, 8, 16):
        vectors = np.repeat(vector, count, axis=0)
        found = milliseconds(partial(model, vectors, Recipe(seed=0)), runs, 1)
        rows.append(
            {
                "what": f"{count} pictures",
                "seconds": f"{found['median'] / 1000:.2f}",
                "fastest": f"{found['min'] / 1000:.2f}",
            }
        )
    starts = [loading(threads) for _ in range(3)]
    for place, what in enumerate(("importing diffusers, once per process", "loading")):
        times = sorted(start[place] for start in starts)
        rows.append({"what": what, "seconds": f"{times[1]:.2f}", "fastest": f"{times[0]:.2f}"})
    rows.append(
        {
            "what": "memory, GB",
            "seconds": f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f}",
            "fastest": "",
        }
    )
    return rows


def quality(bench: Workbench, given: argparse.Namespace) -> list[dict[str, Any]]:
    rows = []
    for name in ("synthetic", "real"):
        begun = time.perf_counter()
        found, _ = generator.measure(
            bench, generator.references(bench, name, given), generator.drawer(bench), given.pictures
        )
        rows.append(
            {"what": name, "minutes": (time.perf_counter() - begun) / 60}
            | {key: str(v) for key, v in found.as_dict().items()}
        )
    return rows


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, help="the press photos: images/, pairs.csv")
    options.add_argument(
        "--out", type=Path, default=Path("build/generator"), help="folder for held-out samples and vectors of photos"
    )
    options.add_argument("--people", type=int, default=300)
    options.add_argument("--pictures", type=int, default=4)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--runs", type=int, default=5)
    given = options.parse_args()
    bench = Workbench.from_env()
    report("generation", speed(bench, given.threads, given.runs) + (quality(bench, given) if given.data else []))


if __name__ == "__main__":
    main()
