"""Selectors belong to their scorers: the order of labels, the card's counts, and a file of another is refused."""

import re

import pytest
import torch
from safetensors import safe_open

from workbench import WEIGHTS
from workbench.catalog import MODELS
from workbench.errors import BadWeights
from workbench.models.expressions.selector import Selector, load

ROWS = {row.id: row for row in MODELS.values() if any(file.role == "selector" for file in row.files)}
CARD = (WEIGHTS / "selectors.md").read_text()


def test_every_selector_that_ships_stands_on_a_row_and_on_the_card():
    shipped = {path.stem for path in (WEIGHTS / "selectors").glob("*.safetensors")}
    assert shipped == set(ROWS)
    assert shipped == set(re.findall(r"^\| `([a-z-]+)` \|", CARD, re.MULTILINE))
    counts = {f"{sum(weight.numel() for weight in Selector(n).parameters()):,}" for n in (5, 7)}
    assert all(count in CARD for count in counts)


@pytest.mark.parametrize("name", ROWS)
def test_a_selector_says_what_it_was_trained_beside(name):
    path = WEIGHTS / "selectors" / f"{name}.safetensors"
    with safe_open(path, "pt") as file:
        assert file.metadata()["scorer"] == name
        assert f"| {int(file.metadata()['steps']):,} |" in CARD
    selector = load(path, ROWS[name].labels, "cpu")
    with torch.inference_mode():
        maps = selector(torch.full((2, 3, 80, 80), 100.0))
    assert maps.shape == (2, len(ROWS[name].labels), 80, 80)
    assert maps.min() >= 0
    assert maps.max() <= 1
    assert not any(weight.requires_grad for weight in selector.parameters())


def test_a_selector_of_other_labels_is_refused():
    path = WEIGHTS / "selectors" / f"{next(iter(ROWS))}.safetensors"
    with pytest.raises(BadWeights, match="expected a selector for yes, no"):
        load(path, ("yes", "no"), "cpu")
