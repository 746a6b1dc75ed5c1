"""Measures every expression model that is here against the labels students gave to press photos.

    python -m training.expressions DATA --work FOLDER

DATA holds images/ and expressions.csv. The labels are noisy: one student's impression of a posed or caught moment, with
no second opinion, so no model can reach 1. Crops were chosen on the even half of the people; the odd half is reported
on its own. Figures go to weights/figures.json. Nothing is fitted.
"""

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np

from training import lfw
from workbench.bench import Workbench
from workbench.metrics import pairs as pairs_of
from workbench.metrics.roc import bootstrap
from workbench.settings import Settings
from workbench.sources import figures

ENOUGH = 10
"""Expressions with fewer labels than this are left out of the balanced accuracy."""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder for faces and scores, which are made once")
    args = parser.parse_args()
    bench = Workbench(Settings.from_env(os.environ))
    crops = lfw.read(args.data, args.work, bench)
    truth = lfw.labels(args.data)
    for spec in bench.specs("expression"):
        if bench.available(spec.id):
            values = lfw.outputs(crops, spec.id, args.work, bench)
            found = measure(crops.files, values, bench.model(spec.id).labels, truth)
            figures.update("expression", {spec.id: found})
            print(f"{spec.id}: {found}")


def measure(
    files: tuple[str, ...], values: np.ndarray, labels: tuple[str, ...], truth: dict[str, str]
) -> dict[str, Any]:
    """Accuracy over all labelled files and over the odd half, balanced accuracy, and recall per expression, with
    intervals by person."""
    rows = [index for index, file in enumerate(files) if truth.get(file) in labels]
    names = np.array([pairs_of.person(files[row]) for row in rows])
    said = values[rows].argmax(1)
    wanted = np.array([labels.index(truth[files[row]]) for row in rows])
    odd = np.array([not pairs_of.even(name) for name in names])
    everything, unseen = _summary(said, wanted, names), _summary(said[odd], wanted[odd], names[odd])
    recall = {
        label: [int((wanted == i).sum()), round(float((said[wanted == i] == i).mean()), 4)]
        for i, label in enumerate(labels)
        if i in wanted
    }
    accuracy, balanced = everything["accuracy"], everything["balanced_accuracy"]
    return {
        "headline": f"accuracy {accuracy[0]:.3f} [{accuracy[1]:.3f}, {accuracy[2]:.3f}], balanced {balanced[0]:.3f}; noisy labels",  # noqa: E501
        "all": everything,
        "odd_half": unseen,
        "recall": recall,
        "confusion": {
            labels[i]: np.bincount(said[wanted == i], minlength=len(labels)).tolist()
            for i in sorted(set(wanted.tolist()))
        },
        "order": list(labels),
        "labelled": len(truth),
        "not_judged": len(truth) - len(rows),
    }


def _summary(said: np.ndarray, wanted: np.ndarray, names: np.ndarray) -> dict[str, Any]:
    counted = [c for c in range(int(wanted.max()) + 1) if (wanted == c).sum() >= ENOUGH]

    def accuracy(rows: np.ndarray) -> float:
        return float((said[rows] == wanted[rows]).mean())

    def balanced(rows: np.ndarray) -> float:
        shares = [(said[rows] == c)[wanted[rows] == c].mean() for c in counted if (wanted[rows] == c).any()]
        return float(np.mean(shares)) if shares else float("nan")

    found = {
        name: bootstrap(f, len(said), clusters=names)
        for name, f in (("accuracy", accuracy), ("balanced_accuracy", balanced))
    }
    chance = float(np.bincount(wanted).max() / len(wanted))
    intervals = {name: [round(x, 4) for x in (i.value, i.low, i.high)] for name, i in found.items()}
    return {
        **intervals,
        "photos": len(said),
        "people": len(set(names.tolist())),
        "most_frequent_label": round(chance, 4),
    }


if __name__ == "__main__":
    main()
