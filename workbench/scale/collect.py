"""The results of many shards in the formats of the plain commands: one CSV, one .npz, or a folder of files."""

import csv
import json
import os
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.batch import cell, write_atomically
from workbench.batch.files import shown, writing
from workbench.batch.table import LAST
from workbench.errors import BadRequest
from workbench.scale import vectors
from workbench.scale.plan import Plan
from workbench.scale.shard import read_rows
from workbench.scale.source import checked_id


def check_whole(plan: Plan) -> None:
    """Raises BadRequest when shards are missing: half a table looks like a whole one."""
    if missing := plan.shards - len(plan.done()):
        raise BadRequest(
            f"{missing:,} of {plan.shards:,} shards are not done yet. Run the command again to finish them."
        )


def rows(plan: Plan) -> Iterator[dict[str, Any]]:
    """Every row, as the plain commands' tables have them, in the order of the plan; vectors beside."""
    for number in range(plan.shards):
        for row in read_rows(plan.rows(number)):
            saved = "" if row.error or not plan.files else f"{row.id}{plan.files[0]}"
            end = {"file": row.id, "saved": saved, "error": row.error, "stamp": row.stamp, "vector": row.vector}
            for figures in json.loads(row.figures):
                yield {**end, **figures} if "saved" in figures else {**figures, **end}


def as_csv(plan: Plan, path: Path) -> None:
    """One table. Raises CannotWrite."""
    columns = ("file", *plan.columns, *LAST)
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    with writing(path):
        try:
            with part.open("w", encoding="utf-8", newline="") as stream:
                writer = csv.writer(stream, lineterminator="\n")
                writer.writerow(columns)
                writer.writerows([cell(row.get(column)) for column in columns] for row in rows(plan))
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


def as_npz(plan: Plan, path: Path) -> None:
    """One file of vectors. Raises BadRequest when the step made none."""
    if plan.command != "embed":
        raise BadRequest(f"{shown(plan.folder)} holds no vectors; it was made by {plan.command}.")
    vectors.pack(path, str(plan.options["model"]), lambda: rows(plan))


def as_files(plan: Plan, folder: Path) -> int:
    """Every file by itself; how many. Raises BadRequest when the step made none, CannotWrite."""
    if not plan.files:
        raise BadRequest(f"{shown(plan.folder)} holds no files; {plan.command} makes only rows.")
    count = 0
    for number in sorted(plan.done()):
        with tarfile.open(plan.tar(number), "r:") as archive:
            for member in archive:
                stream = archive.extractfile(member)
                if stream is not None:
                    write_atomically(folder / checked_id(member.name), stream.read())
                    count += 1
    return count
