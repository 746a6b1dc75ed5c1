"""Write a vector for the largest face of every photo of a folder."""

import argparse
from pathlib import Path

from workbench import batch
from workbench.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from workbench.cli.folder import add_engine_arguments, add_folder_arguments, source

    parser.add_argument("folder", type=source, help="a folder of photos, or one photo")
    parser.add_argument("--model", default="sface", help="catalogue id of a recogniser (default: sface)")
    parser.add_argument(
        "--out", type=Path, required=True, help="the .npz to write: names, embeddings (n × d float32), metric, model"
    )
    add_folder_arguments(parser)
    add_engine_arguments(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.bench import Workbench
    from workbench.cli.folder import in_shards, over_shards, plain, wish
    from workbench.scale.step import settle

    bench = Workbench(settings)
    if in_shards(args):
        account = over_shards(settle("embed", bench, {"model": args.model}), args, args.out, bench)
    else:
        account = embed_photos(batch.listed(plain(args.folder)), args.model, args.out, bench, wish(args))
    print(f"Wrote {args.out}.")
    return account.tell()


def embed_photos(listing: batch.Listing, model_id: str, out: Path, bench: object, how: object) -> batch.Account:
    """Embed the largest face of every photo that `out` does not hold yet. how: a `Wish`."""
    from workbench.bench import Workbench
    from workbench.scale.plain import Wish, work_through
    from workbench.scale.step import settle
    from workbench.scale.vectors import Growing

    assert isinstance(bench, Workbench)
    assert isinstance(how, Wish)
    growing = Growing(out, model_id)
    return work_through(settle("embed", bench, {"model": model_id}), listing, out, growing.table, bench, how, growing)
