"""“Ask people” makes a study of what is on the screen, opens it, and adds to it; for the owner alone."""

import time

import numpy as np
import pytest

from tests.labeling.conftest import write_study
from workbench.bench import Workbench
from workbench.errors import BadRequest, NotAllowed, StudyError
from workbench.labeling.serving.folders import opened, set_opened, studies_folder
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import load_study
from workbench.settings import Settings
from workbench.ui.common.ask_people import ask_people
from workbench.ui.labeling.room import Room
from workbench.ui.labeling.studies import Studies, qr_code
from workbench.ui.labeling.tab import owner_functions, rater_functions
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
