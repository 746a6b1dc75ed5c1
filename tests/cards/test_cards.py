"""Every row has a card of nine sections; ours are complete; what was measured, here or by the person, stands in it."""

import json
from pathlib import Path

import pytest
import yaml

from tests.evaluation import folders
from workbench.cards import records
from workbench.cards.card import NOT_MEASURED, SECTIONS, make_card
from workbench.cards.markdown import as_markdown, for_the_hub
from workbench.cards.words import TASK_WORDS
from workbench.catalog import MODELS
from workbench.catalog.spec import TASKS, File, Input, ModelSpec
from workbench.cli import main

OURS = ("compact", "clicks", "compact-expression", "appearance-portrait-256", "identity-prior-64")
BARE = ModelSpec("bare", "parsing", "A | net", "x:y", (File("local:/home/ann/net.onnx"),), ("skin",), input=Input(64))


def test_every_row_has_nine_sections_and_none_is_empty() -> None:
    assert set(TASK_WORDS) == set(TASKS)
    for spec in MODELS.values():
        card = make_card(spec)
        assert tuple(card.sections) == SECTIONS, spec.id
        assert all(text.strip() for text in card.sections.values()), spec.id
        assert spec.weights_license in card.sections["Model details"], spec.id


@pytest.mark.parametrize("model", OURS)
def test_our_own_models_say_what_they_were_made_from_and_how_good_they_are(model: str) -> None:
    sections = make_card(MODELS[model]).sections

    assert len(sections["Training data"]) > 300, "more than a licence line"
    assert NOT_MEASURED not in sections["Quantitative analyses"]
    assert sum(letter.isdigit() for letter in sections["Quantitative analyses"]) > 20


def test_what_nobody_measured_is_said_to_be_so() -> None:
    card = make_card(BARE)

    for title in ("Evaluation data", "Quantitative analyses"):
        assert card.sections[title] == NOT_MEASURED
    assert "Nothing was measured here" in card.sections["Caveats and recommendations"]
    assert "/home/ann" not in as_markdown(card), "a card that is published names no folder of this machine"


def test_figures_of_the_record_stand_in_the_card_with_their_intervals() -> None:
    text = as_markdown(make_card(MODELS["sface"]))

    assert "held_out, auc | 0.9" in text
    assert "people" in make_card(MODELS["sface"]).sections["Evaluation data"]
    assert "looks female" in make_card(MODELS["compact-expression"]).sections["Factors"]


def _evaluated(tmp_path: Path, settings, monkeypatch, astronaut) -> Path:
    folder = tmp_path / "in"
    for number in range(2):
        folders.photo(folder / "images" / f"{number}.png", astronaut)
    folders.table(
        folder / "labels.csv", ["file", "label", "light"], [["0.png", "happy", "lamp"], ["1.png", "sad", "sun"]]
    )
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    monkeypatch.setenv("WORKBENCH_DATA", str(tmp_path / "data"))
    words = ["--model", "compact-expression", "--out", str(tmp_path / "out"), "--rounds", "100"]
    assert main(["evaluate", str(folder), *words]) == 0
    return tmp_path / "data"


def test_the_last_evaluation_stands_in_the_card_and_in_the_hubs_front_matter(
    tmp_path: Path, settings, monkeypatch, capsys, astronaut
) -> None:
    data = _evaluated(tmp_path, settings, monkeypatch, astronaut)
    capsys.readouterr()
    assert main(["models", "card", "compact-expression"]) == 0
    shown = capsys.readouterr().out
    assert main(["models", "card", "compact-expression", "--out", str(tmp_path / "README.md")]) == 0

    assert (tmp_path / "README.md").read_text() == shown
    head = yaml.safe_load(shown.split("---\n")[1])
    assert head["library_name"] == "face-workbench"
    assert head["pipeline_tag"] == "image-classification"
    result = head["model-index"][0]["results"][0]
    assert {"type": "accuracy", "name": "accuracy", "value": 0.5} in result["metrics"]
    assert "Your own evaluation" in shown
    kept = (data / "evaluations" / "compact-expression.json").read_text()
    assert "0.png" not in kept, "figures only: no photo is named"


@pytest.mark.parametrize(
    "text", ["", "[]", '{"date": 1}', "{" * 9, json.dumps({"date": "x", "layout": "", "photos": "9", "figures": {}})]
)
def test_a_record_that_is_none_counts_as_not_measured(tmp_path: Path, text: str) -> None:
    (tmp_path / "evaluations").mkdir()
    (tmp_path / "evaluations" / "bare.json").write_text(text)

    assert records.last("bare", tmp_path) is None


def test_licences_become_the_hubs_words() -> None:
    words = {
        spec.id: yaml.safe_load(for_the_hub(make_card(spec)).split("---\n")[1])["license"] for spec in MODELS.values()
    }

    assert words["blazeface"] == "apache-2.0"
    assert words["crfiqa-s"] == "cc-by-nc-4.0"
    assert words["compact"] == "other", "for research only is no licence the Hub has a word for"
