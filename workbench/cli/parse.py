"""Write a part map for every photo of a folder."""

import argparse
from pathlib import Path

from workbench.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from workbench.cli.folder import add_engine_arguments, add_folder_arguments, source

    parser.add_argument("folder", type=source, help="a folder of photos, or one photo")
    parser.add_argument("--model", default="compact", help="catalogue id of a parser (default: compact)")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="where <stem>.png goes, a palette PNG of part indices at the photo's size, and summary.csv",
    )
    parser.add_argument(
        "--no-face", choices=["fail", "background"], default="fail", help="what a photo without a face is"
    )
    add_folder_arguments(parser)
    add_engine_arguments(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.bench import Workbench
    from workbench.cli.folder import over_folder
    from workbench.scale.step import settle

    bench = Workbench(settings)
    step = settle("parse", bench, {"model": args.model, "no_face": args.no_face})
    return over_folder(step, args, args.out, args.out / "summary.csv", bench).tell()
