"""Write what every face of a clip shows, a row per picture and person, and the clip with it drawn on."""

import argparse
from pathlib import Path

from workbench.errors import BadRequest
from workbench.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("clip", type=Path, help="a video file")
    parser.add_argument("--out", type=Path, required=True, help="a folder: faces.csv, faces.parquet, annotated.mp4 …")
    parser.add_argument("--expression", metavar="ID", help="an expression model (default: the first here; none: '')")
    parser.add_argument("--attributes", nargs="*", default=[], metavar="ID", help="such as age (default: none)")
    parser.add_argument("--more", nargs="*", default=[], metavar="ID", help="models that say more, as of analyse")
    parser.add_argument("--parse", nargs="?", const="", metavar="ID", help="colour the parts in the written clip")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="measure every N-th picture (default: 1)")
    parser.add_argument("--no-clip", action="store_true", help="write no annotated clip")
    parser.add_argument("--no-people", action="store_true", help="ask no recogniser who is who after a gap")


def run(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.batch.files import make_folder, write_atomically
    from workbench.bench import Workbench
    from workbench.cli.hide_video import _told
    from workbench.tasks.analysis import settled
    from workbench.video.analyse import Readers, analyse
    from workbench.video.clip import Limits
    from workbench.video.plotting import over_time
    from workbench.video.reading import open_clip
    from workbench.video.seeing import QUICK, Eyes
    from workbench.video.table import save
    from workbench.watch import Watch

    if args.every < 1:
        raise BadRequest(f"--every: expected 1 or more, got {args.every}.")
    clip, bench = open_clip(args.clip, Limits.of_command(settings)), Workbench(settings)
    expression = bench.first("expression").id if args.expression is None else args.expression
    readers = Readers(
        bench.finder(),
        settled(bench, expression=expression, attributes=args.attributes, more=args.more),
        None if args.parse is None else bench.parser(args.parse),
        None if args.no_people else bench.recogniser(),
    )
    make_folder(args.out)
    annotated = None if args.no_clip else args.out / "annotated.mp4"
    shown = analyse(clip, Eyes(bench.finder(QUICK)), readers, annotated, args.every, Watch(_told))
    for name in ("faces.csv", "faces.parquet"):
        save(shown.rows, args.out / name)
    write_atomically(args.out / "over_time.png", over_time(shown.rows))
    print(f"\r{args.out}: {shown.words()}", *shown.notes, sep="\n")
    return 0
