"""A folder in one process: threads, one table that grows, a file per photo. What the plain commands do."""

import copy
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from workbench import batch
from workbench.batch import Account, Listing, Stamp, Table
from workbench.batch.files import make_folder, shown
from workbench.batch.listing import targets
from workbench.batch.record import begin, place
from workbench.batch.stamp import digest, digest_of, looks
from workbench.bench import Workbench
from workbench.decoding import content
from workbench.errors import BadRequest
from workbench.scale.step import Outcome, Step, record
from workbench.watch import Watch


@dataclass(frozen=True, slots=True)
class Wish:
    """How a folder is worked through: photos at a time, whether those that failed are tried again, and whether every
    file that is left out is named."""

    workers: int = 2
    retry: bool = False
    verbose: bool = False


class Sink:
    """What else is kept of a run. columns: that `keep` adds to a photo's rows."""

    columns: tuple[str, ...] = ()

    def start(self) -> None:
        """Called before the table is read, while the run holds its place."""

    def keep(self, name: str, outcome: Outcome) -> dict[str, Any]:
        """More columns of a photo's rows."""
        return {}

    def finish(self) -> None:
        """Called when all rows are there."""


def work_through(
    step: Step,
    listing: Listing,
    out: Path,
    table: Path,
    bench: Workbench,
    wish: Wish,
    sink: Sink | None = None,
) -> Account:
    """Do the step with every photo that has no rows in `table` yet; results go below `out`.

    Raises BadRequest when `out` was begun by another run, is the photos' own folder, or holds files this run would
    overwrite; CannotWrite; Cancelled.
    """
    sink = sink or Sink()
    listing.tell(wish.verbose)
    made = record(step, bench, shown(os.path.realpath(listing.root)))
    check_place(step, listing, out)
    if step.files:
        make_folder(out)
    with batch.held(out):
        if not place(out).is_file():
            _check_empty(step, listing, out, table)
        begin(made, out)
        sink.start()
        rows = Table(table, (*step.columns, *sink.columns))
        folder = out if step.files else None
        account, todo = _split(listing, rows, step, folder, wish.retry)
        places = _places(step, listing, rows, todo)
        again = {batch.escaped(name) for name in todo if name in rows}
        rows.begin(again.__contains__)
        rows.forget()
        try:
            if todo:
                _run(step, listing, todo, places, rows, out, bench, wish, sink, account)
        except BaseException:
            rows.end(tidy=False)
            raise
        rows.end()
        sink.finish()
    return account


def check_place(step: Step, listing: Listing, out: Path) -> None:
    """Raises BadRequest when results would lie among the photos they are made from, or in a folder inside that already
    holds something."""
    if not step.files:
        return
    root, results = os.path.realpath(listing.root), os.path.realpath(out)
    if root == results:
        raise BadRequest(f"--out {shown(out)} is the folder of the photos: they would be overwritten. Choose another.")
    inside = os.path.commonpath([root, results]) == root
    if inside and not place(out).is_file() and out.is_dir() and any(os.scandir(out)):
        raise BadRequest(
            f"--out {shown(out)} lies among the photos and already holds files: they could be overwritten. Choose a "
            "folder of its own."
        )


def _check_empty(step: Step, listing: Listing, out: Path, table: Path) -> None:
    """Nothing that somebody else put there is overwritten, and nothing is taken for done."""
    found = [path for path in dict.fromkeys((table, out)) if path.is_file()]
    if step.files and out.is_dir():
        named = targets(listing.names, step.files[0], {}) if step.short else {name: name for name in listing.names}
        bases = [where.removesuffix(step.files[0]) for where in named.values()] if step.short else list(named.values())
        places = (
            out / f"{base}{suffix}" for base in bases for suffix in (step.files if step.either else step.files[:1])
        )
        found += [path for path in places if os.path.exists(path)][:1]
    if found:
        raise BadRequest(
            f"{shown(found[0])} is there, and nothing says how it was made. Choose another --out, or delete it."
        )


def _split(listing: Listing, rows: Table, step: Step, folder: Path | None, retry: bool) -> tuple[Account, list[str]]:
    """What is done, and what is to do: photos without rows, replaced photos, those whose result is gone."""
    account, todo = Account(), []
    for name in listing.names:
        if name not in rows or not rows.stamp(name).fits(listing.path(name)):
            todo.append(name)
        elif error := rows.error(name):
            if retry:
                todo.append(name)
            else:
                account.fail(name, error, before=True)
        elif folder is not None and not _is_there(folder, rows.saved(name), step):
            todo.append(name)
        else:
            account.skipped += 1
    return account, todo


def _is_there(folder: Path, saved: str, step: Step) -> bool:
    """Whether all results of a photo are on the disk, and not emptied by a power cut."""
    base, own = _base(saved, step)
    try:
        return all(
            os.stat(folder / f"{batch.unescaped(base)}{suffix}").st_size
            for suffix in ([own] if step.either else step.files)
        )
    except OSError:
        return False


def _base(saved: str, step: Step) -> tuple[str, str]:
    """A result's place without its suffix, and the suffix."""
    own = next((suffix for suffix in step.files if saved.endswith(suffix)), step.files[0])
    return saved.removesuffix(own), own


def _write(outcome: Outcome, place: str, step: Step, out: Path) -> str:
    """Write the files of a photo; the place of the first. place: as planned, with the step's first suffix. Where only
    one of the step's suffixes is written, the others go: a photo that was replaced may have come out otherwise."""
    base = place.removesuffix(step.files[0])
    for suffix, data in outcome.files.items():
        batch.write_atomically(out / f"{base}{suffix}", data)
    if not step.either:
        return place
    for other in set(step.files) - set(outcome.files):
        (out / f"{base}{other}").unlink(missing_ok=True)
    return f"{base}{next(iter(outcome.files))}"


def _places(step: Step, listing: Listing, rows: Table, todo: list[str]) -> dict[str, str]:
    """Where each photo's first file goes, relative to the results. Photos that are done keep their place."""
    if not step.files or not todo:
        return {}
    if not step.short:
        return {name: f"{name}{step.files[0]}" for name in todo}
    done = {name: batch.unescaped(rows.saved(name)) for name in listing.names if name in rows and rows.saved(name)}
    kept = {name: f"{_base(saved, step)[0]}{step.files[0]}" for name, saved in done.items()}
    found = targets(listing.names, step.files[0], kept)
    return {name: found[name] for name in todo}


def _run(
    step: Step,
    listing: Listing,
    todo: list[str],
    places: dict[str, str],
    rows: Table,
    out: Path,
    bench: Workbench,
    wish: Wish,
    sink: Sink,
    account: Account,
) -> None:
    work = step.open(sharing(bench, wish.workers))
    share_cores(wish.workers)

    def one(name: str, stopped: Callable[[], bool]) -> tuple[Outcome, Stamp]:
        path = listing.path(name)
        before = looks(path)
        data = content(path, bench.settings)
        outcome = work(name, data, Watch(cancelled=stopped))
        return outcome, Stamp(*before, digest(data), len(outcome.rows))

    def put(name: str, answer: tuple[Outcome, Stamp] | None, error: str) -> str:
        place = places.get(name, "")
        if answer is not None and answer[0].files:
            try:
                place = _write(answer[0], place, step, out)
            except OSError as fault:  # a name too long for this disk; a full disk is CannotWrite and ends the run
                answer, error = None, f"the result cannot be written: {fault.strerror}"
        if answer is None:
            rows.add(name, [{}], failed_stamp(listing.path(name), bench.settings.max_bytes), error=error)
        else:
            more = sink.keep(name, answer[0])
            rows.add(name, [{**row, **more} for row in answer[0].rows], answer[1], batch.escaped(place))
        return error

    batch.run(todo, one, put, total=len(todo), workers=wish.workers, label=step.command, account=account)


def failed_stamp(path: Path, most: int) -> Stamp:
    """Which photo failed; the content of a file of more than `most` bytes is not read for it."""
    size, changed = looks(path)
    return Stamp(size, changed, digest_of(path) if size <= most else "")


def sharing(bench: Workbench, workers: int) -> Workbench:
    """The same bench, its rows and what it has loaded, whose models are loaded with a worker's share of the cores from
    now on; or with as many threads as were asked for, where a number was."""
    narrow = copy.copy(bench)
    share = max(1, (os.cpu_count() or 1) // max(1, workers))
    narrow.settings = replace(bench.settings, threads=bench.settings.threads or share)
    return narrow


def share_cores(workers: int) -> None:
    """Give each worker its share of the cores, where a model runs in torch: workers that all use all cores wait for
    each other. Torch is not loaded for it, which takes as long as ten photos do."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // max(1, workers)))
