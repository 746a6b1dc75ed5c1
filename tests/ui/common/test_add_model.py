"""The form adds what a TOML row adds, for the owner alone, and keeps nothing that does not load."""

import dataclasses
from pathlib import Path

import gradio as gr
import numpy as np
import pytest

from tests.models import tiny_onnx
from workbench.bench import Workbench
from workbench.catalog import own
from workbench.errors import BadRequest, BadWeights, NotAllowed
from workbench.ui.common import add_model
from workbench.ui.common.card_view import show_card

TOKEN = "the-token-of-the-owner"
FIELDS = {
    "id": "mine", "task": "parsing", "runtime": "onnx", "source": "", "labels": "background, skin, hair, nose",
    "side": 32, "order": "rgb", "crop": "celeba", "mean": "0.5, 0.5, 0.5", "std": "0.5, 0.5, 0.5", "kind": "",
    "threshold": "", "form": "corners", "unit": "pixels", "weights": "MIT", "data": "drawn \"here\"",
}  # fmt: skip


@pytest.fixture
def home(settings, tmp_path: Path) -> Workbench:
    return Workbench(dataclasses.replace(settings, data=tmp_path / "data", owner_token=TOKEN))


@pytest.fixture
def net(tmp_path: Path) -> Path:
    matrix = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    return tiny_onnx.places(tmp_path / "net.onnx", matrix, 32)


def _add(bench: Workbench, upload: Path | None = None, token: object = TOKEN, **change) -> str:
    return add_model.add_model(bench, token, None if upload is None else str(upload), *(FIELDS | change).values())


def test_an_uploaded_network_becomes_a_row_that_lasts(home: Workbench, net: Path, astronaut, astronaut_face) -> None:
    told = _add(home, net)
    net.unlink()
    again = Workbench(home.settings)

    assert "loaded once and added" in told
    assert own.entries(own.kept(home.settings))[0]["licence"]["data"] == 'drawn "here"'
    assert home.spec("mine", "parsing").weights_license == "MIT"
    assert again.parser("mine")(astronaut, astronaut_face).scores.shape[0] == 19
    with pytest.raises(BadRequest, match="taken twice"):
        _add(home, tiny_onnx.places(net, np.zeros((4, 3), np.float32), 32))


@pytest.mark.parametrize("token", ["", "wrong", None, ["the-token-of-the-owner"], 7])
def test_a_visitor_can_neither_add_a_model_nor_open_a_file_of_the_server(home: Workbench, net: Path, token) -> None:
    for change in ({}, {"source": f"local:{net}"}, {"source": "local:/etc/passwd"}):
        with pytest.raises(NotAllowed, match="owner's token"):
            _add(home, None if change else net, token, **change)
    assert not own.kept(home.settings).exists()
    assert not (home.settings.data / "models").exists(), "an upload is not even copied"


def test_on_a_space_nobody_adds_models_and_no_form_is_shown(home: Workbench, net: Path) -> None:
    public = Workbench(dataclasses.replace(home.settings, space=True))
    with pytest.raises(NotAllowed, match="On a Space"):
        _add(public, net)
    for bench, shown in ((public, False), (home, True)):
        with gr.Blocks() as page:
            add_model.add_form(bench, ("parsing",))
        assert any(getattr(block, "label", "") == "Add a model" for block in page.blocks.values()) is shown


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": "../mine"}, "id: expected"),
        ({"task": "magic"}, "task: expected"),
        ({"side": float("nan")}, "input.side"),
        ({"side": "large"}, "input.side"),
        ({"mean": "0, one, 0"}, "input.mean"),
        ({"std": "inf,1,1"}, "input.std"),
        ({"labels": "a, b"}, "a label each"),
        ({"labels": "x" * 30_000}, "larger than a row"),
        ({"weights": "MIT\n[[model]]"}, "printable"),
        ({"kind": "boxes"}, "gives boxes"),
        ({"threshold": "0,5"}, "output.threshold"),
        ({"threshold": "nan"}, "output.threshold"),
    ],
)
def test_what_is_wrong_in_the_form_is_said_and_nothing_kept(
    home: Workbench, net: Path, change: dict, words: str
) -> None:
    with pytest.raises((BadRequest, BadWeights), match=words):
        _add(home, net, **change)
    assert not own.kept(home.settings).exists()
    assert not list((home.settings.data / "models").glob("*")), "not even the uploaded file"
    assert "mine" not in [spec.id for spec in home.specs("parsing")]


@pytest.mark.parametrize(
    ("source", "words"),
    [("", "Drop an ONNX file"), ("local:/nowhere/net.onnx", "no file"), ("/etc/passwd", "expected local:"),
     ("local:/nowhere/net.pt", "A pickle runs"), ("local:~nobody-of-this-name/net.onnx", "no such home")],
)  # fmt: skip
def test_a_place_that_holds_no_network_is_said(home: Workbench, source: str, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        _add(home, source=source)


def test_a_hub_id_is_added_before_its_files_are_here(home: Workbench) -> None:
    told = _add(home, runtime="timm", source="people/moods", task="expression", labels="")

    assert "models fetch mine" in told
    assert [file.source for file in home.spec("mine").files] == [
        "hub:people/moods:config.json", "hub:people/moods:model.safetensors",
    ]  # fmt: skip


def test_a_new_model_stands_in_the_choices_of_its_task_alone(home: Workbench, net: Path) -> None:
    with gr.Blocks() as page:
        parsers = gr.Dropdown([("Compact", "compact")])
        several = gr.Dropdown([("Compact (parsing)", "compact"), ("SFace (recognition)", "sface")], multiselect=True)
        others = gr.Dropdown([("SFace", "sface")])
        add_model.add_form(home, ("parsing",), parsers)
    _add(home, net)

    assert ("mine", "mine") in parsers.choices
    assert ("mine (parsing)", "mine") in several.choices
    assert [value for _, value in others.choices] == ["sface"]
    assert "mine" in str(page.config["components"]), "who loads the page again sees it"


def test_a_card_is_shown_for_any_row_and_no_other(home: Workbench) -> None:
    assert "## Quantitative analyses" in show_card(home, "compact")
    for strange in ("../../etc", None, 7):
        with pytest.raises(BadRequest):
            show_card(home, strange)


def test_a_refused_row_takes_no_file_away_from_a_model_that_has_it(home: Workbench, net: Path) -> None:
    _add(home, net)
    with pytest.raises(BadRequest, match="taken twice"):
        _add(home, net)
    assert len(list((home.settings.data / "models").glob("*.onnx"))) == 1
