"""What the store promises of votes and raters, on SQLite and on PostgreSQL alike."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa

from tests.labeling.votes import SAME, SKIP, answer_all
from workbench.errors import StudyError
from workbench.labeling.store import entries, readout, schema
from workbench.labeling.store.clock import iso
from workbench.labeling.store.leases import Vote
from workbench.labeling.store.store import Store
from workbench.labeling.study.reading import load_items


def test_a_vote_is_there_after_reopening(filled_store, study, address, clock):
    rater = filled_store.join(study)
    lease = filled_store.hold(study, rater, 1)[0]
    clock.seconds += 5
    filled_store.record(study, lease, Vote("different_2", 2000, ("known",)))
    again = Store(address, clock)
    row = again.judgements(study.name).iloc[0]
    again.close()
    assert (row["item"], row["rater"], row["answer"], row["value"]) == (lease.item, rater, "different_2", -2.0)
    assert (row["response_ms"], row["flags"], row["swapped"]) == (2000, "known", lease.swapped)
    assert row["answered_at"] == iso(clock.seconds)
    assert row["shown_at"] == iso(clock.seconds - 2)


def test_a_vote_sent_twice_counts_once_even_at_the_same_moment(filled_store, study):
    rater = filled_store.join(study)
    lease = filled_store.hold(study, rater, 1)[0]
    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(lambda _: filled_store.record(study, lease, SAME), range(6)))
    assert Counter(outcome.state for outcome in outcomes) == {"recorded": 1, "already": 5}
    assert filled_store.record(study, lease, Vote("different_1", 1)).label["answer"] == "same_3"
    assert len(filled_store.judgements(study.name)) == 1


def test_undo_is_a_new_row_that_names_the_old_one(filled_store, study):
    rater = filled_store.join(study)
    old = answer_all(filled_store, study, rater, most=1)[0]
    lease = filled_store.revise(study, rater, old["label"])
    assert (lease.item, lease.swapped, lease.seed) == (old["item"], old["swapped"], old["seed"])
    new = filled_store.record(study, lease, Vote("different_3", 800)).label
    table = filled_store.judgements(study.name)
    assert list(table["label"]) == [new["label"]]
    assert list(table["supersedes"]) == [old["label"]]
    with filled_store.database.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(schema.labels)) == 2
    assert filled_store.items(study.name).set_index("item").loc[old["item"], "filled"] == 1


def test_undo_is_for_ones_own_recent_current_labels_only(filled_store, study):
    rater, other = filled_store.join(study), filled_store.join(study)
    old = answer_all(filled_store, study, rater, most=12)
    assert filled_store.revise(study, other, old[-1]["label"]) is None
    assert filled_store.revise(study, rater, old[0]["label"]) is None
    assert filled_store.revise(study, rater, "nonsense") is None
    lease = filled_store.revise(study, rater, old[-1]["label"])
    filled_store.record(study, lease, SKIP)
    assert filled_store.revise(study, rater, old[-1]["label"]) is None


def test_two_undos_of_one_label_leave_one(filled_store, study):
    rater = filled_store.join(study)
    old = answer_all(filled_store, study, rater, most=1)[0]
    first = filled_store.revise(study, rater, old["label"])
    second = filled_store.revise(study, rater, old["label"])
    assert filled_store.record(study, second, SAME).state == "recorded"
    assert filled_store.record(study, first, SAME).state == "taken"


def test_a_skip_gives_its_place_to_somebody_else_but_never_comes_back(filled_store, study):
    rater = filled_store.join(study)
    lease = next(lease for lease in filled_store.hold(study, rater, 10) if lease.purpose == "item")
    filled_store.record(study, lease, SKIP)
    items = filled_store.items(study.name).set_index("item")
    table = filled_store.judgements(study.name)
    assert list(table["answer"]) == ["skip"]
    assert list(table["reason"]) == ["cannot see"]
    assert items.loc[lease.item, "filled"] == 0
    assert lease.item not in {label["item"] for label in answer_all(filled_store, study, rater)}


def test_withdrawing_erases_the_private_name_at_once_and_frees_the_places(filled_store, study):
    rater = filled_store.join(study, person={"participant": "P-12345", "study": "S9"})
    answer_all(filled_store, study, rater, most=4)
    filled_store.hold(study, rater, 2)
    assert filled_store.withdraw(study.name, rater)
    assert not filled_store.withdraw(study.name, rater)
    assert filled_store.judgements(study.name).empty
    assert filled_store.raters(study.name).empty
    assert filled_store.items(study.name)["filled"].sum() == 0
    assert filled_store.hold(study, rater, 1) == []
    for table in schema.metadata.sorted_tables:
        rows = filled_store.database.run(lambda c, table=table: c.execute(sa.select(table)).all())
        assert "P-12345" not in str(rows), table.name


def test_nothing_of_a_withdrawn_rater_waits_for_the_hub(filled_store, study):
    rater = filled_store.join(study)
    answer_all(filled_store, study, rater, most=2)
    filled_store.withdraw(study.name, rater)
    kinds = filled_store.database.run(lambda c: c.scalars(sa.select(schema.entries.c.kind)).all())
    assert kinds == ["withdrawal"]


def test_a_withdrawn_rater_cannot_come_back_under_the_same_id(filled_store, study):
    rater = filled_store.join(study)
    lease = filled_store.hold(study, rater, 1)[0]
    filled_store.withdraw(study.name, rater)
    assert filled_store.record(study, lease, SAME).state == "withdrawn"
    filled_store.join(study, rater)
    assert filled_store.hold(study, rater, 1) == []


def test_one_platform_person_comes_back_with_their_session_and_never_without(filled_store, study):
    first = filled_store.join(study, person={"participant": "P1", "session": "a"})
    assert filled_store.join(study, person={"participant": "P1", "session": "a"}) == first
    assert filled_store.join(study, person={"participant": "P2", "session": "a"}) != first
    assert filled_store.twins(study.name) == {}
    forged = [{"participant": "P1"}, {"participant": "P1", "session": "b"}, {"session": "a"}, {}]
    taken = [filled_store.join(study, person=person) for person in forged]
    assert first not in taken
    assert filled_store.twins(study.name)[first] == sorted(taken[:2]), "the owner is told of both"
    said = [line["detail"] for line in filled_store.audit_log(study.name) if line["what"] == "same platform id"]
    assert len(said) == 2
    assert not any("P1" in detail for detail in said), "without the platform's id"


def test_items_may_be_added_but_not_changed(filled_store, study):
    items = load_items(study)
    assert filled_store.add_study(study, items) == 0
    changed = replace(items[0], pictures=items[1].pictures)
    with pytest.raises(StudyError, match="other pictures than before"):
        filled_store.add_study(study, [changed])
    assert filled_store.add_study(study, [replace(items[0], id="new")]) == 1


def test_rows_restored_from_the_hub_count_like_new_ones(filled_store, study, tmp_path, clock):
    rater = filled_store.join(study, demographics={"Age": "31-50"})
    answer_all(filled_store, study, rater, most=5)
    gone = filled_store.join(study)
    answer_all(filled_store, study, gone, most=2)
    filled_store.withdraw(study.name, gone)
    rows = {}
    for kind in ("label", "rater", "withdrawal"):
        table, key = entries._TABLES[kind]
        keys = filled_store.database.run(lambda c, table=table, key=key: c.scalars(sa.select(table.c[key])).all())
        found = filled_store.database.run(lambda c, kind=kind, keys=keys: entries.rows_of(c, kind, study.name, keys))
        rows[kind] = entries.from_lines(kind, entries.to_lines(kind, found))
    fresh = Store(f"sqlite:///{tmp_path / 'fresh.db'}", clock)
    fresh.add_study(study, load_items(study))
    assert [fresh.restore(kind, rows[kind], "s1") for kind in rows] == [7, 2, 1]
    assert fresh.restore("label", rows["label"], "s1") == 0
    before, after = filled_store.judgements(study.name), fresh.judgements(study.name)
    assert before.to_dict("records") == after.to_dict("records")
    columns = ["item", "filled", "is_open"]
    open_leases = filled_store.database.run(lambda c: c.scalars(sa.select(schema.leases.c.item)).all())
    old = filled_store.items(study.name)[columns].set_index("item")
    assert open_leases == []
    assert old.equals(fresh.items(study.name)[columns].set_index("item"))
    again = [lease for lease in fresh.hold(study, rater, 4) if lease.purpose != "repeat"]
    assert again
    assert not {lease.item for lease in again} & set(before["item"])
    assert list(fresh.raters(study.name)["Age"]) == ["31-50"]
    fresh.close()


def test_a_lease_outlives_a_wiped_disk_while_there_is_room(filled_store, study, tmp_path, clock):
    rater = filled_store.join(study)
    lease = next(lease for lease in filled_store.hold(study, rater, 5) if lease.purpose == "item")
    fresh = Store(f"sqlite:///{tmp_path / 'fresh.db'}", clock)
    fresh.add_study(study, load_items(study))
    assert fresh.record(study, lease, SAME).state == "withdrawn", "an unknown rater's vote is not taken"
    fresh.join(study, rater)
    assert fresh.record(study, lease, SAME).state == "recorded"
    assert fresh.items(study.name).set_index("item").loc[lease.item, "filled"] == 1
    fresh.close()


def test_an_impossible_response_time_is_flagged_not_hidden(filled_store, study, clock):
    lease = filled_store.hold(study, filled_store.join(study), 1)[0]
    clock.seconds += 2
    assert filled_store.record(study, lease, Vote("same_1", 60_000)).label["flags"] == "clock"


def test_coverage_counts_what_is_there_and_what_is_missing(filled_store, study):
    answer_all(filled_store, study, filled_store.join(study))
    found = readout.coverage(filled_store.database, study.name)
    assert (found["items"], found["wanted"], found["missing"]) == (12, 36, 24)
    assert found["levels"] == [{"grp": "g0", "filled": 1, "n": 6}, {"grp": "g1", "filled": 1, "n": 6}]


def test_shard_lines_are_a_pure_function_of_rows(filled_store, study):
    answer_all(filled_store, study, filled_store.join(study), most=3)
    keys = filled_store.database.run(lambda c: c.scalars(sa.select(schema.labels.c.label)).all())
    rows = filled_store.database.run(lambda c: entries.rows_of(c, "label", study.name, keys))
    data = entries.to_lines("label", rows)
    assert data == entries.to_lines("label", rows[::-1])
    first = json.loads(data.splitlines()[0])
    assert set(first) >= {"label", "item", "rater", "group", "response_ms"}
    assert "grp" not in first


def test_a_vote_and_the_next_item_are_fourteen_statements_in_one_transaction(tmp_path, clock, study):
    store = Store(tmp_path / "few.db", clock)
    plain = replace(study, blocks=replace(study.blocks, gold=0, repeats=0))
    store.add_study(plain, load_items(plain))
    rater = store.join(plain)
    lease = store.exchange(plain, rater, wanted=3).leases[0]
    said = []
    store.database.run(lambda c: c.connection.dbapi_connection.set_trace_callback(said.append))
    found = store.exchange(plain, rater, [(lease, SAME)], wanted=3)
    store.database.run(lambda c: c.connection.dbapi_connection.set_trace_callback(None))
    assert (found.outcomes[0].state, len(found.leases), found.answered) == ("recorded", 3, 1)
    one = said[said.index("COMMIT") + 1 :]
    one = one[: one.index("COMMIT")]
    assert one[0] == "BEGIN IMMEDIATE"
    assert len(one) - 1 <= 14, one
    store.close()
