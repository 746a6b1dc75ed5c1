"""Who gets the completion code, and who does not: no code for no work, no door for the honest."""

import pytest

from tests.labeling.conftest import STUDY
from tests.labeling.desks import agree, open_desk, vote

CROWD = """
[crowd]
return_url = "https://crowd.example/done?cc={code}"
codes = { complete = "OK1", failed_checks = "BAD1", full = "FULL1" }
"""
PLAIN = STUDY.replace("gold = 2", "gold = 0").replace("repeats = 1", "repeats = 0")


@pytest.fixture
def opened(study_folder, tmp_path, clock):
    """Open desks on studies made of a text."""
    desks = []

    def open_one(text):
        desks.append(open_desk(study_folder, tmp_path / f"{len(desks)}.db", clock, tmp_path / f"h{len(desks)}", text))
        return desks[-1]

    yield open_one
    for desk in desks:
        desk.store.close()


def work(desk, clock, rater, answer=lambda item: "same_3", ms=1200, seconds=4.0, most=100):
    """Judge to the end; the last answer of the desk, and how many were given."""
    found, count = desk.sync({"rater": rater, "want": 1}), 0
    while found["items"] and count < most:
        clock.seconds += seconds
        given = vote(found["items"][0], answer(found["items"][0])) | {"response_ms": ms}
        found = desk.sync({"rater": rater, "votes": [given], "want": 1})
        count += 1
    return found, count


def test_a_newcomer_who_finds_everything_lent_waits_and_gets_no_code(opened, clock):
    desk = opened(PLAIN.replace("raters_per_item = 3", "raters_per_item = 1") + CROWD)
    holder = agree(desk)
    held = desk.store.hold(desk.study, desk.sealer.open("rater", holder)["rater"], 100)
    assert len(held) >= 12
    newcomer = agree(desk)
    found = desk.sync({"rater": newcomer, "want": 4})
    assert (found["state"], found["items"]) == ("waiting", [])
    assert "redirect" not in found
    assert "goes on by itself" in found["message"]
    clock.seconds += desk.study.assigning.lease_seconds + 1
    assert len(desk.sync({"rater": newcomer, "want": 4})["items"]) == 4, "what ran out is theirs"


def test_a_newcomer_after_everything_was_judged_gets_no_code_for_work(opened, clock):
    desk = opened(PLAIN.replace("raters_per_item = 3", "raters_per_item = 1") + CROWD)
    work(desk, clock, agree(desk))
    found = desk.sync({"rater": agree(desk), "want": 4})
    assert (found["state"], found["outcome"]) == ("complete", "full")
    assert found["redirect"].endswith("cc=FULL1")
    assert "before you came" in found["message"]


@pytest.mark.parametrize(
    ("answer", "ms", "seconds"),
    [("skip", 1, 0.001), ("skip", 3000, 4.0), ("same_3", 1, 4.0), ("same_3", 399, 4.0), ("same_3", 60_000, 0.1)],
    ids=["skips at once", "skips slowly", "answers in 1 ms", "answers under the floor", "claims a minute each"],
)
def test_skips_and_impossible_times_earn_no_code(opened, clock, answer, ms, seconds):
    desk = opened(PLAIN + CROWD)
    found, count = work(desk, clock, agree(desk), lambda item: answer, ms, seconds)
    assert count >= 12
    assert (found["state"], found["outcome"]) == ("complete", "failed_checks")
    assert found["redirect"].endswith("cc=BAD1")


def test_a_script_that_answers_at_once_and_claims_a_persons_times_earns_no_code(opened, clock):
    desk = opened(PLAIN + CROWD)
    found, count = work(desk, clock, agree(desk), ms=2900, seconds=0.05)
    assert found["outcome"] == "failed_checks", f"{count} answers of 2.9 s each within a second"


def test_half_of_the_work_skipped_for_a_reason_still_earns_the_code(opened, clock):
    desk = opened(PLAIN + CROWD)
    answers = iter(["same_3", "skip"] * 100)
    found, count = work(desk, clock, agree(desk), lambda item: next(answers))
    assert (count, found["outcome"]) == (12, "complete")
    assert found["redirect"].endswith("cc=OK1")


@pytest.mark.parametrize(("least", "outcome"), [(3, "complete"), (4, "complete"), (5, "failed_checks")])
def test_the_study_says_how_many_answers_the_code_needs(opened, clock, least, outcome):
    text = PLAIN + CROWD.replace("[crowd]", f"[crowd]\nleast = {least}")
    desk = opened(text)
    answers = iter(["same_3"] * 4 + ["skip"] * 100)
    assert work(desk, clock, agree(desk), lambda item: next(answers))[0]["outcome"] == outcome
    assert desk.welcome()["least"] == least


def test_two_items_left_are_enough_for_who_was_given_no_more(opened, clock):
    desk = opened(PLAIN.replace("raters_per_item = 3", "raters_per_item = 1") + CROWD)
    first = agree(desk)
    work(desk, clock, first, most=10)
    clock.seconds += 1000
    found, count = work(desk, clock, agree(desk))
    assert (count, found["outcome"]) == (2, "complete")


@pytest.mark.parametrize(("answer", "outcome"), [("same_3", "failed_checks"), ("different_3", "complete")])
def test_gold_counts_from_the_first_one(opened, clock, answer, outcome):
    desk = opened(STUDY.replace("gold = 2", "gold = 1").replace("repeats = 1", "repeats = 0") + CROWD)
    gold = {item.item: item.gold for item in desk.store.items("pairs").itertuples() if item.gold}
    wrong = {"same": "different_3", "different": "same_3"}
    rater = agree(desk)
    met = 0

    def right_or_wrong(shown):
        nonlocal met
        lease = desk.sealer.open("lease", shown["token"])
        truth = gold.get(lease["item"], "")
        met += bool(truth)
        if not truth:
            return "same_3"
        return f"{truth}_3" if answer == "different_3" else wrong[truth]

    found, _ = work(desk, clock, rater, right_or_wrong)
    assert 1 <= met <= 2, "fewer than the three that used to be asked for"
    assert found["outcome"] == outcome


def test_who_skips_every_gold_item_has_not_passed_it(opened, clock):
    desk = opened(STUDY.replace("gold = 2", "gold = 4") + CROWD)
    gold = {item.item for item in desk.store.items("pairs").itertuples() if item.gold}

    def careful(shown):
        return "skip" if desk.sealer.open("lease", shown["token"])["item"] in gold else "same_3"

    assert work(desk, clock, agree(desk), careful)[0]["outcome"] == "failed_checks"


def test_an_undone_gold_answer_is_not_held_against_anybody(opened, clock):
    desk = opened(STUDY.replace("gold = 2", "gold = 1").replace("repeats = 1", "repeats = 0") + CROWD)
    gold = {item.item: item.gold for item in desk.store.items("pairs").itertuples() if item.gold}
    rater, found = agree(desk), None
    found = desk.sync({"rater": rater, "want": 1})
    while found["items"]:
        clock.seconds += 4
        item = found["items"][0]
        truth = gold.get(desk.sealer.open("lease", item["token"])["item"])
        wrong = {"same": "different_3", "different": "same_3"}.get(truth, "same_3")
        found = desk.sync({"rater": rater, "votes": [vote(item, wrong)], "want": 0 if truth else 1})
        if truth:
            again = desk.undo({"rater": rater, "label": found["votes"][0]["id"]})["item"]
            clock.seconds += 4
            found = desk.sync({"rater": rater, "votes": [vote(again, f"{truth}_3")], "want": 1})
    assert found["outcome"] == "complete"


def test_who_has_earned_the_code_need_not_wait_for_others(opened, clock):
    desk = opened(PLAIN.replace("raters_per_item = 3", "raters_per_item = 1") + CROWD)
    other = agree(desk)
    assert len(desk.sync({"rater": other, "want": 3})["items"]) == 3
    found, count = work(desk, clock, agree(desk))
    assert count == 9
    assert (found["state"], found["outcome"]) == ("waiting", "complete")
    assert found["redirect"].endswith("cc=OK1")
