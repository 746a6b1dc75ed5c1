"""Measure how like their references pictures are that were made anywhere, and compare the tools that made them."""

import argparse
import json
import shutil
from pathlib import Path

from workbench import batch
from workbench.errors import BadRequest
from workbench.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pictures", type=Path, nargs="+", help="a folder of pictures, or one folder per tool")
    parser.add_argument(
        "--references",
        type=Path,
        help="the photo they should be like, or a folder of photos by whose names pictures' names begin (default: the "
        "folder references, or pairs.csv with picture and reference, in the first folder)",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for report.html, ratings.csv and figures.json")
    parser.add_argument(
        "--model", action="append", default=[], help="catalogue id of a recogniser (default: all that are here)"
    )
    parser.add_argument("--best", type=int, default=0, metavar="N", help="copy the N best of each person into best/")


def run(args: argparse.Namespace, settings: Settings) -> int:
    from tqdm import tqdm

    from workbench.bench import Workbench
    from workbench.generation.likeness import rate
    from workbench.generation.likeness_cases import read_cases
    from workbench.watch import Watch

    if args.best < 0:
        raise BadRequest(f"--best: expected 0 or more, got {args.best}.")
    cases = read_cases(args.pictures, args.references)
    if args.out.exists() and any(args.out.iterdir()):
        raise BadRequest(f"{batch.shown(args.out)} is not empty. Choose another folder.")
    bench = Workbench(settings)
    names = args.model or [spec.id for spec in bench.here("recognition")]
    recognisers = {name: bench.recogniser(name) for name in names}
    with tqdm(total=1.0, bar_format="{percentage:3.0f}% {desc} [{elapsed}<{remaining}]") as bar:

        def tell(share: float, word: str) -> None:
            bar.set_description_str(word)
            bar.update(share - bar.n)

        ratings = rate(cases, bench.finder(), recognisers, settings, Watch(tell))
    _write(args, ratings, settings)
    for tool in ratings.tools:
        print(f"{tool or 'pictures'}:")
        _told(ratings, tool)
    for note in ratings.notes:
        print(f"note: {note}")
    print(f"The report is {batch.shown(args.out / 'report.html')}.")
    return 0


def _told(ratings: object, tool: str) -> None:
    from workbench.generation.likeness import Ratings, summary

    assert isinstance(ratings, Ratings)
    for name, value in summary(ratings, tool).items():
        print(f"  {name} {value}")


def _write(args: argparse.Namespace, ratings: object, settings: Settings) -> None:
    from workbench.generation.likeness import Ratings, best
    from workbench.generation.likeness_page import page
    from workbench.generation.likeness_tables import figures, table

    assert isinstance(ratings, Ratings)
    args.out.mkdir(parents=True, exist_ok=True)
    batch.write_atomically(args.out / "report.html", page(ratings, settings).encode())
    batch.write_atomically(args.out / "ratings.csv", table(ratings))
    batch.write_atomically(args.out / "figures.json", (json.dumps(figures(ratings), indent=1) + "\n").encode())
    for place, row in enumerate(best(ratings, args.best)):
        target = args.out / "best" / f"{place + 1:04d}-{row.case.picture.name}"
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(row.case.picture, target)
