"""Disputed items go to chosen raters; their answers decide, lie apart, and touch nobody else's."""

import pytest

from tests.labeling.conftest import STUDY, write_study
from tests.labeling.votes import answer_all
from workbench.errors import StudyError
from workbench.labeling.statistics.adjudication import adjudicate
from workbench.labeling.store import schema
from workbench.labeling.store.leases import Vote
from workbench.labeling.study.disputes import Adjudication, decided, is_disputed
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import load_study, parse_study

RULE = '\n[adjudication]\nrule = "disagreement"\nshare = 0.75\nleast = 3\n'


@pytest.fixture
def court(store, tmp_path):
    """A study of which every ordinary item is disputed two to one, and a rater who decides."""
    study = load_study(write_study(tmp_path / "study", items=5, gold=1, text=STUDY + RULE))
    store.add_study(study, load_items(study))
    for answer in ("same_3", "different_2", "same_1"):
        answer_all(store, study, store.join(study), Vote(answer, 1500))
    judge = store.join(study)
    assert store.appoint(study.name, judge, True)
    return study, judge


def test_disputed_items_go_to_who_was_chosen_and_raters_answers_stay_as_they_are(store, court):
    study, judge = court
    before = store.judgements("pairs")
    items = store.items("pairs")

    made = answer_all(store, study, judge, Vote("different_3", 1500))

    assert len({row["item"] for row in made}) == len(made) == 5, "every ordinary item once, no gold"
    assert store.judgements("pairs").equals(before)
    assert store.items("pairs").equals(items), "no place is taken"
    assert set(store.decisions("pairs")["rater"]) == {judge}
    other = store.join(study)
    store.appoint("pairs", other, True)
    assert store.hold(study, other, 4) == [], "one decides about each"


def test_nobody_decides_where_they_answered_and_a_skipped_one_goes_to_another(store, court):
    study, judge = court
    own = before = store.judgements("pairs")["rater"].iloc[0]
    store.appoint("pairs", own, True)
    assert store.hold(study, before, 4) == []
    lease = store.hold(study, judge, 1)[0]
    store.record(study, lease, Vote("skip", 900))
    other = store.join(study)
    store.appoint("pairs", other, True)
    assert lease.item in {held.item for held in store.hold(study, other, 30)}
    assert lease.item not in {held.item for held in store.hold(study, judge, 30)}


def test_a_decision_sent_twice_counts_once_and_can_be_changed(store, court):
    study, judge = court
    lease = store.hold(study, judge, 1)[0]
    assert store.record(study, lease, Vote("same_3", 1500)).state == "recorded"
    assert store.record(study, lease, Vote("different_3", 1500)).state == "already"
    again = store.revise(study, judge, lease.lease)
    assert store.record(study, again, Vote("different_3", 1500)).state == "recorded"
    assert store.revise(study, judge, lease.lease) is None
    made = store.decisions("pairs")
    assert list(made["answer"]) == ["different_3"]
    assert store.standing(study, judge).rows == 1
    store.withdraw("pairs", judge)
    assert store.decisions("pairs").empty


def test_who_is_dismissed_judges_as_others_do(store, court):
    study, judge = court
    held = store.hold(study, judge, 2)
    store.appoint("pairs", judge, False)
    assert not {lease.lease for lease in store.hold(study, judge, 4)} & {lease.lease for lease in held}
    assert not store.appoint("pairs", "nobody", True)
    leases = store.database.run(lambda c: c.execute(schema.leases.select()).all())
    assert all(row.purpose != "decision" for row in leases)


def test_the_account_says_before_and_after_and_by_whom(store, court):
    study, judge = court
    answer_all(store, study, judge, Vote("different_3", 1500), most=2)
    found = adjudicate(study, store.judgements("pairs"), frozenset(), store.decisions("pairs"), store.items("pairs"))
    assert found.counts == {"disputed": 3, "decided": 2, "changed": 2}
    done = found.items[found.items["after"] != ""]
    assert set(done["before"]) == {"same"}
    assert set(done["after"]) == {"different"}
    assert set(done["by"]) == {judge}
    assert list(found.every["final"]).count("same") == 3
    assert found.right_before + found.right_after == found.known == 2, "each item is one or the other"


def test_a_rule_says_what_is_disputed(tmp_path):
    shares, posterior = Adjudication("disagreement", share=0.75), Adjudication("posterior", certain=0.9)
    assert [is_disputed({"a": a, "b": 1}, 2, shares) for a in (1, 2, 3, 4)] == [False, True, False, False]
    assert is_disputed({"a": 2, "b": 1}, 2, posterior)
    assert not is_disputed({"a": 4, "b": 1}, 2, posterior)
    assert not is_disputed({"a": 2, "b": 2}, 2, Adjudication())
    assert (decided({"a": 2, "b": 1}), decided({"a": 1, "b": 1}), decided({})) == ("a", "", "")
    with pytest.raises(StudyError, match="disagreement or posterior"):
        parse_study(STUDY + '[adjudication]\nrule = "mood"', tmp_path)
    points = STUDY.replace('"same_different"', '"points"\nchoices = ["nose"]')
    with pytest.raises(StudyError, match="one class"):
        parse_study(points + '[adjudication]\nrule = "posterior"', tmp_path)
