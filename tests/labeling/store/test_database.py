"""The database below the store: its tables, what it keeps, and which it refuses."""

import pytest

from workbench.errors import StudyError
from workbench.labeling.store import schema
from workbench.labeling.store.clock import Clock
from workbench.labeling.store.database import Database
from workbench.labeling.store.journal import wal_is_safe
from workbench.labeling.store.store import Store


def test_the_tables_are_what_the_migrations_build(store):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with store.database.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), schema.metadata)
    assert differences == []


def test_migrating_twice_changes_nothing(filled_store):
    filled_store.database.migrate()
    assert filled_store.state("pairs") == "open"


def test_sqlite_is_set_to_keep_what_it_acknowledged(tmp_path):
    database = Database(tmp_path / "x.db")
    assert database.run(lambda c: c.exec_driver_sql("PRAGMA synchronous").scalar()) == 2
    assert "SQLite" in database.describe()
    database.close()


def test_the_write_ahead_log_is_used_only_where_it_is_free_of_the_fault():
    assert not wal_is_safe((3, 40, 1))
    assert not wal_is_safe((3, 51, 2))
    assert not wal_is_safe((3, 45, 0))
    assert wal_is_safe((3, 51, 3))
    assert wal_is_safe((3, 44, 6))


def test_another_database_is_refused(tmp_path):
    with pytest.raises(StudyError, match="neither sqlite nor postgresql"):
        Database("mysql://localhost/x")
    with pytest.raises(StudyError, match="cannot be read"):
        Database("://")
    with pytest.raises(StudyError, match="does not answer"):
        Store("postgresql://nobody@127.0.0.1:9/none")


def test_the_clock_does_not_follow_a_jumping_wall_clock(monkeypatch):
    clock = Clock()
    before = clock.now()
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert 0 <= clock.now() - before < 5
