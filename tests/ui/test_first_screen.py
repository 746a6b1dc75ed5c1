"""The first screen runs no model: what it shows was computed before, and is still what the models say."""

import json

import numpy as np
from PIL import Image

from workbench.parts import PARTS
from workbench.tabs import TABS
from workbench.ui.first_screen import tab as first_screen


def _told() -> dict:
    return json.loads((first_screen.HERE / "told.json").read_text("utf-8"))


def test_its_pictures_weigh_less_than_150_kilobytes() -> None:
    assert first_screen.weight() < 150_000


def test_every_card_leads_to_a_tab_there_is() -> None:
    stems = {tab.stem for tab in TABS} | {"glance"}

    assert {stem for stem, *_ in first_screen.CARDS} <= stems
    assert first_screen.cards().count("<a href='?tab=") == len(first_screen.CARDS) == 6


def test_the_portrait_says_what_the_model_says_today(bench, astronaut, astronaut_face) -> None:
    """Otherwise: python -m training.first_screen"""
    told, spec = _told(), bench.first("expression")
    scores = bench.model(spec.id).scores(astronaut, astronaut_face)

    assert (told["model"], told["label"]) == (spec.title, scores.top)
    assert abs(scores.as_dict()[scores.top] - told["share"]) < 0.01


def test_every_color_of_the_portrait_is_a_part_that_is_named() -> None:
    codes = np.asarray(Image.open(first_screen.HERE / "parts.png"))
    named = {row["index"] for row in _told()["parts"]}

    assert codes.shape == (400, 400)
    assert set(np.unique(codes).tolist()) - {0} <= named <= set(range(1, len(PARTS)))
