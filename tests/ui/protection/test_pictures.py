"""Looks are chosen by their pictures: there is one for every look, and only a look can be clicked."""

import pytest

from workbench.errors import BadRequest
from workbench.makeup.looks import LOOKS
from workbench.ui.protection import pictures


def test_every_look_has_its_picture_in_the_order_of_the_menu() -> None:
    assert {path.stem for path in pictures.HERE.glob("*.jpg")} == set(LOOKS)
    assert pictures.style().count("data:image/jpeg") == len(LOOKS)
    assert sum(path.stat().st_size for path in pictures.HERE.iterdir()) < 40_000


def test_a_click_chooses_a_look_and_nothing_else() -> None:
    assert pictures.picked(["goth"]) == "goth"
    for forged in (None, [], ["nobody's"], [["goth"]], "goth"):
        with pytest.raises(BadRequest, match="no such look"):
            pictures.picked(forged)
