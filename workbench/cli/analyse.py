"""Write everything the faces of a folder's photos show: points, head pose, gaze, expression, age, quality."""

import argparse
from pathlib import Path

from workbench.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from workbench.cli.folder import add_engine_arguments, add_folder_arguments, source
    from workbench.scale.steps.analyse import SUFFIXES

    parser.add_argument("folder", type=source, help="a folder of photos, or one photo")
    parser.add_argument(
        "--out", type=Path, required=True, help="where analysis.csv goes, a row per face, and the files of --write"
    )
    parser.add_argument("--finder", default="", help="catalogue id of a finder (default: the first one here)")
    parser.add_argument(
        "--expression", default="compact-expression", metavar="MODEL", help="an expression model; none: ''"
    )
    parser.add_argument(
        "--more", nargs="+", default=[], metavar="MODEL", help="models that say more: quality networks, py-feat ..."
    )
    parser.add_argument(
        "--write", nargs="+", default=["json"], choices=list(SUFFIXES), help="files beside the table (default: json)"
    )
    add_folder_arguments(parser)
    add_engine_arguments(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.bench import Workbench
    from workbench.cli.folder import over_folder
    from workbench.scale.step import settle

    bench = Workbench(settings)
    asked = {"finder": args.finder, "expression": args.expression, "more": args.more, "write": args.write}
    return over_folder(settle("analyse", bench, asked), args, args.out, args.out / "analysis.csv", bench).tell()
