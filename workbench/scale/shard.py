"""One shard, start to end: idempotent, and remembered while it goes on, so that a photo that kills its worker is found.

Knows no engine. Files first; the rename of the rows is the commit. Two workers on one shard write the same.
"""

import json
import os
import socket
import tarfile
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout

from workbench.batch import Stamp, escaped, unescaped
from workbench.batch.files import shown, writing
from workbench.batch.stamp import digest
from workbench.errors import CannotWrite, WorkbenchError
from workbench.scale.plan import Plan, write_parquet
from workbench.scale.source import Item, Reader
from workbench.scale.step import Outcome, Work
from workbench.settings import Settings
from workbench.watch import Watch

BESIDE = (".lock", ".tar")
"""What lies beside the file of a try: the lock that says it is alive, and its tar as far as it has come."""


class Tally(NamedTuple):
    """Photos of a shard: done now, failed now."""

    done: int
    failed: int


@dataclass(frozen=True, slots=True)
class Rules:
    """max_crashes: times a photo may end its worker before it is an error. retry: do photos again that failed."""

    max_crashes: int = 2
    retry: bool = False


class Row(NamedTuple):
    """What a shard keeps of a photo: exactly one.

    id: escaped as in tables. figures: JSON, a list of the photo's rows.
    """

    id: str
    error: str
    stamp: str
    figures: str
    vector: list[float] | None


def run_shard(plan: Plan, number: int, work: Work, settings: Settings, rules: Rules) -> Tally:
    """Do every photo of a shard that is not done, and commit. Raises CannotWrite; whatever dies, it can be called
    again."""
    kept = {row.id: row for row in read_rows(plan.rows(number)) if not (rules.retry and row.error)}
    items = plan.items(number)
    if len(kept) == len(items):
        return Tally(0, 0)
    reader, rows, done = Reader(plan.kind, settings), [], 0
    with _attempt(plan.folder / "_now", number) as attempt, _tar(plan, number, attempt) as archive:
        for place, item in enumerate(items):
            row = kept.get(escaped(item.id))
            files: Mapping[str, bytes] = {}
            if row is None:
                attempt.at(place)
                row, files = _row(plan, item, reader, work, attempt.crashes[place], rules)
                done += not row.error
            elif archive is not None and not row.error:
                files = _old_files(plan, number, item)
            rows.append(row)
            for suffix, data in files.items():
                _add(archive, f"{item.id}{suffix}", data)
        reader.close()
        attempt.at(-1)
    write_parquet(plan.rows(number), _as_columns(rows))
    attempt.forget()
    return Tally(done, len(rows) - len(kept) - done)


def _row(
    plan: Plan, item: Item, reader: Reader, work: Work, crashes: int, rules: Rules
) -> tuple[Row, Mapping[str, bytes]]:
    size, changed = reader.looks(item)
    if crashes >= rules.max_crashes:
        error = f"the process that worked on this photo ended {crashes} times"
        return _failed(item, Stamp(size, changed, ""), error), {}
    try:
        data = reader(item)
    except WorkbenchError as error:
        return _failed(item, Stamp(size, changed, ""), str(error)), {}
    stamp = Stamp(size if size > 0 else len(data), changed, digest(data))
    try:
        outcome: Outcome = work(item.id, data, Watch())
    except CannotWrite:
        raise
    except WorkbenchError as error:
        return _failed(item, stamp, str(error)), {}
    except Exception as error:  # noqa: BLE001 - one photo must never stop a shard; it is kept with its fault
        return _failed(item, stamp, f"{type(error).__name__}: {error}"), {}
    stamp = replace(stamp, rows=len(outcome.rows))
    vector = None if outcome.vector is None else outcome.vector.astype("float32").tolist()
    rows = [{**row, **_named(item, plan, outcome)} for row in outcome.rows]
    figures = json.dumps(rows, ensure_ascii=True, default=float)
    return Row(escaped(item.id), "", str(stamp), figures, vector), outcome.files


def _named(item: Item, plan: Plan, outcome: Outcome) -> dict[str, str]:
    """What the file of a photo is called where its outcome decides; nothing where every photo's is called alike."""
    first = next(iter(outcome.files), "")
    return {"saved": f"{escaped(item.id)}{first}"} if first and set(outcome.files) < set(plan.files) else {}


def _failed(item: Item, stamp: Stamp, error: str) -> Row:
    return Row(escaped(item.id), shown(error), str(stamp), "[{}]", None)


def read_rows(path: Path) -> list[Row]:
    """The rows of a shard, [] when it is not done."""
    import pyarrow.parquet as pq

    if not path.is_file():
        return []
    table = pq.read_table(path)
    columns = [table.column(name).to_pylist() for name in Row._fields]
    return [Row(*values) for values in zip(*columns, strict=True)]


def _as_columns(rows: list[Row]) -> dict[str, Any]:
    import pyarrow as pa

    kinds = (pa.string(), pa.string(), pa.string(), pa.string(), pa.list_(pa.float32()))
    columns = zip(Row._fields, kinds, zip(*rows, strict=True), strict=True)
    return {name: pa.array(list(values), kind) for name, kind, values in columns}


@contextmanager
def _tar(plan: Plan, number: int, attempt: "_Attempt") -> Iterator[tarfile.TarFile | None]:
    """The shard's tar, renamed into place when all of it is written; None for a step without files."""
    if not plan.files:
        yield None
        return
    place = plan.tar(number)
    part = Path(f"{attempt.path}.tar")  # goes with the attempt when this process is killed
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as stream:
                with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
                    yield archive
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(part, place)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)


def _add(archive: tarfile.TarFile | None, name: str, data: bytes) -> None:
    assert archive is not None, "a step without files wrote one"
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, BytesIO(data))


def _old_files(plan: Plan, number: int, item: Item) -> dict[str, bytes]:
    """What a photo that is done has in the tar that is there."""
    with tarfile.open(plan.tar(number), "r:") as archive:
        there = set(archive.getnames())
        written = [suffix for suffix in plan.files if f"{item.id}{suffix}" in there]
        found = {suffix: archive.extractfile(f"{item.id}{suffix}") for suffix in written}
        return {suffix: stream.read() for suffix, stream in found.items() if stream is not None}


@contextmanager
def files_of(plan: Plan, number: int) -> Iterator[Callable[[str], bytes]]:
    """What gives a file of a shard that is done by its name; b"" when there is none."""
    if not plan.files:
        yield lambda name: b""
        return
    with tarfile.open(plan.tar(number), "r:") as archive:

        def read(name: str) -> bytes:
            try:
                stream = archive.extractfile(name)
            except KeyError:
                return b""
            return b"" if stream is None else stream.read()

        yield read


class _Attempt:
    """A try at a shard: a small file says which photo is being worked on, a lock says that the try is alive.

    crashes: how many tries ended at each photo, by its place in the shard.
    """

    def __init__(self, folder: Path, number: int) -> None:
        self.path = folder / f"{number:06d}.{socket.gethostname()[:40]}.{os.getpid()}.{uuid.uuid4().hex[:12]}"
        self.crashes: Counter[int] = Counter()
        self._dead: list[Path] = []
        for other in sorted(folder.glob(f"{number:06d}.*")):
            if other.suffix not in BESIDE and (place := _place_of_dead(other)) is not None:
                self.crashes[place] += place >= 0
                self._dead.append(other)
                Path(f"{other}.tar").unlink(missing_ok=True)
        self._lock = FileLock(f"{self.path}.lock")
        self._lock.acquire()
        self._stream = self.path.open("wb", buffering=0)

    def at(self, place: int) -> None:
        """Say which photo is next, before anything is done with it."""
        os.pwrite(self._stream.fileno(), f"{place:09d}".encode(), 0)

    def close(self) -> None:
        """End the try in good order: it counts as no crash."""
        self._stream.close()
        self._lock.release()
        _remove(self.path)

    def forget(self) -> None:
        """The shard is done: tries that crashed do not matter any more."""
        for path in self._dead:
            _remove(path)


@contextmanager
def _attempt(folder: Path, number: int) -> Iterator[_Attempt]:
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        attempt = _Attempt(folder, number)
    try:
        yield attempt
    finally:
        attempt.close()


def _place_of_dead(path: Path) -> int | None:
    """Where a try ended; None while it is alive, -1 before its first photo."""
    try:
        with FileLock(f"{path}.lock", timeout=0):
            text = path.read_text()
    except (Timeout, OSError):
        return None
    return int(text) if text.isdecimal() else -1


def _remove(path: Path) -> None:
    for name in (path, *(Path(f"{path}{suffix}") for suffix in BESIDE)):
        with suppress(OSError):
            name.unlink()


def forget_attempts(plan: Plan, pid: int) -> None:
    """Take away what a process of this machine, ended on purpose, left behind: it is no crash."""
    for path in (plan.folder / "_now").glob(f"*.{socket.gethostname()[:40]}.{pid}.*"):
        with suppress(OSError):
            path.unlink()


def counted(plan: Plan) -> dict[str, int]:
    """From the disk: photos with a row, those with an error, and shards that are done."""
    import pyarrow.parquet as pq

    photos = failed = 0
    done = plan.done()
    for number in done:
        errors = pq.read_table(plan.rows(number), columns=["error"]).column(0).to_pylist()
        photos += len(errors)
        failed += sum(map(bool, errors))
    return {"photos": photos, "failed": failed, "shards": len(done)}


def with_errors(plan: Plan) -> list[int]:
    """The shards that are done and hold a photo that failed."""
    import pyarrow.parquet as pq

    return [n for n in sorted(plan.done()) if any(pq.read_table(plan.rows(n), columns=["error"])["error"].to_pylist())]


def first_errors(plan: Plan, most: int) -> list[tuple[str, str]]:
    """The first photos that failed, and why."""
    found: list[tuple[str, str]] = []
    for number in with_errors(plan):
        if len(found) >= most:
            break
        found += [(unescaped(row.id), row.error) for row in read_rows(plan.rows(number)) if row.error]
    return found[:most]


def ids(plan: Plan) -> list[str]:
    """Every id that has a row, shard by shard."""
    return [unescaped(row.id) for number in sorted(plan.done()) for row in read_rows(plan.rows(number))]
