"""Write a heatmap with its proof for every photo of a folder, and one table of all figures.

Each photo gets a picture, its numbers (NPZ) and a recipe (JSON) from which the same map can be made again: `--recipe
FILE`.
"""

import argparse
from pathlib import Path
from typing import Any

from workbench.errors import BadRequest
from workbench.explanation.methods import METHODS, Knob, find
from workbench.settings import Settings

NO_PARSER = "none"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from workbench.cli.folder import add_engine_arguments, add_folder_arguments, source

    parser.add_argument("folder", type=source, help="a folder of photos, or one photo")
    parser.add_argument(
        "--model",
        default="compact-expression",
        help="expression or attribute model, or a parser with gradients (default: compact-expression)",
    )
    parser.add_argument(
        "--target", default="", help="label, or part whose area is asked (default: each photo's own top answer)"
    )
    parser.add_argument("--method", default="occlusion", help=f"one of {', '.join(METHODS)} (default: occlusion)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KNOB=VALUE", help="a knob of the method; may be repeated"
    )
    parser.add_argument("--face", type=int, default=1, help="which face, counted from 1 by size (default: 1)")
    parser.add_argument(
        "--parser", default="", help="parser for the shares of the parts, or none (default: the first one here)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of every random choice (default: 0)")
    parser.add_argument("--no-proof", action="store_true", help="only the maps: no curves, no verdict")
    parser.add_argument("--no-shuffle", action="store_true", help="leave out the check against shuffled weights")
    parser.add_argument("--more-tests", action="store_true", help="also ROAD, infidelity and sensitivity (slower)")
    parser.add_argument(
        "--recipe", type=Path, help="a saved JSON: take model, target, method, knobs, face, parser and seed from it"
    )
    parser.add_argument("--out", type=Path, help="folder to write into (default: <folder>-explained here)")
    add_folder_arguments(parser, workers=1)
    add_engine_arguments(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.bench import Workbench
    from workbench.cli.folder import named, over_folder
    from workbench.scale.step import settle

    bench = Workbench(settings)
    asked = _from_recipe(args.recipe) if args.recipe else _from_arguments(args, bench)
    proving = {"proof": not args.no_proof, "shuffle": not args.no_shuffle, "more": args.more_tests}
    step = settle("explain", bench, {**asked, **proving})
    out = args.out or named(args, "-explained")
    account = over_folder(step, args, out, out / "figures.csv", bench)
    print(f"Wrote into {out}: a table, and a picture, numbers and a recipe for each photo.")
    return account.tell()


def _from_arguments(args: argparse.Namespace, bench: Any) -> dict[str, Any]:
    method = find(args.method)
    knobs = {knob.name: knob for knob in method.knobs}
    given = dict(_knob(text, knobs, method.title) for text in args.set)
    parser = args.parser or bench.first("parsing").id
    told = {"model": args.model, "target": args.target, "face": args.face, "seed": args.seed}
    return {**told, "method": method.id, "knobs": method.settle(given), "parser": parser}


def _knob(text: str, knobs: dict[str, Knob], method: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or name not in knobs:
        raise BadRequest(
            f"--set {text}: expected KNOB=VALUE with a knob of {method}: {', '.join(knobs) or 'it has none'}."
        )
    if knobs[name].choices:
        return name, value
    try:
        number = float(value)
    except ValueError as error:
        raise BadRequest(f"--set {text}: expected a number.") from error
    return name, int(number) if number.is_integer() and isinstance(knobs[name].default, int) else number


def _from_recipe(path: Path) -> dict[str, Any]:
    from workbench.explanation.record import read_recipe

    if not path.is_file():
        raise BadRequest(f"There is no recipe {path}.")
    found = read_recipe(path.read_bytes())
    knobs = find(found["method"]).settle(found["knobs"])
    same = {name: found[name] for name in ("model", "target", "method", "photo_sha256")}
    numbers = {name: int(found[name]) for name in ("face", "seed")}
    return {**same, **numbers, "knobs": knobs, "parser": found["parser"] or NO_PARSER}
