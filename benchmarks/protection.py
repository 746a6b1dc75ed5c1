"""How well a protected face hides from recognisers the search never saw, and what that costs in looks.

    python benchmarks/protection.py people DATA --work FOLDER [--people 100]    leave-one-out, beside clean, look alone,
    pixel noise python benchmarks/protection.py ablation DATA --work FOLDER [--people 16]   each trick alone, on the
    even half, unseen SFace and FaceRes python benchmarks/protection.py curve DATA --work FOLDER [--people 16]      PSR
    against looks, on the even half python benchmarks/protection.py colour DATA --work FOLDER [--people 24]     looks
    and skin colour on any folder of portraits python benchmarks/protection.py time --work FOLDER [--threads 2]
    one photo from start to saved and read again, and memory python benchmarks/protection.py report --work FOLDER
    print all and write results/protection.json

DATA of the first three holds photos named person_0001.jpg. `people` uses the half of the people that no threshold was
calibrated on and no setting was chosen on. Every mode goes on where it stopped; without one, `time` runs. --work keeps
one line per protected photo. The curve's middle point is the ablation's "as shipped".
"""

import argparse
import json
import os
import resource
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
from skimage import data
from tqdm import tqdm

from workbench import batch, images
from workbench.bench import Workbench
from workbench.cli.protect_evaluation import TWO_BY_TWO, run_trials
from workbench.errors import WorkbenchError
from workbench.makeup.looks import find
from workbench.protection import tables
from workbench.protection.evaluation import Rows, largest, pairs
from workbench.protection.fields import ToneField
from workbench.protection.judge import opened
from workbench.protection.outcome import QUALITY, measured, placed
from workbench.protection.protect import Request, protect
from workbench.protection.scene import make_scene
from workbench.protection.search import search
from workbench.protection.strength import LEVELS, STRENGTHS, Strength
from workbench.protection.trial import Trial
from workbench.protection.views import views
from workbench.settings import Settings
from workbench.tasks.parsing import parse

FOUR = ("dlib", "mobilefacenet", "sface", "faceres")
LOOK = "neutral"
MIDDLE = STRENGTHS["middle"]
WHOLE = Strength.of(LEVELS[-1])
RESULTS = Path(__file__).parent / "results" / "protection.json"


def variants() -> dict[str, tuple[Strength, str]]:
    """Name of each variant of the search to its strength and look."""

    def changed(
        bounds: Mapping[str, Any] | None = None, plan: Mapping[str, Any] | None = None, look: str = LOOK
    ) -> tuple[Strength, str]:
        return Strength(replace(MIDDLE.bounds, **(bounds or {})), replace(MIDDLE.plan, **(plan or {}))), look

    return {
        "as shipped": changed(),
        "no makeup": changed(look="none"),
        "no mesh warp": changed({"warp": 0.0}),
        "both sides free": changed({"even": 0.0}),
        "both sides one": changed({"even": 1.0}),
        "reach of four": changed({"reach": 4.0}),
        "views not moved": changed(plan={"shake": 0.0}),
        "a third of the steps": changed(plan={"steps": MIDDLE.plan.steps // 3, "more": MIDDLE.plan.more // 3}),
        "stops at margin -0.3": changed(plan={"floor": -0.3}),
    }


def curve() -> dict[str, tuple[Strength, str]]:
    """Every visibility of a curve; one search climbs over all."""
    return {"all levels": (WHOLE, LOOK)}


def bounds_of(bench: Workbench) -> dict[str, tuple[float, str]]:
    """Threshold and metric by model id."""
    return {name: (float(bench.model(name).threshold), bench.model(name).metric) for name in FOUR}


def people(bench: Workbench, folder: Path, work: Path, count: int, size: int) -> None:
    """The matrix, on the odd half."""
    models = {name: bench.model(name) for name in FOUR}
    trial = Trial(models, TWO_BY_TWO, bench.finder(), MIDDLE, find(LOOK), Rows(work / "people.jsonl"))
    run_trials(pairs(folder, "odd", count), trial, bench, bench.settings, size)


def compared(bench: Workbench, folder: Path, work: Path, count: int, kind: str, size: int) -> None:
    """Variants on the even half, dlib and MobileFaceNet attacked."""
    models = {name: bench.model(name) for name in FOUR}
    for name, (strength, look) in (variants() if kind == "ablation" else curve()).items():
        rows = Rows(work / kind / f"{name.replace(' ', '_').replace('/', '_')}.jsonl")
        trial = Trial(models, TWO_BY_TWO[:1], bench.finder(), strength, find(look), rows, baselines=False)
        run_trials(pairs(folder, "even", count), trial, bench, bench.settings, size)


def colour(bench: Workbench, folder: Path, work: Path, count: int) -> None:
    """Looks and skin colour on portraits in colour; sheets of before and after go to the work folder and nowhere
    else."""
    rows = Rows(work / "colour.jsonl")
    for path in tqdm(batch.photos(folder)[:count], desc="colour", unit="photo"):
        if (path.stem, f"search at {WHOLE.level:g}", "+".join(TWO_BY_TWO[0])) in rows:
            continue
        try:
            one_colour(bench, path, work, rows)
        except WorkbenchError as error:
            print(f"  {path.name}: {error}", file=sys.stderr)


def one_colour(bench: Workbench, path: Path, work: Path, rows: Rows) -> None:
    """One portrait: protected against dlib and MobileFaceNet, its looks kept."""
    photo = images.limit(images.decode(path, bench.settings), 1024)
    face = largest(photo, bench.finder())
    scene = make_scene([photo], [face], [parse(photo, bench.model("compact"), [face])])
    field = ToneField(scene, WHOLE.bounds, find(LOOK))
    seen = views([bench.model(name) for name in TWO_BY_TWO[0]], scene)
    for stage in search(field, scene, seen, WHOLE.plan).stages:
        method, look = f"search at {stage.level:g}", placed(photo, scene, stage, painted=False)
        saved = opened(images.encode_jpeg(placed(photo, scene, stage), QUALITY))
        rows.add(
            {
                "person": path.stem,
                "method": method,
                "attacked": list(TWO_BY_TWO[0]),
                "scores": {},
                "seconds": 0.0,
                **measured(photo, saved, scene, look=look),
            }
        )
        (work / "sheets").mkdir(parents=True, exist_ok=True)
        (work / "sheets" / f"{path.stem}-{method}.png").write_bytes(
            images.encode_png(np.concatenate([photo, saved], axis=1))
        )


def one_photo(bench: Workbench, work: Path, threads: int) -> None:
    """Seconds of one protection at the middle strength, two surrogates and two judges, models loaded; and the largest
    memory."""
    photo = data.astronaut()
    face = largest(photo, bench.finder())
    parsing = parse(photo, bench.model("compact"), [face])
    attacked, judges = ([bench.recogniser(name) for name in names] for names in TWO_BY_TWO)
    protect(photo, face, parsing, attacked, judges, bench.finder(), Request(steps=2))
    seconds = [protect(photo, face, parsing, attacked, judges, bench.finder(), Request()).seconds for _ in range(3)]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = {"threads": threads, "seconds": [round(one, 2) for one in seconds], "memory_mb": round(memory)}
    batch.write_atomically(work / "time.json", json.dumps(figures).encode())


def report(bench: Workbench, work: Path) -> None:
    """Print what the work folder holds, and put it into results/protection.json; what was not measured now stays as it
    is."""
    bounds = bounds_of(bench)
    found: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    if (work / "people.jsonl").is_file():
        found["people"] = tables.summary(Rows(work / "people.jsonl"), bounds)
        print(tables.printed(found["people"]))
    for kind in ("ablation", "curve"):
        files = sorted((work / kind).glob("*.jsonl"))
        if files:
            found[kind] = {path.stem.replace("_", " "): _variant(Rows(path), bounds) for path in files}
        for name, row in found.get(kind, {}).items():
            print(kind, name, json.dumps(row))
    if (work / "colour.jsonl").is_file():
        rows = Rows(work / "colour.jsonl")
        found["colour"] = {
            method: tables.looks(rows, method) | {"photos": len(list(rows.of(method)))}
            for method in sorted({method for _, method, _ in rows.rows})
        }
        print("colour", json.dumps(found["colour"]))
    if (work / "time.json").is_file():
        found["time"] = json.loads((work / "time.json").read_text())
        print("time", json.dumps(found["time"]))
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


def _variant(rows: Rows, bounds: Mapping[str, tuple[float, str]]) -> dict[str, Any]:
    judged = tables.unseen(rows, "search", bounds)
    return {
        "unseen": judged,
        "mean_unseen_psr": round(tables.mean_psr(judged), 1),
        "looks": tables.looks(rows, "search"),
    }


def main() -> None:
    """Run one mode."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "mode", nargs="?", default="time", choices=("people", "ablation", "curve", "colour", "time", "report")
    )
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "protection-benchmark")
    parser.add_argument("--people", type=int, default=0)
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    bench = Workbench(Settings.from_env(os.environ))
    if args.mode == "people":
        people(bench, args.data, args.work, args.people or 100, args.batch)
    elif args.mode in ("ablation", "curve"):
        compared(bench, args.data, args.work, args.people or 16, args.mode, args.batch)
    elif args.mode == "colour":
        colour(bench, args.data, args.work, args.people or 24)
    elif args.mode == "time":
        one_photo(bench, args.work, args.threads)
    report(bench, args.work)


if __name__ == "__main__":
    main()
