"""What `protect --evaluate FOLDER --facesec` does: the matrix of attacks on recognisers. No command of its own."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.bench import Workbench

TARGET = 3
"""Number of the person made up whom impersonation aims at, when `--resemble` names no other."""


def facesec(args: argparse.Namespace, bench: "Workbench") -> int:
    """Attack every recogniser (or those of `--attack`) in every way, let all read the result, print the matrix, keep
    its rows. What is there already is not made again. Exit code 0."""
    from workbench import batch
    from workbench.batch.files import make_folder
    from workbench.errors import BadRequest
    from workbench.protection import facesec as matrix
    from workbench.protection.evaluation import pairs
    from workbench.protection.roles import calibrated_here

    here = calibrated_here(bench.specs("recognition"), bench.available, bench.threshold)
    if unknown := [name for name in args.attack or [] if name not in here]:
        raise BadRequest(f"{unknown[0][:60]!r} cannot be attacked here. Here: {', '.join(here)}.")
    models = {name: bench.recogniser(name) for name in here}
    out: Path = args.out or Path("facesec-evaluation")
    make_folder(out)
    chosen = pairs(args.evaluate, args.half, args.people)
    with batch.held(out):
        rows = _rows(args, bench, models, chosen, out)
    print(matrix.printed(rows))
    return 0


def _rows(args: argparse.Namespace, bench: "Workbench", models: dict[str, Any], chosen: Any, out: Path) -> list[Any]:
    """All rows, those of earlier runs first; every batch is kept as soon as it is whole."""
    import json

    from tqdm import tqdm

    from workbench import batch
    from workbench.protection import facesec as matrix
    from workbench.protection.evaluation import open_subject, opened_in_batches
    from workbench.protection.judge import vectors
    from workbench.protection.targets import draw_target
    from workbench.tasks.parsing import parse

    number = TARGET if args.resemble is None else args.resemble
    made: dict[str, Any] = {"target": number, "attacked": sorted(args.attack or models), "rows": []}
    path = out / "facesec.json"
    if path.is_file() and (old := json.loads(path.read_text())).keys() == made.keys():
        made |= {"rows": old["rows"]} if {**old, "rows": []} == made else {}
    target = vectors(*draw_target(bench.generator(), bench.finder(), number), list(models.values()))
    attacks = matrix.matrix(made["attacked"])
    done = {row["person"] for row in made["rows"]}

    def open_one(pair: Any) -> Any:
        parser = bench.parser("compact")
        return open_subject(
            pair,
            list(models.values()),
            bench.finder(),
            lambda photo, faces: parse(photo, parser, faces),
            bench.settings,
        )

    def complain(pair: Any, error: Exception) -> None:
        print(f"  {pair.person}: {error}", file=sys.stderr)

    todo = [pair for pair in chosen if pair.person not in done]
    for subjects in tqdm(opened_in_batches(todo, max(1, args.batch), open_one, complain), desc="facesec", unit="batch"):
        made["rows"] += matrix.run(subjects, models, attacks, bench.finder(), target)
        batch.write_atomically(path, json.dumps(made).encode())
    return list(made["rows"])
