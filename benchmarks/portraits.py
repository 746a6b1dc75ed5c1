"""The portrait model of 256 pixels: seconds and processor time for eight pictures on two threads, of a vector alone and
of a photo that is shown (one drawn before), loading, and memory.

python benchmarks/portraits.py [--runs 3]
"""

import argparse
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch

from workbench.bench import Workbench
from workbench.generation.packing import invented
from workbench.portraits import Recipe
from workbench.tasks.detection import find_faces

MODEL, PICTURES = "appearance-portrait-256", 8


def main() -> int:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--threads", type=int, default=2)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    bench = Workbench.from_env()
    begun = time.perf_counter()
    model = bench.model(MODEL)
    print(f"| loading | {time.perf_counter() - begun:.2f} s | |")
    vector = invented(1, 0, "dlib", bench.recogniser("dlib"), seed=1).astype(np.float32)
    rows = np.repeat(vector, PICTURES, 0)
    photo = model(rows[:1], Recipe(0))[0]
    shown = model.shown(photo, find_faces(photo, bench.finder(), limit=1)[0])
    for _ in range(given.runs):
        for words, each in (("of a vector", model), ("of a photo", shown)):
            wall, busy = time.perf_counter(), time.process_time()
            each(rows, Recipe(0))
            wall, busy = time.perf_counter() - wall, time.process_time() - busy
            print(
                f"| {PICTURES} pictures {words}, {given.threads} threads | {wall:.2f} s | {busy:.2f} s of CPU |",
                flush=True,
            )
    print(f"| memory | {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB | |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
