"""One way to run a transaction on SQLite or PostgreSQL, and to bring a database up to date.

SQLite: one connection under one lock, every transaction immediate, `synchronous=FULL`; those who wait for the lock
share the next transaction, and so its wait for the disk. How the journal is kept: `journal.py`. The file is its owner's
alone, and what is deleted is overwritten. PostgreSQL: a pool, row locks, and another try after a deadlock.
"""

import hashlib
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.pool import NullPool, StaticPool

from workbench.errors import StudyError
from workbench.labeling.store.journal import Keeping, keeping

T = TypeVar("T")
_TRIES = 8
_MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATION_LOCK = 72_610_411
_PATIENCE = 20.0
"""Seconds to wait for a connection to PostgreSQL while others use them all."""
_MEMORY = ("temp_store=MEMORY", "cache_size=-65536")


class _Job:
    """One caller's work in a shared transaction."""

    __slots__ = ("done", "error", "result", "work")

    def __init__(self, work: Callable[[sa.Connection], Any]) -> None:
        self.work = work
        self.done = False
        self.error: BaseException | None = None
        self.result: Any = None


class Database:
    """A database by its address: `sqlite:///path` (or a plain path) or `postgresql://…`."""

    def __init__(self, address: str | Path, *, mounted: bool = False, connections: int = 8) -> None:
        """Connect; nothing is created before `migrate`. Raises StudyError when there is no such database.

        mounted: the SQLite file may lie on a mounted bucket, whatever its file system says of itself (a Space).
        connections: to PostgreSQL at once, at most; more callers wait, and one more is opened while pushing.
        """
        url = _url(address)
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self._lock, self._waiting_lock = threading.Lock(), threading.Lock()
        self._waiting: list[_Job] = []
        self._unreachable: tuple[type[Exception], ...] = (sqlite3.OperationalError,)
        if self.is_sqlite:
            self.keeping = keeping(Path(url.database or ":memory:"), mounted)
            self.engine = _sqlite_engine(url, self.keeping)
        elif url.get_backend_name() == "postgresql":
            self.engine = _postgres_engine(url, connections)
            self._aside = sa.create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
            self._unreachable = (self.engine.dialect.dbapi.OperationalError,)  # type: ignore[union-attr]
        else:
            raise StudyError(f"The database {url.render_as_string()!r} is neither sqlite nor postgresql.")

    def run(self, work: Callable[[sa.Connection], T]) -> T:
        """`work(connection)` in one transaction; it is durable when this returns. May call `work` again after a
        deadlock.

        Raises StudyError when the database cannot be reached.
        """
        for attempt in range(_TRIES):
            try:
                if self.is_sqlite:
                    return self._together(work)
                with self.engine.begin() as connection:
                    return work(connection)
            except Exception as error:
                if attempt + 1 < _TRIES and _is_passing(error) and not self._is_taken(error):
                    time.sleep(random.uniform(0, 0.02 * 2**attempt))
                    continue
                if self._is_taken(error):
                    raise StudyError(
                        "The judgement database is in use by another process, which keeps it for itself "
                        f"({self.keeping.reason}). Stop the server first, or use the owner's view."
                    ) from error
                if isinstance(error, sa.exc.TimeoutError):
                    raise StudyError(
                        "All connections to the judgement database are in use. Nothing was lost; try again in a moment."
                    ) from error
                if isinstance(getattr(error, "orig", error), self._unreachable):
                    raise StudyError(
                        f"The judgement database does not answer: {getattr(error, 'orig', error)}"
                    ) from error
                raise
        raise AssertionError("unreachable")

    def _is_taken(self, error: Exception) -> bool:
        """Whether another process holds the file for as long as it runs: no use in waiting."""
        return self.alone and "database is locked" in str(getattr(error, "orig", error))

    def _together(self, work: Callable[[sa.Connection], T]) -> T:
        """Carry out this and everybody else's waiting work in one transaction: many votes share one wait for the
        disk."""
        job = _Job(work)
        with self._waiting_lock:
            self._waiting.append(job)
        with self._lock:
            if not job.done:
                with self._waiting_lock:
                    jobs, self._waiting = self._waiting, []
                self._commit_together(jobs)
        if job.error is not None:
            raise job.error
        return cast(T, job.result)

    def _commit_together(self, jobs: "list[_Job]") -> None:
        try:
            with self.engine.begin() as connection:
                for job in jobs:
                    self._carry_out(job, connection, alone=len(jobs) == 1)
        except BaseException as error:  # noqa: BLE001 - what failed for one alone, or for all because the disk did
            for job in jobs:
                job.error = job.error or error
        finally:
            for job in jobs:
                job.done = True

    def _carry_out(self, job: "_Job", connection: sa.Connection, alone: bool) -> None:
        if alone:
            job.result = job.work(connection)
            return
        cursor = connection.connection.cursor()  # SQLAlchemy's own savepoints cost more than a vote does
        cursor.execute("SAVEPOINT job")
        try:
            job.result = job.work(connection)
        except Exception as error:  # noqa: BLE001 - told to the one who asked; the others' work stands
            cursor.execute("ROLLBACK TO job")
            job.error = error
        cursor.execute("RELEASE job")

    def insert_new(self, connection: sa.Connection, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> int:
        """Insert rows, passing over those whose key (or other unique columns) is there already; how many were new."""
        rows = [dict(row) for row in rows]
        if not rows:
            return 0
        dialect = sqlite if self.is_sqlite else postgresql
        statement = dialect.insert(table).on_conflict_do_nothing().returning(next(iter(table.primary_key)))
        return len(connection.execute(statement, rows).all())  # PostgreSQL's count of rows says -1 of many

    def lock(self, connection: sa.Connection, name: str) -> None:
        """Wait until no other server's transaction holds this name, and hold it to the end of this one. SQLite has one
        writer at a time anyway."""
        if not self.is_sqlite:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_number(name))))

    @contextmanager
    def only_one(self, name: str) -> Iterator[bool]:
        """Whether this process alone has `name` as long as the block runs; at once, without waiting. Always, on SQLite.

        Takes a connection of its own besides the pool's. Raises StudyError when the database cannot be reached.
        """
        if self.is_sqlite:
            yield True
            return
        try:
            connection = self._aside.connect()
            mine = bool(connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_number(name)))))
        except sa.exc.OperationalError as error:
            raise StudyError(f"The judgement database does not answer: {error.orig}") from error
        try:
            yield mine
        finally:
            connection.close()  # the session ends, and the lock with it

    def migrate(self) -> None:
        """Bring the tables to this version; safe to call at every start, by several processes at once."""
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))

        def upgrade(connection: sa.Connection) -> None:
            if not self.is_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

        self.run(upgrade)

    def describe(self) -> str:
        """Engine, version and journal mode, for the log at start."""
        if not self.is_sqlite:
            return self.run(lambda c: str(c.scalar(sa.text("select version()")))).split(",")[0]
        mode = self.run(lambda c: c.exec_driver_sql("PRAGMA journal_mode").scalar())
        said = f"SQLite {sqlite3.sqlite_version}, journal {mode}, synchronous full"
        return f"{said}, locked for this process alone: {self.keeping.reason}" if self.keeping.exclusive else said

    @property
    def alone(self) -> bool:
        """Whether the file is locked for this process as long as it runs."""
        return self.is_sqlite and self.keeping.exclusive

    def forget(self) -> None:
        """Leave nothing of what was just deleted in a write-ahead log (deleted rows themselves are overwritten)."""
        if self.is_sqlite and self.keeping.journal == "WAL":
            with self._lock, self.engine.connect() as connection:
                connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def _url(address: str | Path) -> sa.URL:
    text = str(address)
    if "://" not in text:
        Path(text).parent.mkdir(parents=True, exist_ok=True)
        return sa.URL.create("sqlite", database=text)
    try:
        url = sa.make_url(text)
    except sa.exc.ArgumentError as error:
        raise StudyError(
            "The database address cannot be read; expected sqlite:///path or postgresql://user@host/name."
        ) from error
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    return url


def _sqlite_engine(url: sa.URL, keeping: Keeping) -> sa.Engine:
    """One connection. Only the owner of the process can read the file; SQLite gives its journals the same rights."""
    seconds = 3 if keeping.exclusive else 30
    engine = sa.create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False, "timeout": seconds})

    @sa.event.listens_for(engine, "do_connect")
    def _hide(dialect: Any, record: Any, args: Any, options: Any) -> None:
        if url.database and not url.database.startswith((":memory:", "file:")):
            os.close(os.open(url.database, os.O_CREAT | os.O_RDWR, 0o600))
            os.chmod(url.database, 0o600)

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, record: Any) -> None:
        connection.isolation_level = None
        for pragma in (*keeping.pragmas(), "synchronous=FULL", "secure_delete=ON", *_MEMORY):
            connection.execute(f"PRAGMA {pragma}").fetchall()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _number(name: str) -> int:
    """A name as an advisory lock's: 64 bits, the same on every server."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


def _postgres_engine(url: sa.URL, connections: int) -> sa.Engine:
    try:
        return sa.create_engine(url, pool_size=connections, max_overflow=0, pool_timeout=_PATIENCE, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise StudyError(
            'PostgreSQL needs the driver psycopg: pip install "psycopg[binary]" (extra `postgres`).'
        ) from error


def _is_passing(error: Exception) -> bool:
    """Deadlock, serialisation failure, or another process that holds the SQLite file for a moment."""
    cause = getattr(error, "orig", error)
    return getattr(cause, "sqlstate", None) in ("40P01", "40001") or "database is locked" in str(cause)
