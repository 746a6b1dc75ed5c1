"""Write a heatmap with its proof for every photo of a folder, and one table of all figures.

Each photo gets a picture, its numbers (NPZ) and a recipe (JSON) from which the same map can be made again: `--recipe
FILE`.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import batch, drawing, images
from workbench.errors import BadRequest
from workbench.explanation.methods import METHODS, Knob, find
from workbench.parts import PARTS
from workbench.settings import Settings

if TYPE_CHECKING:
    from workbench.bench import Workbench

FIGURES = (
    "verdict", "gain", "deletion_auc", "insertion_auc", "gain_chance_p95", "gain_edges", "gain_middle", "randoms_beaten",  # noqa: E501
    "depends_on_weights", "randomised_spearman", "randomised_sizes", "randomised_ssim",
    "human_cam_cos", "human_iou", "human_correlation", "human_chance",
    *(f"heat_{part}" for part in PARTS),
)  # fmt: skip
COLUMNS = ("file", "run", "target", "score", "faces", "left", "top", "right", "bottom", *FIGURES)
NO_PARSER = "none"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="a folder of photos, or one photo")
    parser.add_argument(
        "--model", default="fer", help="expression or attribute model, or a parser with gradients (default: fer)"
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
    parser.add_argument(
        "--recipe", type=Path, help="a saved JSON: take model, target, method, knobs, face, parser and seed from it"
    )
    parser.add_argument("--out", type=Path, help="folder to write into (default: <folder>-explained here)")
    parser.add_argument("--workers", type=int, default=1, help="photos at a time (default: 1)")


@dataclass(frozen=True, slots=True)
class Run:
    """What is asked of every photo."""

    model: str
    target: str
    method: str
    knobs: dict[str, Any]
    face: int
    parser: str
    seed: int
    photo_sha256: str = ""

    def words(self) -> str:
        """The run in one cell of the table: rows of another run must not be mixed in."""
        knobs = " ".join(f"{name}={value}" for name, value in self.knobs.items())
        words = (
            f"{self.model} {self.method} {self.target or 'own answer'} face={self.face} seed={self.seed} "
            f"parser={self.parser}"
        )
        return f"{words} {knobs}".strip()


def run(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.bench import Workbench
    from workbench.cli.chosen import name
    from workbench.cli.classify import Table

    bench = Workbench(settings)
    asked = _from_recipe(args.recipe) if args.recipe else _from_arguments(args, bench)
    spec = bench.spec(asked.model)
    out = args.out or Path(f"{args.folder.resolve().stem}-explained")
    photos = batch.photos(args.folder)
    finder, model = bench.finder(), bench.model(spec.id)
    parser = None if asked.parser == NO_PARSER else bench.parser(asked.parser)
    table = Table(out / "figures.csv", COLUMNS, asked.words())

    def work(path: Path) -> None:
        row, files = explain_one(
            path,
            asked,
            finder,
            model,
            spec.task,
            parser,
            settings,
            prove=not args.no_proof,
            shuffle=not args.no_shuffle,
        )
        for kind, data in files.items():
            batch.write_atomically(_file(out, name(path, args.folder), kind), data)
        table.add([name(path, args.folder), asked.words(), *row])

    def done(path: Path) -> bool:
        return name(path, args.folder) in table.names  # a row is written last

    out.mkdir(parents=True, exist_ok=True)
    with table:
        account = batch.run(photos, work, done=done, workers=max(1, min(args.workers, 16)), label="explain")
    print(f"Wrote {out / 'figures.csv'}, and a picture, numbers and a recipe for each photo.")
    return account.tell()


def explain_one(
    path: Path,
    asked: Run,
    finder: Any,
    model: Any,
    task: str,
    parser: Any,
    settings: Settings,
    *,
    prove: bool = True,
    shuffle: bool = True,
) -> tuple[list[Any], dict[str, bytes]]:
    """One photo's row of figures (without file and run) and its files by kind. Raises WorkbenchError when it cannot be
    explained."""
    from workbench.explanation import explain as explanation
    from workbench.explanation import record as explanation_record
    from workbench.explanation.targets import named
    from workbench.tasks.detection import find_faces, one_face
    from workbench.tasks.expression import check_size
    from workbench.tasks.parsing import parse

    image = images.limit(images.decode(path, settings), settings.working_side)
    if asked.photo_sha256 and explanation_record.photo_hash(image) != asked.photo_sha256:
        raise BadRequest("this is not the photo that the recipe was made from")
    faces = find_faces(image, finder)
    face = one_face(image, finder, asked.face)
    check_size(face)
    label = asked.target or (model.scores(image, face).top if task != "parsing" else "hair")
    target = named(model, task, label)
    parsing = None if parser is None else parse(image, parser, faces)
    found = explanation.explained(target, image, face, asked.method, asked.knobs, parsing=parsing, seed=asked.seed)
    proof = explanation.proof_of(found, randomise=shuffle) if prove else None
    score = float(found.question.scores(found.question.chip, shown=True)[0])
    figures = proof.figures() if proof else {}
    row = [
        label,
        f"{score:.6g}",
        len(faces),
        *(f"{side:.1f}" for side in face.box),
        *(_cell(figures.get(name, "")) for name in FIGURES),
    ]
    recipe = explanation_record.recipe(
        found, image, asked.face, label, "" if parsing is None else parsing.model, path.name
    )
    return row, {
        "png": images.encode_png(drawing.heat(image, found.heatmap.values)),
        "npz": explanation_record.as_npz(found, proof),
        "json": explanation_record.as_json(recipe, found, proof),
    }


def _from_arguments(args: argparse.Namespace, bench: "Workbench") -> Run:
    method = find(args.method)
    knobs = {knob.name: knob for knob in method.knobs}
    given = dict(_knob(text, knobs, method.title) for text in args.set)
    parser = args.parser or bench.first("parsing").id
    return Run(args.model, args.target, method.id, method.settle(given), args.face, parser, args.seed)


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


def _from_recipe(path: Path) -> Run:
    from workbench.explanation.record import read_recipe

    if not path.is_file():
        raise BadRequest(f"There is no recipe {path}.")
    found = read_recipe(path.read_bytes())
    knobs = find(found["method"]).settle(found["knobs"])
    parser = found["parser"] or NO_PARSER
    return Run(
        found["model"],
        found["target"],
        found["method"],
        knobs,
        int(found["face"]),
        parser,
        int(found["seed"]),
        found["photo_sha256"],
    )


def _file(out: Path, name: str, kind: str) -> Path:
    return out / f"{name}.{kind}"


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
