"""After a wiped disk no item gets more judgements than were asked for, and a clock set back blocks nobody."""

from collections import Counter

from tests.labeling.conftest import STUDY
from tests.labeling.desks import agree, open_desk, vote
from tests.labeling.hub.test_outbox import settle
from workbench.labeling.serving.desk import GRACE
from workbench.labeling.store.leases import Vote

PLAIN = STUDY.replace("gold = 2", "gold = 0").replace("repeats = 1", "repeats = 0")


def judge(desk, clock, rater, most=100):
    """Answer up to `most` items one by one; the receipts."""
    receipts, found = [], desk.sync({"rater": rater, "want": 1})
    while found["items"] and len(receipts) < most:
        clock.seconds += 3
        want = int(len(receipts) + 1 < most)
        found = desk.sync({"rater": rater, "votes": [vote(found["items"][0])], "want": want})
        receipts.append(found["votes"][0]["receipt"])
    return receipts


def per_item(desk):
    table = desk.store.judgements("pairs")
    return Counter(table[~table["is_gold"]]["item"])


def test_after_a_wipe_no_item_gets_more_judgements_than_wanted(study_folder, tmp_path, clock):
    old = open_desk(study_folder, tmp_path / "old.db", clock, tmp_path / "hub", PLAIN)
    people = [agree(old) for _ in range(4)]
    kept = {people[0]: judge(old, clock, people[0], 4)}
    settle(old.outbox)
    kept |= {rater: judge(old, clock, rater) for rater in people[1:]}
    assert max(per_item(old).values()) == 3
    new = open_desk(study_folder, tmp_path / "new.db", clock, tmp_path / "hub", PLAIN)
    new.outbox.recovered = True
    newcomer = agree(new)
    found = new.sync({"rater": newcomer, "want": 4})
    assert (found["state"], found["items"]) == ("waiting", []), "others may still bring votes for what looks free"
    assert "earlier answers" in found["message"]
    for rater in people:
        assert new.sync({"rater": rater, "want": 4, "boot": old.boot}) == {"state": "resend", "boot": new.boot}
        new.sync({"rater": rater, "resend": kept[rater]})
        new.sync({"rater": rater, "want": 4, "boot": new.boot})
    clock.seconds += GRACE + 1
    for rater in (newcomer, *people):
        judge(new, clock, rater)
    assert set(per_item(new).values()) == {3}
    old.store.close()
    new.store.close()


def test_a_wipe_before_the_first_push_is_noticed_by_the_browsers(study_folder, tmp_path, clock):
    old = open_desk(study_folder, tmp_path / "old.db", clock, tmp_path / "hub", PLAIN)
    first, second = agree(old), agree(old)
    kept = judge(old, clock, second)
    new = open_desk(study_folder, tmp_path / "new.db", clock, tmp_path / "other", PLAIN)
    new.sync({"rater": first, "want": 4, "boot": old.boot})
    assert new.sync({"rater": first, "want": 4})["items"] == []
    new.sync({"rater": second, "resend": kept})
    clock.seconds += GRACE + 1
    assert len(new.sync({"rater": first, "want": 4})["items"]) == 4
    old.store.close()
    new.store.close()


def test_an_item_on_the_screen_is_still_answered_while_the_server_recovers(study_folder, tmp_path, clock):
    old = open_desk(study_folder, tmp_path / "old.db", clock, tmp_path / "hub", PLAIN)
    rater = agree(old)
    items = old.sync({"rater": rater, "want": 4})["items"]
    new = open_desk(study_folder, tmp_path / "new.db", clock, tmp_path / "hub", PLAIN)
    new.sync({"rater": rater, "boot": old.boot})
    new.sync({"rater": rater, "held": [item["token"] for item in items]})
    found = new.sync({"rater": rater, "votes": [vote(items[0])], "want": 4, "boot": new.boot})
    assert found["votes"][0]["state"] == "recorded"
    assert found["valid"] == [item["id"] for item in items[1:]]
    old.store.close()
    new.store.close()


def test_a_first_start_lends_at_once(study_folder, tmp_path, clock):
    desk = open_desk(study_folder, tmp_path / "a.db", clock, tmp_path / "hub", PLAIN)
    assert len(desk.sync({"rater": agree(desk), "want": 4})["items"]) == 4
    desk.store.close()


def test_a_clock_set_back_does_not_keep_items_lent(filled_store, study, clock):
    filled_store.database.run(lambda c: None)
    few = [filled_store.join(study) for _ in range(3)]
    for rater in few:
        filled_store.hold(study, rater, 100)
    late = filled_store.join(study)
    assert [lease for lease in filled_store.hold(study, late, 100) if lease.purpose == "item"] == []
    clock.seconds -= 7200
    filled_store.hold(study, late, 1)
    clock.seconds += study.assigning.lease_seconds + 2
    filled_store.hold(study, late, 1)
    clock.seconds += 2
    freed = [lease for lease in filled_store.hold(study, late, 100) if lease.purpose == "item"]
    assert len(freed) == 12, "a quarter of an hour later, not two hours and a quarter"


def test_an_answer_under_a_lease_from_before_the_clock_was_set_back_is_taken(filled_store, study, clock):
    rater = filled_store.join(study)
    lease = filled_store.hold(study, rater, 1)[0]
    clock.seconds -= 7200
    filled_store.hold(study, rater, 1)
    outcome = filled_store.record(study, lease, Vote("same_3", 2000))
    assert (outcome.state, outcome.label["flags"]) == ("recorded", "")
