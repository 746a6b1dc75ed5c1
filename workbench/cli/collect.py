"""Bring the shards of a large run into one CSV, one .npz or a folder of files."""

import argparse
from pathlib import Path

from workbench.errors import BadRequest
from workbench.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", type=Path, help="the folder that a command with --engine wrote into")
    parser.add_argument("--csv", type=Path, help="write one table, as the plain command would")
    parser.add_argument("--npz", type=Path, help="write one file of vectors, as embed would")
    parser.add_argument("--files", type=Path, metavar="DIR", help="write every map or photo by itself")
    parser.add_argument("--partly", action="store_true", help="also when shards are not done yet")


def run(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.scale import collect
    from workbench.scale.plan import read

    if not (args.csv or args.npz or args.files):
        raise BadRequest("Expected --csv FILE, --npz FILE or --files DIR.")
    plan = read(args.out)
    if not args.partly:
        collect.check_whole(plan)
    for path, write in ((args.csv, collect.as_csv), (args.npz, collect.as_npz), (args.files, collect.as_files)):
        if path:
            write(plan, path)
            print(f"Wrote {path}.")
    return 0
