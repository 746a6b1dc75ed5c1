"""Calibrates every recogniser that is here, and measures it on people it was not calibrated on.

    python -m training.thresholds DATA --work FOLDER

DATA holds images/ and pairs.csv. A threshold is the one at which 1 % of all pairs of different people of the even half
are taken for one person; it goes to weights/thresholds.json. Figures of the odd half (all pairs) and of pairs.csv
(where half of the people were seen by the calibration) go to weights/figures.json. No weights are fitted.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from training import lfw
from workbench.batch import write_atomically
from workbench.bench import Workbench
from workbench.metrics import pairs as pairs_of
from workbench.metrics.pairs import Report, measure, pairs
from workbench.metrics.roc import threshold_at_far
from workbench.settings import Settings
from workbench.sources import figures
from workbench.tasks.recognition import similarities
from workbench.thresholds import THRESHOLDS

FAR = 0.01


def main() -> None:
    """Calibrate and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder for faces and vectors, which are made once")
    parser.add_argument("--models", nargs="*", help="recognisers; none: all that are here")
    parser.add_argument("--rounds", type=int, default=1000, help="bootstrap rounds")
    args = parser.parse_args()
    bench = Workbench(Settings.from_env(os.environ))
    models = args.models or [spec.id for spec in bench.specs("recognition") if bench.available(spec.id)]
    crops = lfw.read(args.data, args.work, bench)
    print(f"{len(crops.files)} photos with a face, {len(crops.missed)} without: {', '.join(crops.missed) or 'none'}")
    for model_id in models:
        vectors = lfw.outputs(crops, model_id, args.work, bench)
        metric = bench.model(model_id).metric
        threshold, people, count = calibrate(crops, vectors, metric)
        held_out, listed = evaluate(crops, vectors, metric, threshold, args.rounds)
        keep(model_id, metric, threshold, people, count)
        figures.update("recognition", {model_id: entry(held_out, listed, crops)})
        print(f"{model_id:15} threshold {shown(threshold, metric):.4f}\n  odd half  {held_out}\n  pairs.csv {listed}")


def half(crops: lfw.Crops, even: bool) -> list[int]:
    """Places of the photos whose people are in the even, or the odd, half."""
    return [index for index, file in enumerate(crops.files) if pairs_of.even(pairs_of.person(file)) == even]


def calibrate(crops: lfw.Crops, vectors: np.ndarray, metric: str) -> tuple[float, int, int]:
    """The similarity at FAR 1 % on all pairs of the even half, how many people, and how many pairs of different
    people."""
    rows = half(crops, even=True)
    names = [pairs_of.person(crops.files[row]) for row in rows]
    first, second, same = pairs(names)
    scores = similarities(vectors[rows][first], vectors[rows][second], metric)
    return threshold_at_far(scores, same, FAR), len(set(names)), int((~same).sum())


def evaluate(
    crops: lfw.Crops, vectors: np.ndarray, metric: str, threshold: float, rounds: int
) -> tuple[Report, Report]:
    """Figures of all pairs of the odd half, and of pairs.csv."""
    rows = half(crops, even=False)
    names = [pairs_of.person(crops.files[row]) for row in rows]
    first, second, same = pairs(names)
    scores = similarities(vectors[rows][first], vectors[rows][second], metric)
    held_out = measure(scores, same, ([names[i] for i in first], [names[i] for i in second]), threshold, rounds)
    place = {file: index for index, file in enumerate(crops.files)}
    listed = [
        (place[a], place[b], truth) for a, b, truth in lfw.listed_pairs(crops.folder) if a in place and b in place
    ]
    left, right = [a for a, _, _ in listed], [b for _, b, _ in listed]
    sides = tuple([pairs_of.person(crops.files[row]) for row in side] for side in (left, right))
    scores = similarities(vectors[left], vectors[right], metric)
    return held_out, measure(scores, np.array([truth for *_, truth in listed]), (sides[0], sides[1]), threshold, rounds)


def shown(similarity: float, metric: str) -> float:
    """A similarity in the metric's own unit: the cosine, or a distance."""
    return similarity if metric == "cosine" else -similarity


def keep(model_id: str, metric: str, threshold: float, people: int, count: int) -> None:
    """Write one model's threshold, leaving the others as they are."""
    content = json.loads(THRESHOLDS.read_text()) if THRESHOLDS.is_file() else {"models": {}}
    content["about"] = "FAR 1 % on all pairs of different people of the even half; made by training.thresholds"
    row = {
        "threshold": round(shown(threshold, metric), 6),
        "metric": metric,
        "far": FAR,
        "people": people,
        "different_pairs": count,
    }
    content["models"][model_id] = row
    write_atomically(THRESHOLDS, (json.dumps(content, indent=1, sort_keys=True) + "\n").encode())


def entry(held_out: Report, listed: Report, crops: lfw.Crops) -> dict[str, Any]:
    """What figures.json keeps of one recogniser."""
    area, tar = held_out.auc, held_out.tar_at_far_1
    headline = (
        f"AUC {area.value:.3f} [{area.low:.3f}, {area.high:.3f}], TAR {tar.value:.3f} [{tar.low:.3f}, "
        f"{tar.high:.3f}] at FAR 1 %"
    )
    return {
        "headline": headline,
        "held_out": held_out.as_dict(),
        "pairs_csv": listed.as_dict(),
        "photos": len(crops.files),
        "without_face": len(crops.missed),
    }


if __name__ == "__main__":
    main()
