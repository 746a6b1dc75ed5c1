"""The one photo of the page: what the strip tells of it, and who hears of a change."""

import base64
import io
import json

import numpy as np
from PIL import Image

from workbench.ui.common import strip
from workbench.ui.common.events import MODELS_QUEUE


def _size(url: str) -> tuple[int, int]:
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).size


def test_every_face_has_a_picture_largest_first_and_the_answer_names_its_photo(bench, several_people) -> None:
    told = json.loads(strip.faces_of(bench, str(several_people)))

    assert told["path"] == str(several_people), "an answer about an earlier photo can be told from one about this"
    assert told["count"] == len(told["faces"]) >= 3
    assert {_size(face) for face in told["faces"]} == {(strip.SIDE, strip.SIDE)}
    assert max(_size(told["thumb"])) <= 2 * strip.SIDE
    assert len(json.dumps(told)) < 40_000


def test_a_photo_without_a_face_and_a_file_that_is_none_are_told_in_a_sentence(bench, tmp_path) -> None:
    empty, broken = tmp_path / "empty.png", tmp_path / "broken.png"
    Image.fromarray(np.full((120, 160, 3), 128, np.uint8)).save(empty)
    broken.write_bytes(b"no picture at all")

    none, bad = (json.loads(strip.faces_of(bench, str(path))) for path in (empty, broken))
    assert none["thumb"]
    assert "thumb" not in bad
    for told in (none, bad):
        assert told["sentence"]
        assert (told["faces"], told["count"]) == ([], 0)
    assert strip.faces_of(bench, None) == "", "nothing is said of a photo that is gone"


def test_a_face_at_the_edge_of_a_photo_is_cut_out_whole(bench, astronaut, astronaut_face) -> None:
    x, y = (int(value) for value in (astronaut_face.box[:2] + astronaut_face.box[2:]) / 2)
    image = np.ascontiguousarray(astronaut[y:, x:])
    box = astronaut_face.box - [x, y, x, y]
    cut = strip._close_up(image, type("At", (), {"box": box, "size": astronaut_face.size})())
    assert cut.shape == (strip.SIDE, strip.SIDE, 3)
    assert cut[:30, :30].min() > 0, "no black where the photo ends"


def test_every_box_of_the_pages_photo_hears_of_a_new_one_and_sends_its_own(page) -> None:
    """A tab that was open kept the results of a photo that was replaced elsewhere until somebody came back to it."""
    rows = {row["id"]: row["props"] for row in page.config["components"]}
    takes = [row for row in page.config["dependencies"] if "window.strip.take(" in str(row["js"])]
    boxes = {rows[row["outputs"][0]]["elem_id"] for row in takes}

    assert {"start-photo", "parsing-photo", "compare-photo", "analysis-photo", "explain-photo", "whatif-photo"} <= boxes
    assert {"grid-photo", "repose-photo", "protect-photo", "plain-photo", "generate-references"} <= boxes
    for row in takes:
        heard = [rows[target]["js_on_load"] for target, _ in row["targets"] if "js_on_load" in rows[target]]
        assert [("strip-photo" in each) for each in heard] == [True]
    assert all(row["api_visibility"] == "private" for row in takes)


def test_a_strip_whose_faces_could_not_be_looked_for_says_so(page) -> None:
    """It said "Looking for faces …" for good where the server was busy."""
    rows = {row["id"]: row for row in page.config["dependencies"]}
    missed = next(row for row in rows.values() if "window.strip.missed()" in str(row["js"]))
    told = next(row for row in rows.values() if "window.strip.told(" in str(row["js"]))
    asked = rows[missed["trigger_after"]]
    assert asked["backend_fn"]
    assert (missed["trigger_only_on_failure"], told["trigger_only_on_success"]) == (True, True)
    assert told["trigger_after"] == asked["id"]


def test_looking_for_the_strips_faces_is_one_of_the_two_works_with_models(page) -> None:
    """Eight ran at a time beside the two, and nobody who left ended them."""
    asked = next(fn for fn in page.fns.values() if fn.name == "faces_of")
    assert (asked.concurrency_id, asked.types_generator) == (MODELS_QUEUE, True)
    assert strip.faces_of.runs_model


def test_the_choice_of_a_face_follows_the_strip_wherever_one_face_is_worked_on(page) -> None:
    rows = {row["id"]: row["props"] for row in page.config["components"]}
    follows = [row for row in page.config["dependencies"] if "window.strip.meant(" in str(row["js"])]
    choices = {rows[row["outputs"][0]].get("elem_id") for row in follows}

    assert {"parsing-face", "explain-face", "whatif-face", "protect-face", "repose-face"} <= choices


def test_a_page_of_one_tab_has_no_strip_and_asks_for_none(bench) -> None:
    from workbench.tabs import TABS
    from workbench.ui.app import build_tab

    tab = next(tab for tab in TABS if tab.stem == "protection")
    config = build_tab(bench, tab).config
    assert not any("window.strip" in str(row["js"]) for row in config["dependencies"])
    assert "strip" not in {row["props"].get("elem_id") for row in config["components"]}
