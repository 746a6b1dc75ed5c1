"""Measure models on your own photos with your own truth (masks, labels, pairs, points, boxes), per group."""

import argparse
import dataclasses
import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.cli.folder import add_engine_arguments, ask, in_shards
from workbench.settings import Settings

if TYPE_CHECKING:
    from workbench.bench import Workbench
    from workbench.evaluation.truth import Truth


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from workbench.evaluation.layouts import LAYOUTS
    from workbench.evaluation.truth import VOCABULARIES

    parser.add_argument("folder", type=Path, help="photos with their truth; docs/evaluation.md shows the layouts")
    parser.add_argument("--model", action="append", default=[], help="catalogue id; give several to compare them")
    parser.add_argument("--out", type=Path, required=True, help="folder for report.html, figures.json, tables, answers")
    parser.add_argument("--layout", default="", choices=[row.name for row in LAYOUTS], help="instead of finding out")
    parser.add_argument("--parts", default="", choices=sorted(VOCABULARIES), help="what the indices of masks mean")
    parser.add_argument("--names", type=Path, help="the same as a JSON list, or object of index to name")
    parser.add_argument("--groups", type=Path, help="a CSV with the column file and any columns of groups")
    parser.add_argument("--least", type=int, default=10, help="photos below which a group is withheld (default: 10)")
    parser.add_argument("--rounds", type=int, default=1000, help="bootstrap rounds (default: 1000)")
    parser.add_argument("--workers", type=int, help="photos at a time (default: 2; with --engine, one a core)")
    parser.set_defaults(retry_errors=False)
    add_engine_arguments(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    from tqdm import tqdm

    from workbench import checks
    from workbench.bench import Workbench
    from workbench.cards import records
    from workbench.evaluation.layouts import read_truth
    from workbench.evaluation.run import PAGE, as_json, evaluate
    from workbench.evaluation.truth import TASKS, read_groups
    from workbench.watch import Watch

    least = checks.whole("--least", args.least, 2, 1_000_000)
    rounds = checks.whole("--rounds", args.rounds, 100, 100_000)
    truth = read_truth(args.folder, args.layout, args.parts, args.names)
    if args.groups:
        cases, notes = read_groups(args.groups, truth.cases)
        truth = dataclasses.replace(truth, cases=cases, notes=(*truth.notes, *notes))
    bench = Workbench(settings)
    models = args.model or [bench.first(TASKS[truth.kind][0]).id]
    if in_shards(args) and not _ask_in_shards(args, truth, models, bench):
        print("The same command without --shard or --plan-only makes the report when all parts are done.")
        return 0
    with tqdm(total=1.0, bar_format="{percentage:3.0f}% {desc} [{elapsed}<{remaining}]") as bar:

        def tell(share: float, word: str) -> None:
            bar.set_description_str(word)
            bar.update(share - bar.n)

        found = evaluate(
            truth, models, args.out, bench, rounds=rounds, least=least, workers=args.workers or 2, watch=Watch(tell)
        )
    for model in models:
        records.keep(model, as_json(found), datetime.date.today().isoformat(), settings.data)
    print(f"{truth.layout}: {len(truth.cases)} photos.")
    for measured in found.models:
        for name, value in measured.figures.items():
            print(f"{measured.model}: {name} {value}")
        print(f"{measured.model}: {len(measured.left_out)} photos left out.")
    for first, second, gap, _ in found.against:
        print(f"{first} minus {second}: {found.models[0].headline} {gap.difference}, p {gap.p:.3g}")
    print(f"The report is {args.out / PAGE}.")
    return 0


def _ask_in_shards(args: argparse.Namespace, truth: "Truth", models: "Sequence[str]", bench: "Workbench") -> bool:
    """Ask each model about every photo in shards below `--out`, and keep what they say as answers; whether all did."""
    from workbench.evaluation.run import answers_of
    from workbench.scale.many import work_through_shards
    from workbench.scale.source import of_photos
    from workbench.scale.step import settle
    from workbench.scale.steps.evaluate import take_in

    whole = True
    for model in models:
        source = of_photos(case.photo for case in truth.cases)
        step = settle("evaluate", bench, {"model": model, "kind": truth.kind})
        plan, _ = work_through_shards(step, source, args.out / "shards" / model, bench, ask(args))
        print(f"{model}: {len(plan.done()):,} of {plan.shards:,} shards are done.")
        whole = whole and len(plan.done()) == plan.shards
        if whole:
            with answers_of(args.out, truth.kind, bench.spec(model)) as answers:
                take_in(plan, source.root, truth, answers)
    return whole
