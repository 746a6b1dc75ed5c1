"""Judgements in an object store, alone or beside the data set: once each, whatever happens, and back after a loss."""

import json
import uuid
from pathlib import Path

import pytest

from tests.labeling.votes import SAME, answer_all
from tests.s3_double import S3Double
from workbench.errors import SourceUnreachable, StudyError
from workbench.labeling.hub.both import BothHubs
from workbench.labeling.hub.compaction import compact
from workbench.labeling.hub.elsewhere import StoreHub, place_at
from workbench.labeling.hub.hub import LocalHub
from workbench.labeling.hub.outbox import Outbox
from workbench.labeling.serving.service import hub_of
from workbench.labeling.store.store import Store
from workbench.labeling.study.reading import load_items
from workbench.settings import Settings


@pytest.fixture(scope="module")
def bucket():
    with S3Double() as double:
        yield double


@pytest.fixture
def hub():
    """A fresh folder in memory."""
    return place_at(f"memory://{uuid.uuid4().hex}")


@pytest.fixture
def s3(bucket, monkeypatch):
    """A fresh folder in the double of S3."""
    name = uuid.uuid4().hex
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, "test")
    bucket.faults.clear()
    return place_at(f"s3://bucket/{name}?scheme=http&region=us-east-1&endpoint_override=127.0.0.1:{bucket.port}")


def rows(hub):
    """Every label that lies there in JSON lines."""
    paths = hub.listing("data/labels")
    return [json.loads(line) for _, data in hub.read("data/labels", paths) for line in data.splitlines()]


def labels(store, study):
    return sorted(store.judgements(study.name)["label"])


@pytest.mark.parametrize("kind", ["hub", "s3"])
def test_rows_are_there_once_and_come_back_after_the_disk_is_lost(filled_store, study, kind, tmp_path, clock, request):
    hub = request.getfixturevalue(kind)
    answer_all(filled_store, study, filled_store.join(study), most=4)
    outbox = Outbox(filled_store, hub)
    assert outbox.attempt()
    assert sorted(row["label"] for row in rows(hub)) == labels(filled_store, study)
    assert "README.md" in hub.look()[1]
    assert outbox.attempt()
    assert len(rows(hub)) == 4
    wiped = Store(tmp_path / "wiped.db", clock)
    wiped.add_study(study, load_items(study))
    assert Outbox(wiped, hub).pull() == 5  # with their rater
    assert labels(wiped, study) == labels(filled_store, study)
    wiped.close()


def test_a_crash_between_upload_and_mark_doubles_nothing(filled_store, study, hub, address, clock):
    answer_all(filled_store, study, filled_store.join(study), most=3)
    killed = Outbox(filled_store, hub)
    killed._mark = lambda shards: (_ for _ in ()).throw(SourceUnreachable("killed"))
    assert not killed.attempt()
    assert len(rows(hub)) <= 3
    again = Outbox(Store(address, clock), hub)
    assert again.attempt()
    assert sorted(row["label"] for row in rows(hub)) == labels(filled_store, study)
    again.store.close()


@pytest.mark.parametrize("fault", [("PUT", 403), ("POST", 0), ("GET", 403)])
def test_a_fault_of_the_bucket_costs_a_retry_never_a_row(filled_store, study, bucket, fault, s3):
    hub = s3
    bucket.faults[:] = [fault]
    answer_all(filled_store, study, filled_store.join(study), most=3)
    outbox = Outbox(filled_store, hub)
    for _ in range(5):
        if outbox.attempt():
            break
    assert outbox.waiting() == 0
    assert not bucket.faults
    assert sorted(row["label"] for row in rows(hub)) == labels(filled_store, study)


def test_a_withdrawal_reaches_it(filled_store, study, s3):
    hub = s3
    kept, gone = filled_store.join(study), filled_store.join(study)
    for rater in (kept, gone):
        answer_all(filled_store, study, rater, SAME, most=2)
    outbox = Outbox(filled_store, hub)
    assert outbox.attempt()
    filled_store.withdraw(study.name, gone)
    assert outbox.attempt()
    assert len(hub.listing("data/withdrawals")) == 1
    compact(outbox, before="2100-01-01")
    assert hub.listing("data/labels/") == []
    everything = b"".join(data for _, data in hub.read("data", hub.look()[1]))
    assert kept.encode() in everything
    labels_left = [data for path, data in hub.read("data", hub.look()[1]) if "labels-parquet" in path]
    assert labels_left
    assert not any(gone.encode() in data for data in labels_left)


def test_two_places_hold_the_same_and_a_later_one_is_brought_up(filled_store, study, tmp_path, hub):
    first = LocalHub(tmp_path / "first")
    answer_all(filled_store, study, filled_store.join(study), most=2)
    assert Outbox(filled_store, first).attempt()
    outbox = Outbox(filled_store, BothHubs(first, hub))
    answer_all(filled_store, study, filled_store.join(study), most=2)
    assert outbox.attempt()
    assert sorted(row["label"] for row in rows(first)) == sorted(row["label"] for row in rows(hub))
    assert len(rows(hub)) == 4
    empty = BothHubs(LocalHub(tmp_path / "new"), hub)
    empty.ensure()
    assert len(rows(empty.first)) == 4


def test_nothing_counts_as_pushed_while_the_second_place_refuses(filled_store, study, tmp_path, hub, monkeypatch):
    first = LocalHub(tmp_path / "first")
    outbox = Outbox(filled_store, BothHubs(first, hub))
    outbox.hub.ensure()
    answer_all(filled_store, study, filled_store.join(study), most=2)
    with monkeypatch.context() as away:
        away.setattr(StoreHub, "_write", lambda *_: (_ for _ in ()).throw(OSError("full")))
        assert not outbox.attempt()
        assert outbox.waiting() == 3
    assert "full" in outbox.last_error
    assert outbox.attempt()
    assert [len(rows(one)) for one in (first, hub)] == [2, 2]


def test_a_place_that_does_not_answer_gets_a_sentence(tmp_path):
    import threading

    class Silent:
        def exists(self, _: str) -> bool:
            return threading.Event().wait(5)

    with pytest.raises(SourceUnreachable, match="did not answer"):
        StoreHub(Silent(), "x", "silent://x", seconds=0.05).ensure()


def test_the_settings_name_the_place(tmp_path):
    def named(**settings: object) -> object:
        return hub_of(Settings(cache=tmp_path, data=tmp_path / "data", **settings), "pairs")  # type: ignore[arg-type]

    assert named().name == str(tmp_path / "data/hub/pairs")
    assert named(labels_url=f"file://{tmp_path}/there").folder == Path(f"{tmp_path}/there")
    assert named(labels_url="memory://a/b").name == "memory://a/b"
    assert isinstance(named(labels_url="memory://a"), StoreHub)
    assert isinstance(named(labels_url="memory://a", offline=True), LocalHub)
    assert isinstance(named(labels_url="memory://a", hub_dataset="a/b", hub_token="t"), BothHubs)
    for wrong in ("there", "s3://", "nothing-known://x/y"):
        with pytest.raises(StudyError, match="WORKBENCH_LABELS_URL"):
            named(labels_url=wrong)
    assert "key" not in place_at("s3://key:word@bucket/x?region=us-east-1").name
