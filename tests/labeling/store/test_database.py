"""The database below the store: its tables, what it keeps, and which it refuses."""

import pytest

from workbench.errors import StudyError
from workbench.labeling.store import schema
from workbench.labeling.store.clock import Clock
from workbench.labeling.store.database import Database, _Job
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


def _together(path, *works) -> tuple[list[object], list[int]]:
    """What became of works that shared a transaction, and the rows that are there after the file is opened anew."""
    database = Database(path)
    database.run(lambda c: c.exec_driver_sql("CREATE TABLE kept (n INTEGER PRIMARY KEY)"))
    jobs = [_Job(work) for work in works]
    database._commit_together(jobs)
    database.close()
    again = Database(path)
    rows = again.run(lambda c: [row[0] for row in c.exec_driver_sql("SELECT n FROM kept ORDER BY n")])
    again.close()
    return [job.error or job.result for job in jobs], rows


def _row(number: int, *after: str):
    def work(connection) -> int:
        connection.exec_driver_sql(f"INSERT INTO kept VALUES ({number})")
        for statement in after:
            connection.exec_driver_sql(statement)
        return number

    return work


def test_a_work_that_fails_among_others_leaves_nothing_and_theirs_stands(tmp_path):
    told, rows = _together(tmp_path / "x.db", _row(1), _row(2, "INSERT INTO kept VALUES (1)"), _row(3))
    assert (told[0], told[2], rows) == (1, 3, [1, 3])
    assert "UNIQUE" in str(told[1])


def test_nobody_is_told_that_it_is_kept_where_the_disk_took_the_whole_transaction_back(tmp_path):
    told, rows = _together(tmp_path / "x.db", _row(1), _row(2, "ROLLBACK", "SELECT broken"), _row(3))
    assert rows == []
    assert all(isinstance(one, Exception) for one in told)


def test_nobody_is_told_that_it_is_kept_where_a_work_took_it_back_without_a_word(tmp_path):
    told, rows = _together(tmp_path / "x.db", _row(1), _row(2, "ROLLBACK"), _row(3))
    assert rows == []
    assert all(isinstance(one, Exception) for one in told)
