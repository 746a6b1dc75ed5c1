"""Wishes: plain words and numbers in, refused in words where they are none, and never ignored in silence."""

import pytest

from workbench.errors import BadRequest
from workbench.portraits import Recipe, Wishes, heeded, read_wishes


def test_words_of_a_command_line_become_wishes():
    found = read_wishes(["yaw=10", "hair=grey", "brightness=120"])
    assert found == Wishes(yaw=10.0, hair="grey", brightness=120.0)
    assert found.made == {"yaw": 10.0, "hair": "grey", "brightness": 120.0}
    assert Recipe(3, wishes=found).told()["hair"] == "grey"
    assert "wishes" not in Recipe(3).told()


@pytest.mark.parametrize("word", ["yaw=steep", "nose=long", "hair=green", "yaw=90", "brightness=-1", "yaw=nan", "yaw"])
def test_what_is_no_wish_is_refused(word):
    with pytest.raises(BadRequest):
        read_wishes([word])


def test_a_model_that_heeds_none_refuses_them():
    assert heeded(Wishes(), False) == Wishes()
    with pytest.raises(BadRequest, match="age"):
        heeded(Wishes(age=5), False)
