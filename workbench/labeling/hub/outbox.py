"""From the store to the Hub, without loss: waiting rows are sealed into shards, shards are pushed until the Hub lists
them.

A sealed shard never changes and its bytes follow from its rows alone, so every step can be done again after any crash,
by any process. Knows nothing of screens.
"""

import logging
import random
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from workbench.errors import SourceUnreachable, WorkbenchError
from workbench.labeling.hub import card
from workbench.labeling.hub.hub import HeadMoved, Hub
from workbench.labeling.store import entries, replicas, schema
from workbench.labeling.store.clock import iso, seconds
from workbench.labeling.store.entries import ANSWERS, DECISION, FOLDERS, LABEL, RATER, WITHDRAWAL
from workbench.labeling.store.store import Store

log = logging.getLogger(__name__)
KINDS = (RATER, LABEL, DECISION, WITHDRAWAL)
_ROWS = 2_000
_SHARDS = 50
_SLOWEST = 15.0
_HURRY = 5.0
_RACES = 12
_LATEST = 3600.0
"""Seconds after which a killed server's commit is no longer expected."""
PUSHING = "pushing"
"""What the server that pushes holds."""


def _names(keys: Sequence[str], kinds: Sequence[str], study: str) -> list[str]:
    """What the entries of these rows are called, by which they are found at once among millions."""
    return [f"{kind}:{study}:{key}" for kind in kinds for key in list(keys)[:500]]


def _backoff(failures: int) -> float:
    return random.uniform(0.5, 1.0) * min(_SLOWEST, 0.5 * 2 ** min(failures, 6))


@dataclass(frozen=True, slots=True)
class Status:
    """What the owner sees. waiting: rows not yet listed by the Hub. last_push, last_error: when and what; "" for
    never."""

    hub: str
    ready: bool
    waiting: int
    last_push: str
    last_error: str


class Outbox:
    """Seals and pushes one store's rows to one Hub, at most one commit per `interval` seconds, in a thread of its
    own."""

    def __init__(self, store: Store, hub: Hub, *, interval: float = 60.0) -> None:
        """Nothing runs before `start`; `seal`, `push` and `pull` can be called by hand. `recovered`: this process
        began without judgements and found some on the Hub."""
        self.store, self.hub, self.interval = store, hub, interval
        self.ready = self.recovered = False
        self.beat: Callable[[], None] = lambda: None
        """Called at least every few seconds while it runs."""
        self.last_push = self.last_error = ""
        self._wake, self._pushing = threading.Event(), threading.Lock()
        self._stopping = self._hurried = False
        self._pushed_at = -float("inf")
        self._thread: threading.Thread | None = None
        self._ensured = False
        self._described: set[str] = set()  # kinds whose recent shards the card on the Hub names
        self._head = ""

    def start(self) -> None:
        """Bring back what the Hub has, then push for ever. `ready` turns true when judging may begin."""
        self._thread = threading.Thread(target=self._run, daemon=True, name="labeling-outbox")
        self._thread.start()

    def stop(self, seconds: float = 20.0) -> bool:
        """Seal and push what waits, for at most `seconds`; whether everything is on the Hub. What is not stays for the
        next start."""
        self._stopping = True
        self._wake.set()
        deadline = time.monotonic() + seconds
        if self._thread:
            self._thread.join(max(0.0, seconds / 4))
        while time.monotonic() < deadline:
            if self.attempt() or (not self.last_error and not self.store.database.is_sqlite):
                return True  # what still waits came in elsewhere meanwhile, and goes from there
            time.sleep(min(0.5, max(0.0, deadline - time.monotonic())))
        return self.waiting() == 0

    def nudge(self) -> None:
        """Look at once whether something should be pushed (a vote came in)."""
        self._wake.set()

    def hurry(self) -> None:
        """Push as soon as may be (somebody withdrew), with no more than _HURRY seconds since the last push."""
        self._hurried = True
        self._wake.set()

    def pull(self, paths: Sequence[str] | None = None, parquet: bool = True) -> int:
        """Put back every row that the Hub has and this store has not; how many. Safe at every start and at any time.

        paths: what the Hub holds, if that is known. parquet: look into compacted files too.
        Raises SourceUnreachable when the Hub does not answer.
        """
        replicas.life(self.store.database)  # which remembers whether it began empty
        listed = [path for path in (self.hub.look()[1] if paths is None else paths) if path.startswith("data/")]
        self._mark_arrived(set(listed))
        query = sa.select(schema.shards.c.path)
        known = set(self.store.database.run(lambda c: c.scalars(query).all()))
        new = 0
        for kind in (WITHDRAWAL, RATER, LABEL, DECISION):
            for folder in (FOLDERS[kind], *([f"{FOLDERS[kind]}-parquet"] if parquet else [])):
                mine = [path for path in listed if path.startswith(f"{folder}/")]
                unknown = {path for path in mine if path not in known or path.endswith(".parquet")}
                new += self._pull_folder(kind, folder, unknown) if unknown else 0
        if new:
            studies = self.store.database.run(lambda c: c.scalars(sa.select(schema.shards.c.study).distinct()).all())
            for study in studies:
                self.store.recount(study)
        return new

    def seal(self) -> list[str]:
        """Give every waiting row its shard; the new shards' ids."""
        made: list[str] = []
        for kind in KINDS:
            while shard := self.store.database.run(lambda c, kind=kind: self._seal_one(c, kind)):  # type: ignore[misc]
                made.append(shard)
        return made

    def push(self) -> int:
        """Commit all sealed shards that the Hub does not list yet; how many are now there.

        Raises SourceUnreachable when it did not work; nothing is lost or doubled by trying again.
        """
        done, kinds = 0, set[str]()
        with self._pushing:
            while waiting := self._unpushed():
                kinds |= {shard["kind"] for shard in waiting}
                done += self._push_some()
            if not kinds <= self._described:
                self.describe()
                self._described |= kinds
        return done

    def _push_some(self) -> int:
        """One commit of sealed shards; tried again at once while others commit in between."""
        for left in reversed(range(_RACES)):
            head = self._catch_up()
            shards = self._unpushed()
            late = self._took_receipts()  # only then can a commit of an earlier life hold the same rows
            files = {shard["path"]: self._bytes(shard) for shard in shards}
            try:
                if files:
                    self.commit(files, (), f"{len(files)} shards of judgements", head if late else "")
            except HeadMoved:
                if not left:
                    raise
                time.sleep(random.uniform(0, 0.05))
                continue
            self._mark(shards)
            return len(shards)
        raise AssertionError("unreachable")

    def commit(self, files: dict[str, bytes], delete: Sequence[str], message: str, head: str = "") -> None:
        """One commit, believed only when the Hub lists it: an error may hide a commit, and the other way round.

        head: the commit it must stand on, "" for any. A parent keeps rows from doubling after a disk was wiped: a
        commit of the killed process that the Hub carries out late, and ours with the same rows, cannot both stand on
        it. Raises SourceUnreachable when the Hub does not list the files afterwards.
        """
        failed: WorkbenchError | None = None
        try:
            self._head = self.hub.commit(files, delete, message, head)
        except WorkbenchError as error:
            failed = error
        missing = set(files) - self.hub.holds(files)
        if missing or (failed and not files):
            raise failed or SourceUnreachable(
                f"{self.hub.name} accepted a commit but does not list {sorted(missing)[0]}."
            )
        self._pushed_at = time.monotonic()

    def describe(self) -> None:
        """Write the data set's card from what the Hub holds."""
        self.commit({"README.md": card.card_for(self.store, self.hub)}, (), "Describe the data set")
        self._described = set()  # after compaction no recent shard may be left

    def attempt(self) -> bool:
        """Seal and push once; whether nothing waits any more. Never raises: the reason is kept in `last_error`.

        Of several servers one pushes; while another does, nothing is done here.
        """
        try:
            with self.store.database.only_one(PUSHING) as mine:
                if mine:
                    self.seal()
                    self._ensure()
                    if self.push():
                        self.last_push = iso(self.store.now())
            self.last_error = "" if mine else "Another server is pushing."
            return self.waiting() == 0
        except WorkbenchError as error:
            self.last_error = str(error)
            log.warning("push failed: %s", error)
            return False

    def waiting(self) -> int:
        """Rows that the Hub does not list yet."""
        table, shards = schema.entries, schema.shards
        unpushed = sa.select(shards.c.shard).where(shards.c.pushed_at == "")
        query = sa.select(sa.func.count()).where(sa.or_(table.c.shard == "", table.c.shard.in_(unpushed)))
        return self.store.database.run(lambda c: c.scalar(query)) or 0

    def missing(self, labels: Sequence[str], study: str) -> set[str]:
        """Which of these answers of a study the store does not know: it was put back from an older copy since they were
        acknowledged."""
        if not labels:
            return set()
        table = schema.entries
        query = sa.select(table.c.key).where(table.c.entry.in_(_names(labels, ANSWERS, study)))
        return set(labels) - set(self.store.database.run(lambda c: c.scalars(query).all()))

    def on_hub(self, keys: Sequence[str], study: str, kind: str = "") -> set[str]:
        """Which of these answers of a study the Hub lists; with a kind, which raters' entries of that kind."""
        if not keys:
            return set()
        table, shards = schema.entries, schema.shards
        query = (
            sa.select(table.c.key)
            .join(shards, shards.c.shard == table.c.shard)
            .where(table.c.entry.in_(_names(keys, [kind] if kind else ANSWERS, study)), shards.c.pushed_at != "")
        )
        return set(self.store.database.run(lambda c: c.scalars(query).all()))

    def status(self) -> Status:
        """For the owner's view."""
        return Status(self.hub.name, self.ready, self.waiting(), self.last_push, self.last_error)

    def _run(self) -> None:
        self._start_up()
        failures = 0
        while not self._stopping:
            try:
                failures = self._turn(failures)
            except WorkbenchError as error:  # the database is away: this thread must be there when it is back
                self.last_error = str(error)
                failures += 1
                self._pause(_backoff(failures))

    def _turn(self, failures: int) -> int:
        """One round: beat, wait until a push is due, push; how many pushes have failed in a row."""
        self.beat()
        due = self._pushed_at + self._gap() - time.monotonic()
        if due <= 0 and not self.store.database.is_sqlite:
            due = self._gap() - self._since_any_push()
        if due > 0 or not self.waiting():
            self._pause(min(max(due, 0.05), 5.0) if due > 0 else min(self.interval, 5.0))
            return failures
        self._hurried = False
        failures = 0 if self.attempt() else failures + 1
        self._hurried |= bool(failures)
        if failures:
            self._pause(_backoff(failures))
        return failures

    def _gap(self) -> float:
        return min(self.interval, _HURRY) if self._hurried else self.interval

    def _since_any_push(self) -> float:
        """Seconds since a server of this database pushed."""
        query = sa.select(sa.func.max(schema.shards.c.pushed_at))
        last = self.store.database.run(lambda c: c.scalar(query))
        return self.store.now() - seconds(last) if last else float("inf")

    def _took_receipts(self) -> bool:
        """Whether a commit of a life before this one may still be under way."""
        return self.store.now() - replicas.life(self.store.database).receipts_at < _LATEST

    def _start_up(self) -> None:
        """Ready at once with judgements on the disk (the first push looks at the Hub); with none, when the Hub's were
        brought back. Of several servers one does, and the others wait for it."""
        failures = 0
        while not self.ready and not self._stopping:
            try:
                with self.store.database.only_one("restoring") as mine:
                    if mine and not self.store.has_judgements():
                        self._bring_back()
                self.ready, self.last_error = mine, ""
                if not mine:
                    self._pause(0.5)
            except WorkbenchError as error:
                self.last_error = str(error)
                log.warning("start-up waits: %s", error)
                failures += 1
                self._pause(_backoff(failures))

    def _bring_back(self) -> None:
        self._ensure()
        found = self.pull()
        log.info("brought back %d rows from %s", found, self.hub.name)
        self.recovered = bool(found)

    def _ensure(self) -> None:
        if not self._ensured:
            self.hub.ensure()
            self._ensured = True

    def _pause(self, seconds: float) -> None:
        self._wake.wait(seconds)
        if not self._stopping:
            self._wake.clear()

    def _catch_up(self) -> str:
        """The Hub's head, after anything that others put there since was brought here."""
        head, paths = self.hub.look()
        if head != self._head:
            self.pull(paths, parquet=False)
            self._head = head
        return head

    def _mark_arrived(self, listed: set[str]) -> None:
        """Shards that a lost answer left in doubt and that are there after all."""
        doubtful = [shard for shard in self._unpushed(10_000) if shard["path"] in listed]
        files = {shard["path"]: self._bytes(shard) for shard in doubtful}
        there = self.hub.holds(files) if files else set()
        self._mark([shard for shard in doubtful if shard["path"] in there])

    def _pull_folder(self, kind: str, folder: str, unknown: set[str]) -> int:
        """Read the unknown files of a folder and put their rows back, a folder's JSON lines in one go."""
        new = 0
        for path, data in self.hub.read(folder, unknown):
            try:
                rows = entries.from_parquet(kind, data) if path.endswith(".parquet") else entries.from_lines(kind, data)
            except ValueError as error:
                raise SourceUnreachable(
                    f"{path} on {self.hub.name} is not a shard of {kind} rows: {error}. Remove it there."
                ) from error
            new += self._pulled(kind, path, rows)
        return new

    def _pulled(self, kind: str, path: str, rows: list[dict[str, Any]]) -> int:
        shard = path.rsplit("/", 1)[-1].rsplit(".", 1)[0] if not path.endswith(".parquet") else path
        new = self.store.restore(kind, rows, shard, count=False)
        row = {"shard": shard, "study": rows[0]["study"] if rows else "", "kind": kind, "path": path}
        row |= {"sealed_at": iso(self.store.now()), "pushed_at": iso(self.store.now()), "hub_commit": ""}
        self.store.database.run(lambda c: self.store.database.insert_new(c, schema.shards, [row]))
        return new

    def _seal_one(self, connection: sa.Connection, kind: str) -> str:
        table = schema.entries
        waiting = sa.select(table.c.entry, table.c.study).where(table.c.shard == "", table.c.kind == kind)
        rows = connection.execute(waiting.order_by(table.c.study).limit(_ROWS).with_for_update(skip_locked=True)).all()
        if not rows:
            return ""
        study, now = rows[0].study, iso(self.store.now())
        keys = [row.entry for row in rows if row.study == study]
        shard = f"{now[:10]}-{uuid.uuid4().hex}"
        for start in range(0, len(keys), 500):
            connection.execute(table.update().where(table.c.entry.in_(keys[start : start + 500])).values(shard=shard))
        row = {"shard": shard, "study": study, "kind": kind, "path": f"{FOLDERS[kind]}/{study}/{now[:7]}/{shard}.jsonl"}
        connection.execute(schema.shards.insert(), row | {"sealed_at": now, "pushed_at": "", "hub_commit": ""})
        return shard

    def _unpushed(self, most: int = _SHARDS) -> list[dict[str, Any]]:
        query = (
            sa.select(schema.shards).where(schema.shards.c.pushed_at == "").order_by(schema.shards.c.shard).limit(most)
        )
        return [dict(row) for row in self.store.database.run(lambda c: c.execute(query).mappings().all())]

    def _bytes(self, shard: dict[str, Any]) -> bytes:
        def work(connection: sa.Connection) -> bytes:
            keys = list(
                connection.scalars(sa.select(schema.entries.c.key).where(schema.entries.c.shard == shard["shard"]))
            )
            return entries.to_lines(shard["kind"], entries.rows_of(connection, shard["kind"], shard["study"], keys))

        return self.store.database.run(work)

    def _mark(self, shards: list[dict[str, Any]]) -> None:
        names, now = [shard["shard"] for shard in shards], iso(self.store.now())
        query = schema.shards.update().where(schema.shards.c.shard.in_(names)).values(pushed_at=now)
        self.store.database.run(lambda c: c.execute(query))
