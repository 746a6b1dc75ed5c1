"""Measure how well a recogniser tells same from different on a list of pairs."""

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from workbench import batch
from workbench.errors import BadRequest
from workbench.settings import Settings

COLUMNS = ("file_a", "file_b", "same")
TRUTH = {"1": True, "0": False, "true": True, "false": False, "same": True, "different": False}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from workbench.cli.folder import add_folder_arguments

    parser.add_argument("pairs", type=Path, help="a CSV with the columns file_a, file_b and same (1 or 0)")
    parser.add_argument("--images", type=Path, required=True, help="the folder the files are in")
    parser.add_argument("--model", default="sface", help="catalogue id of a recogniser (default: sface)")
    parser.add_argument(
        "--out",
        type=Path,
        help="figures as JSON (default: <pairs>-<model>.json here); the curve and vectors go beside it",
    )
    parser.add_argument("--rounds", type=int, default=1000, help="bootstrap rounds for the intervals (default: 1000)")
    add_folder_arguments(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.bench import Workbench
    from workbench.cli.embed import embed_photos
    from workbench.cli.folder import wish

    pairs = read_pairs(args.pairs)
    if not args.images.is_dir():
        raise BadRequest(f"{args.images} is no folder; --images says where the files of {args.pairs.name} are.")
    out = args.out or Path(f"{args.pairs.stem}-{args.model}.json")
    bench = Workbench(settings)
    bench.spec(args.model, "recognition")
    files = tuple(dict.fromkeys(file for a, b, _ in pairs for file in (a, b)))
    vectors = out.with_suffix(".npz")
    account = embed_photos(batch.Listing(args.images, files), args.model, vectors, bench, wish(args))
    report(pairs, vectors, bench.recogniser(args.model), out, args.rounds)
    return account.tell()


def read_pairs(path: Path) -> list[tuple[str, str, bool]]:
    """The pairs of a CSV. Raises BadRequest, naming the line, for a missing column, an empty name or a truth that is
    none."""
    if not path.is_file():
        raise BadRequest(f"{path} is no file; expected a CSV with the columns {', '.join(COLUMNS)}.")
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        if not set(COLUMNS) <= set(reader.fieldnames or ()):
            raise BadRequest(
                f"{path}: expected the columns {', '.join(COLUMNS)}, got "
                f"{', '.join(reader.fieldnames or ()) or 'none'}."
            )
        pairs = [_pair(row, path, number) for number, row in enumerate(reader, 2)]
    if not pairs:
        raise BadRequest(f"{path} lists no pairs.")
    return pairs


def _pair(row: dict[str, Any], path: Path, line: int) -> tuple[str, str, bool]:
    first, second, same = ((row[column] or "").strip() for column in COLUMNS)
    if not first or not second or same.lower() not in TRUTH:
        raise BadRequest(f"{path}, line {line}: expected two files and 1 or 0, got {first!r}, {second!r}, {same!r}.")
    return first, second, TRUTH[same.lower()]


def people(pairs: list[tuple[str, str, bool]]) -> dict[str, str]:
    """Who is who, as far as the list says: files joined by same pairs, also through others, are one person."""
    leader = {file: file for a, b, _ in pairs for file in (a, b)}

    def find(file: str) -> str:
        while leader[file] != file:
            leader[file] = leader[leader[file]]
            file = leader[file]
        return file

    for first, second, same in pairs:
        if same:
            leader[find(first)] = find(second)
    return {file: find(file) for file in leader}


def report(pairs: list[tuple[str, str, bool]], vectors: Path, model: Any, out: Path, rounds: int) -> None:
    """Print the figures, and write them with the curve beside."""
    from workbench.metrics.pairs import measure
    from workbench.metrics.roc import roc
    from workbench.tasks.recognition import similarities

    with np.load(vectors, allow_pickle=False) as found:
        names = [batch.unescaped(name) for name in found["names"].tolist()]
        rows: dict[Any, Any] = dict(zip(names, found["embeddings"], strict=True))
    judged = [pair for pair in pairs if pair[0] in rows and pair[1] in rows]
    if not judged:
        raise BadRequest("No pair has two photos with a face, so there is nothing to measure.")
    first, second = (np.stack([rows[pair[side]] for pair in judged]) for side in (0, 1))
    scores, same = similarities(first, second, model.metric), np.array([truth for *_, truth in judged])
    who = people(judged)
    threshold = None if model.threshold is None else model.metric.similarity(model.threshold)
    found_figures = measure(
        scores, same, ([who[a] for a, *_ in judged], [who[b] for _, b, _ in judged]), threshold, rounds
    )
    curve = roc(scores, same)
    figures = {
        "model": model.spec.id,
        "metric": model.metric,
        "threshold": model.threshold,
        "pairs": len(pairs),
        "judged": len(judged),
    }
    batch.write_atomically(out, (json.dumps(figures | found_figures.as_dict(), indent=1) + "\n").encode())
    lines = [
        "threshold,far,tar",
        *(f"{t:.6g},{f:.6g},{r:.6g}" for t, f, r in zip(curve.thresholds, curve.far, curve.tar, strict=True)),
    ]
    batch.write_atomically(out.with_name(f"{out.stem}-roc.csv"), ("\n".join(lines) + "\n").encode())
    _tell(found_figures, model, len(pairs) - len(judged), out)


def _tell(found: Any, model: Any, left_out: int, out: Path) -> None:
    print(
        f"{found.same} same and {found.different} different pairs of {found.people} people; {left_out} lack a face "
        f"and are left out"
    )
    print(f"AUC              {found.auc}\nEER              {found.eer}\nTAR at FAR 1 %   {found.tar_at_far_1}")
    if found.far is not None:
        print(f"at the calibrated threshold {model.threshold:.3f} ({model.metric}): FAR {found.far}, TAR {found.tar}")
    print(f"Wrote {out}, {out.stem}-roc.csv and {out.stem}.npz. Intervals: 95 %, bootstrap over people.")
