"""Prolific's API against a double of its documented endpoints, and the links of other platforms."""

import http.client

import pytest

from tests.labeling.conftest import STUDY, write_study
from tests.labeling.desks import agree, open_desk, vote
from tests.prolific_double import ProlificDouble
from workbench.cli import main
from workbench.errors import BadRequest, StudyError
from workbench.labeling.serving.prolific import Prolific
from workbench.labeling.serving.settling import pay_bonuses
from workbench.labeling.study.study import parse_study

CROWD = """
[crowd]
return_url = "https://app.prolific.com/submissions/complete?cc={code}"
parameters = { PROLIFIC_PID = "participant", SESSION_ID = "session", STUDY_ID = "study" }
codes = { complete = "DONE1", failed_checks = "FAIL1", no_consent = "NO1" }
minutes = 5
reward = 1.25
currency = "GBP"
least = 4
"""
TEXT = STUDY.replace("gold = 2", "gold = 0").replace("repeats = 1", "repeats = 0") + CROWD
LINK = "https://faces.example/?study=pairs"


def work(desk, clock, participant, session, answers):
    """A participant judges; their rater token."""
    rater = agree(desk, parameters={"PROLIFIC_PID": participant, "SESSION_ID": session})
    for _ in range(answers):
        item = desk.sync({"rater": rater, "want": 1})["items"][0]
        clock.seconds += 4
        desk.sync({"rater": rater, "votes": [vote(item)]})
    return rater


@pytest.fixture
def label(tmp_path, monkeypatch, capsys):
    """`label prolific` on the small study, against the double: (call, double, what was printed last)."""
    write_study(tmp_path / "study", text=TEXT)
    with ProlificDouble("secret-token") as double:
        monkeypatch.setenv("WORKBENCH_DATA", str(tmp_path / "data"))
        monkeypatch.setenv("PROLIFIC_TOKEN", "secret-token")
        monkeypatch.setenv("PROLIFIC_ADDRESS", double.address)

        def call(*words):
            code = main(["label", "prolific", str(tmp_path / "study"), *words])
            told = capsys.readouterr()
            return code, told.out + told.err

        yield call, double


def test_from_a_draft_to_a_bonus(label, tmp_path, clock):
    call, double = label
    assert call("publish", "--go")[0] != 0, "there is nothing to publish yet"
    assert "Made a draft" in call("create", "--link", LINK, "--places", "3")[1]
    assert "already" in call("create", "--link", LINK)[1]
    (study,) = double.studies.values()
    assert study["external_study_url"].startswith(LINK + "&PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID=")
    assert (study["reward"], study["estimated_completion_time"], study["total_available_places"]) == (125, 5, 3)
    assert [one["code_type"] for one in study["completion_codes"]] == [
        "COMPLETED",
        "FAILED_ATTENTION_CHECK",
        "NO_CONSENT",
    ]
    assert "Would publish" in call("publish")[1]
    assert study["status"] == "UNPUBLISHED"
    assert "ACTIVE" in call("publish", "--go")[1]

    desk = open_desk(tmp_path / "study", tmp_path / "data/labels.db", clock, tmp_path / "hub", TEXT)
    work(desk, clock, "p1", "5e551", 5)
    work(desk, clock, "p2", "5e552", 1)  # one of one given is half of what was given
    lazy = agree(desk, parameters={"PROLIFIC_PID": "p3", "SESSION_ID": "5e553"})
    for item in desk.sync({"rater": lazy, "want": 3})["items"]:
        desk.sync({"rater": lazy, "votes": [vote(item, "skip")]})
    gone = work(desk, clock, "p4", "5e554", 5)
    desk.withdraw({"rater": gone})
    for n, who in enumerate(("p1", "p2", "p3", "p4", "thief"), start=1):
        double.submit(study["id"], who, f"5e55{n}" if who != "thief" else "5e551x")
    told = call("settle")[1]
    assert "5 submissions wait" in told, "the double hands them out two by two"
    assert all(one["status"] == "AWAITING REVIEW" for one in double.submissions.values()), "nothing without --go"
    assert call("settle", "--go")[0] == 0
    states = {name: (one["status"], one.get("return_requested", False)) for name, one in double.submissions.items()}
    assert states == {
        "5e551": ("APPROVED", False),
        "5e552": ("APPROVED", False),
        "5e553": ("AWAITING REVIEW", True),
        "5e554": ("AWAITING REVIEW", False),  # withdrew: a person looks
        "5e551x": ("AWAITING REVIEW", False),  # another session with a known id is nobody's
    }

    assert "Asked back already" in call("settle", "--go")[1]
    assert sum("request-return" in line for line in double.transcript) == 1

    raters = desk.store.raters("pairs")
    best = raters.sort_values("answered")["rater"].iloc[-1]
    (tmp_path / "bonus.csv").write_text(f"rater,amount\n{best},0.50\n")
    amounts = ("bonus", "--amounts", str(tmp_path / "bonus.csv"))
    assert "1 bonuses, 0.50 GBP" in call(*amounts)[1]
    assert double.paid == []
    assert call(*amounts, "--go")[0] == 0
    assert "had one already" in call(*amounts, "--go")[1]
    assert len(double.paid) == 1
    assert next(iter(double.bonuses.values()))["csv_bonuses"] == "p1,0.50"
    log = str(desk.store.audit_log("pairs"))
    assert "5e55" not in log
    assert "secret-token" not in log + "".join(double.transcript)
    print("\n".join(double.transcript))
    desk.store.close()


def test_a_wrong_token_and_what_the_platform_says_are_told(label):
    call, double = label
    with pytest.raises(StudyError, match=r"refused \(401\): Invalid token"):
        Prolific("other", double.address).publish("a1")
    with pytest.raises(StudyError, match="no id"):
        Prolific("secret-token", double.address).publish("../users/me")
    with pytest.raises(StudyError, match="must be https"):
        Prolific("t", "http://api.prolific.example")
    with pytest.raises(StudyError, match="PROLIFIC_TOKEN"):
        Prolific("")
    assert "https address" in call("create", "--link", "http://faces.example")[1]


@pytest.mark.parametrize("gone", ["reward = 1.25", "minutes = 5", ', SESSION_ID = "session"'])
def test_what_prolific_needs_is_asked_of_the_study_file(tmp_path, gone):
    from workbench.labeling.serving.prolific import draft

    with pytest.raises(StudyError, match="Prolific needs"):
        draft(parse_study(TEXT.replace(gone, ""), tmp_path), LINK, 3)


def test_sona_and_mturk_get_their_own_name_for_the_rater_back(study_folder, tmp_path, clock):
    text = TEXT.replace("submissions/complete?cc={code}", "credit?survey_code={person}&token={code}").replace(
        'PROLIFIC_PID = "participant"', 'id = "person", assignmentId = "assignment"'
    )
    desk = open_desk(study_folder, tmp_path / "s.db", clock, tmp_path / "hub", text)
    rater = agree(desk, parameters={"id": "a b&c/1", "assignmentId": "A1"})
    found = {"items": [0]}
    while found["items"]:
        found = desk.sync({"rater": rater, "want": 1})
        for item in found["items"]:
            clock.seconds += 3
            desk.sync({"rater": rater, "votes": [vote(item)]})
    assert found["redirect"] == "https://app.prolific.com/credit?survey_code=a%20b%26c%2F1&token=DONE1"
    stranger = agree(desk)
    assert desk.sync({"rater": stranger, "want": 1})["items"], "a bare link works"
    assert desk.enter({"agree": False})["redirect"] == "", "without a name there is nowhere to go"
    with pytest.raises(BadRequest, match="preview"):
        agree(desk, parameters={"assignmentId": "ASSIGNMENT_ID_NOT_AVAILABLE"})
    desk.store.close()
    for url, sentence in (
        ("https://x.example/{who}", "neither"),
        ("https://{person}.example/?{code}", "expected an https"),
    ):
        with pytest.raises(StudyError, match=sentence):
            parse_study(
                text.replace("https://app.prolific.com/credit?survey_code={person}&token={code}", url), tmp_path
            )


def test_names_of_people_leave_the_store_with_them(tmp_path, clock, study_folder):
    desk = open_desk(study_folder, tmp_path / "s.db", clock, tmp_path / "hub", TEXT)
    rater = agree(desk, parameters={"PROLIFIC_PID": "p1", "SESSION_ID": "s1"})
    name = desk.sealer.open("rater", rater)["rater"]
    assert desk.store.person("pairs", name) == {"participant": "p1", "session": "s1"}
    desk.withdraw({"rater": rater})
    assert desk.store.person("pairs", name) == {}
    desk.store.close()


def test_a_note_cut_short_is_said_and_a_bonus_is_remembered_however_long_the_log(label, tmp_path, clock, monkeypatch):
    call, double = label
    assert call("create", "--link", LINK, "--places", "3")[0] == 0
    (note,) = (tmp_path / "data" / "prolific").glob("*.json")
    assert [path.name for path in note.parent.iterdir()] == [note.name], "written whole, nothing beside it"
    whole = note.read_text()
    for text in ("", whole[:5], "[" * 100_000, "[1]"):
        note.write_text(text)
        code, told = call("publish", "--go")
        assert code != 0
        assert "is damaged" in told
    write_study(tmp_path / "study", text=TEXT)
    desk = open_desk(tmp_path / "study", tmp_path / "s.db", clock, tmp_path / "hub", TEXT)
    desk.store.write_down("pairs", "owner", "prolific bonus", "r1 0.50 b1")
    desk.store.write_down("pairs", "owner", "prolific bonus of none", "r2 0.50 b1")
    monkeypatch.setattr(desk.store, "audit_log", lambda study, last: [], raising=True)
    monkeypatch.setattr("workbench.labeling.store.people.sessions", lambda database, study: {("p", "s"): "r1"})
    with pytest.raises(StudyError, match="r1 had one already"):
        pay_bonuses(Prolific("secret-token", double.address), desk.store, desk.study, "a1", {"r1": 1.0})
    desk.store.close()


@pytest.mark.parametrize("answer", [{}, [], "x", None, {"id": None}, {"id": 5}, {"id": ""}], ids=str)
def test_an_answer_that_lacks_its_field_is_told_and_nothing_is_guessed(tmp_path, monkeypatch, answer):
    platform, study = Prolific("token"), parse_study(TEXT, tmp_path)
    monkeypatch.setattr(platform, "_call", lambda *asked: answer)
    for ask in (
        lambda: platform.create(study, LINK, 3),
        lambda: platform.publish("abc"),
        lambda: platform.submissions("abc"),
        lambda: platform.set_up_bonuses("abc", {"p": 1.0}),
    ):
        with pytest.raises(StudyError, match="Prolific's answer does not say"):
            ask()


@pytest.mark.parametrize(
    "page",
    [{"results": None}, {"results": [None]}, {"results": [{"id": "a", "status": "ACTIVE"}]}, {"results": {"a": 1}}],
    ids=str,
)
def test_a_damaged_submission_settles_nobody(monkeypatch, page):
    platform = Prolific("token")
    monkeypatch.setattr(platform, "_call", lambda *asked: page)
    with pytest.raises(StudyError, match="does not say"):
        platform.submissions("abc")


def test_a_page_without_links_is_the_last_and_a_torn_answer_is_told(monkeypatch):
    platform = Prolific("token")
    for links in ({}, {"_links": None}, {"_links": []}, {"_links": {"next": None}}, {"_links": {"next": {"href": 5}}}):
        monkeypatch.setattr(platform, "_call", lambda *asked, links=links: {"results": []} | links)
        assert platform.submissions("abc") == []
    monkeypatch.undo()

    def torn(*asked, **options):
        raise http.client.IncompleteRead(b"{")

    monkeypatch.setattr(platform._opener, "open", torn)
    with pytest.raises(StudyError, match="could not be asked: IncompleteRead"):
        platform.approve("abc")
