"""Thirty simulated raters say which of two parsers' masks is better, blind: is the better parser found, how surely?

    python benchmarks/preferred_mask.py CELEBAMASK [--photos 40] [--models compact mesh]

CELEBAMASK: a folder with images/ and masks/ (indices as in CelebAMask-HQ). The study is made by "Ask people", answered
through the store as by raters (sides shuffled, five per item), and analysed as any other. A rater prefers the mask
whose mean IoU with the truth is higher, as a logit of --sharpness times the difference, with a pull to the left; this
says what such a study can find, nothing about people.
"""

import argparse
import math
import os
import random
import tempfile
from pathlib import Path

import numpy as np
from measure import report
from PIL import Image

from workbench.bench import Workbench
from workbench.drawing import overlay
from workbench.errors import NoFace
from workbench.labeling.statistics.analysis import analyse
from workbench.labeling.store.leases import Vote
from workbench.labeling.store.store import Store
from workbench.labeling.study.asking import ask
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import Study
from workbench.labeling.study.tasktypes import display_order
from workbench.settings import Settings
from workbench.tasks.detection import find_faces
from workbench.tasks.parsing import parse

RATERS, PULL = 30, 0.2


def parted(labels: np.ndarray, truth: np.ndarray) -> float:
    """Mean IoU over the parts that the truth has."""
    parts = [part for part in np.unique(truth) if part]
    pairs = [(labels == part, truth == part) for part in parts]
    return float(np.mean([(a & b).sum() / (a | b).sum() for a, b in pairs]))


def judged(
    bench: Workbench, folder: Path, photos: int, models: list[str]
) -> tuple[list[list[tuple[np.ndarray, str]]], dict[str, list[float]]]:
    """The photos with both models' masks, and each model's mean IoU per photo."""
    items, values = list[list[tuple[np.ndarray, str]]](), {model: list[float]() for model in models}
    for path in sorted((folder / "images").glob("*.jpg")):
        image = np.asarray(Image.open(path).convert("RGB"))
        truth = np.asarray(Image.open(folder / "masks" / f"{path.stem}.png"))
        try:
            faces = find_faces(image, bench.finder())
            maps = {model: parse(image, bench.parser(model), faces).labels for model in models}
        except NoFace:
            continue
        items.append([(image, ""), *((overlay(image, maps[model]), model) for model in models)])
        for model in models:
            values[model].append(parted(maps[model], truth))
        if len(items) == photos:
            break
    return items, values


def answered(store: Store, study: Study, better: dict[str, float], sharpness: float) -> None:
    """Thirty raters answer until nothing is left."""
    rng = random.Random(0)
    raters = [store.join(study) for _ in range(RATERS)]
    left = True
    while left:
        left = False
        for rater in raters:
            for lease in store.hold(study, rater, 1):
                first = display_order(study.task, lease.seed)[1] == 1  # the first model's mask stands in the middle
                logit = sharpness * better[lease.item] + (PULL if first else -PULL)
                chosen = "image_2" if rng.random() < 1 / (1 + math.exp(-logit)) else "image_3"
                store.record(study, lease, Vote(chosen, 4000))
                left = True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--models", nargs=2, default=["compact", "mesh"])
    parser.add_argument("--sharpness", type=float, default=6.0)
    args = parser.parse_args()
    bench = Workbench(Settings.from_env(os.environ))
    items, values = judged(bench, args.folder, args.photos, args.models)
    with tempfile.TemporaryDirectory() as home:
        study, _ = ask(Path(home), "masks", "mask", items)
        store = Store(Path(home) / "labels.db")
        rows = load_items(study)
        store.add_study(study, rows)
        names = [item.id for item in rows]
        first, second = (np.array(values[model]) for model in args.models)
        apart = first - second
        answered(store, study, dict(zip(names, apart, strict=True)), args.sharpness)
        found = analyse(study, store.judgements("masks"), store.items("masks"), rounds=500)
        store.close()
    assert found.ranking is not None
    table = found.ranking.table
    truth = [float(np.mean(values[model])) for model in table["candidate"]]
    report("preferred_mask", table.assign(mean_iou=truth).round(3).to_dict("records"))
    print(f"{len(found.judgements)} judgements of {len(items)} photos. {found.ranking.words()}")
    print(f"Place effect {found.ranking.place}")


if __name__ == "__main__":
    main()
