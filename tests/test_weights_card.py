"""The card of the weights trained here says what the file is and what was measured, no more and no less."""

import re
from pathlib import Path

import pytest
from safetensors import safe_open

from workbench.catalog import find
from workbench.parts import PARTS
from workbench.sources import figures

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


PRIOR = (WEIGHTS / "identity_prior_64.md").read_text()


def test_the_priors_card_counts_the_files_parameters():
    with safe_open(WEIGHTS / "identity_prior_64" / "prior" / "diffusion_pytorch_model.safetensors", "pt") as file:
        trained = [name for name in file.keys() if name not in ("mean", "deviation", "photo")]  # noqa: SIM118
        count = sum(file.get_tensor(name).numel() for name in trained)
    assert f"{count:,} parameters" in PRIOR
    assert find("identity-prior-64").parameters == count


def test_the_priors_folder_is_small_and_its_terms_are_said():
    files = [path for path in (WEIGHTS / "identity_prior_64").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 10_000_000
    for words in (
        "no real person's photo is in its training set",
        "DigiFace-1M",
        "non-commercial",
        "One direction from photos",
    ):
        assert words in PRIOR, words
    assert "no real person's photo" in find("identity-prior-64").data_license


def test_the_priors_figures_reach_their_aims_and_stand_in_card_and_docs():
    entry = figures.read("generation")["identity-prior-64"]
    assert entry["synthetic"]["people"] >= 300
    assert entry["synthetic"]["auc"][0] >= 0.9
    assert entry["real"]["auc"][0] >= 0.75
    docs = (Path(__file__).parents[1] / "docs" / "generation.md").read_text()
    for name in ("synthetic", "real"):
        assert entry[name]["diversity"][0] >= 1, "half the mean distance of different people"
        for figure in ("auc", "own", "impostor", "accepted", "diversity"):
            value, low, high = entry[name][figure]
            assert f"{value:.3f} [{low:.3f}, {high:.3f}]" in docs, (name, figure)
        value, low, high = entry[name]["auc"]
        assert f"{value:.3f} [{low:.3f}, {high:.3f}]" in PRIOR
