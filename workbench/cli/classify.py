"""Write the expression, age or gender of the largest face of every photo of a folder."""

import argparse
import csv
import io
import threading
from pathlib import Path
from typing import Any

from workbench import batch
from workbench.errors import BadRequest
from workbench.settings import Settings

TASKS = ("expression", "attributes")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="a folder of photos, or one photo")
    parser.add_argument(
        "--model", default="fer", help="catalogue id of an expression or attribute model (default: fer)"
    )
    parser.add_argument("--out", type=Path, help="the table to write (default: <folder>-<model>.csv here)")
    parser.add_argument("--workers", type=int, default=2, help="photos at a time (default: 2)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.bench import Workbench
    from workbench.cli.chosen import largest_face, name
    from workbench.tasks.expression import check_size

    bench = Workbench(settings)
    spec = bench.spec(args.model)
    if spec.task not in TASKS:
        known = ", ".join(row.id for task in TASKS for row in bench.specs(task))
        raise BadRequest(f"{spec.id} does {spec.task}; expected one of {known}.")
    photos = batch.photos(args.folder)
    finder, model = bench.finder(), bench.model(spec.id)
    out = args.out or Path(f"{args.folder.resolve().stem}-{spec.id}.csv")
    table = Table(out, ("file", "model", "label", *model.labels, "faces", "left", "top", "right", "bottom"), spec.id)

    def work(path: Path) -> None:
        image, face, count = largest_face(path, finder, settings)
        check_size(face)
        scores = model.scores(image, face)
        numbers = [f"{value:.6g}" for value in scores.values]
        label = scores.top if len(scores.labels) > 1 else numbers[0]
        table.add([name(path, args.folder), spec.id, label, *numbers, count, *(f"{side:.1f}" for side in face.box)])

    with table:
        account = batch.run(
            photos,
            work,
            done=lambda path: name(path, args.folder) in table.names,
            workers=_workers(args),
            label="classify",
        )
    print(f"Wrote {out}.")
    return account.tell()


def _workers(args: argparse.Namespace) -> int:
    return max(1, min(args.workers, 16))


class Table:
    """A CSV that grows row by row, so that a killed run loses nothing, and is sorted and whole at the end.

    names: files that already have a row. Raises BadRequest when the file holds another model's rows.
    """

    def __init__(self, path: Path, columns: tuple[str, ...], model: str) -> None:
        self._path, self._columns, self._guard = path, columns, threading.Lock()
        self._rows = self._old(model)
        self.names = {row[0] for row in self._rows}

    def _old(self, model: str) -> list[list[str]]:
        if not self._path.is_file():
            return []
        header, *rows = list(csv.reader(io.StringIO(self._path.read_text(encoding="utf-8")))) or [[]]
        whole = [row for row in rows if len(row) == len(self._columns)]
        if tuple(header) != self._columns or any(row[1] != model for row in whole):
            raise BadRequest(
                f"{self._path} holds something else than rows of {model}. Choose another --out, or delete it."
            )
        return whole

    def __enter__(self) -> "Table":
        self._write()
        return self

    def __exit__(self, *fault: object) -> None:
        self._rows.sort()
        self._write()

    def add(self, row: list[Any]) -> None:
        """Append a row; safe from several threads."""
        with self._guard:
            self._rows.append([str(value) for value in row])
            with self._path.open("a", encoding="utf-8", newline="") as stream:
                csv.writer(stream, lineterminator="\n").writerow(row)

    def _write(self) -> None:
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(self._columns)
        writer.writerows(self._rows)
        batch.write_atomically(self._path, stream.getvalue().encode())
