"""Write a clip in which every face is hidden, searched again picture by picture."""

import argparse
import sys
from pathlib import Path

from workbench.errors import BadRequest
from workbench.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("clip", type=Path, help="a video file")
    parser.add_argument("--out", type=Path, help="the written clip (default: here, <stem>_hidden.mp4)")
    parser.add_argument("--kind", default="blur", help="blur, mosaic, silhouette or drawn (default: blur)")
    parser.add_argument("--strength", type=float, default=2.0, help="0.25 to 4 (default: 2)")
    parser.add_argument("--keep", type=Path, nargs="+", default=[], metavar="PHOTO", help="people who stay visible")
    parser.add_argument("--recogniser", default="", metavar="ID", help="who tells them (default: the first one here)")
    parser.add_argument("--quality", type=int, default=20, help="of H.264: 18 (large) to 32 (small) (default: 20)")
    parser.add_argument("--no-sound", action="store_true", help="leave the sound out: voices tell who speaks")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="also write twelve of its pictures as one JPEG")


def run(args: argparse.Namespace, settings: Settings) -> int:
    from workbench import images
    from workbench.batch.record import Record
    from workbench.batch.stamp import looks
    from workbench.bench import Workbench
    from workbench.protection.judge import name
    from workbench.protection.replacing import DRAWN
    from workbench.scale.step import thresholds_of, weights_of
    from workbench.scale.steps.hiding import stage, stage_models
    from workbench.video.clip import Limits
    from workbench.video.hide import hide
    from workbench.video.keeping import keep
    from workbench.video.reading import open_clip
    from workbench.video.seeing import QUICK, Eyes
    from workbench.video.segment import Wish
    from workbench.video.sheet import contact_sheet
    from workbench.watch import Watch

    wish = Wish(args.kind, args.strength, args.quality, not args.no_sound)
    clip = open_clip(args.clip, Limits.of_command(settings))
    out = args.out or Path(f"{clip.stem}_hidden.mp4")
    if out.suffix.lower() != ".mp4" or out.absolute() == args.clip.absolute():
        raise BadRequest(f"--out {out}: expected another file than the clip, one that ends in .mp4.")
    bench = Workbench(settings)
    recogniser = bench.spec(args.recogniser or bench.first("recognition").id, "recognition")
    photos = [images.read(path, settings) for path in args.keep]
    wanted = keep(photos, bench.recogniser(recogniser.id), bench.finder()) if photos else None
    models = [QUICK, bench.first("detection").id, *([recogniser.id] if photos else [])]
    options = {
        "clip": " ".join(map(str, looks(args.clip))),
        "kind": wish.kind,
        "strength": wish.strength,
        "quality": wish.quality,
        "keep": [" ".join(map(str, looks(path))) for path in args.keep],
    }
    lent = stage(bench) if wish.kind == DRAWN else None
    models += stage_models(bench) if lent else ()
    weights = {model: weights_of(bench.spec(model), bench) for model in models}
    judges = [*([recogniser.id] if photos else []), *([name(judge) for judge in lent.judges] if lent else [])]
    record = Record("hide-video", str(args.clip.absolute()), options, weights, thresholds_of(judges, bench))
    eyes = Eyes(bench.finder(QUICK), bench.finder())
    done = hide(clip, out, eyes, wish, wanted, Watch(_told), record, lent)
    print(f"\r{out}: {done.words()}")
    for note in done.notes:
        print(note, file=sys.stderr)
    if args.sheet:
        args.sheet.write_bytes(images.encode_jpeg(contact_sheet(open_clip(out))))
    return 0


def _told(share: float, word: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{share:4.0%} {word}", end="", file=sys.stderr, flush=True)
