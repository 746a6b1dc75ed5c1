"""The card of the portrait model's weights says what the files are, whose photos they came from and what was
measured."""

import re
from pathlib import Path

import pytest
from safetensors import safe_open

from workbench.catalog import find, for_task
from workbench.sources import figures

ROOT = Path(__file__).parents[3]
WEIGHTS = Path(figures.FIGURES).parent
CARD = (WEIGHTS / "portrait_256.md").read_text()
DOCS = (ROOT / "docs" / "portraits.md").read_text()
FILES = sorted((WEIGHTS / "portrait_256").iterdir())


@pytest.fixture(scope="module")
def entry():
    return figures.read("portraits")


def test_the_files_are_safetensors_and_small():
    assert [file.name for file in FILES] == ["hair.safetensors", "linear.safetensors", "network.safetensors"]
    assert sum(file.stat().st_size for file in FILES) < 30_000_000
    assert f"{sum(file.stat().st_size for file in FILES) / 1e6:.0f} MB together" in CARD


def test_the_row_counts_the_files_numbers():
    count = 0
    for path in FILES:
        with safe_open(path, "pt") as file:
            count += sum(file.get_tensor(name).numel() for name in file.keys())  # noqa: SIM118
    assert find("appearance-portrait-256").parameters == count


def test_the_card_and_the_row_name_real_peoples_photos_and_their_terms():
    for words in (
        "real people's photos",
        "CelebAMask-HQ",
        "LFW",
        "non-commercial research",
        "memorisation test",
        "SFace",
        "dlib",
    ):
        assert words in CARD, words
    row = find("appearance-portrait-256")
    assert "real people's photos" in row.data_license
    assert "non-commercial" in row.weights_license
    assert "`portrait_256/`" in (WEIGHTS / "LICENSES.md").read_text()


def test_it_is_the_default_and_faces_of_nobody_stay_a_choice():
    rows = for_task("portrait")
    assert rows[0].id == "appearance-portrait-256"
    assert "Faces of nobody" in find("identity-prior-64").title
    assert find("identity-prior-64").default


def test_it_measures_better_than_the_model_it_replaces_in_the_same_run(entry):
    new, old = entry["appearance-portrait-256"], entry["identity-prior-64"]
    for judge in ("sface", "faceres"):
        assert new[judge]["auc"][0] > old[judge]["auc"][0]
        assert new[judge]["accepted"][0] > old[judge]["accepted"][0]
        assert new[judge]["people"] == old[judge]["people"]


def test_the_docs_figures_are_the_measured_ones(entry):
    for model in ("appearance-portrait-256", "identity-prior-64"):
        for judge in ("sface", "faceres"):
            for figure in ("auc", "own", "accepted", "diversity"):
                value, low, high = entry[model][judge][figure]
                assert f"{value:.3f} [{low:.3f}, {high:.3f}]" in DOCS, (model, judge, figure)


def test_no_draw_is_a_training_face_and_the_docs_tell_the_distances(entry):
    told = entry["appearance-portrait-256"]["nearest training face"]
    photos = entry["run"]["nearest training face: held-out photos"]
    assert set(told) == {"dlib", "sface"}
    for recogniser, quantiles in told.items():
        assert " | ".join(f"{value:.3f}" for value in quantiles) in DOCS
        assert " | ".join(f"{value:.3f}" for value in photos[recogniser]) in DOCS
        assert quantiles[0] > 0.2, "a draw that is a training photo would lie at about 0"


def test_the_counts_by_eye_add_up():
    kept, borderline, no, all_of = map(
        int, re.search(r"keep (\d+), borderline (\d+), no (\d+) of (\d+)", DOCS).groups()
    )
    assert kept + borderline + no == all_of
    assert all_of == 4 * figures.read("portraits")["run"]["people"]
