"""Several servers on one PostgreSQL: nothing lost, doubled, over target or sent twice, whoever asks whom and whoever
dies."""

import collections
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.hub_double import HubDouble
from tests.labeling.conftest import STUDY, write_study
from tests.labeling.databases import postgres_database
from tests.labeling.desks import agree, open_desk, vote
from tests.labeling.hub.test_outbox import settle
from tests.labeling.raters import Visitor
from tests.labeling.serving.test_loss import Server, rows_on
from tests.labeling.votes import answer_all
from workbench.errors import StudyError
from workbench.labeling.hub.hub import LocalHub
from workbench.labeling.hub.outbox import Outbox
from workbench.labeling.serving.service import open_service
from workbench.labeling.store import database as databases
from workbench.labeling.store import schema
from workbench.labeling.store.database import Database
from workbench.labeling.store.store import Store
from workbench.labeling.study.reading import load_items
from workbench.settings import Settings

PLAIN = STUDY.replace("gold = 2", "gold = 0").replace("repeats = 1", "repeats = 0")


@pytest.fixture
def shared(postgres):
    """The address of one PostgreSQL database."""
    with postgres_database(postgres) as address:
        yield address


@pytest.fixture
def two(shared, clock):
    """Two servers' stores on it."""
    stores = [Store(shared, clock) for _ in range(2)]
    yield stores
    for store in stores:
        store.close()


def at_once(*work):
    """Results of functions that start together."""
    gate = threading.Barrier(len(work))

    def begin(one):
        gate.wait()
        return one()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(begin, work))


def test_two_servers_that_start_at_once_register_a_study_once(two, study):
    for n in range(8):
        mine = replace(study, name=f"pairs{n}")
        items = load_items(study)
        new = at_once(lambda: two[0].add_study(mine, items), lambda: two[1].add_study(mine, items))  # noqa: B023
        assert sorted(new) == [0, len(items)]


def test_one_person_who_joins_on_two_servers_at_once_is_one_rater(two, study):
    two[0].add_study(study, load_items(study))
    for n in range(8):
        person = {"participant": f"P{n}", "session": f"S{n}"}
        names = at_once(*(lambda store=store: store.join(study, person=person) for store in two))  # noqa: B023
        assert names[0] == names[1]
    assert (
        at_once(*(lambda store=store: store.join(study, "0123456789abcdef") for store in two))
        == ["0123456789abcdef"] * 2
    )


def test_rows_that_are_there_already_are_not_new_on_postgresql_either(two, study):
    two[0].add_study(study, load_items(study))
    answer_all(two[0], study, two[0].join(study), most=4)
    rows = two[0].database.run(lambda c: [dict(row) for row in c.execute(sa.select(schema.labels)).mappings()])
    assert two[1].restore("label", rows) == 0
    assert two[1].restore("label", [*rows, rows[0] | {"label": "f" * 32, "rater": "another"}]) == 1


def test_a_browser_that_goes_from_one_server_to_the_other_is_not_asked_to_send_everything_again(
    shared, study_folder, tmp_path, clock
):
    desks = [open_desk(study_folder, shared, clock, tmp_path / "hub", PLAIN) for _ in range(2)]
    rater = agree(desks[0])
    found = desks[0].sync({"rater": rater, "want": 2})
    clock.seconds += 3
    asked = {"rater": rater, "boot": found["boot"], "votes": [vote(found["items"][0])], "want": 2}
    assert desks[1].sync(asked)["votes"][0]["state"] == "recorded"
    for desk in desks:
        desk.store.close()


def test_only_one_server_sends_shards_at_a_time(two, study, tmp_path):
    two[0].add_study(study, load_items(study))
    boxes = [Outbox(store, LocalHub(tmp_path / "hub")) for store in two]
    sent = []
    for box in boxes:
        commit = box.hub.commit
        box.hub.commit = lambda add, *rest, commit=commit: (sent.extend(add), time.sleep(0.2), commit(add, *rest))[2]
    answer_all(two[0], study, two[0].join(study), most=4)
    at_once(*(box.attempt for box in boxes))
    for box in boxes:
        settle(box)
    assert len([path for path in sent if path.startswith("data/")]) == len(set(sent) - {"README.md"}) == 2


def test_the_servers_of_one_database_keep_one_pace_of_commits(two, study, tmp_path):
    two[0].add_study(study, load_items(study))
    boxes = [Outbox(store, LocalHub(tmp_path / "hub"), interval=3600.0) for store in two]
    answer_all(two[0], study, two[0].join(study), most=1)
    settle(boxes[0])
    answer_all(two[0], study, two[0].join(study), most=1)
    boxes[1]._pause = lambda seconds: None
    assert boxes[1]._turn(0) == 0
    assert boxes[1].waiting() == 2


def service_on(address: str, folder: Path, data: Path, token: str = "one secret for all of us", hub=None):
    settings = Settings(cache=data, data=data, owner_token=token, database_url=address, offline=True)
    return open_service(settings, folder, hub=hub)


def test_servers_that_could_not_read_each_others_tokens_are_refused(shared, study_folder, tmp_path):
    first = service_on(shared, study_folder, tmp_path / "one")
    with pytest.raises(StudyError, match="WORKBENCH_OWNER_TOKEN"):
        service_on(shared, study_folder, tmp_path / "one", "another secret than theirs")
    with pytest.raises(StudyError, match="WORKBENCH_HUB_DATASET"):
        service_on(shared, study_folder, tmp_path / "two")
    first.stop(2)
    service_on(shared, study_folder, tmp_path / "one", "another secret than theirs").stop(2)


def test_connections_to_postgresql_are_bounded_and_who_waits_too_long_is_told(shared, monkeypatch):
    monkeypatch.setattr(databases, "_PATIENCE", 0.1)
    database = Database(shared, connections=2)
    held = [database.engine.connect() for _ in range(2)]
    with pytest.raises(StudyError, match="in use"):
        database.run(lambda c: None)
    for connection in held:
        connection.close()
    database.close()


def test_the_outbox_is_still_there_when_the_database_comes_back(filled_store, study, tmp_path, monkeypatch):
    run, away = filled_store.database.run, threading.Event()

    def sometimes(work):
        if away.is_set():
            raise StudyError("The judgement database does not answer.")
        return run(work)

    monkeypatch.setattr(filled_store.database, "run", sometimes)
    away.set()
    outbox = Outbox(filled_store, LocalHub(tmp_path / "hub"), interval=0.05)
    outbox.start()
    time.sleep(0.2)
    assert not outbox.ready
    away.clear()
    end = time.monotonic() + 20
    while not outbox.ready and time.monotonic() < end:
        time.sleep(0.05)
    away.set()
    outbox.nudge()
    time.sleep(0.2)
    away.clear()
    answer_all(filled_store, study, filled_store.join(study), most=1)
    outbox.nudge()
    while outbox.waiting() and time.monotonic() < end:
        time.sleep(0.05)
    assert outbox.waiting() == 0
    assert outbox.stop(5)


def test_a_browser_is_told_which_of_its_answers_an_older_copy_of_the_database_lacks(study_folder, tmp_path, clock):
    desk = open_desk(study_folder, tmp_path / "labels.db", clock, tmp_path / "hub", PLAIN)
    rater = agree(desk)
    found = desk.sync({"rater": rater, "want": 1})
    clock.seconds += 3
    told = desk.sync({"rater": rater, "votes": [vote(found["items"][0])]})["votes"][0]
    with desk.store.database.engine.begin() as connection:
        connection.execute(schema.labels.delete())
        connection.execute(schema.entries.delete().where(schema.entries.c.kind == "label"))
    assert desk.sync({"rater": rater, "check": [told["id"]]})["missing"] == [told["id"]]
    desk.sync({"rater": rater, "resend": [told["receipt"]]})
    assert "missing" not in desk.sync({"rater": rater, "check": [told["id"]]})
    assert len(desk.store.judgements("pairs")) == 1
    desk.store.close()


@pytest.mark.timeout(300)
def test_two_servers_one_killed_and_one_restarted_lose_and_double_nothing(shared, tmp_path, capsys):
    study = write_study(tmp_path / "study", items=240, gold=0, text=PLAIN)
    stop = threading.Event()
    with HubDouble() as hub:
        hub.repo("dataset", "tester/loss")
        servers = [Server(study, tmp_path / f"data{n}", hub.address, shared) for n in range(2)]
        visitors = [Visitor([s.address for s in servers], seed, sticky=seed % 2 == 0) for seed in range(8)]
        for server in servers:
            server.start()
        for server in servers:
            server.wait_open()
        threads = [threading.Thread(target=visitor.run, args=(stop,), daemon=True) for visitor in visitors]
        for thread in threads:
            thread.start()

        def reach(share: float) -> None:
            end = time.monotonic() + 90
            while sum(len(v.acknowledged) for v in visitors) < share * 720 and time.monotonic() < end:
                time.sleep(0.02)

        reach(0.25)
        servers[1].end(signal.SIGKILL)
        reach(0.5)
        servers[1].start()
        servers[1].wait_open()
        servers[0].end(signal.SIGTERM)
        for thread in threads:
            thread.join(120)
        stop.set()
        servers[1].end(signal.SIGTERM)
        for server in servers:
            server.close()
        rows = rows_on(hub)
        paths = [path for path in hub.repo("dataset", "tester/loss").files if path.startswith("data/labels/")]
    acknowledged = set().union(*(visitor.acknowledged for visitor in visitors))
    kept = collections.Counter(row["label"] for row in rows)
    per_item = collections.Counter(row["item"] for row in rows)
    pairs = collections.Counter((row["item"], row["rater"]) for row in rows)
    lost, doubled = len(acknowledged - set(kept)), sum(kept.values()) - len(kept)
    over, twice = sum(n > 3 for n in per_item.values()), sum(n > 1 for n in pairs.values())
    with capsys.disabled():
        print(
            f"\n  two servers, one killed, one restarted: {len(acknowledged)} votes acknowledged, {len(rows)} on the "
            f"Hub in {len(paths)} shards, lost {lost}, doubled {doubled}, over target {over}, given twice {twice}, "
            f"receipts asked for {sum(v.resends for v in visitors)} times"
        )
    assert all(visitor.done for visitor in visitors)
    assert (lost, doubled, over, twice) == (0, 0, 0, 0)
    assert len(per_item) == 240
    assert set(per_item.values()) == {3}
    assert sum(visitor.resends for visitor in visitors) == 0
