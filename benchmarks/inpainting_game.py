"""The inpainting game for every map of two faces on every embedded recogniser: how often the pixels a map ranks first,
exchanged for a twin's, make the face the twin, and how the map overlaps the region that truly differs.

    python benchmarks/inpainting_game.py --photos FOLDER --out game.jsonl [--cases 40] [--minutes 30]

FOLDER holds photos called Some_Name_0001.jpg of people with two photos or more. A case is one person's probe and mate
and the most alike other person, of whom one of eight regions is swapped into both. It is told in one line of the output
for each recogniser and method; a run that is stopped goes on where it was. Only rounds in which the recogniser takes
the probe for its mate and the twin for the twin count. Nothing of a photo is written but numbers and a hash of its
name.
"""

import argparse
import hashlib
import json
import os
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch

from workbench.bench import Workbench
from workbench.decoding import decode
from workbench.errors import WorkbenchError
from workbench.explanation import methods
from workbench.explanation.anatomy import anatomy
from workbench.explanation.controls import middle, random_like
from workbench.explanation.explain import chip_of, face_number
from workbench.explanation.game import REGIONS, SHARES, Case, play, region_mask, swapped
from workbench.explanation.question import Question
from workbench.explanation.speed import batch_for
from workbench.explanation.targets import rather, similarity
from workbench.images import warp
from workbench.metrics.roc import bootstrap, wilson
from workbench.settings import Settings
from workbench.tasks.detection import one_face
from workbench.tasks.parsing import parse
from workbench.tasks.recognition import embed
from workbench.values import Face

RECOGNISERS = ("dlib", "mobilefacenet", "sface", "faceres")
ASKED: dict[str, dict[str, Any]] = {
    "rise": {"masks": 120},
    "occlusion": {},
    "integrated_gradients": {"steps": 8},
    "grad_cam": {},
    "patch_flow": {},
    "excitation": {},
    "contrastive_excitation": {},
    "weighted_subtree": {},
    "sparse_holes": {"masks": 100},
    "signed_holes": {"masks": 60},
}
CONTROLS = ("random, as smooth as RISE", "blob in the middle", "the truth")
CROWD = 150
"""Photos of other people that the look-alike is looked for among."""


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    name: str
    image: np.ndarray
    face: Face


def people(folder: Path) -> dict[str, list[Path]]:
    """Person to photos, people in an order that hangs on their names' hashes."""
    found = defaultdict(list)
    for path in sorted(folder.glob("*.jpg")):
        found[path.stem.rpartition("_")[0]].append(path)
    return dict(sorted(found.items(), key=lambda item: hashlib.sha256(item[0].encode()).hexdigest()))


def shot(path: Path, bench: Workbench) -> Shot | None:
    image = decode(path, bench.settings)
    try:
        face = one_face(image, bench.finder())
    except WorkbenchError:
        return None
    return Shot(path.stem.rpartition("_")[0], image, face) if face.mesh is not None else None


def crowd_of(folder: Path, bench: Workbench) -> tuple[list[Shot], np.ndarray]:
    model, found, vectors = bench.recogniser("mobilefacenet"), [], []
    for paths in list(people(folder).values())[::-1]:
        each = shot(paths[0], bench)
        if each is not None:
            found.append(each)
            vectors.append(embed(each.image, each.face, model).vector)
        if len(found) == CROWD:
            break
    return found, np.stack(vectors)


def chips(model: Any, probe: Shot, twin: np.ndarray, mate: Shot, mate_twin: np.ndarray, mask: np.ndarray) -> Case:
    matrix, size = model.window(probe.face, probe.image.shape)
    truth = warp(mask.astype(np.float32), np.asarray(matrix, np.float64), (size, size), "black") >= 0.5
    here = chip_of(model, probe.image, probe.face), chip_of(model, twin, probe.face)
    there = chip_of(model, mate.image, mate.face), chip_of(model, mate_twin, mate.face)
    return Case(model, *here, *there, truth)


def swap(here: Shot, region: str, other: Shot, bench: Workbench) -> tuple[np.ndarray, np.ndarray]:
    parsing = parse(here.image, bench.model("compact"), [here.face])
    mask = region_mask(parsing, here.face, face_number(parsing, here.face), region)
    return swapped(here.image, here.face, mask, other.image, other.face), mask


def drawn(case: Case, method: str, knobs: dict[str, Any], seed: int) -> np.ndarray:
    """A method's map of why the probe is its mate rather than the twin.

    Patch flow knows no contrast: what each patch adds to the likeness to the mate, less what it adds to the twin's.
    """
    found = anatomy(case.model, case.probe.shape[-1])
    question = Question(
        rather(case.model, case.mate, case.mate_twin), case.probe, None, found.places or "grid",
        batch_for(case.probe.shape[-1]), seed,
    )  # fmt: skip
    row = methods.find(method)
    if method == "occlusion":
        knobs = {"stride": case.probe.shape[-1] // 6}
    if method != "patch_flow":
        return methods.run(row, question, found.abilities, knobs, pair=True).values
    maps = [
        methods.run(row, replace(question, target=similarity(case.model, each)), found.abilities, knobs, pair=True)
        for each in (case.mate, case.mate_twin)
    ]
    return maps[0].values - maps[1].values


def rounds(case: Case, key: str, region: str, seed: int) -> list[dict[str, Any]]:
    rows, heats = [], {}
    for method, knobs in ASKED.items():
        start = time.process_time()
        heats[method] = drawn(case, method, knobs, seed)
        rows.append((method, heats[method], time.process_time() - start))
    size = case.truth.shape[0]
    blind = random_like(heats["rise"], 1, seed)[0], middle(size), case.truth.astype(np.float32)
    rows += [(name, heat, 0.0) for name, heat in zip(CONTROLS, blind, strict=True)]
    lines = []
    for method, heat, seconds in rows:
        twin, overlap = play(case, heat)
        lines.append(
            {"case": key, "region": region, "method": method, "twin": twin.tolist(), "iou": overlap,
             "area": float(case.truth.mean()), "seconds": round(seconds, 3)}
        )  # fmt: skip
    return lines


def run(args: argparse.Namespace) -> None:
    bench = Workbench(Settings.from_env(os.environ))
    done = {tuple(row[name] for name in ("case", "model")) for row in told(args.out)}
    crowd, vectors = crowd_of(args.photos, bench)
    several = {name: paths for name, paths in people(args.photos).items() if len(paths) > 1}
    end = time.time() + 60 * args.minutes
    for place, (name, paths) in enumerate(list(several.items())[: args.cases]):
        region = list(REGIONS)[place % len(REGIONS)]
        key = hashlib.sha256(f"{name}{region}".encode()).hexdigest()[:12]
        open_for = [model for model in RECOGNISERS if (key, model) not in done]
        probe, mate = (shot(path, bench) for path in paths[:2]) if open_for else (None, None)
        if probe is None or mate is None:
            continue
        alike = vectors @ embed(probe.image, probe.face, bench.recogniser("mobilefacenet")).vector
        alike[[each.name == name for each in crowd]] = -2
        other = crowd[int(np.argmax(alike))]
        try:
            (twin, mask), (mate_twin, _) = (swap(each, region, other, bench) for each in (probe, mate))
        except WorkbenchError as error:
            print(key, region, error)
            continue
        for model in open_for:
            case = chips(bench.recogniser(model), probe, twin, mate, mate_twin, mask)
            lines = rounds(case, key, region, place) if case.fair else [{"case": key, "region": region, "method": ""}]
            with args.out.open("a") as file:
                file.writelines(json.dumps({"model": model, **line}) + "\n" for line in lines)
            print(place, region, model, "played" if case.fair else "not told apart", flush=True)
            if time.time() > end:
                return


def told(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def _mean(values: np.ndarray, picked: np.ndarray) -> float:
    return float(values[picked].mean())


def table(path: Path) -> None:
    rows = told(path)
    for model in (*RECOGNISERS, "all together"):
        mine = [row for row in rows if model in (row["model"], "all together")]
        rounds_of = {(row["case"], row["model"]): bool(row["method"]) for row in mine}
        asked, played = len(rounds_of), sum(rounds_of.values())
        print(f"\n{model}: {played} of {asked} rounds were fair\n")
        print("| Map | " + " | ".join(f"twin at {share:.0%}" for share in SHARES) + " | IoU | CPU s |")
        print("|---|" + "---|" * (len(SHARES) + 2))
        lines = []
        for method in (*ASKED, *CONTROLS):
            found = [row for row in mine if row["method"] == method]
            if not found:
                continue
            hits = np.array([row["twin"] for row in found])
            rates = [wilson(int(column.sum()), len(column)) for column in hits.T]
            overlaps = np.array([row["iou"] for row in found])
            overlap = bootstrap(partial(_mean, overlaps), len(overlaps))
            seconds = np.median([row["seconds"] for row in found])
            cells = [f"{each.value:.2f} ({each.low:.2f}–{each.high:.2f})" for each in (*rates, overlap)]
            title = methods.METHODS[method].title if method in methods.METHODS else method
            lines.append((-rates[1].value, f"| {title} | " + " | ".join(cells) + f" | {seconds:.1f} |"))
        print("\n".join(line for _, line in sorted(lines)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cases", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--table", action="store_true", help="only print the table of a run")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if not args.table:
        run(args)
    table(args.out)


if __name__ == "__main__":
    main()
