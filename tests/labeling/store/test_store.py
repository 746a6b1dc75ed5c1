"""What the store promises, on SQLite and on PostgreSQL alike."""

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa

from workbench.errors import StudyError
from workbench.labeling.store import entries, readout, schema
from workbench.labeling.store.assignment import purpose_of
from workbench.labeling.store.clock import Clock, iso
from workbench.labeling.store.database import Database
from workbench.labeling.store.journal import wal_is_safe
from workbench.labeling.store.leases import Vote
from workbench.labeling.store.store import Store
from workbench.labeling.study.reading import load_items

SAME = Vote("same_3", 1500)
SKIP = Vote("skip", 900, reason="cannot see")


def answer_all(store, study, rater, vote=SAME, most=100):
    """Vote until nothing is left for this rater; the labels."""
    found = []
    while len(found) < most and (held := store.hold(study, rater, 1)):
        store.now.seconds += 4
        outcome = store.record(study, held[0], vote)
        assert outcome.state == "recorded"
        found.append(outcome.label)
    return found


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


def test_every_item_gets_exactly_k_raters_and_nobody_twice(filled_store, study):
    raters = [filled_store.join(study) for _ in range(5)]
    for rater in raters:
        answer_all(filled_store, study, rater)
    table = filled_store.judgements(study.name)
    first = table[~table["is_repeat"]]
    assert not first.duplicated(["item", "rater"]).any()
    assert set(Counter(first[~first["is_gold"]]["item"]).values()) == {3}
    assert len(set(first[~first["is_gold"]]["item"])) == 12


def test_concurrent_raters_never_overfill_an_item(filled_store, study):
    raters = [filled_store.join(study) for _ in range(8)]
    barrier = threading.Barrier(8)

    def work(rater):
        barrier.wait()
        while held := filled_store.hold(study, rater, 2):
            for lease in held:
                assert filled_store.record(study, lease, SAME).state == "recorded"

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, raters))
    table = filled_store.judgements(study.name)
    first = table[~table["is_repeat"]]
    assert not first.duplicated(["item", "rater"]).any()
    assert set(Counter(first[~first["is_gold"]]["item"]).values()) == {3}
    frame = filled_store.items(study.name)
    assert not frame[~frame["is_gold"]]["is_open"].any()


def test_a_vote_sent_twice_counts_once_even_at_the_same_moment(filled_store, study):
    rater = filled_store.join(study)
    lease = filled_store.hold(study, rater, 1)[0]
    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(lambda _: filled_store.record(study, lease, SAME), range(6)))
    assert Counter(outcome.state for outcome in outcomes) == {"recorded": 1, "already": 5}
    assert filled_store.record(study, lease, Vote("different_1", 1)).label["answer"] == "same_3"
    assert len(filled_store.judgements(study.name)) == 1


def test_an_expired_lease_is_refused_and_its_item_goes_to_another(filled_store, study, clock):
    slow, quick = filled_store.join(study), filled_store.join(study)
    lease = filled_store.hold(study, slow, 1)[0]
    clock.seconds += study.assigning.lease_seconds + 1
    assert filled_store.record(study, lease, SAME).state == "expired"
    filled_store.hold(study, quick, 1)
    items = filled_store.items(study.name).set_index("item")
    assert items["filled"].sum() == 1
    assert filled_store.judgements(study.name).empty


def test_reloading_gives_the_same_items_again(filled_store, study):
    rater = filled_store.join(study)
    first = filled_store.hold(study, rater, 3)
    assert filled_store.hold(study, rater, 3) == first
    assert len({lease.item for lease in first}) == 3


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


def test_gold_and_repeats_come_in_every_block(filled_store, study):
    study = replace(study, blocks=replace(study.blocks, size=10, gold=2, repeats=3, repeat_gap=2))
    labels = answer_all(filled_store, study, filled_store.join(study, "rater-1"), Vote("different_2", 1000))
    truth = filled_store.items(study.name).set_index("item")["gold"]
    block = [label for label in labels if label["block"] == 0]
    assert sum(label["is_gold"] for label in block) == 2
    assert all(label["correct"] == (truth[label["item"]] == "different") for label in labels if label["is_gold"])
    assert {label["correct"] for label in labels if not label["is_gold"]} == {None}
    repeats = [label for label in block if label["is_repeat"]]
    planned = [purpose_of(study, "rater-1", number) for number in range(3, 10)].count("repeat")
    assert len(repeats) >= min(planned, 1) == 1
    by_label = {label["label"]: label for label in labels}
    for repeat in repeats:
        first = by_label[repeat["repeat_of"]]
        assert first["item"] == repeat["item"]
        assert repeat["number"] - first["number"] >= study.blocks.repeat_gap


def test_a_paused_study_hands_out_nothing_but_takes_what_is_out(filled_store, study):
    rater = filled_store.join(study)
    lease = filled_store.hold(study, rater, 1)[0]
    filled_store.set_state(study.name, "paused")
    assert filled_store.hold(study, rater, 3) == []
    assert filled_store.record(study, lease, SAME).state == "recorded"
    filled_store.set_state(study.name, "open")
    assert len(filled_store.hold(study, rater, 3)) == 3
    with pytest.raises(StudyError, match="open or paused"):
        filled_store.set_state(study.name, "closed")


def test_requeue_asks_more_of_some_items(filled_store, study):
    for _ in range(3):
        answer_all(filled_store, study, filled_store.join(study))
    assert filled_store.requeue(study.name, ["pair-001", "pair-002"], 1) == 2
    late = answer_all(filled_store, study, filled_store.join(study))
    assert {label["item"] for label in late if not label["is_gold"] and not label["is_repeat"]} == {
        "pair-001",
        "pair-002",
    }


def test_a_blocked_rater_gets_nothing_more(filled_store, study):
    rater = filled_store.join(study)
    assert filled_store.set_rater_state(study.name, rater, "blocked")
    assert filled_store.hold(study, rater, 1) == []
    assert not filled_store.set_rater_state(study.name, "nobody", "blocked")
    assert [line["what"] for line in filled_store.audit_log(study.name)][1] == "blocked"


def test_items_may_be_added_but_not_changed(filled_store, study):
    items = load_items(study)
    assert filled_store.add_study(study, items) == 0
    changed = replace(items[0], pictures=items[1].pictures)
    with pytest.raises(StudyError, match="other pictures than before"):
        filled_store.add_study(study, [changed])
    assert filled_store.add_study(study, [replace(items[0], id="new")]) == 1


def test_conflicting_items_stay_apart(store, study):
    apart = replace(
        study, assigning=replace(study.assigning, conflict_gap=3), blocks=replace(study.blocks, gold=0, repeats=0)
    )
    items = load_items(apart)
    store.add_study(apart, items)
    words = {item.id: set(item.conflict) for item in items}
    labels = answer_all(store, apart, store.join(apart), most=6)
    for index, label in enumerate(labels):
        for earlier in labels[max(0, index - 3) : index]:
            assert not words[label["item"]] & words[earlier["item"]]


def test_adaptive_choice_goes_to_the_uncertain_and_stores_its_propensity(store, study):
    plain = replace(
        study, blocks=replace(study.blocks, gold=0, repeats=0), assigning=replace(study.assigning, raters_per_item=10)
    )
    eager = replace(plain, assigning=replace(plain.assigning, adaptive=True, explore=0.25))
    ordinary = [item for item in load_items(plain) if not item.gold]
    store.add_study(plain, ordinary)
    for n in range(4):
        rater = store.join(plain)
        for lease in store.hold(plain, rater, 12):
            certain = lease.item != "pair-005"
            store.record(plain, lease, Vote("same_3" if certain or n % 2 else "different_3", 1000))
    chosen = [store.hold(eager, store.join(eager), 1)[0] for _ in range(56)]
    hits = [lease for lease in chosen if lease.item == "pair-005"]
    assert 5 <= len(hits) <= 6
    blind = {round(0.25 / n, 6) for n in range(1, 13)}
    greedy = {round(0.25 / n + 0.75, 6) for n in range(1, 13)}
    seen = {round(lease.propensity, 6) for lease in chosen}
    assert seen <= blind | greedy
    assert seen & blind
    assert all(round(lease.propensity, 6) in greedy for lease in hits)


def test_sides_are_swapped_about_half_the_time(filled_store, study):
    swapped = [lease.swapped for _ in range(12) for lease in filled_store.hold(study, filled_store.join(study), 3)]
    assert 6 <= sum(swapped) <= len(swapped) - 6


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


def test_shard_lines_are_a_pure_function_of_rows(filled_store, study):
    answer_all(filled_store, study, filled_store.join(study), most=3)
    keys = filled_store.database.run(lambda c: c.scalars(sa.select(schema.labels.c.label)).all())
    rows = filled_store.database.run(lambda c: entries.rows_of(c, "label", study.name, keys))
    data = entries.to_lines("label", rows)
    assert data == entries.to_lines("label", rows[::-1])
    first = json.loads(data.splitlines()[0])
    assert set(first) >= {"label", "item", "rater", "group", "response_ms"}
    assert "grp" not in first


@pytest.mark.parametrize("name", ["_MET", "_CANDIDATES", "_LEVEL", "_OUT", "_TAKE"])
def test_every_step_of_assigning_is_an_index_look_up(tmp_path, name):
    from workbench.labeling.store import assignment

    database = Database(tmp_path / "x.db")
    database.migrate()
    statement = getattr(assignment, name)
    with database.engine.connect() as connection:
        text, order, fixed = statement._compiled(connection)
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", tuple(fixed.get(key, 0) for key in order)).all()
    steps = [row[3] for row in plan if row[3].startswith(("SCAN", "SEARCH"))]
    assert steps
    assert all("USING" in step and "INDEX" in step and step.startswith("SEARCH") for step in steps), steps
    assert not any("TEMP B-TREE" in row[3] for row in plan) or name == "_OUT", plan
    database.close()
