"""Questions on the instructions, practice with feedback: who passes judges, who does not is told, nothing is kept."""

import json

import pytest

from tests.labeling.conftest import STUDY
from tests.labeling.desks import CROWD, agree, open_desk, rows, vote
from workbench.errors import BadRequest, NotAllowed, StudyError
from workbench.labeling.store.schooling import progress
from workbench.labeling.study.study import parse_study

PRACTICE = """
[practice]
csv = "practice.csv"
share = 0.6
tries = 2
[comprehension]
"What do you compare?" = ["Two faces", "Two names", "Two places"]
"""
TEXT = STUDY + CROWD.replace('no_consent = "NO1"', 'no_consent = "NO1", screened_out = "OUT1"') + PRACTICE


@pytest.fixture
def school(study_folder, tmp_path, clock):
    """A desk whose raters practise on four pairs first."""
    lines = [f"q{n},images/{n}a.png,images/{n}b.png,{'same' if n % 2 else 'different'}" for n in range(4)]
    (study_folder / "practice.csv").write_text("\n".join(["item,image_1,image_2,gold", *lines]) + "\n")
    desk = open_desk(study_folder, tmp_path / "labels.db", clock, tmp_path / "hub", TEXT)
    yield desk
    desk.store.close()


def understand(desk, rater, choice="Two faces"):
    asked = desk.practice({"rater": rater})
    assert set(asked["questions"][0]["options"]) == {"Two faces", "Two names", "Two places"}
    choices = {"What do you compare?": choice}
    return desk.practice({"rater": rater, "progress": asked["progress"], "choices": choices})


def practise(desk, rater, told, wrong):
    """Answer the four pairs, the first `wrong` of them wrongly."""
    right = {}
    for n in range(4):
        picture = desk._pictures[f"pair-{n:03d}"]
        addresses = {desk._shelf.address(one.file, one.sha256) for one in picture}
        right |= dict.fromkeys(addresses, "same_3" if n % 2 else "different_3")
    for n in range(4):
        answer = right[told["images"][0]]
        other = "different_3" if answer == "same_3" else "same_3"
        told = desk.practice({"rater": rater, "progress": told["progress"], "answer": other if n < wrong else answer})
        assert told["correct"] is (n >= wrong)
        assert told["expected"][0].startswith("Same" if answer == "same_3" else "Different")
    return told


def test_nobody_gets_an_item_before_the_practice_is_passed(school):
    rater = agree(school)
    found = school.sync({"rater": rater, "want": 4})
    assert (found["state"], found["items"]) == ("practice", [])
    told = practise(school, rater, understand(school, rater), wrong=1)
    assert told["state"] == "qualified"
    assert school.sync({"rater": rater, "want": 1})["state"] == "practice", "the old token knows of no pass"
    item = school.sync({"rater": told["rater"], "want": 1})["items"][0]
    assert school.sync({"rater": told["rater"], "votes": [vote(item)]})["votes"][0]["state"] == "recorded"
    assert len(rows(school)) == 1, "practice is no judgement"


def test_two_failed_tries_end_the_visit_with_their_code(school):
    rater = agree(school)
    assert understand(school, rater, "Two names")["state"] == "again"
    told = practise(school, rater, understand(school, rater), wrong=2)
    assert (told["state"], told["redirect"]) == ("screened_out", "https://crowd.example/done?cc=OUT1")
    assert school.practice({"rater": rater})["state"] == "screened_out"
    found = school.sync({"rater": rater, "want": 2})
    assert (found["state"], found["redirect"], found["items"]) == ("blocked", told["redirect"], [])
    assert rows(school).empty


def test_what_was_judged_before_a_study_asked_for_practice_still_comes_in(school, study_folder, tmp_path, clock):
    before = open_desk(study_folder, tmp_path / "labels.db", clock, tmp_path / "hub", STUDY)
    rater = agree(before)
    item = before.sync({"rater": rater, "want": 1})["items"][0]
    found = school.sync({"rater": rater, "votes": [vote(item)], "want": 1})
    assert (found["votes"][0]["state"], found["state"]) == ("recorded", "practice")
    before.store.close()


def test_progress_is_sealed_and_nothing_tells_the_answer(school):
    mine, theirs = agree(school), agree(school)
    told = understand(school, mine)
    assert not {"gold", "truth", "pair-", "q0"} & set(
        json.dumps({k: v for k, v in told.items() if k != "images"}).split('"')
    )
    with pytest.raises(NotAllowed, match="another rater"):
        school.practice({"rater": theirs, "progress": told["progress"], "answer": "same_3"})
    with pytest.raises(NotAllowed):
        school.practice({"rater": mine, "progress": mine, "answer": "same_3"})
    for asked in ({"answer": "no"}, {"answer": None}, {}):
        with pytest.raises(BadRequest, match="one of the study"):
            school.practice({"rater": mine, "progress": told["progress"], **asked})
    first = school.practice({"rater": theirs})
    for choices in (None, {}, {"What do you compare?": "Two faces", "x": "y"}):
        with pytest.raises(BadRequest, match="every question"):
            school.practice({"rater": theirs, "progress": first["progress"], "choices": choices})


def test_a_study_without_practice_has_none_and_wrong_ones_are_refused(desk, tmp_path, study_folder, clock):
    with pytest.raises(BadRequest, match="no practice"):
        desk.practice({"rater": agree(desk)})
    with pytest.raises(StudyError, match="no one right key"):
        parse_study(TEXT.replace('"same_different"', '"points"\nchoices = ["a"]'), tmp_path)
    with pytest.raises(StudyError, match="at least one wrong"):
        parse_study(TEXT.replace('["Two faces", "Two names", "Two places"]', '["Two faces"]'), tmp_path)
    (study_folder / "practice.csv").write_text("image_1,image_2\nimages/0a.png,images/0b.png\n")
    with pytest.raises(StudyError, match="practice needs gold"):
        open_desk(study_folder, tmp_path / "x.db", clock, tmp_path / "hub", TEXT)


def test_practice_that_became_shorter_begins_anew(school, study_folder, tmp_path, clock):
    rater = agree(school)
    told = understand(school, rater)
    told = school.practice({"rater": rater, "progress": told["progress"], "answer": "same_3"})
    told = school.practice({"rater": rater, "progress": told["progress"], "answer": "same_3"})
    lines = (study_folder / "practice.csv").read_text().splitlines()[:2]
    (study_folder / "practice.csv").write_text("\n".join(lines) + "\n")
    shorter = open_desk(study_folder, tmp_path / "labels.db", clock, tmp_path / "hub", TEXT)

    again = shorter.practice({"rater": rater, "progress": told["progress"], "answer": "same_3"})

    assert again["questions"]
    shorter.store.close()


def test_a_step_sent_again_with_the_answer_that_was_told_does_not_count(school):
    rater = agree(school)
    told = understand(school, rater)
    first = told["progress"]
    wrong = school.practice({"rater": rater, "progress": first, "answer": "same_3"})

    again = school.practice({"rater": rater, "progress": first, "answer": "different_3"})
    anew = school.practice({"rater": rater})

    assert "correct" not in again
    assert (again["number"], anew["number"]) == (2, 2)
    name = school.sealer.open("rater", rater)["rater"]
    kept = school.store.database.run(lambda c: progress(c, "pairs", name))
    assert (kept.number, kept.right_ones) == (1, int(wrong["correct"]))


def test_where_somebody_is_in_practice_survives_a_restart_and_holds_at_another_server(
    school, study_folder, tmp_path, clock
):
    rater = agree(school)
    told = understand(school, rater)
    told = school.practice({"rater": rater, "progress": told["progress"], "answer": "same_3"})
    other = open_desk(study_folder, tmp_path / "labels.db", clock, tmp_path / "hub", TEXT)

    assert other.practice({"rater": rater})["number"] == 2
    assert other.practice({"rater": rater, "progress": told["progress"], "answer": "same_3"})["number"] == 3
    assert "correct" not in school.practice({"rater": rater, "progress": told["progress"], "answer": "different_3"})
    other.store.close()


def test_failed_tries_follow_a_platform_name_into_its_next_visit(school):
    platform = {"parameters": {"PROLIFIC_PID": "p1"}}
    first = agree(school, **platform)
    assert understand(school, first, "Two names")["state"] == "again"
    second = agree(school, **platform)
    assert understand(school, second, "Two names")["state"] == "screened_out"
    assert understand(school, agree(school, parameters={"PROLIFIC_PID": "p2"}), "Two names")["state"] == "again"


def test_practice_goes_on_after_a_wiped_disk_instead_of_ending_the_visit(school, study_folder, tmp_path, clock):
    rater = agree(school)
    told = understand(school, rater)
    wiped = open_desk(study_folder, tmp_path / "wiped.db", clock, tmp_path / "hub2", TEXT)
    assert wiped.practice({"rater": rater, "progress": told["progress"], "answer": "same_3"})["questions"]
    wiped.store.close()
