"""Hiding is not believed: the saved file is searched again."""

import cv2
import numpy as np
import pytest

from tests import bad_images
from workbench.errors import BadRequest, FacesLeft, NoFace
from workbench.images import decode
from workbench.photo import Found, Photo
from workbench.protection import hiding
from workbench.protection.hiding import Manner, hide
from workbench.protection.reference import known_people, strangers
from workbench.tasks.detection import find, find_faces
from workbench.tasks.parsing import parse
from workbench.values import Face, Parsing


@pytest.fixture(scope="module")
def crowd(astronaut, finder) -> Found:
    return find(Photo(bad_images.crowd([np.ascontiguousarray(astronaut[20:220, 125:325])], 25, 120)), finder)


@pytest.mark.parametrize("kind", ["silhouette", "mosaic"])
def test_five_of_twenty_five_faces_stayed_readable_without_a_word(crowd, finder, settings, kind):
    hidden = hide(crowd, [], finder, kind)
    assert len(crowd.faces) == len(hidden.faces) == 25
    assert find_faces(decode(hidden.data, settings), finder) == ()
    assert hidden.words(25).startswith("25 found, 25 hidden; the saved photo was searched again.")


def test_a_face_that_is_still_found_fails_the_run(crowd, finder, monkeypatch):
    """Whatever the reason: here five faces are never hidden."""
    real, never = hiding.anonymise, {id(face) for face in crowd.faces[20:]}
    monkeypatch.setattr(
        hiding, "anonymise", lambda image, faces, *how: real(image, [f for f in faces if id(f) not in never], *how)
    )
    with pytest.raises(FacesLeft, match=r"Nothing was saved: of 25 faces .* 5 can still be found") as told:
        hide(crowd, [], finder, "silhouette")
    assert (told.value.left, told.value.hidden) == (5, 20)


def test_a_face_that_is_hidden_too_weakly_is_hidden_more_strongly(crowd, finder, settings):
    hidden = hide(crowd, [], finder, "mosaic", 0.3)
    assert hidden.stronger > 0
    assert "needed more strength than asked" in hidden.words(25)
    assert find_faces(decode(hidden.data, settings), finder) == ()


def test_faces_that_only_the_second_search_finds_are_hidden_too(crowd, finder, settings):
    few = Found(crowd.photo, crowd.faces[:20])
    hidden = hide(few, [], finder, "silhouette")
    assert (len(hidden.faces), hidden.added) == (25, 5)
    assert hidden.words(20).startswith("25 found, 25 hidden")
    assert find_faces(decode(hidden.data, settings), finder) == ()


def test_chosen_faces_are_hidden_and_the_others_stay(crowd, finder):
    hidden = hide(crowd, [7, 2, 7], finder, "silhouette")
    assert [face is crowd.face(number) for face, number in zip(hidden.faces, (7, 2), strict=True)] == [True, True]
    left = find_faces(hidden.image, finder)
    assert len(left) == 23
    with pytest.raises(BadRequest, match="There is no face 26"):
        hide(crowd, [26], finder)


@pytest.fixture(scope="module")
def two(astronaut, stranger, finder) -> Found:
    """The astronaut and a stranger."""
    return find(Photo(np.hstack([astronaut[:400, 56:456], cv2.resize(stranger, (400, 400))])), finder)


def test_the_exact_outline_leaves_hair_and_ground_as_they_are(two, bench, finder):
    parsing = parse(two.image, bench.parser("compact"), two.faces)
    hidden = hide(two, [], finder, Manner("silhouette", 1.0, 1.0, "outline", parsing))
    assert find_faces(hidden.image, finder) == ()
    far = np.abs(hidden.image.astype(int) - two.image).max(axis=2) > 40  # more than JPEG does
    face = np.logical_or.reduce([parsing.mask(part) for part in ("skin", "nose", "mouth", "upper_lip", "lower_lip")])
    assert (np.abs(hidden.image.astype(int) - 58).max(axis=2) < 25)[face].mean() > 0.95, "one dark grey"
    assert far[parsing.mask("hair")].mean() < 0.15
    ellipse = hide(two, [], finder, "silhouette")
    assert (np.abs(ellipse.image.astype(int) - two.image).max(axis=2) > 40).sum() > 1.2 * far.sum()


def test_an_outline_that_is_too_narrow_gives_way_to_the_ellipse(two, finder):
    labels = np.zeros(two.image.shape[:2], np.uint8)
    owners = labels.copy()
    for number, face in enumerate(two.faces, start=1):  # a parser that saw nothing but two foreheads
        left, top, right, bottom = face.box.astype(int)
        labels[top : top + (bottom - top) // 4, left:right] = 1
        owners[top : top + (bottom - top) // 4, left:right] = number
    narrow = Manner("silhouette", 1.0, 1.0, "outline", Parsing(labels, owners, two.faces, "toy"))
    hidden = hide(two, [], finder, narrow)
    assert find_faces(hidden.image, finder) == ()
    assert hidden.stronger == 2


def test_an_outline_needs_a_parser_and_a_shape_a_name():
    with pytest.raises(BadRequest, match=r"needs a parser"):
        Manner(shape="outline")
    with pytest.raises(BadRequest, match=r"no shape 'square'"):
        Manner(shape="square")


def test_who_is_known_by_a_reference_photo_stays(two, bench, finder, astronaut, settings):
    recogniser = bench.recogniser()
    people = known_people([Photo(astronaut[:, ::-1].copy(), "me.jpg")], recogniser, finder)
    numbers = strangers(two, people, recogniser)
    assert [bool(two.face(number).box[0] > 400) for number in numbers] == [True]
    hidden = hide(two, numbers, finder, "silhouette", unseen=True)
    left = find_faces(decode(hidden.data, settings), finder)
    assert [face.box[0] < 400 for face in left] == [True]
    with pytest.raises(NoFace, match=r"wall\.jpg"):
        known_people([Photo(np.zeros((90, 90, 3), np.uint8), "wall.jpg")], recogniser, finder)


def test_a_face_that_reaches_into_a_drawn_one_or_one_that_stays_is_somebody_elses():
    """Its middle lay in the other's box, and so it counted as the other and stayed readable."""

    def face(left: float, top: float, side: float) -> Face:
        return Face(np.array([left, top, left + side, top + side], np.float32), np.zeros((5, 2), np.float32), 1.0)

    adult, child = face(0, 0, 100), face(60, 60, 40)
    assert hiding._left([adult, child], [], [adult]) == (set(), [child])
    assert hiding._left([face(4, 2, 95), child], [child], [adult]) == ({0}, [])
    assert hiding._left([child], [adult], []) == ({0}, []), "what was hidden is hidden more strongly"
