"""Measures where a recogniser puts faces: the mean and the directions of most variance of the vectors of synthetic
faces.

    python -m training.identity_statistics --faces 2048

New identities are kept near these statistics, so that a generator is not asked for faces that no face is like. Only
faces drawn by the synthetic sampler are used, no photo of anybody; what is kept are a mean and a covariance, in
weights/identities.npz.
"""

import argparse
import os
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from workbench.bench import Workbench
from workbench.errors import WorkbenchError
from workbench.generation.population import FILE, Population, save
from workbench.settings import Settings
from workbench.tasks.detection import find_faces
from workbench.tasks.quality import assess
from workbench.tasks.recognition import embed

SIDE = 192
LEAST_QUALITY = 0.3
"""Sampled faces that grade worse are broken more often than not."""


def main() -> None:
    """Sample, embed and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=2048)
    parser.add_argument("--models", nargs="*", default=["dlib", "sface"])
    parser.add_argument("--seed", type=int, default=20)
    args = parser.parse_args()
    bench = Workbench(Settings.from_env(os.environ))
    found = vectors(bench, args.models, args.faces, args.seed)
    save({name: Population.of(rows) for name, rows in found.items()}, FILE)
    print(f"Wrote {FILE}: " + ", ".join(f"{name} from {len(rows)} faces" for name, rows in found.items()))


def vectors(bench: Workbench, models: list[str], count: int, seed: int) -> dict[str, np.ndarray]:
    """(n, d) vectors per recogniser of at most `count` sampled faces: those that are found and not too poor."""
    finder, sampler = bench.finder(), bench.model("dcgan-digiface-64")
    recognisers: dict[str, Any] = {name: bench.model(name) for name in models}
    rows: dict[str, list[np.ndarray]] = {name: [] for name in models}
    for picture in tqdm(sampler.draw(sampler.latents(count, seed)), desc="faces", unit="face"):
        image = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        faces = [face for face in find_faces(image, finder) if face.mesh is not None]
        if len(faces) != 1 or assess(image, faces[0]).score < LEAST_QUALITY:
            continue
        try:
            for name, model in recognisers.items():
                rows[name].append(embed(image, faces[0], model).vector)
        except WorkbenchError:
            continue
    return {name: np.stack(found) for name, found in rows.items()}


if __name__ == "__main__":
    main()
