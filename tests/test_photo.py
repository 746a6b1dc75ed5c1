"""A photo, its faces, and which one is meant."""

import copy
from dataclasses import replace

import numpy as np
import pytest

from workbench.errors import BadRequest, FaceTooSmall, ImageTooLarge, ManyFaces, NoFace
from workbench.images import within
from workbench.photo import Found, Photo
from workbench.sightings import MOST, Sightings
from workbench.values import Face


def face(left: float, top: float, side: float) -> Face:
    box = np.array([left, top, left + side, top + side], np.float32)
    points = np.array([left + side / 2, top + side / 2], np.float32) + np.arange(10, dtype=np.float32).reshape(5, 2)
    mesh = np.full((478, 3), 10, np.float32)
    return Face(box, points, 0.9, mesh)


@pytest.fixture
def found() -> Found:
    return Found(Photo(np.zeros((400, 600, 3), np.uint8)), (face(0, 0, 200), face(300, 100, 100), face(150, 150, 60)))


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("IMG_1.JPG", "IMG_1"),
        ("", "photo"),
        ("a/b\\c.tar.gz", "c.tar"),
        (".jpg", "jpg"),
        ('we<ird>:"?.png', "we_ird____"),
        ("x" * 300 + ".png", "x" * 80),
        ("Füße 42.heic", "Füße 42"),
        ("bad\udcff.png", "bad_"),
    ],
)
def test_a_photo_lends_its_name_to_what_is_made_of_it(name, stem):
    assert Photo(np.zeros((2, 2, 3), np.uint8), name).stem == stem


def test_a_face_is_meant_by_number_by_point_or_by_box(found):
    assert found.face(2) is found.faces[1]
    assert found.at((350, 150)) == 2
    assert found.at((170, 170)) == 3, "of two boxes that hold a point the smaller is meant"
    assert found.at((305, 95, 405, 205)) == 2
    for nowhere in ((500, 390), (500, 300, 580, 390), (0, 0, 600, 400)):
        with pytest.raises(BadRequest, match="There is no face at"):
            found.at(nowhere)
    for nonsense in ((1,), (1, 2, 3), (np.nan, 0)):
        with pytest.raises(BadRequest, match="Expected a place"):
            found.at(nonsense)
    for number in (0, 4, -1):
        with pytest.raises(BadRequest, match=f"There is no face {number} in this photo: it has 3 faces"):
            found.face(number)


def test_errors_carry_their_numbers_and_keep_them(found):
    with pytest.raises(ManyFaces) as told:
        found.one()
    for error in (told.value, told.value.about("a.jpg"), copy.copy(told.value)):
        assert error.count == 3
    assert str(told.value.about("a.jpg")).startswith("a.jpg: The photo has 3 faces.")
    with pytest.raises(NoFace, match="in 600 × 400 pixels") as none:
        replace(found, faces=()).one()
    assert (none.value.width, none.value.height) == (600, 400)
    assert FaceTooSmall("small", pixels=7, least=24).about("x").least == 24
    assert ImageTooLarge("large", got=9, most=5).got == 9
    assert replace(found, faces=found.faces[:1]).one() == 1


def test_a_smaller_photo_has_the_same_faces_in_the_same_order(found):
    small = within(found, 300)
    assert small.image.shape == (200, 300, 3)
    for before, after in zip(found.faces, small.faces, strict=True):
        assert np.allclose(after.box, (before.box + 0.5) / 2 - 0.5)
        assert np.allclose(after.points, (before.points + 0.5) / 2 - 0.5)
        assert np.allclose(after.mesh, [4.75, 4.75, 5])
    assert within(found, 600) is found


def test_a_photo_is_searched_once_until_it_is_forgotten(found):
    now, asked = [0.0], []

    def find(image):
        asked.append(image.shape)
        return found.faces

    known = Sightings(10, lambda: now[0])
    first = known.of(found.image, find)
    assert known.of(found.image.copy(), find) is first
    assert len(asked) == 1
    now[0] = 11
    known.of(found.image, find)
    assert len(asked) == 2
    for shade in range(MOST):
        known.of(np.full((2, 2, 3), shade, np.uint8), find)
    known.of(found.image, find)
    assert len(asked) == 3 + MOST
    crowd = (found.faces[0],) * 15_000
    for shade in range(3):
        known.of(np.full((3, 3, 3), shade, np.uint8), lambda image: crowd)
    assert sum(len(faces) for _, faces in known._known.values()) < 45_000
    same_bytes = np.zeros((600, 400, 3), np.uint8)
    known.of(same_bytes, find)
    assert asked[-1] == (600, 400, 3), "another shape is another photo"
