"""Put the faces of a folder into people, and say which pictures are there twice or lie in the wrong folder."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import BadRequest
from workbench.settings import Settings

if TYPE_CHECKING:
    from workbench.bench import Workbench
    from workbench.people.faces import Faces

ROWS = "faces.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from workbench.cli.folder import add_engine_arguments, add_folder_arguments, source
    from workbench.people.grouping import METHODS

    parser.add_argument("folder", type=source, help="a folder of photos")
    parser.add_argument("--out", type=Path, required=True, help="folder for people.html, people.csv and the tables")
    parser.add_argument("--model", default="sface", help="catalogue id of a recogniser (default: sface)")
    parser.add_argument("--largest", action="store_true", help="of several faces in a photo take only the largest")
    parser.add_argument("--method", default="linkage", choices=METHODS, help="how faces are grouped (default: linkage)")
    parser.add_argument(
        "--strictness", type=float, default=1.0, help="less than 1: smaller and purer groups; more: larger (default: 1)"
    )
    parser.add_argument("--least", type=int, default=2, help="faces below which a group is not one (default: 2)")
    parser.add_argument(
        "--known", default="", metavar="WHO", help="who is who: folders, names (Ann_Lee_0002.jpg) or a CSV file,person"
    )
    parser.add_argument("--like", type=Path, metavar="PHOTO", help="also search for the largest face of this photo")
    parser.add_argument("--corrected", type=Path, metavar="CSV", help="the table the page saved, instead of grouping")
    parser.add_argument("--folders", type=Path, metavar="DIR", help="also copy the photos into a folder per person")
    add_folder_arguments(parser)
    add_engine_arguments(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.bench import Workbench
    from workbench.decoding import decode
    from workbench.people import export, naming
    from workbench.people.asking import vector
    from workbench.people.grouping import Way
    from workbench.people.run import PAGE, sort, write

    way = Way(args.method, args.strictness, args.least)
    if args.folders and not isinstance(args.folder, Path):
        raise BadRequest("--folders copies from a folder; patterns and addresses are only read.")
    bench = Workbench(settings)
    account, faces = _faces(args, bench)
    if faces is None:
        print("The same command without --shard or --plan-only makes the groups when all parts are done.")
        return int(account.tell())
    given = naming.given(faces.photos, args.known) if args.known else ()
    people = naming.corrected(args.corrected, faces) if args.corrected else ()
    wanted = vector(decode(args.like, settings), bench.finder(), bench.recogniser(args.model)) if args.like else None
    found = sort(faces, way, given=given, people=people, like=wanted)
    write(found, args.out, Path(str(args.folder)).name)
    print(f"{len(faces):,} faces: {found.count:,} people with several, {sum(not w for w in found.people):,} alone.")
    print(
        f"{len(found.twice):,} pairs are probably one picture, {len(found.doubtful):,} lie probably in a wrong folder."
    )
    if found.by_face and found.by_pair:
        print(f"Against who is who: BCubed F {found.by_face.f:.3f}, F over pairs {found.by_pair.f:.3f}.")
    if args.folders:
        copied = export.folders(faces, found.people, Path(args.folder), args.folders)
        print(f"Copied {copied:,} photos into {args.folders}.")
    print(f"Look through them: {args.out / PAGE}")
    return int(account.tell())


def _faces(args: argparse.Namespace, bench: "Workbench") -> tuple[Any, "Faces | None"]:
    """What became of the photos, and their faces; None while shards are missing."""
    from workbench.cli.folder import in_shards, over_folder
    from workbench.people.faces import from_rows
    from workbench.scale.step import settle

    step = settle("people", bench, {"model": args.model, "largest": args.largest})
    sharded = in_shards(args)
    place = args.out / "shards" if sharded else args.out / ROWS
    account = over_folder(step, args, place, place, bench)
    rows = _of_shards(place) if sharded else _of_table(place)
    if rows is None:
        return account, None
    model = bench.recogniser(args.model)
    return account, from_rows(rows, args.model, model.metric, model.threshold)


def _of_table(path: Path) -> Iterator[dict[str, Any]]:
    from workbench.batch import Table, unescaped
    from workbench.people.asking import COLUMNS

    return ({**row, "file": unescaped(row["file"])} for row in Table(path, COLUMNS).rows())


def _of_shards(folder: Path) -> Iterator[dict[str, Any]] | None:
    from workbench.batch import unescaped
    from workbench.scale import collect
    from workbench.scale.plan import read

    plan = read(folder)
    if len(plan.done()) < plan.shards:
        return None
    return ({**row, "file": unescaped(row["file"])} for row in collect.rows(plan))
