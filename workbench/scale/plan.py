"""A plan: which photos there are, in shards, written once; and what is to be done with them.

OUT/run.json                what decides the results, as for every folder of results
OUT/_plan/plan.json         command, columns, files, kind of source, how many photos and shards
OUT/_plan/000000.parquet    id, uri, offset, size: a shard
OUT/rows/000000.parquet     a row for each of its photos: its presence says that the shard is done
OUT/files/000000.tar        what was written for them, each as <id><suffix>
OUT/_now/                   who works on what
"""

import copy
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from workbench import devices
from workbench.batch import Record, escaped, unescaped, write_atomically
from workbench.batch.files import held, make_folder, shown
from workbench.batch.record import begin
from workbench.bench import Workbench
from workbench.errors import BadRequest, BadWeights
from workbench.generation.album import ROUND
from workbench.scale.source import Item, Source
from workbench.scale.step import Step, Work, record, settle
from workbench.settings import Settings


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done with how many photos. Everything a worker elsewhere must know, as JSON can hold it.

    out: where results go. kind: of the source. weights: sha256 by model id, and thresholds: what recognisers are read
    against, by model id; every worker must have the same.
    """

    out: str
    command: str
    options: dict[str, Any]
    weights: dict[str, str]
    columns: tuple[str, ...]
    files: tuple[str, ...]
    kind: str
    photos: int
    shards: int
    thresholds: dict[str, float | None] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where results go."""
        return Path(self.out)

    def rows(self, number: int) -> Path:
        """The rows of a shard: there when it is done."""
        return self.folder / "rows" / f"{number:06d}.parquet"

    def tar(self, number: int) -> Path:
        """The files of a shard."""
        return self.folder / "files" / f"{number:06d}.tar"

    def items(self, number: int) -> list[Item]:
        """The photos of a shard."""
        import pyarrow.parquet as pq

        table = pq.read_table(self.folder / "_plan" / f"{number:06d}.parquet")
        columns = [table.column(name).to_pylist() for name in Item._fields]
        return [Item(unescaped(id_), unescaped(uri), *rest) for id_, uri, *rest in zip(*columns, strict=True)]

    def done(self) -> set[int]:
        """The shards that are done, by one look at the folder."""
        folder = self.folder / "rows"
        names = [path.stem for path in folder.glob("*.parquet")] if folder.is_dir() else []
        return {int(name) for name in names if name.isdecimal()}


def make(step: Step, source: Source, out: Path, bench: Workbench, shard_size: int) -> Plan:
    """The plan in `out`: the one that is there, or a new one. Raises BadRequest, naming the difference, when `out` was
    begun by another run."""
    if shard_size < 1:
        raise BadRequest(f"--shard-size: expected 1 or more, got {shard_size}.")
    if source.kind == "vectors":
        shard_size = -(-shard_size // ROUND) * ROUND  # what is drawn together stays together
    if os.path.realpath(out) == source.root:
        raise BadRequest(f"--out {shown(out)} is where the photos are. Choose another.")
    made = record(step, bench, shown(source.root))
    made = replace(made, options={**made.options, "in shards": True, "read": source.kind})
    make_folder(out)
    with held(out / "_plan"):
        begin(made, out)
        kept = out / "_plan" / "plan.json"
        if not kept.is_file():
            photos, shards = _write(source, out, shard_size)
            plan = _plan(step, made, source, out, photos, shards)
            content = {**asdict(plan), "out": ""}  # the folder may move
            write_atomically(kept, (json.dumps(content, indent=1) + "\n").encode())
    return read(out)


def _plan(step: Step, made: Record, source: Source, out: Path, photos: int, shards: int) -> Plan:
    what = dict(step.options), dict(made.weights)
    read = dict(made.thresholds)
    return Plan(str(out), step.command, *what, step.columns, step.files, source.kind, photos, shards, read)


def read(out: Path) -> Plan:
    """The plan of a folder of results. Raises BadRequest when it has none."""
    try:
        found = json.loads((out / "_plan" / "plan.json").read_text())
        columns, files = tuple(found.pop("columns")), tuple(found.pop("files"))
        own = {"columns": columns, "files": files, "out": os.path.abspath(out)}  # a node of a cluster works elsewhere
        return Plan(**{**found, **own})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadRequest(f"{shown(out)} has no plan that can be read ({error}).") from error


def _write(source: Source, out: Path, size: int) -> tuple[int, int]:
    photos = number = 0
    for number, items in enumerate(_shards(source.groups(out), size, whole=source.kind in ("tar", "parquet")), 1):
        write_parquet(out / "_plan" / f"{number - 1:06d}.parquet", _columns(items))
        photos += len(items)
    if not photos:
        raise BadRequest(f"{shown(source.root)} holds no photos.")
    return photos, number


def _shards(groups: Iterable[list[Item]], size: int, whole: bool) -> Iterator[list[Item]]:
    """Pieces of `size`; where a piece is read `whole` (a tar, a row group), none spans two."""
    held: list[Item] = []
    for group in groups:
        held += group
        while len(held) >= size or (whole and held):
            yield held[:size]
            held = held[size:]
    if held:
        yield held


def _columns(items: list[Item]) -> dict[str, Any]:
    ids, uris, offsets, sizes = zip(*items, strict=True)
    return {"id": [escaped(i) for i in ids], "uri": [escaped(uri) for uri in uris], "offset": offsets, "size": sizes}


def write_parquet(path: Path, columns: dict[str, Any]) -> None:
    """Write a table in one step. Raises CannotWrite."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream, compression="zstd")
    write_atomically(path, stream.getvalue())


Opener = Callable[[Plan, Workbench], Work]
"""How a worker gets its work from a plan."""


def alone(settings: Settings) -> Settings:
    """The settings of one of several workers: a model has one thread, unless a number was asked for, because there are
    as many workers as cores."""
    return replace(settings, threads=settings.threads or 1)


def opened(plan: Plan, bench: Workbench) -> Work:
    """The loaded work of a plan, on this machine, in a worker of one thread (WORKBENCH_THREADS: of more), torch's or
    any other runtime's. Raises ModelMissing and BadWeights, by name, when this machine lacks weights or has others."""
    bench = bench if bench.settings.threads else _narrowed(bench)
    step = settle(plan.command, bench, plan.options)
    found = record(step, bench, "")
    for model, digest in plan.weights.items():
        if found.weights.get(model) != digest:
            raise BadWeights(f"The weights of {model} here are not those that the plan was made with.")
    for model, value in plan.thresholds.items():
        if (here := found.thresholds.get(model)) != value:
            raise BadWeights(f"{model} is read against {here} here; the plan was made with {value}.")
    return step.open(bench)


def _narrowed(bench: Workbench) -> Workbench:
    """The same bench, its rows and what it has loaded, whose models are loaded with one thread from now on."""
    narrow = copy.copy(bench)
    narrow.settings = alone(bench.settings)
    with devices.allowing(narrow.settings.threads):  # torch has one number for what is loaded already, too
        return narrow
