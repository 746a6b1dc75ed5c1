"""Who is given which item, on SQLite and on PostgreSQL alike."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.labeling.votes import SAME, answer_all
from workbench.errors import StudyError
from workbench.labeling.store.assignment import purpose_of
from workbench.labeling.store.database import Database
from workbench.labeling.store.leases import Vote
from workbench.labeling.study.reading import load_items


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


@pytest.mark.parametrize("name", ["_MET", "_CANDIDATES", "_LEVEL", "OUT", "_TAKE"])
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
    assert not any("TEMP B-TREE" in row[3] for row in plan) or name == "OUT", plan
    database.close()
