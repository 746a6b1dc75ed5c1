"""“Ask people” makes a study of what is on the screen, opens it, and adds to it; for the owner alone."""

import time
from types import SimpleNamespace

import numpy as np
import pytest

from tests.labeling.conftest import write_study
from workbench.bench import Workbench
from workbench.errors import BadRequest, NotAllowed, StudyError
from workbench.labeling.serving.folders import opened, set_opened, studies_folder
from workbench.labeling.study.asking import QUESTIONS
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import load_study
from workbench.labeling.study.tasktypes import find_task
from workbench.parts import INDEX
from workbench.settings import Settings
from workbench.ui.analysis import tab as analysis
from workbench.ui.common.ask_people import ask_people
from workbench.ui.explanation import one as explained
from workbench.ui.labeling.room import Room
from workbench.ui.labeling.studies import Studies, qr_code
from workbench.ui.labeling.tab import owner_functions, rater_functions
from workbench.ui.parsing import compare as comparing
from workbench.ui.protection import one as protection

TOKEN = "the owner's token here"


@pytest.fixture
def mine(tmp_path):
    return Workbench(Settings(cache=tmp_path, data=tmp_path / "data", owner_token=TOKEN, offline=True))


def pictures(seed, *sources):
    rng = np.random.default_rng(seed)
    return [(rng.integers(0, 256, (24, 20, 3), dtype=np.uint8), source) for source in sources]


def test_one_press_opens_a_study_with_the_pictures_and_the_next_adds_to_it(mine):
    said = ask_people(mine, "mask", "masks", TOKEN, lambda: [pictures(1, "", "one", "two")])
    assert "1 item." in said
    assert "?tab=labeling&study=masks" in said
    for _ in range(2):  # what was asked already is not asked twice
        said = ask_people(mine, "mask", "masks", TOKEN, lambda: [pictures(2, "", "one", "two")])
    assert "2 items." in said
    study = load_study(studies_folder(mine.settings) / "masks")
    items = load_items(study)
    assert (study.task.name, len(items)) == ("better_with_original", 2)
    assert [picture.source for picture in items[0].pictures] == ["", "one", "two"]
    assert opened(mine.settings) == ["masks"]
    with pytest.raises(StudyError, match="asks something else"):
        ask_people(mine, "same", "masks", TOKEN, lambda: [pictures(1, "", "x")])


def test_nobody_but_the_owner_asks_people_and_nothing_is_kept(mine):
    with pytest.raises(NotAllowed, match="owner's token"):
        ask_people(mine, "same", "s", "wrong", lambda: pytest.fail("nothing is gathered"))
    with pytest.raises(BadRequest, match="no result"):
        ask_people(mine, "same", "s", TOKEN, list)
    with pytest.raises(StudyError, match="letters, digits"):
        ask_people(mine, "same", "../s", TOKEN, lambda: [pictures(1, "", "x")])
    assert not studies_folder(mine.settings).exists() or opened(mine.settings) == []


def test_what_is_asked_of_a_protected_photo(mine):
    before, after = (picture for picture, _ in pictures(3, "", ""))
    assert [len(item) for item in protection.asked(mine, "same", (before, after))] == [2]
    assert [[source for _, source in item] for item in protection.asked(mine, "edited", (before, after))] == [
        [""],
        ["protected"],
    ]
    assert protection.asked(mine, "same", None) == []


def test_what_is_asked_of_an_explained_face_is_where_people_would_look(mine):
    (seen, _), heat = pictures(4, "x")[0], np.linspace(-1, 0.5, 480, dtype=np.float32).reshape(24, 20)
    shown = explained.views.CloseUp(seen, heat, True)
    (item,) = explained.asked_where(mine, "look-expression", shown, "fer", "grad-cam")
    assert [source for _, source in item] == ["", "fer grad-cam"]
    assert item[1][0].dtype == np.uint8
    assert (item[1][0].min(), item[1][0].max(), int(item[1][0][-1, -1, 0])) == (0, 255, 255)
    assert explained.asked_where(mine, "look-expression", None, "fer", "grad-cam") == []


def test_every_face_of_an_analysed_photo_is_asked_about_by_itself(mine, monkeypatch):
    image = pictures(5, "")[0][0].repeat(10, axis=0).repeat(10, axis=1)
    faces = [
        SimpleNamespace(box=np.array([20.0, 20, 90, 110]), size=80.0),
        SimpleNamespace(box=np.array([100.0, 20, 190, 110]), size=90.0),
    ]
    monkeypatch.setattr(analysis, "found_by", lambda *_: SimpleNamespace(image=image, faces=faces))
    found = analysis.asked(mine, "expression", "photo.png", "")
    assert [len(item) for item in found] == [1, 1]
    assert {item[0][0].shape for item in found} == {(420, 420, 3)}
    assert analysis.asked(mine, "expression", None, "") == []


def test_masks_to_correct_are_of_the_chosen_parts_and_named_after_their_models(mine, monkeypatch):
    image = pictures(6, "")[0][0]
    labels = np.zeros((24, 20), np.uint8)
    labels[:6], labels[6:12], labels[12:14] = INDEX["hair"], INDEX["skin"], INDEX["neck"]
    monkeypatch.setattr(comparing, "find_in", lambda *_: SimpleNamespace(image=image, faces=()))
    monkeypatch.setattr("workbench.tasks.parsing.parse", lambda *_: SimpleNamespace(labels=labels))
    monkeypatch.setattr(type(mine), "parser", lambda self, model: model)
    for question, area in (("hair", 120), ("skin", 120)):
        items = comparing.asked(mine, question, "photo.png", "one", "two")
        assert [[source for _, source in item] for item in items] == [["", "one"], ["", "two"]]
        assert {int(item[1][0].max()) for item in items} == {255}
        assert {int((item[1][0][..., 0] > 0).sum()) for item in items} == {area}
    assert len(comparing.asked(mine, "mask", "photo.png", "one", "two")[0]) == 3
    said = ask_people(mine, "hair", "hair", TOKEN, lambda: comparing.asked(mine, "hair", "p", "one", "two"))
    assert "2 items." in said


def test_every_question_opens_a_study_that_can_be_judged(mine):
    for question, asked in QUESTIONS.items():
        task = find_task(asked.task)
        count = task.images + task.beside
        ask_people(mine, question, f"q-{question}", TOKEN, lambda count=count: [pictures(8, *["x"] * count)])
        study = load_study(studies_folder(mine.settings) / f"q-{question}")
        assert [len(item.pictures) for item in load_items(study)] == [count]


def test_several_studies_are_judged_at_once_each_by_its_name(mine, tmp_path):
    write_study(studies_folder(mine.settings) / "pairs")
    ask_people(mine, "same", "mine", TOKEN, lambda: [pictures(5, "", "x"), pictures(6, "", "x")])
    room = Room(mine, studies_folder(mine.settings) / "pairs", interval=3600)
    welcome, enter, sync, *_ = rater_functions(room)
    owner, _ = owner_functions(room, mine)
    while not room.service().outbox.ready:
        time.sleep(0.02)
    assert [welcome({})["study"], welcome({"study": "mine"})["study"]] == ["pairs", "mine"]
    for name, version in (("", "v1"), ("mine", "1")):
        rater = enter({"agree": True, "version": version, "study": name})["rater"]
        item = sync({"rater": rater, "want": 1, "study": name})["items"][0]
        vote = {"lease": item["token"], "answer": "same_3", "response_ms": 900}
        assert sync({"rater": rater, "votes": [vote], "study": name})["votes"][0]["state"] == "recorded"
    with pytest.raises(NotAllowed, match="another study"):
        sync({"rater": rater, "want": 1})
    assert owner({"token": TOKEN, "action": "overview", "study": "mine"})["counts"]["labels"] == 1
    ask_people(mine, "same", "mine", TOKEN, lambda: [pictures(7, "", "x")])
    assert room.service("mine").store.items("mine").shape[0] == 3
    set_opened(mine.settings, "mine", False)
    room.renew("mine")
    for name in ("mine", "nowhere", "../pairs"):
        with pytest.raises(StudyError, match="not open, or not here"):
            welcome({"study": name})
    room.stop(5)


def test_the_owner_opens_closes_and_links_studies(mine):
    write_study(studies_folder(mine.settings) / "pairs")
    studies = Studies(Room(mine), mine)
    assert studies.do({"token": TOKEN, "action": "open", "name": "pairs"})["open"] == ["pairs"]
    assert studies.do({"token": TOKEN, "action": "list"})["open"] == ["pairs"]
    assert studies.do({"token": TOKEN, "action": "close", "name": "pairs"})["open"] == []
    with pytest.raises(StudyError):
        studies.do({"token": TOKEN, "action": "open", "name": "../x"})
    with pytest.raises(NotAllowed):
        studies.do({"action": "open", "name": "pairs"})


def test_the_qr_code_of_a_link_can_be_read():
    import cv2

    svg = qr_code("https://faces.example/?tab=labeling&study=masks")
    assert svg.startswith("<svg")
    import segno

    code = segno.make("https://faces.example/?tab=labeling&study=masks", error="m")
    image = np.kron(255 - 255 * np.array([list(row) for row in code.matrix], np.uint8), np.ones((8, 8), np.uint8))
    assert cv2.QRCodeDetector().detectAndDecode(np.pad(image, 40, constant_values=255))[0].endswith("study=masks")
    with pytest.raises(BadRequest):
        qr_code("javascript:alert(1)")
