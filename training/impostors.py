"""Measures how alike strangers look to every recogniser, so that a drawn face's similarity can be set against them.

    python -m training.impostors DATA --work FOLDER

DATA holds images/ and pairs.csv. Quantiles of the similarity of all pairs of different people, and of all pairs of one
person, of the odd half go to weights/impostors.json; thresholds are calibrated on the even half, so the two do not know
each other. Numbers only: no face and no vector is kept.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from training import lfw
from training.thresholds import half
from workbench.batch import write_atomically
from workbench.bench import Workbench
from workbench.generation.impostors import LEVELS, TABLE
from workbench.metrics import pairs as pairs_of
from workbench.metrics.pairs import pairs
from workbench.settings import Settings
from workbench.tasks.recognition import similarities


def main() -> None:
    """Measure and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder for faces and vectors, which are made once")
    parser.add_argument("--models", nargs="*", help="recognisers; none: all that are here")
    args = parser.parse_args()
    bench = Workbench(Settings.from_env(os.environ))
    crops = lfw.read(args.data, args.work, bench)
    for model_id in args.models or [spec.id for spec in bench.specs("recognition") if bench.available(spec.id)]:
        row = measure(crops, lfw.outputs(crops, model_id, args.work, bench), bench.model(model_id).metric)
        keep(model_id, row)
        print(
            f"{model_id:15} {row['people']} people, {row['different_pairs']} pairs of strangers, "
            f"{row['same_pairs']} "
            f"of one person"
        )


def measure(crops: lfw.Crops, vectors: np.ndarray, metric: str) -> dict[str, Any]:
    """One recogniser's row: quantiles at `LEVELS` of the odd half's similarities (more is more alike), and what they
    came from."""
    rows = half(crops, even=False)
    names = [pairs_of.person(crops.files[row]) for row in rows]
    first, second, same = pairs(names)
    scores = similarities(vectors[rows][first], vectors[rows][second], metric)
    return {
        "metric": metric,
        "different": [round(float(x), 5) for x in np.quantile(scores[~same], LEVELS)],
        "same": [round(float(x), 5) for x in np.quantile(scores[same], LEVELS)],
        "people": len(set(names)),
        "different_pairs": int((~same).sum()),
        "same_pairs": int(same.sum()),
        "mean_different": round(float(scores[~same].mean()), 5),
        "length": round(float(np.linalg.norm(vectors[rows], axis=1).mean()), 5),
    }


def keep(model_id: str, row: dict[str, Any], path: Path = TABLE) -> None:
    """Write one recogniser's row, leaving the others as they are."""
    content = json.loads(path.read_text()) if path.is_file() else {"models": {}}
    content["about"] = "Similarities of the odd half's people at these levels; made by training.impostors"
    content["levels"] = LEVELS
    content["models"][model_id] = row
    write_atomically(path, (json.dumps(content, sort_keys=True) + "\n").encode())


if __name__ == "__main__":
    main()
