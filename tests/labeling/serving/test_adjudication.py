"""Deciding through the desk: sealed receipts, a lost disk, the data set, the owner's side and the report."""

import base64
import io

import pandas as pd
import pytest

from tests.labeling.conftest import STUDY, write_study
from tests.labeling.desks import CROWD, agree, open_desk, vote
from tests.labeling.store.test_deciding import RULE
from tests.labeling.votes import answer_all
from workbench.errors import BadRequest
from workbench.labeling.hub.compaction import compact
from workbench.labeling.hub.loading import load, load_labels
from workbench.labeling.report.report import report
from workbench.labeling.serving.access import Gate
from workbench.labeling.serving.owner import Owner
from workbench.labeling.serving.service import Service
from workbench.labeling.statistics.analysis import analyse
from workbench.labeling.store.leases import Vote

TOKEN = "owner token of a test"


@pytest.fixture
def court(tmp_path, clock):
    """A desk with a study that everybody disputes, and its owner."""
    folder = write_study(tmp_path / "study", items=5, gold=1)
    desk = open_desk(folder, tmp_path / "labels.db", clock, tmp_path / "hub", STUDY + CROWD + RULE)
    for answer in ("same_3", "different_2", "same_1"):
        answer_all(desk.store, desk.study, desk.store.join(desk.study), Vote(answer, 1500))
    yield desk, Owner(Service(desk.study, desk.store, desk.outbox, desk), Gate(TOKEN))
    desk.store.close()


def appointed(desk, owner):
    rater = agree(desk)
    name = desk.sealer.open("rater", rater)["rater"]
    owner.do({"token": TOKEN, "action": "appoint", "rater": name})
    return rater, name


def test_decisions_survive_a_lost_disk_and_lie_apart_in_the_data_set(court, tmp_path, clock):
    desk, owner = court
    rater, name = appointed(desk, owner)
    item = desk.sync({"rater": rater, "want": 1})["items"][0]
    assert item["decides"]
    told = desk.sync({"rater": rater, "votes": [vote(item, "different_3")]})["votes"][0]
    assert told["state"] == "recorded"
    wiped = open_desk(desk.study.folder, tmp_path / "wiped.db", clock, tmp_path / "none", STUDY + CROWD + RULE)
    wiped.sync({"rater": rater, "resend": [told["receipt"]]})
    assert list(wiped.store.decisions("pairs")["answer"]) == ["different_3"]
    assert wiped.store.judgements("pairs").empty

    assert desk.outbox.attempt()
    assert desk.outbox.on_hub([told["id"]], "pairs") == {told["id"]}
    assert desk.outbox.missing([told["id"], "x"], "pairs") == {"x"}
    again = open_desk(desk.study.folder, tmp_path / "again.db", clock, tmp_path / "hub", STUDY + CROWD + RULE)
    assert list(again.store.decisions("pairs")["rater"]) == [name]
    compact(desk.outbox, before="2100-01-01")
    hub = tmp_path / "hub"
    assert list(load(hub, "decisions")["label"]) == [told["id"]]
    assert told["id"] not in set(load_labels(hub)["label"])
    for other in (wiped, again):
        other.store.close()


def test_the_owner_chooses_who_decides_and_sees_before_and_after(court):
    desk, owner = court
    rater, name = appointed(desk, owner)
    item = desk.sync({"rater": rater, "want": 1})["items"][0]
    desk.sync({"rater": rater, "votes": [vote(item, "different_3")]})
    assert owner.overview()["disputes"] == {"disputed": 4, "decided": 1, "changed": 1}
    assert [row["rater"] for row in owner.raters() if row["role"]] == [name]
    written = owner.do({"token": TOKEN, "action": "adjudication"})
    table = pd.read_csv(io.BytesIO(base64.b64decode(written["base64"])), dtype=str)
    assert table[table["by"] == name][["before", "after", "final"]].to_numpy().tolist() == [
        ["same", "different", "different"]
    ]
    with pytest.raises(BadRequest, match="no active rater"):
        owner.do({"token": TOKEN, "action": "appoint", "rater": "nobody"})
    owner.do({"token": TOKEN, "action": "dismiss", "rater": name})
    told = desk.sync({"rater": rater, "want": 1})
    while given := told["items"]:  # the gold item, where this rater's place for it comes next
        assert not given[0]["decides"]
        told = desk.sync({"rater": rater, "votes": [vote(given[0], "same_3")], "want": 1})
    assert told["state"] == "complete"


def test_who_decides_waits_while_nothing_is_disputed(court):
    desk, owner = court
    rater, _ = appointed(desk, owner)
    for _ in range(5):
        item = desk.sync({"rater": rater, "want": 1})["items"][0]
        desk.sync({"rater": rater, "votes": [vote(item, "different_3")]})
    told = desk.sync({"rater": rater, "want": 1})
    assert (told["state"], told["answered"]) == ("waiting", 5)
    assert "Nothing is disputed" in told["message"]


def test_the_report_tells_disputes_apart_from_raters_figures(court):
    desk, owner = court
    rater, name = appointed(desk, owner)
    item = desk.sync({"rater": rater, "want": 1})["items"][0]
    table, items = desk.store.judgements("pairs"), desk.store.items("pairs")
    plain = analyse(desk.study, table, items, rounds=20)
    desk.sync({"rater": rater, "votes": [vote(item, "different_3")]})
    found = analyse(desk.study, table, items, rounds=20, decisions=desk.store.decisions("pairs"))
    page = report(found).html
    assert "1 items are decided, 1 of them otherwise" in page
    assert name in page
    assert found.majority.equals(plain.majority)
    assert found.counts == plain.counts
