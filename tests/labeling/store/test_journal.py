"""Where the database lies decides how SQLite keeps it; its file is nobody else's, and what is deleted is gone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.labeling.conftest import write_study
from workbench.labeling.serving.service import open_service
from workbench.labeling.store import journal
from workbench.labeling.store.database import Database
from workbench.labeling.store.journal import file_system, keeping
from workbench.labeling.store.store import Store
from workbench.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
MOUNTS = """/dev/vda / ext4 rw 0 0
tmpfs /dev/shm tmpfs rw 0 0
server:/x /mnt/nfs nfs4 rw 0 0
bucket /data fuse.hf-mount rw 0 0
share /mnt/a\\040b cifs rw 0 0
/dev/sdb /data/local ext4 rw 0 0
"""


@pytest.fixture
def mounts(tmp_path, monkeypatch):
    (tmp_path / "mounts").write_text(MOUNTS)
    monkeypatch.setattr(journal, "MOUNTS", tmp_path / "mounts")


@pytest.mark.parametrize(
    ("place", "kind", "exclusive"),
    [
        ("/home/me/labels.db", "ext4", False),
        ("/mnt/nfs/deep/er/labels.db", "nfs4", True),
        ("/data/labels.db", "fuse.hf-mount", True),
        ("/data/local/labels.db", "ext4", False),
        ("/database/labels.db", "ext4", False),
        ("/mnt/a b/labels.db", "cifs", True),
        ("/mnt/nfs/../../home/labels.db", "ext4", False),
    ],
)
def test_network_file_systems_are_told_by_their_mounts(mounts, place, kind, exclusive):
    assert file_system(Path(place)) == kind
    found = keeping(Path(place))
    assert (found.exclusive, found.journal == "DELETE") == (exclusive, exclusive)
    assert (kind in found.reason) == exclusive


def test_a_link_into_a_bucket_is_followed(mounts, tmp_path, monkeypatch):
    (tmp_path / "mounts").write_text(f"/dev/vda / ext4 rw 0 0\nb {tmp_path.resolve()}/bucket fuse.s3fs rw 0 0\n")
    (tmp_path / "bucket").mkdir()
    (tmp_path / "data").symlink_to("bucket")
    assert keeping(tmp_path / "data/labels.db").exclusive


def test_where_the_system_does_not_say_a_plain_disk_is_assumed(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "MOUNTS", tmp_path / "none")
    assert file_system(tmp_path) == ""
    assert not keeping(tmp_path / "labels.db").exclusive
    assert keeping(tmp_path / "labels.db", mounted=True).exclusive, "a Space is told by its settings"


def pragma(database, name):
    return database.run(lambda c: c.exec_driver_sql(f"PRAGMA {name}").scalar())


def test_on_a_space_the_journal_is_deleted_and_the_file_locked_and_it_says_so(tmp_path):
    store = Store(tmp_path / "labels.db", mounted=True)
    assert (pragma(store.database, "journal_mode"), pragma(store.database, "locking_mode")) == ("delete", "exclusive")
    assert "journal delete" in store.database.describe()
    assert "mounted bucket" in store.database.describe()
    assert [path.stat().st_size for path in tmp_path.glob("labels.db-*")] in ([], [0])
    store.close()


def test_a_second_process_is_told_at_once_that_the_database_is_taken(tmp_path):
    store = Store(tmp_path / "labels.db", mounted=True)
    code = (
        "import sys; from workbench.labeling.store.store import Store\n"
        "try: Store(sys.argv[1], mounted=True)\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "labels.db")]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    assert said.startswith("StudyError The judgement database is in use by another process")
    store.close()
    assert subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout == ""


def test_a_service_on_a_space_says_at_its_start_how_the_database_is_kept(tmp_path, caplog):
    settings = Settings(cache=tmp_path, data=tmp_path / "data", owner_token="a token nobody guesses", space=True)
    service = open_service(settings, write_study(tmp_path / "study"))
    assert "locked for this process alone: on a Space the data folder may be a mounted bucket" in caplog.text
    service.stop(1)
    service.store.close()


def test_another_process_may_look_into_a_database_on_a_plain_disk(tmp_path):
    first, second = Store(tmp_path / "labels.db"), Store(tmp_path / "labels.db")
    assert first.has_judgements() == second.has_judgements() is False
    first.close()
    second.close()


@pytest.mark.parametrize("before", [None, 0o644])
def test_the_file_is_its_owners_alone(tmp_path, before):
    path = tmp_path / "labels.db"
    if before:
        path.touch()
        path.chmod(before)
    mask = os.umask(0)
    try:
        store = Store(path)
        store.database.run(lambda c: c.exec_driver_sql("CREATE TABLE x (a)"))
        files = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
        store.close()
    finally:
        os.umask(mask)
    assert set(files.values()) == {0o600}, files


@pytest.mark.parametrize("mounted", [False, True], ids=["plain disk", "bucket"])
def test_what_is_deleted_is_overwritten_on_any_build_of_sqlite(tmp_path, mounted):
    database = Database(tmp_path / "x.db", mounted=mounted)
    assert pragma(database, "secure_delete") == 1
    database.run(lambda c: c.exec_driver_sql("CREATE TABLE people (name)"))
    database.run(lambda c: c.exec_driver_sql("INSERT INTO people VALUES (?)", ("somebody's private name",)))
    assert b"private name" in (tmp_path / "x.db").read_bytes()
    database.run(lambda c: c.exec_driver_sql("DELETE FROM people"))
    database.forget()
    assert not [file for file in tmp_path.iterdir() if b"private name" in file.read_bytes()]
    database.close()


def test_a_write_ahead_log_forgets_too(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "wal_is_safe", lambda version: True)
    database = Database(tmp_path / "x.db")
    assert pragma(database, "journal_mode") == "wal"
    database.run(lambda c: c.exec_driver_sql("CREATE TABLE people (name)"))
    database.run(lambda c: c.exec_driver_sql("INSERT INTO people VALUES (?)", ("somebody's private name",)))
    database.run(lambda c: c.exec_driver_sql("DELETE FROM people"))
    database.forget()
    assert not [file for file in tmp_path.iterdir() if b"private name" in file.read_bytes()]
    database.close()
