"""A withdrawal that was acknowledged stays one, whatever happens to the server's disk."""

import json

import pytest

from tests.labeling.conftest import write_study
from tests.labeling.desks import agree, open_desk, vote
from tests.labeling.hub.test_outbox import settle
from workbench.cli import main
from workbench.errors import NotAllowed


@pytest.fixture
def desk(study_folder, tmp_path, clock):
    desk = open_desk(study_folder, tmp_path / "labels.db", clock, tmp_path / "hub")
    yield desk
    desk.store.close()


def judged(desk, clock, count=5):
    rater = agree(desk)
    for _ in range(count):
        clock.seconds += 4
        item = desk.sync({"rater": rater, "want": 1})["items"][0]
        desk.sync({"rater": rater, "votes": [vote(item)]})
    return rater


def test_a_withdrawal_survives_a_wiped_disk_before_it_was_pushed(desk, study_folder, tmp_path, clock):
    rater = judged(desk, clock)
    settle(desk.outbox)
    left = desk.withdraw({"rater": rater})
    assert (left["state"], left["on_hub"]) == ("withdrawn", False)
    fresh = open_desk(study_folder, tmp_path / "fresh.db", clock, tmp_path / "hub")
    assert len(fresh.store.judgements("pairs")) == 5, "the Hub knows nothing of the withdrawal"
    clock.seconds += 500
    again = fresh.withdraw({"rater": rater, "receipt": left["receipt"]})
    assert fresh.store.judgements("pairs").empty
    assert again["on_hub"] is False
    settle(fresh.outbox)
    last = fresh.withdraw({"rater": rater, "receipt": again["receipt"]})
    assert last["on_hub"] is True
    times = [body.sealer.open("receipt", one["receipt"])["row"] for body, one in ((desk, left), (fresh, last))]
    assert times[0] == times[1], "with the moment at which it was acknowledged"
    third = open_desk(study_folder, tmp_path / "third.db", clock, tmp_path / "hub")
    assert third.store.judgements("pairs").empty
    fresh.store.close()
    third.store.close()


def test_a_withdrawal_makes_the_outbox_hurry(desk, clock):
    rater = judged(desk, clock)
    assert desk.outbox._gap() == desk.outbox.interval == 60.0
    desk.withdraw({"rater": rater})
    assert desk.outbox._gap() == 5.0


def test_another_receipt_or_anothers_withdrawal_is_refused(desk, clock):
    mine, theirs = judged(desk, clock), judged(desk, clock)
    entry = desk.enter({"agree": True, "version": "v1"})["receipt"]
    left = desk.withdraw({"rater": theirs})
    for receipt in (entry, left["receipt"], "nonsense", 5, mine):
        with pytest.raises(NotAllowed):
            desk.withdraw({"rater": mine, "receipt": receipt})
    assert len(desk.store.judgements("pairs")) == 5


def test_receipts_of_votes_do_not_undo_a_withdrawal(desk, study_folder, tmp_path, clock):
    rater = agree(desk)
    item = desk.sync({"rater": rater, "want": 1})["items"][0]
    receipt = desk.sync({"rater": rater, "votes": [vote(item)]})["votes"][0]["receipt"]
    left = desk.withdraw({"rater": rater})
    fresh = open_desk(study_folder, tmp_path / "fresh.db", clock, tmp_path / "hub")
    fresh.sync({"rater": rater, "resend": [receipt]})
    fresh.withdraw({"rater": rater, "receipt": left["receipt"]})
    fresh.sync({"rater": rater, "resend": [receipt]})
    assert fresh.store.judgements("pairs").empty
    fresh.store.close()


def test_the_platforms_id_is_gone_from_the_file_itself(desk, tmp_path, clock):
    name = "PLATFORM-NAME-1234567890"
    rater = desk.enter({"agree": True, "version": "v1", "parameters": {"PROLIFIC_PID": name}})["rater"]
    files = [path for path in tmp_path.iterdir() if path.name.startswith("labels.db")]
    assert any(name.encode() in path.read_bytes() for path in files)
    desk.withdraw({"rater": rater})
    files = [path for path in tmp_path.iterdir() if path.name.startswith("labels.db")]
    assert not [path.name for path in files if name.encode() in path.read_bytes()]


def test_all_that_is_kept_of_a_person_is_told_and_gone_names_are_not_found(tmp_path, clock, monkeypatch, capsys):
    folder = write_study(tmp_path / "study")
    desk = open_desk(folder, tmp_path / "data/labels.db", clock, tmp_path / "hub")
    told = {"demographics": {"Age group": "18-30"}, "parameters": {"PROLIFIC_PID": "P7"}}
    rater, other = agree(desk, **told), agree(desk, parameters={"PROLIFIC_PID": "P8"})
    item = desk.sync({"rater": rater, "want": 2})["items"][0]
    label = desk.sync({"rater": rater, "votes": [vote(item)]})["votes"][0]["id"]
    clock.seconds += 5
    again = desk.undo({"rater": rater, "label": label})["item"]
    desk.sync({"rater": rater, "votes": [vote(again, "different_1")]})
    monkeypatch.setenv("WORKBENCH_DATA", str(tmp_path / "data"))

    def ask(*words):
        code = main(["label", "access", str(folder), *words])
        return code, capsys.readouterr().out

    code, said = ask("--participant", "P7")
    (kept,) = json.loads(said)
    assert code == 0
    assert kept["names"] == {"participant": "P7"}
    assert kept["about"]["demographics"] == {"Age group": "18-30"}
    assert [row["answer"] for row in kept["answers"]] == ["same_3", "different_1"], "the undone one too"
    assert kept["leases"]
    assert "P8" not in said
    desk.withdraw({"rater": rater})
    assert ask("--participant", "P7")[0] != 0, "the name was erased"
    assert json.loads(ask("--rater", kept["rater"])[1])[0]["names"] == {}
    assert "P8" in ask("--participant", "P8")[1]
    assert other
    desk.store.close()


def test_a_backup_that_is_put_back_gives_no_name_back_that_was_erased(study_folder, tmp_path, clock):
    desk = open_desk(study_folder, tmp_path / "labels.db", clock, tmp_path / "hub")
    rater = agree(desk, parameters={"PROLIFIC_PID": "P7"})
    item = desk.sync({"rater": rater, "want": 1})["items"][0]
    desk.sync({"rater": rater, "votes": [vote(item)]})
    settle(desk.outbox)
    desk.store.close()
    backup = (tmp_path / "labels.db").read_bytes()
    desk = open_desk(study_folder, tmp_path / "labels.db", clock, tmp_path / "hub")
    desk.withdraw({"rater": rater})
    settle(desk.outbox)
    desk.store.close()
    (tmp_path / "old.db").write_bytes(backup)
    assert b"P7" in backup
    again = open_desk(study_folder, tmp_path / "old.db", clock, tmp_path / "hub")
    name = again.sealer.open("rater", rater)["rater"]
    assert again.store.person("pairs", name) == {}
    assert again.store.rater("pairs", name)["state"] == "withdrawn"
    assert again.store.judgements("pairs").empty
    again.store.close()
    assert b"P7" not in (tmp_path / "old.db").read_bytes()
