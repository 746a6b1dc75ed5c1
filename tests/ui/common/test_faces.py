"""One face, one number: on the screen, through the API and in the saved file, whatever the photo's size."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests import bad_images
from tests.ui.handlers import quiet
from workbench.colour import UNREADABLE
from workbench.errors import BadRequest, ManyFaces
from workbench.photo import Found, Photo
from workbench.ui.analysis import tab as landmarks
from workbench.ui.common import faces
from workbench.ui.explanation import one as explanation_one
from workbench.ui.generation import repose as generation_repose
from workbench.ui.parsing import compare as parsing_compare
from workbench.ui.parsing import one as parsing_one
from workbench.ui.protection import makeup as protection_makeup
from workbench.ui.protection import plain as protection_plain

SIZE = (2700, 1500)
"""Width and height: more than the working size."""
PLACES = ((450, 700, 601), (1350, 600, 600), (2250, 800, 602))
"""Centre and width of three heads of nearly one size."""


@pytest.fixture
def here(bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("workbench.ui.common.widgets.uploads.folder", lambda settings: tmp_path)
    return bench


@pytest.fixture(scope="module")
def large(astronaut: np.ndarray) -> np.ndarray:
    photo = Image.fromarray(bad_images.no_face()).resize(SIZE)
    head = Image.fromarray(astronaut[20:220, 125:325])
    for x, y, width in PLACES:
        photo.paste(head.resize((width, width), Image.Resampling.LANCZOS), (x - width // 2, y - width // 2))
    return np.asarray(photo)


@pytest.fixture
def dropped(tmp_path: Path, large: np.ndarray) -> str:
    path = tmp_path / "holiday 7.png"
    Image.fromarray(large).save(path, compress_level=1)
    return str(path)


@pytest.mark.parametrize(
    ("asked", "number"),
    [
        ("Face 2", 2),
        ("Face 1 (the largest)", 1),
        ("2", 2),
        (3, 3),
        (" Face 3 ", 3),
        ("150, 50", 2),
        ([150, 50], 2),
        ("[100, 0, 200, 100]", 2),
        ((205.0, 10, 290, 90), 3),
        ("", None),
        (None, None),
    ],
)
def test_a_face_is_asked_for_in_one_language_everywhere(asked: Any, number: int | None) -> None:
    found = _three()
    assert faces.number_of(found, asked) == number


@pytest.mark.parametrize(
    "asked",
    [
        "Face 4",
        "Face 0",
        "Face",
        "face two",
        "<script>",
        -1,
        0,
        "1,2,3",
        "1e400,1",
        [1, "x"],
        "Face 9" * 30,
        True,
        "1," + "[" * 100_000,
        "9" * 400 + ",1",
        "NaN,1",
    ],
)
def test_a_face_that_is_none_is_refused_in_words(asked: Any) -> None:
    with pytest.raises(BadRequest, match=r"face|place"):
        faces.chosen(_three(), asked)


def test_several_faces_and_no_choice_is_asked_about() -> None:
    with pytest.raises(ManyFaces) as told:
        faces.chosen(_three(), "")
    assert told.value.count == 3


def _three() -> Found:
    from tests.test_photo import face

    return Found(Photo(np.zeros((100, 300, 3), np.uint8)), tuple(face(left, 0, 100) for left in (0, 100, 200)))


def boxes(table: Any) -> list[np.ndarray]:
    return [np.array([row["left"], row["top"], row["left"] + row["width"], row["top"] + row["height"]])
            for _, row in table.iterrows()]  # fmt: skip


def changed_faces(before: np.ndarray, path: str, table: Any) -> list[int]:
    """Numbers of the faces in whose middle a saved photo differs."""
    after = np.asarray(Image.open(path)).astype(int)
    assert after.shape == before.shape
    change = np.abs(after - before).max(axis=2)
    middles = [((box[:2] + box[2:]) / 2).astype(int) for box in boxes(table)]
    around = [change[y - 120 : y + 150, x - 120 : x + 120] for x, y in middles]
    return [number for number, part in enumerate(around, start=1) if np.quantile(part, 0.97) > 25]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_face_numbered_on_the_screen_was_another_in_the_saved_file(here, dropped, large, number):
    picture, table = landmarks.find(here, dropped)
    assert Image.open(picture).size == SIZE
    assert sorted((box[0] + box[2]) / 2 // 900 for box in boxes(table)) == [0, 1, 2], "in the photo's own pixels"
    offered, _ = protection_plain.number_faces(here, dropped)
    assert [value for _, value in offered.choices] == faces.names(3)
    _, words, path = protection_plain.anonymise(here, dropped, "silhouette", 1.0, [f"Face {number}"])
    assert changed_faces(large, path, table) == [number]
    assert f"<td>{number}</td>" in words, "Hidden face 2 was called 1"
    assert Path(path).name == "holiday 7_hidden.jpg"


def test_a_face_is_hidden_and_made_up_by_its_place_in_the_photo(here, dropped, large):
    _, table = landmarks.find(here, dropped)
    box = boxes(table)[1]
    asked = ", ".join(str(side) for side in box)
    *_, path = protection_plain.anonymise(here, dropped, "silhouette", 1.0, [asked])
    assert changed_faces(large, path, table) == [2]
    *_, path = protection_makeup.apply_makeup(here, dropped, asked, "goth")
    assert changed_faces(large, path, table) == [2]
    assert Path(path).name == "holiday 7_makeup.jpg"


def test_makeup_on_the_screen_is_on_the_face_of_that_number(here, dropped):
    waiting, offered, *_ = protection_makeup.arrive(here, dropped, "goth", "{}")
    assert max(waiting.image.shape) == 2048
    assert [value for _, value in offered.choices] == faces.names(3)
    _, table = landmarks.find(here, dropped)
    for face, box in zip(waiting.faces, boxes(table), strict=True):
        assert np.abs(face.box / (2048 / 2700) - box).max() < 2


def test_a_photo_is_searched_once_for_all_tabs(here, dropped, monkeypatch):
    from workbench.tasks import detection

    search, asked = detection.search, []
    monkeypatch.setattr(detection, "search", lambda *given: asked.append(1) or search(*given))
    monkeypatch.setattr(here, "sightings", type(here.sightings)(3600))
    landmarks.find(here, dropped)
    protection_plain.number_faces(here, dropped)
    protection_makeup.arrive(here, dropped, "goth", "{}")
    assert len(asked) == 1


def test_part_maps_of_a_large_photo_are_in_its_own_pixels_and_under_its_own_name(here, dropped, large):
    answer, viewer, _, _, palette = parsing_one.parse(here, dropped, "compact", quiet)
    choices = parsing_one.offer_faces(here, answer)
    assert Image.open(_path(palette)).size == SIZE
    assert viewer["size"] == [2048, 1138]
    assert [value for _, value in choices.choices][1:] == faces.names(3)
    masks, coco, sheet = (_path(file) for file in parsing_one.write_downloads(here, answer))
    assert [Path(file).name for file in (palette_path(palette), masks, coco, sheet)] == [
        "holiday 7_parts.png",
        "holiday 7_masks.zip",
        "holiday 7_parts.coco.json",
        "holiday 7_parts.csv",
    ]
    image = json.loads(Path(coco).read_text())["images"][0]
    assert (image["file_name"], image["width"], image["height"]) == ("holiday 7.png", *SIZE)
    with zipfile.ZipFile(masks) as archive:
        assert Image.open(io.BytesIO(archive.read("face1/skin.png"))).size == SIZE
    both = parsing_compare.compare(here, dropped, "compact", "mesh", progress=quiet)
    where = next(part for part in both if not isinstance(part, dict))
    where = getattr(where, "value", where)
    assert _size(where) == SIZE


def _path(value: Any) -> str:
    value = getattr(value, "value", value)
    return value["path"] if isinstance(value, dict) else value


palette_path = _path


def _size(value: Any) -> tuple[int, int]:
    if isinstance(value, np.ndarray):
        return value.shape[1::-1]
    return Image.open(_path(value)).size


def test_explanations_and_edits_of_a_large_photo_are_in_its_own_pixels(here, dropped, large):
    _, table = landmarks.find(here, dropped)
    *_, png, npz, record = list(
        explanation_one.explain(
            here, dropped, "Face 2", "fer", "happy", "grad_cam", "{}", "none", False, 0, progress=quiet
        )
    )[-1]
    assert Image.open(_path(png)).size == SIZE
    with np.load(_path(npz)) as saved:
        assert saved["heatmap"].shape == large.shape[:2]
        y, x = np.unravel_index(saved["heatmap"].argmax(), large.shape[:2])
        left, top, right, bottom = boxes(table)[1]
        assert left - 200 < x < right + 200
        assert top - 200 < y < bottom + 200
    told = json.loads(Path(_path(record)).read_text())
    assert np.abs(np.array(told["face_box"]) - boxes(table)[1]).max() < 1
    assert "holiday 7.png" in told["command"]
    _, _, edited = generation_repose.repose(here, dropped, smile=0.5, consent=True, face="Face 2")
    assert Image.open(_path(edited)).size == SIZE
    assert Path(_path(edited)).name == "holiday 7_edited.png"


def test_a_profile_that_cannot_be_read_is_told_on_the_screen(here, tmp_path, astronaut, monkeypatch):
    path = tmp_path / "odd.png"
    Image.fromarray(astronaut).save(path, icc_profile=b"no profile")
    told = []
    monkeypatch.setattr(faces.gr, "Info", lambda note, **options: told.append(note))
    assert len(faces.find_in(here, str(path)).faces) == 1
    assert told == [UNREADABLE]
