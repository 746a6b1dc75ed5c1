"""Which order of colours a recogniser was trained with: both are asked about photos of people who are known.

    python benchmarks/colour_order.py hyperface-ir50-10k-ldm FOLDER

FOLDER holds a folder per person. The order under which photos of one person are told from photos of two more often
(AUC over all pairs) is the one. The row's loader must take `bgr`.
"""

import argparse
import os
import sys
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from workbench.bench import Workbench
from workbench.evaluation.calibrating import vectors_of
from workbench.metrics.pairs import pairs
from workbench.metrics.roc import auc
from workbench.settings import Settings
from workbench.sources import fetching as sources
from workbench.tasks.recognition import FaceRecogniser, similarities


def compare(models: dict[str, FaceRecogniser], folder: Path, bench: Workbench) -> dict[str, float]:
    """Order → AUC over all pairs of the folder's photos with a face."""
    people, vectors = vectors_of(folder, bench.finder(), models, bench.settings)
    first, second, same = pairs(people)
    return {order: auc(similarities(v[first], v[second], "cosine"), same) for order, v in vectors.items()}


def main() -> None:
    """Ask both orders."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    bench = Workbench(Settings.from_env(os.environ))
    spec = bench.spec(arguments.model, "recognition")
    files = {file.role: sources.verify(file, bench.settings) for file in spec.files}
    module, _, name = spec.load.partition(":")
    load = getattr(import_module(module), name)
    orders = {"blue first": True, "red first": False}
    models = {order: load(spec, files, bench.device, bgr=bgr) for order, bgr in orders.items()}
    found = compare(models, arguments.folder, bench)
    for order, value in found.items():
        print(f"{order:12} AUC {value:.4f}")
    print(f"{spec.id} was trained with {max(found, key=found.__getitem__)}.")


if __name__ == "__main__":
    main()
