"""Hiding is not believed: the saved file is searched again."""

import numpy as np
import pytest

from tests import bad_images
from workbench.errors import BadRequest, FacesLeft
from workbench.images import decode
from workbench.photo import Found, Photo
from workbench.protection import hiding
from workbench.protection.hiding import hide
from workbench.tasks.detection import find, find_faces


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
