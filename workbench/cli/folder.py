"""What the commands over many photos share: their arguments, and the way from a step to its results. No command of its
own."""

import argparse
import os
from pathlib import Path

from workbench import batch
from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.scale.many import ENGINES, Ask, part_of, work_through_shards
from workbench.scale.plain import Wish, work_through
from workbench.scale.step import Step

MOST_WORKERS = 16


def add_folder_arguments(parser: argparse.ArgumentParser, workers: int = 2) -> None:
    """The arguments of every command over a folder, without the folder and `--out`."""
    parser.add_argument("--workers", type=int, help=f"photos at a time (default: {workers}; with --engine, one a core)")
    parser.add_argument("--retry-errors", action="store_true", help="try photos again that failed before")
    parser.add_argument("-v", "--verbose", action="store_true", help="name every file that is left out as no photo")
    parser.set_defaults(usual_workers=workers)


def add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments for more photos than one table should hold: results go into shards below `--out`."""
    many = parser.add_argument_group("very many photos (docs/scale.md)")
    many.add_argument("--engine", choices=ENGINES, help="work in shards, in processes here (local) or on a Ray cluster")
    many.add_argument("--address", default="", help="of the Ray cluster (default: one of this machine's own)")
    many.add_argument("--gpus-per-worker", type=float, default=0.0, metavar="N", help="graphics cards of a Ray worker")
    many.add_argument("--shard-size", type=int, default=256, metavar="N", help="photos of a shard (default: 256)")
    many.add_argument("--max-crashes", type=int, default=2, metavar="N", help="then a photo is an error (default: 2)")
    many.add_argument("--plan-only", action="store_true", help="only list the photos, into OUT/_plan")
    many.add_argument("--shard", default="", metavar="I/N", help="only the I-th of N parts, in this process")


def source(text: str) -> Path | str:
    """What is read: a folder or a photo, or, with `--engine`, also a pattern or an address."""
    return text if "://" in text or "*" in text else Path(text)


def named(args: argparse.Namespace, ending: str) -> Path:
    """Where results go when nobody says: here, named after what is read."""
    if isinstance(args.folder, str):
        raise BadRequest("Expected --out DIR.")
    return Path(f"{args.folder.resolve().stem}{ending}")


def wish(args: argparse.Namespace) -> Wish:
    """How the arguments want a folder worked through."""
    workers = args.usual_workers if args.workers is None else args.workers
    return Wish(max(1, min(workers, MOST_WORKERS)), args.retry_errors, args.verbose)


def in_shards(args: argparse.Namespace) -> bool:
    """Whether the arguments ask for an engine."""
    return bool(args.engine or args.shard or args.plan_only or args.address)


def ask(args: argparse.Namespace) -> Ask:
    """The same for shards."""
    return Ask(
        args.engine or ("ray" if args.address else "local"),
        args.address,
        max(0, args.workers or 0),
        max(0.0, args.gpus_per_worker),
        args.shard_size,
        args.retry_errors,
        args.max_crashes,
        args.plan_only,
        part_of(args.shard) if args.shard else None,
    )


def over_folder(step: Step, args: argparse.Namespace, out: Path, table: Path, bench: Workbench) -> batch.Account:
    """Do the step with every photo of `args.folder`."""
    if in_shards(args):
        return over_shards(step, args, out, bench)
    listing = batch.listed(plain(args.folder), out if step.files else None)
    return work_through(step, listing, out, table, bench, wish(args))


def over_shards(step: Step, args: argparse.Namespace, out: Path, bench: Workbench) -> batch.Account:
    """The same in shards."""
    if out.suffix and not out.is_dir():
        raise BadRequest(f"--out {out}: with --engine results go into a folder; collect makes one file of them.")
    if args.engine == "ray" or args.address:
        _settle_ray(bool(args.address))
    plan, account = work_through_shards(step, str(args.folder), out, bench, ask(args))
    print(f"{plan.photos:,} photos are planned in {plan.shards:,} shards; {len(plan.done()):,} of these are done.")
    return account


def _settle_ray(elsewhere: bool) -> None:
    """Ray reads these when it is imported: it reports nothing home, and a cluster of our own, whose ports listen on all
    interfaces, obeys only who has its token."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if not elsewhere:
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def plain(folder: Path | str) -> Path:
    """A folder for a plain command. Raises BadRequest for a pattern or an address."""
    if isinstance(folder, str):
        raise BadRequest(f"{folder} is no folder; patterns and addresses are read with --engine local or ray.")
    return folder
