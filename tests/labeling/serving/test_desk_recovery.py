"""What the desk does after a lost disk, with receipts, and while it starts."""

import pytest

from tests.labeling.desks import agree, forged, open_desk, rows, vote
from tests.labeling.hub.test_outbox import settle
from workbench.errors import NotAllowed, StudyError


def test_a_wiped_disk_takes_receipts_back_and_counts_each_once(desk, study_folder, tmp_path, clock):
    entered = desk.enter({"agree": True, "version": "v1", "demographics": {"Age group": "18-30"}})
    rater, receipts = entered["rater"], [entered["receipt"]]
    items = desk.sync({"rater": rater, "want": 3})["items"]
    for item in items[:2]:
        receipts.append(desk.sync({"rater": rater, "votes": [vote(item)]})["votes"][0]["receipt"])
    fresh = open_desk(study_folder, tmp_path / "fresh.db", clock, tmp_path / "hub")
    answer = fresh.sync(
        {
            "rater": rater,
            "resend": receipts,
            "held": [items[2]["token"]],
            "votes": [vote(items[2], "different_2")],
            "want": 3,
        }
    )
    assert answer["votes"][0]["state"] == "recorded"
    fresh.sync({"rater": rater, "resend": receipts})
    assert sorted(rows(fresh)["answer"]) == ["different_2", "same_3", "same_3"]
    assert list(fresh.store.raters("pairs")["Age group"]) == ["18-30"]
    assert not {item["id"] for item in answer["items"]} & {item["id"] for item in items}
    settle(fresh.outbox)
    assert len(fresh.sync({"rater": rater, "check": [item["id"] for item in items]})["on_hub"]) == 3
    fresh.store.close()


def test_a_receipt_cannot_be_changed_or_lent(desk):
    mine, theirs = agree(desk), agree(desk)
    item = desk.sync({"rater": mine, "want": 1})["items"][0]
    receipt = desk.sync({"rater": mine, "votes": [vote(item)]})["votes"][0]["receipt"]
    with pytest.raises(NotAllowed, match="not issued here"):
        desk.sync({"rater": mine, "resend": [forged(receipt)]})
    with pytest.raises(NotAllowed, match="belongs to another rater"):
        desk.sync({"rater": theirs, "resend": [receipt]})
    assert len(rows(desk)) == 1


def test_withdrawn_answers_do_not_come_back_with_receipts(desk):
    rater = agree(desk)
    item, other = desk.sync({"rater": rater, "want": 2})["items"]
    receipt = desk.sync({"rater": rater, "votes": [vote(item)]})["votes"][0]["receipt"]
    assert desk.withdraw({"rater": rater})["state"] == "withdrawn"
    found = desk.sync({"rater": rater, "resend": [receipt], "votes": [vote(other)], "want": 3})
    assert (found["state"], found["items"], found["votes"][0]["state"]) == ("withdrawn", [], "withdrawn")
    assert rows(desk).empty


def test_before_the_hubs_rows_are_back_nobody_judges(desk):
    rater = agree(desk)
    desk.outbox.ready = False
    assert desk.welcome()["state"] == "starting"
    with pytest.raises(StudyError, match="is starting"):
        desk.sync({"rater": rater, "want": 1})


def test_a_browser_that_knew_another_server_sends_its_receipts_first(desk):
    rater = agree(desk)
    first = desk.sync({"rater": rater, "want": 1})
    item = first["items"][0]
    asked = {"rater": rater, "want": 3, "votes": [vote(item)], "boot": "another"}
    assert desk.sync(asked) == {"state": "resend", "boot": first["boot"]}
    assert rows(desk).empty
    assert desk.sync(asked | {"boot": first["boot"]})["votes"][0]["state"] == "recorded"


def test_a_server_alone_with_its_database_does_not_ask_it_again_which_life_it_is(desk, clock, monkeypatch):
    """Each vote of the first minutes waited for the disk twice."""
    rater = agree(desk)
    found = desk.sync({"rater": rater, "want": 1})
    monkeypatch.setattr("workbench.labeling.store.replicas.life", lambda database: pytest.fail("it asked again"))
    clock.seconds += 3
    assert desk._life.began_empty
    assert desk.sync({"rater": rater, "votes": [vote(found["items"][0])], "want": 1})["votes"][0]["state"] == "recorded"
