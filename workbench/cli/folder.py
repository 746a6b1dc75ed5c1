"""What the commands over many photos share: their arguments, and the way from a step to a table. No command of its
own."""

import argparse
from pathlib import Path

from workbench import batch
from workbench.bench import Workbench
from workbench.scale.plain import Wish, work_through
from workbench.scale.step import Step

MOST_WORKERS = 16


def add_folder_arguments(parser: argparse.ArgumentParser, workers: int = 2) -> None:
    """The arguments of every command over a folder, without the folder and `--out`."""
    parser.add_argument("--workers", type=int, default=workers, help=f"photos at a time (default: {workers})")
    parser.add_argument("--retry-errors", action="store_true", help="try photos again that failed before")
    parser.add_argument("-v", "--verbose", action="store_true", help="name every file that is left out as no photo")


def wish(args: argparse.Namespace) -> Wish:
    """How the arguments want a folder worked through."""
    return Wish(max(1, min(args.workers, MOST_WORKERS)), args.retry_errors, args.verbose)


def over_folder(step: Step, args: argparse.Namespace, out: Path, table: Path, bench: Workbench) -> batch.Account:
    """Do the step with every photo of `args.folder`."""
    listing = batch.listed(args.folder, out if step.files else None)
    return work_through(step, listing, out, table, bench, wish(args))
