"""Change one face by sliders and parts; write where a decision flips, and the smallest change that flips it.

With a second photo, recognisers say whether the two match, and parts can be swapped.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import BadRequest
from workbench.settings import Settings

if TYPE_CHECKING:
    from workbench.bench import Workbench
    from workbench.values import Face, Parsing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from workbench.whatif.changes import SLIDERS, WAYS

    parser.add_argument("photo", type=Path, help="a photo with a face")
    parser.add_argument("--second", type=Path, help="another photo: for recognisers and for swapped parts")
    parser.add_argument(
        "--model", action="append", default=[], help="expression, attribute or recognition model; at most two"
    )
    parser.add_argument("--target", default="", help="label that is asked for (default: each model's own answer)")
    parser.add_argument("--face", type=int, default=1, help="which face, counted from 1 by size (default: 1)")
    parser.add_argument(
        "--slider", action="append", default=[], choices=list(SLIDERS), help="may be moved; repeat (default: all)"
    )
    parser.add_argument(
        "--way", action="append", default=[], choices=list(WAYS), help="how parts change; repeat (default: blur, fill)"
    )
    parser.add_argument("--look", default="natural", help="of the makeup (default: natural)")
    parser.add_argument(
        "--change", action="append", default=[], metavar="SLIDER=VALUE", help="only draw this change; repeat"
    )
    parser.add_argument("--part", action="append", default=[], help="part that --change part=… changes; repeat")
    parser.add_argument("--out", type=Path, help="folder to write into (default: <photo>-what-if here)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.bench import Workbench
    from workbench.whatif.changes import Change

    bench = Workbench(settings)
    stage, readers, keeper = _prepared(args, bench)
    out = args.out or Path(f"{args.photo.stem}-what-if")
    out.mkdir(parents=True, exist_ok=True)
    if args.change:
        values = dict(_value(text) for text in args.change)
        way = args.way[0] if args.way else "blur"
        return _draw(stage, readers, keeper, Change(values, args.look, tuple(args.part) or ("mouth",), way), out)
    return _study(args, stage, readers, keeper, out)


def _study(args: argparse.Namespace, stage: Any, readers: Any, keeper: Any, out: Path) -> int:
    from workbench.generation import marking
    from workbench.whatif.drawn import page, told
    from workbench.whatif.study import as_json, study

    found = study(stage, readers, keeper, sliders=args.slider, ways=args.way or ("blur", "fill"), look=args.look)
    (out / "what_if.html").write_text(page(found, f"What if: {args.photo.name}"), encoding="utf-8")
    (out / "what_if.json").write_bytes(as_json(found))
    for way, each in found.smallest.items():
        (out / f"{way}.png").write_bytes(marking.png(each.view.image, marking.changed(each.change.words())))
    for line in [*(each.words() for each in found.curves), *(f"{k}: {v}" for k, v in told(found).items())]:
        print(line)
    for note in found.left_out:
        print(f"Left out: {note}.")
    print(f"Wrote {out}: what_if.html, what_if.json and a picture per search.")
    return 0


def _draw(stage: Any, readers: Any, keeper: Any, change: Any, out: Path) -> int:
    from workbench.generation import marking
    from workbench.whatif.study import identity

    view = stage.draw(change)
    (out / "changed.png").write_bytes(marking.png(view.image, marking.changed(change.words())))
    for reader in readers:
        before, after = reader.read([stage.rest, view])
        print(f"{reader.name}: {before.says} ({before.score:.3f}) → {after.says} ({after.score:.3f})")
    if keeper is not None:
        print(identity(keeper.read([view])[0]))
    print(f"Wrote {out / 'changed.png'}: {change.words()}.")
    return 0


def _prepared(args: argparse.Namespace, bench: "Workbench") -> tuple[Any, list[Any], Any]:
    from workbench.whatif.asking import ask, keeper_of
    from workbench.whatif.stage import prepared

    first = _source(args.photo, bench, args.face)
    second = _source(args.second, bench, 1) if args.second else None
    stage = prepared(*first, second)
    names = args.model or [bench.first("recognition" if second else "expression").id]
    models = {name: (bench.model(name), bench.spec(name).task) for name in names}
    readers = ask(stage, models, args.target)
    here = bool(bench.here("recognition"))
    return stage, readers, keeper_of(stage, bench.recogniser() if here else None)


def _source(path: Path, bench: "Workbench", number: int) -> "tuple[Any, Face, Parsing]":
    from workbench import images
    from workbench.errors import NoFace
    from workbench.photo import Found
    from workbench.tasks.detection import find_faces
    from workbench.tasks.parsing import parse

    photo = images.read(path, bench.settings)
    found: Found = Found(photo, tuple(find_faces(photo.image, bench.finder())))
    if not found.faces:
        raise NoFace(width=photo.image.shape[1], height=photo.image.shape[0])
    return photo.image, found.face(number), parse(photo.image, bench.parser(), found.faces)


def _value(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError as error:
        raise BadRequest(f"--change {text}: expected SLIDER=VALUE, such as smile=0.5.") from error
