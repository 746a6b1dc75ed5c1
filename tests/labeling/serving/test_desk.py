"""What a rater's browser may ask, and what a forger, a replayer or a broken client gets."""

import base64
import json

import pytest

from tests.labeling.conftest import STUDY, write_study
from tests.labeling.hub.test_outbox import settle
from workbench.errors import BadRequest, NotAllowed, StudyError
from workbench.labeling.hub.formats import from_file, to_file
from workbench.labeling.hub.hub import LocalHub
from workbench.labeling.hub.outbox import Outbox
from workbench.labeling.report.report import report
from workbench.labeling.serving.desk import Desk
from workbench.labeling.serving.tokens import Sealer, signing_secret
from workbench.labeling.statistics.analysis import analyse
from workbench.labeling.store.store import Store
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import parse_study

CROWD = """
[crowd]
return_url = "https://crowd.example/done?cc={code}"
parameters = { PROLIFIC_PID = "participant" }
codes = { complete = "OK1", failed_checks = "BAD1", no_consent = "NO1" }
[demographics]
"Age group" = ["18-30", "31-50"]
"""


def open_desk(folder, database, clock, hub, text=STUDY + CROWD, secret=b"s" * 32):
    study = parse_study(text, folder)
    items = load_items(study)
    store = Store(database, clock)
    store.add_study(study, items)
    outbox = Outbox(store, LocalHub(hub))
    outbox.hub.ensure()
    outbox.pull()
    outbox.ready = True
    return Desk(study, items, store, outbox, Sealer(secret))


@pytest.fixture
def desk(study_folder, tmp_path, clock):
    desk = open_desk(study_folder, tmp_path / "labels.db", clock, tmp_path / "hub")
    yield desk
    desk.store.close()


def agree(desk, **more):
    return desk.enter({"agree": True, "version": "v1"} | more)["rater"]


def vote(item, answer="same_3", **more):
    return {"lease": item["token"], "answer": answer, "response_ms": 1200} | more


def rows(desk):
    return desk.store.judgements("pairs")


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


def forged(token):
    middle = len(token) // 2
    return token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]


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


def test_before_the_hubs_rows_are_back_nobody_judges(desk):
    rater = agree(desk)
    desk.outbox.ready = False
    assert desk.welcome()["state"] == "starting"
    with pytest.raises(StudyError, match="is starting"):
        desk.sync({"rater": rater, "want": 1})


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


def test_choices_of_pictures_are_named_by_picture_not_by_place(study_folder, tmp_path, clock):
    text = (
        STUDY.replace("same_different", "triplet")
        .replace('csv = "items.csv"', 'csv = "three.csv"')
        .replace("gold = 2", "gold = 0")
    )
    lines = ["image_1,image_2,image_3"] + [f"images/{n}a.png,images/{n}b.png,images/{n + 1}a.png" for n in range(12)]
    (study_folder / "three.csv").write_text("\n".join(lines))
    desk = open_desk(study_folder, tmp_path / "t.db", clock, tmp_path / "hub", text=text)
    rater, orders = agree(desk), set()
    for _ in range(12):
        item = desk.sync({"rater": rater, "want": 1})["items"][0]
        orders.add(tuple(item["keys"]))
        row = desk.store.hold(desk.study, desk.sealer.open("rater", rater)["rater"], 1)[0]
        pictures = desk._pictures[row.item]
        for key, shown in zip(item["keys"], item["images"][1:], strict=True):
            picture = pictures[int(key[-1]) - 1]
            assert shown == desk._shelf.address(picture.file, picture.sha256)
        assert item["images"][0] == desk._shelf.address(pictures[0].file, pictures[0].sha256), "the reference stays"
        desk.sync({"rater": rater, "votes": [vote(item, "image_3")]})
    assert orders == {("image_2", "image_3"), ("image_3", "image_2")}
    desk.store.close()


def test_a_secret_in_a_file_survives_and_a_phrase_gives_the_same_one_everywhere(tmp_path):
    assert signing_secret(tmp_path / "a") == signing_secret(tmp_path / "a")
    assert signing_secret(tmp_path / "a") != signing_secret(tmp_path / "b")
    assert (tmp_path / "a/secret.key").stat().st_mode & 0o077 == 0
    assert signing_secret(tmp_path / "c", "phrase") == signing_secret(tmp_path / "d", "phrase")
    assert not (tmp_path / "c").exists()
    sealed = Sealer(b"1" * 32).seal("rater", {"a": 1})
    with pytest.raises(NotAllowed):
        Sealer(b"2" * 32).open("rater", sealed)


def test_a_browser_that_knew_another_server_sends_its_receipts_first(desk):
    rater = agree(desk)
    first = desk.sync({"rater": rater, "want": 1})
    item = first["items"][0]
    asked = {"rater": rater, "want": 3, "votes": [vote(item)], "boot": "another"}
    assert desk.sync(asked) == {"state": "resend", "boot": first["boot"]}
    assert rows(desk).empty
    assert desk.sync(asked | {"boot": first["boot"]})["votes"][0]["state"] == "recorded"


def test_pictures_a_browser_has_are_not_sent_again(desk):
    rater = agree(desk)
    first = desk.sync({"rater": rater, "want": 3})
    ids = [item["id"] for item in first["items"]]
    again = desk.sync({"rater": rater, "want": 4, "have": ids})
    assert again["valid"][:3] == ids
    assert [item["id"] for item in again["items"]] == again["valid"][3:]


@pytest.mark.parametrize(
    ("task", "images", "answer"),
    [
        ("better_of_two", 2, "tie"),
        ("better_with_original", 3, "image_3"),
        ("more_of_two", 2, "image_1"),
        ("best_worst", 4, "image_4>image_2"),
    ],
)
def test_tasks_that_compare_are_judged_exported_and_read_back_into_a_report(tmp_path, clock, task, images, answer):
    folder = write_study(tmp_path / "study")
    columns = [f"image_{n + 1}" for n in range(images)] + [f"source_{n + 1}" for n in range(images)]
    names = [[f"images/{(4 * k + n) // 2}{'ab'[n % 2]}.png" for n in range(images)] for k in range(4)]
    made = [",".join([*row, *("ABCD"[:images])]) for row in names]
    (folder / "items.csv").write_text("\n".join([",".join(columns), *made]) + "\n")
    text = (
        STUDY.replace("gold = 2", "gold = 0")
        .replace("repeats = 1", "repeats = 0")
        .replace('task = "same_different"', f'task = "{task}"\nattribute = "clear"')
    )
    desk = open_desk(folder, tmp_path / "labels.db", clock, tmp_path / "hub", text)
    shown = []
    for _ in range(3):
        rater = agree(desk)
        found = desk.sync({"rater": rater, "want": 1})
        while found["items"]:
            shown.append(found["items"][0])
            clock.seconds += 3
            found = desk.sync({"rater": rater, "votes": [vote(found["items"][0], answer)], "want": 1})
    assert len(shown) == 12
    assert all(len(item["images"]) == images for item in shown)
    assert not {"source", "sources"} & {key for item in shown for key in item}, "no rater is told what made a picture"
    refused = desk.sync({"rater": rater, "votes": [vote(shown[0], "image_1>image_1")]})["votes"][0]
    assert refused["state"] == "refused"
    table = from_file(to_file(desk.store.judgements("pairs"), "parquet"), "parquet")
    found = analyse(desk.study, table, desk.store.items("pairs"), rounds=20)
    ranking = found.ranking
    assert ranking.judgements == 12
    assert ranking.table.iloc[0]["candidate"] == {"tie": "A", "image_3": "C", "image_1": "A"}.get(answer, "D")
    if answer == "tie":
        assert ranking.ties.value == 1
        page = report(found)
        assert "Preference" in page.html
        assert "ranking" in page.tables
    desk.store.close()
