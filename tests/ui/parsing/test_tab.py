"""The Parsing tab's handlers, called without a browser: right answers, and sentences for every bad input."""

import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests import bad_images
from workbench.errors import BadRequest, WorkbenchError
from workbench.parts import INDEX
from workbench.ui.parsing import compare as parsing_compare
from workbench.ui.parsing import many as parsing_many
from workbench.ui.parsing import one as parsing


@pytest.fixture
def here(bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The bench, with a folder of its own for results."""
    monkeypatch.setattr("workbench.ui.common.widgets.uploads.folder", lambda settings: tmp_path)
    return bench


@pytest.fixture
def portrait(tmp_path: Path, astronaut: np.ndarray) -> str:
    path = tmp_path / "astronaut.png"
    Image.fromarray(astronaut).save(path)
    return str(path)


def test_one_face_is_parsed_named_and_measured(here, portrait: str) -> None:
    answer, viewer, table, shown, part_map = parsing.parse(here, portrait, "compact")
    faces = parsing.offer_faces(here, answer)

    assert answer.parsing.labels.shape == (512, 512)
    assert viewer["size"] == [512, 512]
    assert {"Hair", "Skin", "Nose", "Cloth"} <= {part["name"] for part in viewer["parts"]}
    assert {"Face", "Part", "Mean colour"} <= set(table.data.columns)
    assert shown == "All faces"
    assert Path(part_map).is_file()
    assert [name for name, _ in faces.choices] == ["All faces", "Face 1"]


def test_downloads_hold_what_they_say(here, portrait: str) -> None:
    answer, *_ = parsing.parse(here, portrait, "compact")
    masks, coco, sheet = parsing.write_downloads(here, answer)

    with zipfile.ZipFile(masks.value["path"] if isinstance(masks.value, dict) else masks.value) as archive:
        assert any("hair" in name for name in archive.namelist())
    assert coco.interactive
    assert sheet.interactive


def test_choosing_a_face_shows_only_it(here, tmp_path: Path, astronaut: np.ndarray) -> None:
    path = tmp_path / "two.png"
    Image.fromarray(np.hstack([astronaut, astronaut[:, ::-1]])).save(path)
    answer, *_ = parsing.parse(here, str(path), "compact")
    assert len(answer.parsing.faces) == 2

    _, table = parsing.show_face(here, answer, "Face 2")

    assert set(table.data["Face"]) == {2}
    assert (answer.parsing.labels[answer.parsing.owners == 1] == INDEX["hair"]).any()


@pytest.mark.parametrize("face", ["Face 9", "Face 0", "Face -1", "<script>", "Face 1; DROP TABLE"])
def test_a_face_that_is_not_there_is_refused(here, portrait: str, face: str) -> None:
    answer, *_ = parsing.parse(here, portrait, "compact")

    with pytest.raises(BadRequest, match="There is no"):
        parsing.show_face(here, answer, face)


def test_an_empty_box_clears_the_answer(here) -> None:
    answer, viewer, *_ = parsing.parse(here, None, "compact")

    assert answer is None
    assert viewer is None


def test_an_unknown_model_is_refused(here, portrait: str) -> None:
    with pytest.raises(BadRequest, match="no parsing model"):
        parsing.parse(here, portrait, "../../etc/passwd")


@pytest.mark.parametrize("name", sorted(bad_images.REFUSED))
def test_every_bad_picture_gets_a_sentence_quickly(here, tmp_path: Path, name: str) -> None:
    path = bad_images.write(tmp_path, name)
    start = time.perf_counter()

    with pytest.raises(WorkbenchError) as caught:
        parsing.parse(here, str(path), "compact")

    assert time.perf_counter() - start < 5
    assert str(caught.value).endswith((".", "."))
    assert "Traceback" not in str(caught.value)


def test_two_models_side_by_side(here, portrait: str) -> None:
    left, right, where, table, third, fourth, bars = parsing_compare.compare(here, portrait, "compact", "mesh")

    assert left["size"] == right["size"] == [512, 512]
    assert where.shape == (512, 512, 3)
    red = (where[..., 0].astype(int) - where[..., 1] > 60).mean()
    told = float(right["caption"].partition("disagree on ")[2].partition("%")[0]) / 100
    assert red == pytest.approx(told, abs=0.02), "the photo is red where they disagree, and nowhere else"
    assert third == ""
    assert fourth == ""
    assert bars.count("<tr>") == len(table) > 3
    assert "disagree" in right["caption"]
    assert "Hair" in set(table["part"])


def test_comparing_a_model_with_itself_is_refused(here, portrait: str) -> None:
    with pytest.raises(BadRequest, match="two different"):
        parsing_compare.compare(here, portrait, "mesh", "mesh")
    with pytest.raises(BadRequest, match="none of them twice"):
        parsing_compare.compare(here, portrait, "mesh", "compact", ["compact"])


def test_the_more_maps_differ_the_stronger_the_tint() -> None:
    from workbench.tasks.parsing_export import dissent

    maps = np.array([[[1, 1, 1, 1]], [[1, 1, 2, 2]], [[1, 2, 2, 3]]])

    assert dissent(maps).tolist() == [[0.0, 0.5, 0.5, 1.0]]


def test_many_photos_make_one_zip_and_name_the_broken_one(here, portrait: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_text("no photo")
    package, table, grid = parsing_many.parse_many(here, [portrait, str(broken)], "compact")

    assert list(table["faces"]) == [1, 0]
    assert [caption[:1] for _, caption in grid] == ["✓", "✗"], "which passed is seen at a glance"
    assert "broken.jpg" in grid[1][1]
    path = next(tmp_path.glob("result-*/parts.zip"))
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["001-astronaut.png", "summary.csv"]
    assert package == str(path)
