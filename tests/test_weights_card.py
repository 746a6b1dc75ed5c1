"""The card of the weights trained here says what the file is and what was measured, no more and no less."""

import re
from pathlib import Path

import pytest
from safetensors import safe_open

from workbench import figures
from workbench.catalog import find
from workbench.parts import PARTS

WEIGHTS = Path(figures.FIGURES).parent
CARD = (WEIGHTS / "compact_parser.md").read_text()


@pytest.fixture(scope="module")
def entry():
    return figures.read("parsing")["compact"]


def test_the_cards_headline_is_the_measured_one(entry):
    assert entry["headline"] in CARD
    for name in ("pooled_f1", "picture_f1", "miou"):
        assert f"{entry[name]:.3f}" in entry["headline"]
    assert f"{entry['righted_pooled_f1']:.3f} pooled and {entry['righted_picture_f1']:.3f} per picture" in CARD


def test_the_cards_rows_are_the_measured_ones(entry):
    rows = dict(re.findall(r"^\| ([a-z_]+) \| ([\d.]+ \| [\d.]+) \|$", CARD, re.MULTILINE))
    assert rows == {part: f"{values['f1']:.3f} | {values['iou']:.3f}" for part, values in entry["parts"].items()}
    assert set(rows) <= set(PARTS)


def test_the_card_counts_the_files_parameters():
    with safe_open(WEIGHTS / "compact_parser.safetensors", "pt") as file:
        trained = [name for name in file.keys() if not name.endswith(("running_mean", "running_var", "log_prior"))]  # noqa: SIM118
        count = sum(file.get_tensor(name).numel() for name in trained)
    assert f"{count:,} parameters" in CARD
    assert find("compact").parameters in (0, count)


def test_the_card_names_data_split_and_terms():
    for words in ("CelebAMask-HQ", "non-commercial", "668", "100", "seed 0"):
        assert words in CARD, words


@pytest.mark.parametrize("model", ["compact", "mesh"])
def test_both_embedded_parsers_were_measured_on_the_same_pictures(model):
    found = figures.read("parsing")[model]
    assert found["pictures"] == 100
    assert 0.5 < found["pooled_f1"] < 1
    assert set(found["parts"]) == set(PARTS)
