"""Draw portraits of one person, people who do not exist, or a labeling study of drawn pairs.

Every picture is written as soon as it is drawn and says that it is AI-generated; the same command goes on where a run
stopped.
"""

import argparse
import hashlib
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from workbench import batch, images
from workbench.batch import record
from workbench.cli import generate_people as people
from workbench.cli import generate_scene as scene_of
from workbench.cli.folder import add_engine_arguments, ask, in_shards
from workbench.errors import BadRequest
from workbench.settings import Settings
from workbench.watch import Watch

if TYPE_CHECKING:
    from workbench.bench import Workbench
    from workbench.portraits import Recipe

MOST = 10_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "photos", type=Path, nargs="*", help="photos of one person, or a folder of them (none with --new and --study)"
    )
    parser.add_argument("--model", default="", help="catalogue id of a portrait model (default: the first one here)")
    parser.add_argument("--out", type=Path, help="folder for portrait-0001.png …, report.json and figures.csv")
    parser.add_argument("--count", type=int, default=8, help="pictures of the person (default: 8)")
    parser.add_argument(
        "--new", type=int, metavar="N", help="instead: N people who do not exist, kept away from those in the photos"
    )
    parser.add_argument(
        "--study", type=Path, metavar="DIR", help="instead: write a labeling study of drawn pairs into this folder"
    )
    parser.add_argument("--seed", type=int, default=0, help="of every random choice (default: 0)")
    parser.add_argument("--steps", type=int, default=0, help="sampling steps (default: the model's own)")
    parser.add_argument(
        "--guidance", type=float, default=0.0, help="how strictly the identity is followed (default: the model's own)"
    )
    parser.add_argument("--drift", type=float, default=0.0, help="degrees away from the person (default: 0)")
    parser.add_argument(
        "--variation", type=float, default=0.0, help="noise on the identity from picture to picture (default: 0)"
    )
    parser.add_argument("--prompt", default="", help="words, for models that read them")
    parser.add_argument(
        "--wish",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="how the person is to look, for models that heed it: yaw, pitch (degrees), smile, mouth, light (-2 to 2), "
        "age (years), hair, glasses, background (words), brightness (0 to 255); may be given several times",
    )
    scene_of.add_arguments(parser)
    people.add_arguments(parser)
    parser.add_argument("--face", type=int, help="which face, counted from 1 by size, where a photo has several")
    parser.add_argument(
        "--least", type=float, default=0.0, help="degrees between two new people (default: as far as the threshold)"
    )
    parser.add_argument(
        "--repair",
        default="",
        metavar="ID",
        help="catalogue id of a network that repairs each picture after drawing, into OUT/repaired; the report is of "
        "those, and says how far each is from what was drawn",
    )
    parser.add_argument("--people", type=int, default=12, help="identities of a study (default: 12)")
    parser.add_argument("--pictures", type=int, default=5, help="pictures of each in a study (default: 5)")
    parser.add_argument(
        "--widest", type=float, default=40.0, help="degrees of a study's farthest picture (default: 40)"
    )
    parser.add_argument(
        "--task", default="same_different", help="what a study asks: same_different, similarity_5 or similarity_7"
    )
    parser.add_argument("--workers", type=int, help="with --engine: processes (default: one a core)")
    parser.set_defaults(retry_errors=False)
    add_engine_arguments(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.bench import Workbench
    from workbench.generation.report import judges

    _check(args)
    bench = Workbench(settings)
    model_id = args.model or bench.first("portrait").id
    people.check(args, bench.spec(model_id, "portrait"), in_shards(args))
    model = bench.portrait(model_id)
    if args.repair:
        bench.repairer(args.repair)  # refused now rather than after an hour of drawing
    here = [spec.id for spec in bench.here("recognition")]
    names = [model.recogniser, *judges(here, model.recogniser)[:1]]
    recognisers = {name: bench.recogniser(name) for name in names}
    with tqdm(total=100, desc="generate", unit="%", bar_format="{desc}: {percentage:3.0f}%|{bar}| {postfix}") as bar:
        watch = Watch(_telling(bar))
        if args.study:
            return _study(args, bench, model_id, model, recognisers, watch)
        return _album(args, bench, model_id, model, recognisers, watch)


def _check(args: argparse.Namespace) -> None:
    if args.study and (args.new is not None or args.out or args.photos):
        raise BadRequest("--study makes people of its own: leave out photos, --new and --out.")
    if args.study and args.repair:
        raise BadRequest("--study is judged as it was drawn: leave out --repair.")
    if args.study and in_shards(args):
        raise BadRequest("--study draws in this process: leave out --engine and --shard.")
    if not args.study and not args.out:
        raise BadRequest("Expected --out DIR for the pictures.")
    if not args.study and args.new is None and not args.photos:
        raise BadRequest("Expected photos of one person, or --new N, or --study DIR.")
    scene_of.check(args, in_shards(args))
    count = args.count if args.new is None else args.new
    if not 1 <= count <= MOST:
        raise BadRequest(f"Pictures: expected 1 to {MOST:,}, got {count:,}.")
    if args.seed < 0:
        raise BadRequest(f"--seed: expected 0 or more, got {args.seed}.")


def _telling(bar: Any) -> Any:
    def tell(share: float, word: str) -> None:
        bar.n = round(100 * share)
        bar.set_postfix_str(word)

    return tell


def _study(
    args: argparse.Namespace, bench: "Workbench", model_id: str, model: Any, recognisers: dict[str, Any], watch: Watch
) -> int:
    from workbench.generation.pair_sets import Design, Maker, make_study

    name = (
        "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in args.study.resolve().name).strip(
            ".-_"
        )
        or "drawn-pairs"
    )
    design = Design(
        name,
        model_id,
        args.people,
        args.pictures,
        args.widest,
        args.least,
        args.seed,
        args.task,
        args.steps,
        args.guidance,
    )
    steady, painter = bench.spec(model_id).steady, people.painter(bench, model_id)
    maker = Maker(model, bench.finder(), recognisers, bench.settings, steady, painter)
    make_study(design, args.study, maker, watch)
    record.begin(batch.Record("generate", "", {"model": model_id}), args.study)  # no folder command reads it
    watch.tell(1.0, "done")
    print(
        f"Wrote the study into {args.study}: study.toml, items.csv, manifest.csv, pairs.csv, embeddings.npz. Every "
        f"face is AI-generated."
    )
    print(f"Serve it: python -m workbench label serve {args.study}")
    return 0


def _album(
    args: argparse.Namespace, bench: "Workbench", model_id: str, model: Any, recognisers: dict[str, Any], watch: Watch
) -> int:
    from workbench.generation import album, variants
    from workbench.generation.repair import drifts
    from workbench.generation.report import measure
    from workbench.generation.sheets import again_in_words, checked
    from workbench.portraits import CountingModel

    model = model.counting() if isinstance(model, CountingModel) else model
    recipe, *queue = [checked(each, model) for each in scene_of.recipes(args, bench.spec(model_id))]
    variety = len(queue)
    queue = queue or [recipe]
    files = people.photos_of(args.photos)
    cast = people.cast(args, files, bench, model_id, model, recognisers, watch.part(0, 0.05))
    vectors, warnings = cast.vectors, cast.warnings
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    album.begin(args.out, _plan(args, model_id, files))
    record.begin(batch.Record("generate", "", {"model": model_id}), args.out)  # so that no folder command reads it
    if in_shards(args) and not _draw_in_shards(args, vectors, files, bench, model_id, recipe):
        print("The same command without --shard or --plan-only measures the pictures when all parts are done.")
        return 0
    many = len(queue)
    pictures: list[Path] = []
    for place, each in enumerate(queue):
        part = watch.part(0.05 + 0.8 * place / many, 0.05 + 0.8 * (place + 1) / many)
        pictures += album.fill(args.out, vectors, cast.model, model_id, each, part, len(pictures), cast.views)
    groups = cast.groups * many

    if isinstance(model, CountingModel) and model.redrawn:
        print(again_in_words(model.redrawn))

    def measured(files: Sequence[Path], part: Watch) -> Any:
        drawn = album.Files(files, bench.settings)
        if cast.company is not None:
            return cast.company.measured(drawn, bench.finder(), recognisers, part)
        return measure(drawn, groups, cast.targets, bench.finder(), recognisers, model.recogniser, part)

    report = measured(pictures, watch.part(0.85, 0.9 if args.repair else 1))
    told: tuple[Any, ...] = ()
    if args.repair:
        seeds = [each.seed for each in queue for _ in vectors]
        before, files = report, _repaired(args, pictures, report, bench, model_id, seeds, watch.part(0.9, 0.95))
        report = measured(files, watch.part(0.95, 1))
        told = drifts(before, report, recognisers)
    names = variants.told(queue, recipe, len(vectors)) if variety else ()
    _write(args.out, report, model_id, recipe, warnings, [*report.notes, *cast.notes], told, names)
    watch.tell(1.0, "done")
    lines = [*(drift.words() for drift in told), *cast.notes]
    print("\n" + "\n".join([report.words(), *(f"- {line}" for line in lines)]))
    print(f"Wrote {len(pictures)} AI-generated pictures, report.json and figures.csv into {args.out}.")
    return 0


def _repaired(
    args: argparse.Namespace,
    pictures: Sequence[Path],
    report: Any,
    bench: "Workbench",
    model_id: str,
    seeds: Sequence[int],
    watch: Watch,
) -> list[Path]:
    """A repaired picture for each drawn one, in a folder beside them; the files. Those that are there stay."""
    from workbench.generation import marking
    from workbench.generation.repair import repaired

    files = [args.out / "repaired" / path.name for path in pictures]
    repairer = bench.repairer(args.repair)
    for place, (path, file) in enumerate(zip(pictures, files, strict=True)):
        watch.tell(place / len(files), f"repairing {place + 1} of {len(files)}")
        if not file.is_file():
            drawn = images.decode(path, bench.settings)
            (picture,) = repaired([drawn], [report.faces[place]], repairer)
            told = marking.drawn(model_id, seeds[place], picture=place + 1, repair=args.repair)
            batch.write_atomically(file, marking.png(picture, told))
    return files


def _as_first_told(kept: Path, vectors: np.ndarray) -> np.ndarray:
    """What the first part of an array told, if these are the same but for the last digits; else `vectors`.

    A network on two threads adds in another order than on one: up to 6e-7 apart, measured on the embedded recognisers.
    """
    if not kept.is_file():
        return vectors
    told = np.load(kept, allow_pickle=False)
    return told if told.shape == vectors.shape and np.allclose(told, vectors, rtol=0, atol=1e-5) else vectors


def _draw_in_shards(
    args: argparse.Namespace,
    vectors: np.ndarray,
    files: Sequence[Path],
    bench: "Workbench",
    model_id: str,
    recipe: "Recipe",
) -> bool:
    """Draw in shards below `--out` and take the pictures out of them; whether all are there."""
    from workbench.scale.collect import as_files
    from workbench.scale.many import work_through_shards
    from workbench.scale.source import of_vectors
    from workbench.scale.step import settle

    looks = bench.portrait(model_id).photo and args.new is None
    kept = args.out / "vectors.npy"
    vectors = _as_first_told(kept, np.asarray(vectors, np.float32))
    digest = hashlib.sha256(vectors.tobytes()).hexdigest()
    stream = io.BytesIO()
    np.save(stream, vectors)
    batch.write_atomically(kept, stream.getvalue())
    options = {"model": model_id, **asdict(recipe), "width": vectors.shape[1], "vectors": digest}
    options |= {"photo": str(files[0].resolve()) if looks else "", "face": args.face}
    step = settle("generate", bench, options)
    plan, _ = work_through_shards(step, of_vectors(kept), args.out / "shards", bench, ask(args))
    print(f"{len(plan.done()):,} of {plan.shards:,} shards are done.")
    if len(plan.done()) < plan.shards:
        return False
    as_files(plan, args.out)
    return True


def _plan(args: argparse.Namespace, model_id: str, files: Sequence[Path]) -> dict[str, Any]:
    """What must be the same for a run to go on: every choice, and the photos by their content."""
    names = (
        "count",
        "new",
        "seed",
        "steps",
        "guidance",
        "drift",
        "variation",
        "prompt",
        "face",
        "least",
        "wish",
        "repair",
    )
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    told = {name: getattr(args, name) for name in names} | scene_of.plan(args) | people.plan(args)
    return {"model": model_id, **told, "photos": digests}


def _write(
    out: Path,
    report: Any,
    model_id: str,
    recipe: Any,
    warnings: Sequence[str],
    notes: Sequence[str],
    told: Sequence[Any],
    variants: Sequence[str] = (),
) -> None:
    from workbench.generation.repair import with_drifts

    head = {"ai_generated": True, "model": model_id, **recipe.told(), "warnings": list(warnings)}
    head |= {"notes": list(notes)} if notes else {}
    rows = with_drifts(report.rows(), told)
    rows = [row | {"variant": name} for row, name in zip(rows, variants, strict=True)] if variants else rows
    content = head | report.figures() | {"pictures": rows}
    batch.write_atomically(out / "report.json", (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())
    lines = [
        ",".join(f'"{name}"' for name in rows[0]),
        *(",".join(batch.cell(value) for value in row.values()) for row in rows),
    ]
    batch.write_atomically(out / "figures.csv", ("\n".join(lines) + "\n").encode())
