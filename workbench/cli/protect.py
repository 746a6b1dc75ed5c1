"""Write a photo that recognisers do not match, or a made-up or anonymised one, for every photo of a folder."""

import argparse
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import batch
from workbench.cli.protect_evaluation import add_evaluation, evaluate
from workbench.errors import BadRequest
from workbench.settings import Settings

if TYPE_CHECKING:
    from workbench.bench import Workbench


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, nargs="?", help="a folder of photos, or one photo")
    parser.add_argument("--out", type=Path, help="where <stem>.jpg goes, without metadata, and summary.csv")
    parser.add_argument("--look", default="neutral", help="the makeup that is worn (default: neutral)")
    parser.add_argument("--strength", default="middle", help="light, middle or strong (default: middle)")
    parser.add_argument(
        "--attack",
        nargs="+",
        metavar="ID",
        help="recognisers to protect from (default: dlib, and mobilefacenet if here)",
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
    parser.add_argument("--workers", type=int, default=1, help="photos at a time (default: 1)")
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--makeup", metavar="LOOK", help="no protection: only paint this look")
    other.add_argument("--anonymise", metavar="HOW", help="no makeup: blur, mosaic or silhouette instead")
    add_evaluation(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    if args.evaluate:
        return evaluate(args, settings)
    if args.folder is None or args.out is None:
        raise BadRequest("Expected a folder of photos and --out DIR (or --evaluate FOLDER).")
    from workbench.bench import Workbench

    bench = Workbench(settings)
    photos = batch.photos(args.folder)
    targets = batch.targets(photos, args.folder, args.out, ".jpg")
    step = _step(bench, args)
    guard = threading.Lock()

    def work(path: Path) -> None:
        data, row = step(path)
        with guard:
            batch.merge_csv(args.out / "summary.csv", {targets[path].relative_to(args.out).as_posix(): [row]})
            batch.write_atomically(targets[path], data)

    workers = max(1, min(args.workers, 16))
    return batch.run(photos, work, done=lambda path: targets[path].is_file(), workers=workers, label="protect").tell()


def _step(bench: "Workbench", args: argparse.Namespace) -> Any:
    """What is done with one photo: from its path to a JPEG and a row. Raises BadRequest before anything is read."""
    if args.anonymise:
        return _anonymiser(bench, args)
    if args.makeup:
        return _painter(bench, args)
    return _protector(bench, args)


def _read(bench: "Workbench", path: Path) -> tuple[Any, Any]:
    """The photo at its own resolution, and its faces. Raises NoFace, BadImage."""
    from workbench import images
    from workbench.errors import NoFace
    from workbench.tasks.detection import find_faces

    image = images.decode(path, bench.settings)
    faces = find_faces(image, bench.finder())
    if not faces:
        raise NoFace(f"no face found in {image.shape[1]} × {image.shape[0]} pixels")
    return image, faces


def _parts(bench: "Workbench", image: Any, faces: Any) -> Any:
    from workbench.tasks.parsing import parse

    return parse(image, bench.parser(), faces)


def _anonymiser(bench: "Workbench", args: argparse.Namespace) -> Any:
    from workbench.images import encode_jpeg
    from workbench.protection.anonymise import KINDS, anonymise

    if args.anonymise not in KINDS:
        raise BadRequest(f"There is no anonymisation {args.anonymise!r}; expected one of {', '.join(KINDS)}.")

    def step(path: Path) -> tuple[bytes, dict[str, Any]]:
        image, faces = _read(bench, path)
        hidden = faces[:1] if args.faces == "largest" else faces
        return encode_jpeg(anonymise(image, hidden, args.anonymise)), {
            "outcome": args.anonymise,
            "faces": len(faces),
            "worked on": len(hidden),
        }

    return step


def _painter(bench: "Workbench", args: argparse.Namespace) -> Any:
    from workbench.images import encode_jpeg
    from workbench.makeup import looks
    from workbench.makeup.photo import apply_makeup

    look = looks.find(args.makeup)

    def step(path: Path) -> tuple[bytes, dict[str, Any]]:
        image, faces = _read(bench, path)
        parsing, painted = _parts(bench, image, faces), image
        chosen = faces if args.faces == "all" else faces[:1]
        for face in chosen:
            painted = apply_makeup(painted, face, look, parsing)
        return encode_jpeg(painted, 94), {
            "outcome": f"makeup: {look.name}",
            "faces": len(faces),
            "worked on": len(chosen),
        }

    return step


def _protector(bench: "Workbench", args: argparse.Namespace) -> Any:
    from workbench.makeup import looks
    from workbench.protection.protect import Request, protect
    from workbench.protection.summary import row

    attacked, judges = _roles(bench, args)
    target = None if args.resemble is None else _target(bench, args.resemble)
    look = looks.find(args.look)
    request = Request(
        aim="dodge" if target is None else "impersonate", strength=args.strength, look=look, target=target
    )
    models = [bench.recogniser(model) for model in attacked], [bench.recogniser(model) for model in judges]

    def step(path: Path) -> tuple[bytes, dict[str, Any]]:
        image, faces = _read(bench, path)
        found = protect(image, faces[0], _parts(bench, image, faces), *models, bench.finder(), request)
        return found.photo, {
            "faces": len(faces),
            "worked on": 1,
            "look": look.name,
            "strength": args.strength,
            **row(found),
        }

    return step


def _target(bench: "Workbench", number: int) -> Any:
    from workbench.protection.targets import draw_target

    return draw_target(bench.generator(), bench.finder(), number)


def _roles(bench: "Workbench", args: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Who is attacked and who judges."""
    from workbench.protection.roles import calibrated_here, checked_roles, usual_roles

    here = calibrated_here(bench.specs("recognition"), bench.available)
    if args.all_in:
        return here, []
    usual = usual_roles(here)
    attacked = args.attack or usual[0]
    judges = [model for model in here if model not in attacked] if args.judge is None else args.judge
    return checked_roles(here, attacked, judges)
