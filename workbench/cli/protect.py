"""Write a photo that recognisers do not match, or a made-up or anonymised one, for every photo of a folder."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.cli.protect_elsewhere import add_elsewhere, judge
from workbench.cli.protect_evaluation import add_evaluation, evaluate
from workbench.errors import BadRequest
from workbench.settings import Settings

if TYPE_CHECKING:
    from workbench.bench import Workbench

OPTIONS = (
    *("look", "strength", "attack", "judge", "all_in", "resemble", "faces", "makeup", "anonymise"),
    *("hide_strength", "hide_shape", "hide_size", "keep"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from workbench.cli.folder import add_engine_arguments, add_folder_arguments, source

    parser.add_argument("folder", type=source, nargs="?", help="a folder of photos, or one photo")
    parser.add_argument(
        "--out",
        type=Path,
        help="where <stem>_protected.jpg goes, or <stem>_not-protected.jpg, without metadata; and summary.csv",
    )
    parser.add_argument("--look", default="neutral", help="the makeup that is worn (default: neutral)")
    parser.add_argument(
        "--strength",
        default="light",
        help="light, middle or strong, or how plainly it may be seen, 0.3 to 6 (default: light, which is 1.5)",
    )
    parser.add_argument(
        "--attack",
        nargs="+",
        metavar="ID",
        help="recognisers to protect from (default: dlib and mobilefacenet)",
    )
    parser.add_argument(
        "--judge", nargs="*", metavar="ID", help="recognisers that only judge (default: all others here)"
    )
    parser.add_argument(
        "--all-in", action="store_true", help="attack every recogniser here; then none is left to judge"
    )
    parser.add_argument("--resemble", type=int, metavar="NUMBER", help="be taken for the made-up person of this number")
    parser.add_argument(
        "--faces", choices=("largest", "all"), help="of --makeup and --anonymise (default: largest, and all)"
    )
    add_folder_arguments(parser, workers=1)
    add_engine_arguments(parser)
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--makeup", metavar="LOOK", help="no protection: only paint this look")
    other.add_argument(
        "--anonymise", metavar="HOW", help="no makeup: blur, mosaic, silhouette or drawn (a face of nobody) instead"
    )
    hiding = parser.add_argument_group("of --anonymise")
    hiding.add_argument("--hide-strength", type=float, metavar="N", help="0.25 to 4 (default: 1)")
    hiding.add_argument("--hide-shape", metavar="SHAPE", help="ellipse, or outline: exactly the face, by the parser")
    hiding.add_argument("--hide-size", type=float, metavar="N", help="0.7 to 2 (default: 1)")
    hiding.add_argument("--keep", type=Path, nargs="+", metavar="PHOTO", help="people who stay visible, one face each")
    add_elsewhere(parser)
    add_evaluation(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    if args.evaluate:
        return evaluate(args, settings)
    if args.elsewhere:
        return judge(args, settings)
    if args.folder is None or args.out is None:
        raise BadRequest(
            "Expected a folder of photos and --out DIR, or --evaluate FOLDER, or --elsewhere BEFORE AFTER."
        )
    from workbench.bench import Workbench
    from workbench.cli.folder import over_folder
    from workbench.scale.step import settle

    bench = Workbench(settings)
    options = {name: getattr(args, name) for name in OPTIONS}
    if args.keep:
        options["keep"] = _kept(bench, args.keep)
    step = settle("protect", bench, options)
    return over_folder(step, args, args.out, args.out / "summary.csv", bench).tell()


def _kept(bench: "Workbench", photos: list[Path]) -> dict[str, Any]:
    """Who stays visible, as plain numbers, so that workers elsewhere need not see the photos."""
    from workbench import images
    from workbench.protection.reference import known_people

    spec = bench.first("recognition")
    read = [images.read(path, bench.settings) for path in photos]
    people = known_people(read, bench.recogniser(spec.id), bench.finder())
    return {"recogniser": spec.id, "people": [[round(float(value), 6) for value in each.vector] for each in people]}
