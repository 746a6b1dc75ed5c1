"""Whom `generate` draws: one person, several in one picture, or people who do not exist; and whom their pictures are
compared with."""

import argparse
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench import batch, images, spots
from workbench.cli import generate_scene as scene_of
from workbench.errors import BadRequest
from workbench.watch import Watch

if TYPE_CHECKING:
    from workbench.bench import Workbench
    from workbench.catalog.spec import ModelSpec


@dataclass(frozen=True, slots=True, eq=False)
class Cast:
    """vectors: (n, d), a picture each. groups: whose each is. targets: whom they are compared with. model: what draws
    them; views: one for each row instead, where it must see a photo of each. company: several people in one picture.
    notes: sentences of how they came about."""

    vectors: np.ndarray
    groups: tuple[int, ...]
    targets: tuple[Any, ...]
    model: Any
    warnings: tuple[str, ...] = ()
    views: tuple[Any, ...] = ()
    company: Any = None
    notes: tuple[str, ...] = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Who else is in the picture, and where."""
    parser.add_argument(
        "--beside",
        type=Path,
        action="append",
        default=[],
        metavar="PHOTO",
        help="another person in the same picture, a photo or a folder of them, for models that draw several; up to "
        "three times",
    )
    parser.add_argument(
        "--places",
        default="",
        metavar="BOXES",
        help="where each person of the picture is: left top right bottom in per cent, a semicolon between two people "
        "(default: side by side from left to right)",
    )


def check(args: argparse.Namespace, spec: "ModelSpec", shards: bool) -> None:
    """Raises BadRequest for what the model's row does not have, and what several people cannot be told."""
    unseen = spec.photo == "must" and (args.study or args.new is not None)
    if args.study and spec.photo == "must" and not spec.mixes:
        raise BadRequest(f"{spec.id} edits one photo and cannot turn a face by degrees: leave out --study.")
    if unseen and shards:
        raise BadRequest(f"{spec.id} must see a photo of each new person: leave out --engine and --shard.")
    if args.places and not args.beside:
        raise BadRequest("--places is for several people in one picture: add --beside PHOTO.")
    if not args.beside:
        return
    if len(args.beside) >= spec.people:
        many = f"{spec.people} people at most" if spec.people > 1 else "one person only"
        raise BadRequest(
            f"{spec.id} draws {many} in one picture: leave out --beside, or choose a model that does more."
        )
    apart = [name for name in ("study", "drift", "variation", "repair", "pose") if getattr(args, name)]
    apart += ["new"] if args.new is not None else []
    if apart or shards:
        raise BadRequest(f"--beside goes without {', '.join(f'--{name}' for name in apart) or '--engine and --shard'}.")
    spots.read(args.places, len(args.beside) + 1)


def painter(bench: "Workbench", model_id: str) -> Any:
    """What draws people of nobody first, for a model that must see a photo; None for the others. Raises
    ModelMissing."""
    from workbench.generation import sitters

    spec, here = bench.spec(model_id, "portrait"), bench.here("portrait")
    return sitters.painter_of(spec, here, bench.portrait, bench.recogniser, bench.finder)


def cast(
    args: argparse.Namespace, files: Sequence[Path], bench: "Workbench", model_id: str, model: Any, names: Any, w: Watch
) -> Cast:
    """Whom the arguments ask for. names: recognisers by id, the model's own among them. Raises NoFace, ManyFaces,
    BadRequest."""
    if args.new is not None:
        return _of_nobody(args, files, bench, model_id, model, names, w)
    if args.beside:
        return _several(args, files, bench, model, names)
    from workbench.generation import identity
    from workbench.generation.population import population
    from workbench.generation.references import read_person, seen
    from workbench.generation.report import Target

    own, photos, finder = model.recogniser, _photos(files, bench), bench.finder()
    person = read_person(photos, finder, names, choice=args.face)
    vector = identity.drift(person.vectors[own], args.drift, names[own].metric, args.seed, population(own))
    rows = identity.perturb(vector, args.variation, args.count, names[own].metric, args.seed)
    turned = [Target("the turned identity", {own: vector})] if args.drift else []
    targets = (Target(person.name, person.vectors), *turned)
    drawing = scene_of.posed(args, bench, seen(model, photos[:1], finder, args.face))
    return Cast(rows, (0,) * args.count, targets, drawing, person.warnings)


def plan(args: argparse.Namespace) -> dict[str, Any]:
    """What of this must be the same for a run to go on; nothing of what was not asked for."""
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in photos_of(args.beside)]
    return {"beside": digests, "places": args.places} if digests else {}


def photos_of(given: Sequence[Path]) -> list[Path]:
    """The photos that are meant: files, and those in folders."""
    return [path for each in given for path in batch.photos(each)]


def _photos(files: Sequence[Path], bench: "Workbench") -> list[tuple[str, np.ndarray]]:
    return [(path.name, images.decode(path, bench.settings)) for path in files]


def _of_nobody(
    args: argparse.Namespace, files: Sequence[Path], bench: "Workbench", model_id: str, model: Any, names: Any, w: Watch
) -> Cast:
    from workbench.generation.packing import invented
    from workbench.generation.references import read_person
    from workbench.generation.report import Target
    from workbench.generation.sitters import sitters

    own = model.recogniser
    people = [read_person([photo], bench.finder(), names, choice=args.face) for photo in _photos(files, bench)]
    away = {name: np.stack([person.vectors[name] for person in people]) for name in names if people}
    targets = [Target("the nearest to keep away from", away, nearest=True)] if people else []
    given: dict[str, Any] = {"gallery": away.get(own), "seed": args.seed, "watch": w}
    owners, drawing = tuple(range(args.new)), scene_of.posed(args, bench, model)
    if (first := painter(bench, model_id)) is None:
        vectors = invented(args.new, args.least, own, names[own], **given)
        return Cast(vectors, owners, (Target("its own vector", {own: vectors}), *targets), drawing)
    found = sitters(args.new, args.least, model, names, first, **given)
    targets = [Target("the photo drawn first", found.vectors), *targets]
    views = tuple(found.shown_to(model))
    return Cast(found.told, owners, tuple(targets), drawing, (), views, notes=(found.said,))


def _several(args: argparse.Namespace, files: Sequence[Path], bench: "Workbench", model: Any, names: Any) -> Cast:
    from workbench.generation.company import Company, named
    from workbench.generation.references import read_person, seen
    from workbench.generation.report import Target

    finder = bench.finder()
    groups = [_photos(each, bench) for each in (files, *(photos_of([path]) for path in args.beside))]
    people = named([read_person(photos, finder, names, choice=args.face) for photos in groups])
    views = tuple(seen(model, photos[:1], finder, args.face) for photos in groups)
    company = Company(people, spots.read(args.places, len(people)), views)
    rows = np.repeat(people[0].vectors[model.recogniser][None], args.count, axis=0)
    targets = tuple(Target(person.name, person.vectors) for person in people)
    warnings = tuple(sentence for person in people for sentence in person.warnings)
    return Cast(rows, (0,) * args.count, targets, company.model(), warnings, company=company)
