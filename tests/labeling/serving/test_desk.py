"""What a rater's browser may ask, and what a forger, a replayer or a broken client gets."""

import base64
import json

import pytest

from tests.labeling.conftest import STUDY, write_study
from tests.labeling.desks import CROWD, agree, forged, open_desk, rows, vote
from workbench.errors import BadRequest, NotAllowed
from workbench.labeling.serving.tokens import Sealer, signing_secret


def test_consent_comes_before_any_picture(desk):
    text = json.dumps(desk.welcome())
    assert "data:image" not in text
    assert "pair-0" not in text
    with pytest.raises(NotAllowed):
        desk.sync({"want": 1})


def test_no_consent_stores_nothing_and_returns_to_the_platform(desk):
    assert desk.enter({"agree": False}) == {"state": "no_consent", "redirect": "https://crowd.example/done?cc=NO1"}
    assert desk.store.raters("pairs").empty


def test_consent_to_an_old_text_is_refused(desk):
    with pytest.raises(BadRequest, match="has changed"):
        desk.enter({"agree": True, "version": "v0"})


def test_a_session_from_consent_to_the_last_pair(study_folder, tmp_path, clock):
    desk = open_desk(
        study_folder, tmp_path / "own.db", clock, tmp_path / "hub", text=(STUDY + CROWD).replace("gold = 2", "gold = 4")
    )
    rater = agree(desk, demographics={"Age group": "31-50"}, parameters={"PROLIFIC_PID": "P1", "utm": "x"})
    found = desk.sync({"rater": rater, "want": 3})
    count = 0
    while found["items"]:
        assert all(len(item["images"]) == 2 for item in found["items"])
        clock.seconds += 3
        found = desk.sync({"rater": rater, "votes": [vote(found["items"][0])], "want": 3})
        assert found["votes"][0]["state"] == "recorded"
        count += 1
    assert (found["state"], found["answered"]) == ("complete", count)
    assert found["redirect"].endswith("cc=BAD1"), "always answering same fails half of the gold"
    assert len(rows(desk)) == count
    assert count >= 14
    assert "P1" not in rows(desk).to_csv()
    desk.store.close()


def test_nothing_sent_to_the_browser_tells_gold_truth_or_file_names(desk):
    rater = agree(desk)
    text = json.dumps(desk.sync({"rater": rater, "want": 3}))
    token = desk.sync({"rater": rater, "want": 1})["items"][0]["token"]
    clear = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    for word in ("gold", "truth", "pair-0", "images/", ".png", "purpose"):
        assert word not in text.replace('"images":', "").replace("data:image/png", "")
        assert word.encode() not in clear


def test_a_vote_sent_again_gets_the_same_receipt_row_and_counts_once(desk):
    rater = agree(desk)
    item = desk.sync({"rater": rater, "want": 1})["items"][0]
    first = desk.sync({"rater": rater, "votes": [vote(item)]})["votes"][0]
    second = desk.sync({"rater": rater, "votes": [vote(item, "different_3")]})["votes"][0]
    assert (first["state"], second["state"]) == ("recorded", "already")
    opened = [desk.sealer.open("receipt", v["receipt"])["row"] for v in (first, second)]
    assert opened[0] == opened[1]
    assert list(rows(desk)["answer"]) == ["same_3"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"lease": "nonsense"}, "not issued here"),
        ({"lease": None}, "not issued here"),
        ({"lease": "é" * 100}, "not issued here"),
        ({"answer": "same_4"}, "expected one of different_3"),
        ({"answer": 3}, "expected one of"),
        ({"answer": None}, "expected one of"),
        ({"response_ms": -1}, "whole milliseconds"),
        ({"response_ms": 1e3}, "whole milliseconds"),
        ({"response_ms": True}, "whole milliseconds"),
        ({"response_ms": 10**12}, "whole milliseconds"),
        ({"response_ms": None}, "whole milliseconds"),
        ({"age_ms": "soon"}, "whole milliseconds"),
        ({"flags": ["model_score"]}, "expected some of"),
        ({"flags": "broken"}, "expected some of"),
        ({"flags": ["known", "known"]}, "expected some of"),
        ({"reason": "x" * 201}, "at most 200"),
        ({"reason": {"$gt": ""}}, "at most 200"),
    ],
    ids=str,
)
def test_a_wrong_vote_is_refused_in_words_and_changes_nothing(desk, change, sentence):
    rater = agree(desk)
    item = desk.sync({"rater": rater, "want": 1})["items"][0]
    result = desk.sync({"rater": rater, "votes": [vote(item) | change]})["votes"][0]
    assert result["state"] == "refused"
    assert sentence in result["message"]
    assert rows(desk).empty
    assert desk.sync({"rater": rater, "votes": [vote(item)]})["votes"][0]["state"] == "recorded"


def test_a_forged_lease_is_refused(desk):
    rater = agree(desk)
    item = desk.sync({"rater": rater, "want": 1})["items"][0]
    result = desk.sync({"rater": rater, "votes": [vote(item) | {"lease": forged(item["token"])}]})["votes"][0]
    assert "not issued here or was changed" in result["message"]
    assert rows(desk).empty


def test_another_raters_lease_is_refused(desk):
    mine, theirs = agree(desk), agree(desk)
    item = desk.sync({"rater": theirs, "want": 1})["items"][0]
    result = desk.sync({"rater": mine, "votes": [vote(item)]})["votes"][0]
    assert "belongs to another rater" in result["message"]
    with pytest.raises(NotAllowed, match="belongs to another rater"):
        desk.sync({"rater": mine, "held": [item["token"]]})
    assert rows(desk).empty


def test_an_expired_lease_is_refused_and_the_browser_is_told(desk, clock):
    rater = agree(desk)
    item = desk.sync({"rater": rater, "want": 1})["items"][0]
    clock.seconds += 901
    result = desk.sync({"rater": rater, "votes": [vote(item)], "want": 1})
    assert result["votes"][0]["state"] == "expired"
    assert "shown too long ago" in result["votes"][0]["message"]
    assert rows(desk).empty
    assert result["items"][0]["id"] != item["id"]


def test_a_token_of_one_kind_is_not_another(desk):
    rater = agree(desk)
    item = desk.sync({"rater": rater, "want": 1})["items"][0]
    with pytest.raises(NotAllowed):
        desk.sync({"rater": item["token"], "want": 1})
    assert desk.sync({"rater": rater, "votes": [vote(item) | {"lease": rater}]})["votes"][0]["state"] == "refused"


def test_another_studys_rater_is_refused(desk, tmp_path, clock):
    folder = write_study(tmp_path / "other", text=STUDY.replace('name = "pairs"', 'name = "other"'))
    other = open_desk(folder, tmp_path / "other.db", clock, tmp_path / "hub2", text=(folder / "study.toml").read_text())
    with pytest.raises(NotAllowed, match="another study"):
        desk.sync({"rater": agree(other), "want": 1})
    other.store.close()


@pytest.mark.parametrize(
    "asked",
    [
        {"want": 5},
        {"want": True},
        {"want": "3"},
        {"votes": {}},
        {"votes": [{}] * 21},
        {"check": "x"},
        {"resend": ["x"] * 101},
        {"held": 5},
    ],
    ids=str,
)
def test_a_wrong_request_is_refused(desk, asked):
    with pytest.raises(BadRequest, match="expected"):
        desk.sync({"rater": agree(desk)} | asked)


@pytest.mark.parametrize("demographics", [{"Age group": "99"}, {"Name": "Eve"}, ["x"]], ids=str)
def test_only_offered_demographic_answers_are_taken(desk, demographics):
    with pytest.raises(BadRequest, match="demographics"):
        desk.enter({"agree": True, "version": "v1", "demographics": demographics})


def test_two_tabs_of_one_rater_share_their_items(desk):
    rater = agree(desk)
    one, two = desk.sync({"rater": rater, "want": 3}), desk.sync({"rater": rater, "want": 3})
    assert [item["id"] for item in one["items"]] == [item["id"] for item in two["items"]]
    votes = [desk.sync({"rater": rater, "votes": [vote(tab["items"][0])]})["votes"][0]["state"] for tab in (one, two)]
    assert votes == ["recorded", "already"]
    assert len(rows(desk)) == 1


def test_undo_shows_the_pair_again_and_the_new_answer_counts(desk):
    rater = agree(desk)
    item = desk.sync({"rater": rater, "want": 1})["items"][0]
    label = desk.sync({"rater": rater, "votes": [vote(item)]})["votes"][0]["id"]
    again = desk.undo({"rater": rater, "label": label})["item"]
    assert again["images"] == item["images"]
    desk.sync({"rater": rater, "votes": [vote(again, "different_1")]})
    assert list(rows(desk)["answer"]) == ["different_1"]
    with pytest.raises(NotAllowed, match="own last"):
        desk.undo({"rater": agree(desk), "label": label})


def test_skips_and_flags_are_kept_with_their_reason(desk):
    rater = agree(desk)
    items = desk.sync({"rater": rater, "want": 2})["items"]
    desk.sync(
        {
            "rater": rater,
            "votes": [
                vote(items[0], "skip", reason="broken picture", flags=["broken"]),
                vote(items[1], flags=["known"]),
            ],
        }
    )
    kept = rows(desk).set_index("answer")
    assert (kept.loc["skip", "reason"], kept.loc["skip", "flags"]) == ("broken picture", "broken")
    assert kept.loc["same_3", "flags"] == "known"


def test_a_missing_picture_is_told_and_can_be_skipped(desk, study_folder):
    for path in (study_folder / "images").iterdir():
        path.write_bytes(b"gone")
    rater = agree(desk)
    item = desk.sync({"rater": rater, "want": 1})["items"][0]
    assert item["images"] == []
    assert "Please skip" in item["fault"]
    assert (
        desk.sync({"rater": rater, "votes": [vote(item, "skip", flags=["broken"])]})["votes"][0]["state"] == "recorded"
    )


def test_a_script_that_hammers_waits_and_people_do_not(desk, clock):
    rater, person = agree(desk), agree(desk)
    refused = 0
    for _ in range(200):
        try:
            desk.sync({"rater": rater})
        except NotAllowed as error:
            refused += "Too many requests" in str(error)
    assert 70 <= refused <= 90
    desk.sync({"rater": person, "want": 1})
    clock.seconds += 2
    desk.sync({"rater": rater, "want": 1})


def test_a_secret_in_a_file_survives_and_a_phrase_gives_the_same_one_everywhere(tmp_path):
    assert signing_secret(tmp_path / "a") == signing_secret(tmp_path / "a")
    assert signing_secret(tmp_path / "a") != signing_secret(tmp_path / "b")
    assert (tmp_path / "a/secret.key").stat().st_mode & 0o077 == 0
    assert signing_secret(tmp_path / "c", "phrase") == signing_secret(tmp_path / "d", "phrase")
    assert not (tmp_path / "c").exists()
    sealed = Sealer(b"1" * 32).seal("rater", {"a": 1})
    with pytest.raises(NotAllowed):
        Sealer(b"2" * 32).open("rater", sealed)


def test_pictures_a_browser_has_are_not_sent_again(desk):
    rater = agree(desk)
    first = desk.sync({"rater": rater, "want": 3})
    ids = [item["id"] for item in first["items"]]
    again = desk.sync({"rater": rater, "want": 4, "have": ids})
    assert again["valid"][:3] == ids
    assert [item["id"] for item in again["items"]] == again["valid"][3:]
