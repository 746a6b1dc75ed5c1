"""Write the expression, age or gender of the largest face of every photo of a folder."""

import argparse
from pathlib import Path

from workbench.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from workbench.cli.folder import add_engine_arguments, add_folder_arguments, source

    parser.add_argument("folder", type=source, help="a folder of photos, or one photo")
    parser.add_argument(
        "--model",
        default="compact-expression",
        help="catalogue id of an expression or attribute model (default: compact-expression)",
    )
    parser.add_argument("--out", type=Path, help="the table to write (default: <folder>-<model>.csv here)")
    add_folder_arguments(parser)
    add_engine_arguments(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.bench import Workbench
    from workbench.cli.folder import in_shards, named, over_folder
    from workbench.scale.step import settle

    bench = Workbench(settings)
    step = settle("classify", bench, {"model": args.model})
    out = args.out or named(args, f"-{args.model}" if in_shards(args) else f"-{args.model}.csv")
    account = over_folder(step, args, out, out, bench)
    print(f"Wrote {out}.")
    return account.tell()
