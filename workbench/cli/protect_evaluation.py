"""What `protect --evaluate FOLDER` does: protect many people, ask every judge, print the tables. No command of its
own."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import batch
from workbench.batch import record
from workbench.batch.files import make_folder
from workbench.errors import BadRequest
from workbench.scale.step import thresholds_of, weights_of
from workbench.settings import Settings

if TYPE_CHECKING:
    from workbench.bench import Workbench

TWO_BY_TWO = (("dlib", "mobilefacenet"), ("sface", "faceres"))
"""Which recognisers are attacked together when all four are here: each is then judged in the run that attacked the
others."""


def add_evaluation(parser: argparse.ArgumentParser) -> None:
    """The options of an evaluation."""
    group = parser.add_argument_group("evaluation")
    group.add_argument(
        "--evaluate",
        type=Path,
        metavar="FOLDER",
        help="measure on people with two photos each (person_0001.jpg, …) instead",
    )
    group.add_argument("--people", type=int, default=100, help="at most so many people (default: 100)")
    group.add_argument(
        "--half",
        choices=("odd", "even", "all"),
        default="odd",
        help="of the people; thresholds are from the even half (default: odd)",
    )
    group.add_argument(
        "--baselines", action="store_true", help="also measure the look alone and pixel noise of equal SSIM"
    )
    group.add_argument("--batch", type=int, default=10, help="people at a time (default: 10)")
    group.add_argument(
        "--facesec",
        action="store_true",
        help="instead of our own protection: four kinds of perturbation, by what an attacker knows, wants and can do",
    )


def evaluate(args: argparse.Namespace, settings: Settings) -> int:
    """Run, or go on with, an evaluation; print it as Markdown; write rows and summary into args.out (a folder). Exit
    code 0."""
    from workbench.bench import Workbench
    from workbench.protection import tables
    from workbench.protection.evaluation import Rows, pairs

    bench = Workbench(settings)
    if args.facesec:
        from workbench.cli.protect_facesec import facesec

        return facesec(args, bench)
    out: Path = args.out or Path("protection-evaluation")
    here = {spec.id: bench.recogniser(spec.id) for spec in bench.here("recognition")}
    models = {name: model for name, model in here.items() if model.threshold is not None}
    chosen = pairs(args.evaluate, args.half, args.people)
    make_folder(out)
    with batch.held(out):
        record.begin(_record(args, models, bench), out)
        rows = Rows(out / "rows.jsonl")
        run_trials(chosen, trial(bench, models, rows, args), bench, settings, args.batch)
        limits = {id_: (at, model.metric) for id_, model in models.items() if (at := model.threshold) is not None}
        found = tables.summary(rows, limits)
        batch.write_atomically(out / "summary.json", json.dumps(found, indent=1).encode())
    print(tables.printed(found))
    return 0


def _record(args: argparse.Namespace, models: dict[str, Any], bench: Any) -> batch.Record:
    """What decides the rows of an evaluation; more people, or baselines as well, go on with the same ones."""
    options = {name: getattr(args, name, None) or usual for name, usual in (("look", "neutral"), ("strength", "light"))}
    weights = {name: weights_of(bench.spec(name), bench) for name in models}
    folder = batch.shown(args.evaluate.resolve())
    options["resemble"] = args.resemble
    return batch.Record("protect --evaluate", folder, options, weights, thresholds_of(models, bench))


def trial(bench: "Workbench", models: dict[str, Any], rows: Any, args: argparse.Namespace) -> Any:
    """The trial these arguments ask for. Raises BadRequest when fewer than two recognisers are here: one must judge."""
    from workbench.makeup import looks
    from workbench.protection.strength import strength_of
    from workbench.protection.trial import Trial

    if len(models) < 2:
        raise BadRequest("An evaluation needs two recognisers, one to attack and one to judge; fetch sface and dlib.")
    attacked = (
        TWO_BY_TWO
        if all(name in models for names in TWO_BY_TWO for name in names)
        else tuple((name,) for name in models)
    )
    target = None if args.resemble is None else _target(bench, models, args.resemble)
    look = looks.find(getattr(args, "look", None) or "neutral")
    strength = strength_of(getattr(args, "strength", None) or "light")
    return Trial(models, attacked, bench.finder(), strength, look, rows, baselines=args.baselines, target=target)


def _target(bench: "Workbench", models: dict[str, Any], number: int) -> Any:
    """By model id, the vectors of the made-up person of this number."""
    from workbench.protection.judge import vectors
    from workbench.protection.targets import draw_target

    return vectors(*draw_target(bench.generator(), bench.finder(), number), list(models.values()))


def run_trials(chosen: Any, what: Any, bench: "Workbench", settings: Settings, size: int) -> None:
    """Run every pair that lacks a row, a batch at a time; a pair that cannot be used is told on stderr."""
    from tqdm import tqdm

    from workbench.protection.evaluation import open_subject, opened_in_batches
    from workbench.tasks.parsing import parse

    def parsed(photo: Any, faces: Any) -> Any:
        return parse(photo, bench.parser("compact"), faces)

    def open_one(pair: Any) -> Any:
        return open_subject(pair, list(what.models.values()), what.finder, parsed, settings)

    def complain(pair: Any, error: Exception) -> None:
        print(f"  {pair.person}: {error}", file=sys.stderr)

    todo = [pair for pair in chosen if what.missing(pair.person)]
    with tqdm(total=len(chosen), initial=len(chosen) - len(todo), desc="evaluate", unit="person") as bar:
        for subjects in opened_in_batches(todo, max(1, size), open_one, complain):
            what.run(subjects)
            bar.update(len(subjects))
