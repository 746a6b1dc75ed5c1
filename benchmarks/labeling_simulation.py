"""Labels a folder of face pairs with simulated raters of known reliability and asks: is the truth found, are the bad
raters found?

    python benchmarks/labeling_simulation.py [--pairs ../shared/data/lfw_expressions/pairs.csv] [--studies 10] [--page
    report.html]

Sixty raters, five of whom answer at random, judge every pair five times. Prints the accuracy of every way of
aggregating, own and crowd-kit's, over several studies of one run, and which raters were excluded; then writes the
report page of the first study, with the recognisers whose weights are on this machine beside the humans. The raters are
simulated: their figures say what the statistics can do, nothing about people.
"""

import argparse
import csv
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from crowdkit.aggregation import GLAD, MACE, DawidSkene, MajorityVote, OneCoinDawidSkene
from measure import report as print_table
from PIL import Image

from workbench.bench import Workbench
from workbench.catalog import for_task
from workbench.errors import WorkbenchError
from workbench.labeling.report.report import report
from workbench.labeling.statistics import aggregate, quality, simulation
from workbench.labeling.statistics.analysis import analyse
from workbench.labeling.statistics.judgements import counted, kinds
from workbench.labeling.study.study import parse_study
from workbench.settings import Settings

PAIRS = Path(__file__).resolve().parents[2] / "shared" / "data" / "lfw_expressions" / "pairs.csv"
RATERS, RANDOM = 60, 5
STUDY = """
[study]
name = "simulated-pairs"
title = "Same person? Simulated raters on {count} pairs"
instructions = "Decide whether both pictures show the same person."
contact = "nobody: this study was simulated"
[consent]
version = "1"
text = "Simulated raters need no consent."
[items]
csv = "pairs.csv"
"""


def main() -> None:
    """Run the simulation, print its tables, write its page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--pairs", type=Path, default=PAIRS, help="CSV with file_a, file_b, same; pictures in images/ beside it"
    )
    parser.add_argument("--studies", type=int, default=10)
    parser.add_argument("--page", type=Path, default=Path(tempfile.gettempdir()) / "labeling_simulation.html")
    parser.add_argument("--scores", type=Path, help="CSV of scores from an earlier run; written when absent")
    options = parser.parse_args()
    pairs = list(csv.DictReader(options.pairs.open()))
    images = options.pairs.parent / "images"
    items = items_of(pairs, images)
    if options.studies:
        over_studies(items, options.studies)
    scores = scores_of(items, images, options.scores)
    write_page(items, images, scores, options.page)


def items_of(pairs: list[dict[str, str]], images: Path) -> pd.DataFrame:
    """Items with a group that can be measured: whether the two pictures are brighter or darker than the median pair."""
    light = [
        np.mean([np.asarray(Image.open(images / pair[name]).convert("L")).mean() for name in ("file_a", "file_b")])
        for pair in pairs
    ]
    names = [f"p{number:04d}" for number in range(len(pairs))]
    files = [(pair["file_a"], pair["file_b"]) for pair in pairs]
    same = [pair["same"] == "1" for pair in pairs]
    table = pd.DataFrame({"item": names, "same": same, "pictures": files})
    return table.assign(group=np.where(np.array(light) > np.median(light), "brighter", "darker"))


def over_studies(items: pd.DataFrame, studies: int) -> None:
    """Accuracy and time of every method, and verdicts, over studies that differ in their seed."""
    truth = items.set_index("item")["same"].map({True: "same", False: "different"})
    rules = parse_study(STUDY.format(count=len(items)), Path()).exclusion
    accuracy: dict[str, list[tuple[float, float]]] = {}
    verdicts: list[dict[str, int]] = []
    for seed in range(studies):
        raters = simulation.make_raters(RATERS - RANDOM, RANDOM, seed=seed)
        table = simulation.simulate(items, raters, seed=seed)
        verdicts.append(found_raters(quality.assess(table, rules), {rater.name: rater.kind for rater in raters}))
        for method, right in aggregated(counted(table), truth).items():
            accuracy.setdefault(method, []).append(right)
    rows = []
    for method, values in accuracy.items():
        right, seconds = np.array(values).T
        rows.append(
            {
                "method": method,
                "accuracy %": 100 * right.mean(),
                "worst study": 100 * right.min(),
                "ms": 1000 * float(np.median(seconds)),
            }
        )
    print(
        f"\n{studies} studies of {len(items)} pairs, {RATERS} simulated raters, {RANDOM} of them random; a tie counts "
        f"as half right"
    )
    print_table("labeling_simulation", rows)
    total = {name: sum(one[name] for one in verdicts) for name in verdicts[0]}
    print("\nraters over all studies: " + ", ".join(f"{name} {count}" for name, count in total.items()))


def aggregated(rows: pd.DataFrame, truth: pd.Series) -> dict[str, tuple[float, float]]:
    """Method → (accuracy, seconds), all on the same votes."""
    theirs = pd.DataFrame({"task": rows["item"], "worker": rows["rater"], "label": kinds(rows)})
    methods = {
        "majority": lambda: aggregate.majority(rows)["label"],
        "one-coin": lambda: aggregate.one_coin(aggregate.votes(rows)).labels(),
        "Dawid–Skene": lambda: aggregate.dawid_skene(aggregate.votes(rows)).labels(),
        "Dawid–Skene with confidence": lambda: (
            aggregate.probability_same(rows)["by_raters"].gt(0.5).map({True: "same", False: "different"})
        ),
        "crowd-kit majority": lambda: MajorityVote().fit_predict(theirs),
        "crowd-kit one-coin": lambda: OneCoinDawidSkene(n_iter=100).fit_predict(theirs),
        "crowd-kit Dawid–Skene": lambda: DawidSkene(n_iter=100).fit_predict(theirs),
        "crowd-kit MACE": lambda: MACE(random_state=0).fit_predict(theirs),
        "crowd-kit GLAD": lambda: GLAD().fit_predict(theirs),
    }
    found = {}
    for name, method in methods.items():
        start = time.perf_counter()
        labels = method()
        seconds = time.perf_counter() - start
        known = truth[labels.index]
        found[name] = (float(((labels == known) + labels.isna() / 2).mean()), seconds)
    return found


def found_raters(verdicts: list[quality.Verdict], kind: dict[str, str]) -> dict[str, int]:
    """How many random and careful raters got which verdict."""
    counts = {f"{kind} {verdict}": 0 for kind in ("random", "careful") for verdict in ("exclude", "flag", "ok")}
    for one in verdicts:
        counts[f"{kind[one.rater]} {one.verdict}"] += 1
    return counts


def scores_of(items: pd.DataFrame, images: Path, kept: Path | None) -> pd.DataFrame | None:
    """The score of every pair by every recogniser on this machine, or None without one."""
    if kept is not None and kept.exists():
        return pd.read_csv(kept)
    from workbench.tasks.detection import find_faces
    from workbench.tasks.recognition import embed, similarities

    bench = Workbench(Settings.from_env(os.environ))
    here = [spec for spec in for_task("recognition") if bench.available(spec.id)]
    if not here or not bench.available("blazeface"):
        print("no recogniser on this machine: the page shows humans alone")
        return None
    finder, faces = bench.finder(), {}  # of several faces, the one in the middle is the person named
    for name in sorted({name for pair in items["pictures"] for name in pair}):
        photo = np.asarray(Image.open(images / name).convert("RGB"))
        middle = np.array(photo.shape[1::-1]) / 2
        there = sorted(
            find_faces(photo, finder),
            key=lambda face: float(np.linalg.norm((face.box[:2] + face.box[2:]) / 2 - middle)),
        )
        if there:
            faces[name] = (photo, there[0])
        else:
            print(f"{name}: no face found")
    table = pd.DataFrame({"item": items["item"]})
    for spec in here:
        model = bench.model(spec.id)
        vectors = {}
        for name, (photo, face) in faces.items():
            try:
                vectors[name] = embed(photo, face, model).vector
            except WorkbenchError as error:
                print(f"{spec.id}, {name}: {error}")
        table[spec.id] = [
            float(similarities(vectors[a][None], vectors[b][None], model.metric)[0])
            if a in vectors and b in vectors
            else np.nan
            for a, b in items["pictures"]
        ]
    if kept is not None:
        table.to_csv(kept, index=False)
    return table


def write_page(items: pd.DataFrame, images: Path, scores: pd.DataFrame | None, page: Path) -> None:
    """The report of the first study."""
    raters = simulation.make_raters(RATERS - RANDOM, RANDOM, seed=0)
    table = simulation.simulate(items, raters, seed=0)
    gold = set(table[table["is_gold"]]["item"])
    facts = items.assign(truth=np.where(items["same"], "same", "different"), is_gold=items["item"].isin(gold))
    study = parse_study(STUDY.format(count=len(items)), Path())
    start = time.perf_counter()
    found = analyse(study, table, facts, scores)
    files = dict(zip(items["item"], items["pictures"], strict=True))

    def pictures(item: str) -> list[np.ndarray]:
        return [np.asarray(Image.open(images / name).convert("RGB"))[70:280, 70:280] for name in files[item]]

    written = report(
        found, pictures, note="The raters of this study are simulated; the recognisers and the pictures are real."
    ).save(page)
    print(f"\nreport: {written} ({written.stat().st_size / 1e6:.1f} MB, {time.perf_counter() - start:.1f} s)")


if __name__ == "__main__":
    main()
