"""Rows reach the Hub once, whatever the Hub does; a wiped disk gets them back; the withdrawn go."""

import io
import json
from dataclasses import replace

import pandas as pd
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
import yaml

from tests.hub_double import Fault, HubDouble
from tests.labeling.votes import SAME, answer_all
from workbench.errors import SourceUnreachable
from workbench.labeling.hub.compaction import compact
from workbench.labeling.hub.hub import HuggingFaceHub, LocalHub
from workbench.labeling.hub.outbox import Outbox
from workbench.labeling.store import schema
from workbench.labeling.store.entries import features
from workbench.labeling.store.leases import Vote
from workbench.labeling.store.store import Store
from workbench.labeling.study.reading import load_items


@pytest.fixture
def double():
    with HubDouble() as double:
        yield double


@pytest.fixture
def hub(double):
    return HuggingFaceHub("tester/faces", "hf_test", endpoint=double.address, seconds=15)


@pytest.fixture
def outbox(filled_store, hub):
    hub.ensure()
    return Outbox(filled_store, hub)


def pushed(double):
    """Every label row on the Hub, JSON lines and Parquet."""
    rows = []
    for path, data in double.repo("dataset", "tester/faces").files.items():
        if path.startswith("data/labels/"):
            rows += [json.loads(line) for line in data.splitlines()]
        if path.startswith("data/labels-parquet/"):
            rows += pq.read_table(io.BytesIO(data)).to_pylist()
    return rows


def settle(outbox, most=20):
    """Push until nothing waits; how many attempts it took."""
    for attempt in range(1, most + 1):
        if outbox.attempt():
            return attempt
    raise AssertionError(outbox.last_error)


def labels_of(store, study):
    return set(store.judgements(study.name)["label"])


def test_every_row_is_pushed_once_with_its_rater_and_the_card(outbox, filled_store, study, double):
    answer_all(filled_store, study, filled_store.join(study), most=5)
    assert outbox.waiting() == 6
    assert settle(outbox) == 1
    rows = pushed(double)
    assert {row["label"] for row in rows} == labels_of(filled_store, study)
    assert len(rows) == 5
    files = double.repo("dataset", "tester/faces").files
    assert sum(path.startswith("data/raters/pairs/") for path in files) == 1
    assert outbox.on_hub([row["label"] for row in rows] + ["none"], "pairs") == {row["label"] for row in rows}
    assert b"Study `pairs`" in files["README.md"]
    before = len(double.repo("dataset", "tester/faces").commits)
    assert settle(outbox) == 1
    assert len(double.repo("dataset", "tester/faces").commits) == before


@pytest.mark.parametrize(
    "fault",
    [Fault("commit", status=s) for s in (409, 412, 429, 500, 503)]
    + [
        Fault("commit", drop_after=True),
        Fault("commit", drop_before=True),
        Fault("paths-info", status=500),
        Fault("tree", status=503),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status or ('lost answer' if fault.drop_after else 'cut')}",
)
def test_a_fault_of_the_hub_costs_a_retry_never_a_row(outbox, filled_store, study, double, fault):
    answer_all(filled_store, study, filled_store.join(study), most=3)
    double.faults.append(replace(fault))
    settle(outbox)
    assert sorted(row["label"] for row in pushed(double)) == sorted(labels_of(filled_store, study))


def test_a_rival_commit_between_look_and_push_is_no_obstacle(outbox, filled_store, study, double):
    answer_all(filled_store, study, filled_store.join(study), most=3)
    outbox._head = outbox.hub.look()[0]
    double.put("dataset", "tester/faces", {"rival.txt": b"1"})
    settle(outbox)
    assert len(pushed(double)) == 3


def test_a_shard_is_the_same_bytes_after_a_crash(outbox, filled_store, study, address, hub, clock):
    answer_all(filled_store, study, filled_store.join(study), most=4)
    outbox.seal()
    before = [outbox._bytes(shard) for shard in outbox._unpushed()]
    answer_all(filled_store, study, filled_store.join(study), most=2)
    again = Outbox(Store(address, clock), hub)
    assert [again._bytes(shard) for shard in again._unpushed()] == before
    again.store.close()


def test_a_wiped_disk_gets_everything_back(outbox, filled_store, study, hub, tmp_path, clock):
    rater = filled_store.join(study)
    answer_all(filled_store, study, rater, most=6)
    gone = filled_store.join(study)
    answer_all(filled_store, study, gone, most=2)
    settle(outbox)
    filled_store.withdraw(study.name, gone)
    settle(outbox)
    fresh = Store(tmp_path / "fresh.db", clock)
    fresh.add_study(study, load_items(study))
    other = Outbox(fresh, hub)
    other._start_up()
    assert other.ready
    assert other.waiting() == 0
    assert fresh.judgements(study.name).to_dict("records") == filled_store.judgements(study.name).to_dict("records")
    assert fresh.rater(study.name, gone)["state"] == "withdrawn"
    assert fresh.hold(study, gone, 1) == []
    columns = ["item", "filled", "is_open"]
    assert fresh.items(study.name)[columns].equals(filled_store.items(study.name)[columns])
    fresh.close()


def test_a_commit_carried_out_late_does_not_double_rows(outbox, filled_store, study, hub, double, tmp_path, clock):
    """Found by the loss test: the killed process's stalled commit lands after its rows were resent to the next
    process."""
    answer_all(filled_store, study, filled_store.join(study), most=3)
    outbox.seal()
    stalled = {shard["path"]: outbox._bytes(shard) for shard in outbox._unpushed()}
    rows = filled_store.database.run(lambda c: [dict(row) for row in c.execute(sa.select(schema.labels)).mappings()])
    fresh = Store(tmp_path / "fresh.db", clock)
    fresh.add_study(study, load_items(study))
    other = Outbox(fresh, hub)
    other._start_up()
    fresh.restore("label", rows)
    other.seal()
    double.put("dataset", "tester/faces", stalled)
    settle(other)
    assert len(pushed(double)) == 3
    assert other.on_hub([row["label"] for row in rows], "pairs") == {row["label"] for row in rows}
    fresh.close()


def test_with_an_empty_disk_and_no_hub_the_study_is_not_ready(filled_store, double):
    outbox = Outbox(filled_store, HuggingFaceHub("tester/faces", "hf_test", endpoint=double.address, seconds=5))
    double.random_fault = lambda kind: Fault(kind, status=500)
    outbox.start()
    outbox._pause(1.0)
    assert not outbox.ready
    assert "status 500" in outbox.status().last_error
    double.random_fault = lambda kind: None
    for _ in range(100):
        if outbox.ready:
            break
        outbox._wake.clear()
        outbox._wake.wait(0.1)
    assert outbox.ready
    assert outbox.stop(5)


def test_stopping_seals_and_pushes_what_waits(filled_store, study, double, hub):
    outbox = Outbox(filled_store, hub, interval=3600)
    outbox.start()
    answer_all(filled_store, study, filled_store.join(study), most=2)
    assert outbox.stop(10)
    assert len(pushed(double)) == 2


def test_at_most_one_commit_per_interval(filled_store, study, double, hub):
    hub.ensure()
    outbox = Outbox(filled_store, hub, interval=3600)
    rater = filled_store.join(study)
    outbox.start()
    while not outbox.last_push:
        outbox._wake.clear()
        outbox._wake.wait(0.02)
    answer_all(filled_store, study, rater, most=2)
    outbox.nudge()
    outbox._wake.clear()
    outbox._wake.wait(0.3)
    assert outbox.waiting() == 2
    outbox.stop(5)


def test_what_was_withdrawn_leaves_the_hub_the_store_and_the_history(outbox, filled_store, study, double, clock):
    kept, gone = filled_store.join(study), filled_store.join(study, demographics={"Age": "51+"})
    answer_all(filled_store, study, kept, most=3)
    answer_all(filled_store, study, gone, most=3)
    settle(outbox)
    filled_store.withdraw(study.name, gone)
    clock.seconds += 86_400 * 2
    day = "2027-01-17"
    account = compact(outbox, before=day)
    assert account["withdrawn"] == 1
    assert {row["rater"] for row in pushed(double)} == {kept}
    assert len(pushed(double)) == 3
    files = double.repo("dataset", "tester/faces").files
    assert not [path for path in files if path.startswith("data/labels/")]
    assert all(gone.encode() not in data for path, data in files.items() if "withdrawals" not in path)
    rows = filled_store.database.run(lambda c: c.scalars(sa.select(schema.labels.c.rater)).all())
    assert set(rows) == {kept}
    again = compact(outbox, before=day)
    assert (again["parquet"], again["deleted"]) == (0, 0)
    outbox.hub.squash("forget")
    repo = double.repo("dataset", "tester/faces")
    assert all(
        gone.encode() not in data
        for commit in repo.commits
        for path, data in commit["files"].items()
        if "withdrawals" not in path
    )


def test_compaction_leaves_today_alone_and_a_fresh_disk_reads_both(
    outbox, filled_store, study, hub, tmp_path, clock, double
):
    answer_all(filled_store, study, filled_store.join(study), most=3)
    settle(outbox)
    clock.seconds += 86_400
    rater = filled_store.join(study)
    answer_all(filled_store, study, rater, most=2)
    compact(outbox, before="2027-01-16")
    files = double.repo("dataset", "tester/faces").files
    assert sum(path.startswith("data/labels/") for path in files) == 1
    assert sum(path.startswith("data/labels-parquet/") for path in files) == 1
    assert len(pushed(double)) == 5
    fresh = Store(tmp_path / "fresh.db", clock)
    fresh.add_study(study, load_items(study))
    Outbox(fresh, hub).pull()
    assert fresh.judgements(study.name).to_dict("records") == filled_store.judgements(study.name).to_dict("records")
    fresh.close()


def test_the_card_declares_configs_and_features_that_load(outbox, filled_store, study, double, tmp_path, clock):
    rater = filled_store.join(study)
    answer_all(filled_store, study, rater, most=3)
    settle(outbox)
    clock.seconds += 86_400
    answer_all(filled_store, study, rater, Vote("skip", 500, reason="broken picture"), most=1)
    compact(outbox, before="2027-01-16")
    files = double.repo("dataset", "tester/faces").files
    for path, data in files.items():
        (tmp_path / "set" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / path).write_bytes(data)
    front = yaml.safe_load(files["README.md"].decode().split("---")[1])
    assert [c["config_name"] for c in front["configs"] if c.get("default")] == ["labels"]
    declared = {
        info["config_name"]: {f["name"]: f["dtype"] for f in info["features"]} for info in front["dataset_info"]
    }
    for config in front["configs"]:
        paths = sorted((tmp_path / "set").glob(config["data_files"][0]["path"]))
        assert paths, config
        for path in paths:
            table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_json(path, lines=True, dtype=False)
            assert list(table.columns) == list(declared[config["config_name"]])
    assert declared["labels"] == features("label")
    assert sum(len(pd.read_parquet(path)) for path in (tmp_path / "set/data/labels-parquet").rglob("*.parquet")) == 3


def test_a_folder_serves_as_a_hub(filled_store, study, tmp_path, clock):
    outbox = Outbox(filled_store, LocalHub(tmp_path / "hub"))
    outbox.hub.ensure()
    answer_all(filled_store, study, filled_store.join(study), most=4)
    settle(outbox)
    fresh = Store(tmp_path / "fresh.db", clock)
    fresh.add_study(study, load_items(study))
    assert Outbox(fresh, LocalHub(tmp_path / "hub")).pull() == 5
    assert len(fresh.judgements(study.name)) == 4
    fresh.close()


def test_a_damaged_shard_on_the_hub_is_named(outbox, double):
    double.put("dataset", "tester/faces", {"data/labels/pairs/2027-01/x.jsonl": b'{"label": 1}\n'})
    with pytest.raises(SourceUnreachable, match=r"x\.jsonl .* is not a shard"):
        outbox.pull()


def test_receipts_and_shards_of_one_row_meet_without_doubling(outbox, filled_store, study):
    answer_all(filled_store, study, filled_store.join(study), SAME, most=2)
    settle(outbox)
    rows = filled_store.database.run(lambda c: [dict(row) for row in c.execute(sa.select(schema.labels)).mappings()])
    assert filled_store.restore("label", rows) == 0
    assert outbox.waiting() == 0


def test_what_a_browser_asks_of_its_answers_is_an_index_look_up_and_nothing_is_asked_of_none(store, study):
    outbox = Outbox(store, LocalHub(study.folder))
    asked = []
    run = store.database.run

    def told(work):
        def explained(connection):
            spied = []
            sa.event.listen(connection, "before_cursor_execute", lambda *a: spied.append((a[2], a[3])))
            found = work(connection)
            asked.extend(spied)
            return found

        return run(explained)

    store.database.run = told
    assert outbox.on_hub([], "pairs") == outbox.missing([], "pairs") == set()
    assert asked == []
    assert outbox.missing(["a"], "pairs") == {"a"}
    assert outbox.on_hub(["a"], "pairs") == set()
    assert len(asked) == 2
    assert all("entries.entry IN" in text for text, _ in asked)
