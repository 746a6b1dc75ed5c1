"""The whole of "Benchmarking Algorithmic Bias" (Liang, Perona and Balakrishnan, ICCV 2023) with one command: drawn
people at graded distance, a labeling study of them, and the report that sets people beside recognisers per group.

The same command goes on: it draws, then waits for judgements, then reports.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from workbench.labeling.study.study import Study

SHOWN = ("--model", "--people", "--pictures", "--widest", "--seed", "--least")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="the study's folder; drawn when it is not there yet")
    parser.add_argument("--model", default="", help="catalogue id of a portrait model (default: the first one here)")
    parser.add_argument("--people", type=int, default=40, help="identities (default: 40)")
    parser.add_argument("--pictures", type=int, default=5, help="pictures of each (default: 5)")
    parser.add_argument("--widest", type=float, default=40.0, help="degrees of the farthest picture (default: 40)")
    parser.add_argument(
        "--least", type=float, default=0.0, help="degrees between two people (default: the threshold's)"
    )
    parser.add_argument("--seed", type=int, default=1, help="default: 1")
    parser.add_argument(
        "--recognisers", nargs="+", default=[], metavar="ID", help="default: every recogniser that is on this machine"
    )
    parser.add_argument("--out", type=Path, help="default: STUDY-bias.html in this folder")
    parser.add_argument("--pictures-on-page", action="store_true", help="show the faces of disagreements on the page")


def run(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.cli.label import _open
    from workbench.labeling.study.study import FILE

    if not (args.folder / FILE).is_file() and (code := _draw(args, settings)):
        return code
    study, outbox = _open(args.folder, settings)
    judged = outbox.store.judgements(study.name)
    if not len(judged):
        print(f"Nobody has judged yet. Let people judge: python -m workbench label serve {args.folder}")
        print("The same command then sets them beside the recognisers.")
        return 0
    print(f"{len(judged)} judgements of {judged['rater'].nunique()} raters.")
    return _report(args, study, outbox.store.items(study.name), judged, outbox.store.raters(study.name), settings)


def _draw(args: argparse.Namespace, settings: Settings) -> int:
    """The study, by the command that draws studies."""
    from workbench.cli import generate

    parser = argparse.ArgumentParser()
    generate.add_arguments(parser)
    words = ["--study", str(args.folder)]
    for option in SHOWN:
        if (value := getattr(args, option[2:])) not in ("", None):
            words += [option, str(value)]
    return generate.run(parser.parse_args(words), settings)


def _report(
    args: argparse.Namespace,
    study: "Study",
    items: "pd.DataFrame",
    judged: "pd.DataFrame",
    raters: "pd.DataFrame",
    settings: Settings,
) -> int:
    from workbench.bench import Workbench
    from workbench.evaluation.apparent import grouped
    from workbench.evaluation.pair_scores import recognisers, score_items
    from workbench.labeling.report.report import pictures_of, report
    from workbench.labeling.statistics.analysis import analyse

    bench = Workbench(settings)
    items = grouped(items, study.folder, bench)
    scores, notes = score_items(study, items, args.recognisers or recognisers(bench), bench, print)
    for note in notes:
        print(f"not scored: {note}")
    written = report(
        analyse(study, judged, items, scores, raters), pictures_of(study, items) if args.pictures_on_page else None
    )
    print(f"Groups: {', '.join(sorted(set(items['group'])))} (estimates of our own scorer, not what anybody is).")
    print(f"Wrote {written.save(args.out or Path(f'{study.name}-bias.html'))}")
    return 0
