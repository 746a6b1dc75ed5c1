"""Cut the person, their hair or their face out of every photo of a folder."""

import argparse
from pathlib import Path

from workbench.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from workbench.cli.folder import add_engine_arguments, add_folder_arguments, source

    parser.add_argument("folder", type=source, help="a folder of photos, or one photo")
    parser.add_argument("--subject", choices=["person", "hair", "face"], default="person", help="what is cut out")
    parser.add_argument("--model", default="compact", help="catalogue id of a parser (default: compact)")
    parser.add_argument("--matte", default="", help="catalogue id of a person matte (default: the first here)")
    parser.add_argument("--grow", type=float, default=0, metavar="PIXELS", help="move the edge out, or in below 0")
    parser.add_argument("--feather", type=float, default=0, metavar="PIXELS", help="soften the edge")
    parser.add_argument(
        "--background", default="none", help="none (transparent PNG, the default), blur, or a colour as #rrggbb (JPEG)"
    )
    parser.add_argument("--blur", type=float, default=0.03, help="of the blur, in parts of the photo's longer side")
    parser.add_argument("--out", type=Path, required=True, help="where the pictures and summary.csv go")
    add_folder_arguments(parser)
    add_engine_arguments(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.bench import Workbench
    from workbench.cli.folder import over_folder
    from workbench.scale.step import settle

    bench = Workbench(settings)
    names = ("subject", "model", "matte", "grow", "feather", "background", "blur")
    step = settle("cutout", bench, {name: getattr(args, name) for name in names})
    return over_folder(step, args, args.out, args.out / "summary.csv", bench).tell()
