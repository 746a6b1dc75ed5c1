"""The Analysis tab's handlers: what is drawn, said, tabled and saved, by which finder, and the earlier name."""

import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.ui.handlers import quiet
from workbench.errors import BadRequest
from workbench.signs import Signs
from workbench.tasks.analysis import FaceAnalysis, analyse_face
from workbench.ui.analysis.cards import MOST, cards, dial
from workbench.ui.analysis.overlay import LAYERS, thumbnail, view
from workbench.ui.analysis.tab import FILES, find, read
from workbench.values import Pose


@pytest.fixture(scope="module")
def photo(astronaut, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("photo") / "my holiday.png"
    Image.fromarray(astronaut).save(path)
    return str(path)


@pytest.fixture(scope="module")
def answer(bench, photo):
    return read(bench, photo, "blazeface", "compact-expression", [], quiet)


@pytest.fixture(scope="module")
def found(astronaut, astronaut_face) -> FaceAnalysis:
    return analyse_face(astronaut, astronaut_face)


def test_every_file_is_there_and_named_after_the_photo(answer):
    names = [Path(file).name for file in answer[3:]]

    assert len(names) == len(FILES)
    assert all(name.startswith("my holiday") for name in names)
    assert all(Path(file).stat().st_size > 100 for file in answer[3:])
    assert names[2] == "my holiday.pts"


def test_the_card_says_what_was_found_and_what_it_may_be_off_by(answer):
    text = re.sub(r"<[^>]+>", " ", answer[1])

    for words in ("Face 1", "good photo", "Head", "Gaze", "happy", "Looks about", "Geometry", "brow raise"):
        assert words in text
    assert "off by" in text


def test_the_table_has_the_photos_pixels(answer, astronaut_face):
    row = answer[2].iloc[0]

    assert row["left"] == pytest.approx(float(astronaut_face.box[0]), abs=0.01)
    assert row["expression"] == "happy"


def test_everything_drawn_can_be_switched_and_points_have_names(answer):
    for name in LAYERS:
        assert (f't-{name}"' in answer[0]) == (f'l-{name}"' in answer[0]) == (name != "model")
    assert answer[0].count("<title>WFLW") == 98
    assert "36: eye (image left)" in answer[0]


def test_another_finder_is_really_asked(bench, photo, answer):
    other = read(bench, photo, "mtcnn", "compact-expression", [], quiet)

    assert other[2].iloc[0]["score"] != answer[2].iloc[0]["score"]


def test_a_model_that_says_no_more_is_refused(bench, photo):
    with pytest.raises(BadRequest, match="says no more"):
        read(bench, photo, "blazeface", "", ["fer"], quiet)


def test_no_photo_no_answer(bench):
    assert read(bench, None, "", "", [], quiet) == (None,) * (3 + len(FILES))


def test_several_faces_have_their_points_in_a_zip(bench, several_people):
    *_, points, _, _, coco, _ = read(bench, str(several_people), "blazeface", "", [], quiet)
    with zipfile.ZipFile(points) as archive:
        names = archive.namelist()
    faces = len(json.loads(Path(coco).read_text())["annotations"])

    assert len(names) == faces > 1
    assert names[0] == f"{several_people.stem}_face1.pts"


def test_the_earlier_name_answers_as_it_did(bench, photo):
    picture, table = find(bench, photo)

    assert Path(picture).name == "my holiday_faces.png"
    assert {"left", "yaw", "mouth open"} <= set(table.columns)


def test_words_of_models_and_photos_are_no_markup(found, astronaut):
    told = replace(found, untold=("<script>alert(1)</script>",), signs=(Signs("<b>", own={"<i>": 1.0}),))
    page = cards(astronaut, [told])

    assert "<script>" not in page
    assert "<i>" not in page


def test_a_crowd_has_cards_for_its_largest_and_a_word_about_the_rest(found, astronaut):
    page = cards(astronaut, [replace(found, number=n) for n in range(1, MOST + 4)])

    assert page.count('<article class="card"') == MOST
    assert "3 more faces" in page


def test_the_dial_turns_the_way_the_head_does():
    assert 'cx="17.0"' in dial(Pose(30, 0, 0))
    assert 'cy="-17.0"' in dial(Pose(0, 30, 0))
    assert "30° to the image's right" in dial(Pose(30, 0, 0))


def test_a_face_at_the_edge_has_its_picture(found, astronaut):
    moved = replace(found.face, box=np.array([-200, -150, 60, 70], np.float32))

    assert thumbnail(astronaut, replace(found, face=moved)).startswith("data:image/jpeg;base64,")
    assert view(astronaut, []).count("<svg") == 1
