"""Owners, adjudicators and readers: what each may do, by a token or a Hub account, and studies that are archived or
cloned."""

import time

import pytest

from tests.labeling.conftest import STUDY, write_study
from tests.labeling.desks import CROWD, agree, open_desk, vote
from tests.labeling.store.test_deciding import RULE
from tests.labeling.votes import answer_all
from workbench.errors import BadRequest, NotAllowed, StudyError
from workbench.labeling.serving.access import Gate
from workbench.labeling.serving.owner import Owner
from workbench.labeling.serving.service import Service
from workbench.labeling.store import members, schema
from workbench.labeling.store.leases import Vote
from workbench.labeling.study.cloning import clone, renamed
from workbench.labeling.study.study import load_study

TOKEN = "owner token of a test"


@pytest.fixture
def house(tmp_path, clock):
    """A desk with a disputed study of a few items, and its owner's side."""
    folder = write_study(tmp_path / "study", items=4, gold=1, text=STUDY + CROWD + RULE)
    desk = open_desk(folder, tmp_path / "labels.db", clock, tmp_path / "hub", STUDY + CROWD + RULE)
    yield desk, Owner(Service(desk.study, desk.store, desk.outbox, desk), Gate(TOKEN))
    desk.store.close()


def given(owner, name, role):
    return owner.do({"token": TOKEN, "action": "add_member", "name": name, "role": role})["token"]


def test_a_reader_looks_and_exports_and_changes_nothing(house):
    desk, owner = house
    reader = given(owner, "ana", "reader")
    assert owner.do({"token": reader, "action": "overview"})["study"] == "pairs"
    assert owner.do({"token": reader, "action": "export", "format": "csv"})["name"] == "pairs.csv"
    assert desk.store.audit_log("pairs")[0]["who"] == "ana"
    for action in ("pause", "archive", "block", "squash", "add_member", "members", "appoint", "requeue", "push", "no"):
        with pytest.raises(NotAllowed, match="Your role"):
            owner.do({"token": reader, "action": action, "name": "me", "role": "owner"})


def test_a_studys_owner_may_all_that_belongs_to_it_until_the_role_is_taken_away(house):
    desk, owner = house
    token = given(owner, "ben", "owner")
    owner.do({"token": token, "action": "pause"})
    assert (desk.store.state("pairs"), desk.store.audit_log("pairs")[0]["who"]) == ("paused", "ben")
    assert token not in str(desk.store.database.run(lambda c: c.execute(schema.members.select()).all()))
    owner.do({"token": TOKEN, "action": "remove_member", "name": "ben"})
    with pytest.raises(NotAllowed, match="owner's token"):
        owner.do({"token": token, "action": "open"})
    with pytest.raises(StudyError, match="no role"):
        owner.do({"token": TOKEN, "action": "remove_member", "name": "ben"})


def test_a_role_in_one_study_is_none_in_another(house):
    desk, owner = house
    desk.store.database.run(lambda c: c.execute(schema.members.insert(), _row("other", "eve", "owner", "fwm_x")))
    with pytest.raises(NotAllowed):
        owner.do({"token": "fwm_x", "action": "overview"})
    for name, role in (("a b", "reader"), ("", "reader"), ("<b>", "reader"), ("ok", "king")):
        with pytest.raises((StudyError, BadRequest)):
            given(owner, name, role)


def test_a_hub_account_is_believed_from_the_server_alone(house):
    _, owner = house
    assert given(owner, "hub:carla", "reader") == ""
    assert owner.do({"token": "", "account": "carla", "action": "overview"})["study"] == "pairs"
    for asked in ({"account": "hub:carla"}, {"account": "carl"}, {"account": ""}, {"token": "hub:carla"}):
        with pytest.raises(NotAllowed):
            owner.do({"token": "", "action": "overview"} | asked)


def test_an_adjudicator_comes_by_a_key_and_is_given_disputed_items_alone(house):
    desk, owner = house
    for answer in ("same_3", "different_2", "same_1"):
        answer_all(desk.store, desk.study, desk.store.join(desk.study), Vote(answer, 1500))
    key = given(owner, "dora", "adjudicator")
    item = desk.sync({"rater": agree(desk, key=key), "want": 1})["items"][0]
    assert item["decides"]
    with pytest.raises(NotAllowed, match="key"):
        agree(desk, key=given(owner, "finn", "reader"))
    with pytest.raises(NotAllowed, match="role"):
        owner.do({"token": key, "action": "overview"})


@pytest.mark.parametrize("end", ["removed", "another role", "another key"])
def test_who_came_by_a_key_decides_no_more_when_it_is_taken_back(house, end):
    desk, owner = house
    for answer in ("same_3", "different_2", "same_1"):
        answer_all(desk.store, desk.study, desk.store.join(desk.study), Vote(answer, 1500))
    came, other = (
        agree(desk, key=given(owner, "dora", "adjudicator")),
        agree(desk, key=given(owner, "f", "adjudicator")),
    )
    assert desk.sync({"rater": came, "want": 1})["items"][0]["decides"]

    if end == "removed":
        owner.do({"token": TOKEN, "action": "remove_member", "name": "dora"})
    else:
        given(owner, "dora", "reader" if end == "another role" else "adjudicator")

    assert not any(item.get("decides") for item in desk.sync({"rater": came, "want": 4})["items"])
    assert desk.sync({"rater": other, "want": 1})["items"][0]["decides"]


def test_an_archived_study_is_closed_to_raters_keeps_its_data_and_can_be_reopened(house):
    desk, owner = house
    rater = agree(desk)
    items = desk.sync({"rater": rater, "want": 2})["items"]
    owner.do({"token": TOKEN, "action": "archive"})
    told = desk.sync(
        {"rater": rater, "votes": [vote(items[0], "different_3")], "want": 2}
    )  # right for the gold one too
    assert (told["votes"][0]["state"], told["state"], told["items"]) == ("recorded", "archived", [])
    assert told["redirect"].endswith("OK1")
    assert desk.welcome()["state"] == "archived"
    with pytest.raises(NotAllowed, match="closed"):
        agree(desk)
    assert desk.withdraw({"rater": rater})["state"] == "withdrawn"
    owner.do({"token": TOKEN, "action": "open"})
    assert desk.sync({"rater": agree(desk), "want": 1})["items"]


def test_a_clone_is_the_study_under_a_new_name_and_nothing_else(tmp_path):
    text = STUDY.replace('name = "pairs"', "name = 'pairs' # kept") + "[texts.de]\ntitle = 'name = \"pairs\"'\n"
    folder = write_study(tmp_path / "pairs", items=2, gold=1, text=text)
    (folder / ".hidden").write_text("x")
    (folder / "link.csv").symlink_to("/etc/hostname")
    made = clone(folder, tmp_path / "again", "again")
    assert (made.name, made.texts, made.title) == ("again", load_study(folder).texts, "Pairs")
    assert sorted(path.name for path in made.folder.iterdir()) == ["images", "items.csv", "study.toml"]
    with pytest.raises(StudyError, match="already"):
        clone(folder, tmp_path / "again", "again")
    for name in ("pairs", "../x", "", "a/b"):
        with pytest.raises(StudyError, match="name of its own"):
            clone(folder, tmp_path / "new", name)
    inline = text.replace("[study]\nname = 'pairs' # kept", '[study]\n"name" = "pairs"')
    with pytest.raises(StudyError, match="line of its own"):
        clone(write_study(tmp_path / "odd", items=2, gold=1, text=inline), tmp_path / "new", "new")
    assert not (tmp_path / "new").exists()


def test_a_long_study_file_is_cloned_in_no_time(tmp_path):
    """Under a role for one study: whoever may edit it may not hold up the server for everybody."""
    head, _, rest = STUDY.partition("[study]")
    own, _, others = rest.partition("\n[")
    folder = write_study(tmp_path / "pairs", items=2, gold=1, text=f"{head}[{others}\n[study]{own}" + "\n" * 100_000)
    study, before = load_study(folder), time.process_time()
    assert 'name = "again"' in renamed(study, "again")
    assert time.process_time() - before < 5


def _row(study, name, role, token):
    row = {"study": study, "name": name, "role": role, "added_at": "2026"}
    return row | {"token": members._kept(token)}
