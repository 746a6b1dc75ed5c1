"""A tab says what a download costs and under which terms, brings it here with a bar, and lets go of it on Cancel."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gradio as gr
import numpy as np
import pytest

from tests.hub_model_double import ModelHub, Trouble
from workbench.bench import Workbench
from workbench.catalog.spec import File, ModelSpec, table
from workbench.errors import BadRequest, Cancelled, NotAllowed, SourceUnreachable
from workbench.settings import Settings
from workbench.sources import hub as hub_files
from workbench.ui.common import model_fetch
from workbench.ui.models import tab as models_page

TOKEN = "the-token-of-the-owner"
DATA = np.random.Generator(np.random.PCG64(2)).bytes(2_000_000)
NET = ModelSpec(
    id="net",
    task="parsing",
    title="A net",
    load="nowhere:load",
    files=(File("hub:owner/net:model.safetensors", size=len(DATA)),),
    weights_license="MIT",
    data_license="research only",
    note="opt-in",
)
MINE = replace(NET, id="mine", title="My net", files=(File("local:mine.pt"),), note="put mine.pt into the folder")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelHub]:
    monkeypatch.setattr(hub_files, "WAITS", (0.01,))
    monkeypatch.setattr(model_fetch, "_EVERY", 0.01)
    with ModelHub() as hub:
        hub.put("model", "owner/net", {"model.safetensors": DATA})
        yield hub


@pytest.fixture
def home(tmp_path: Path, hub: ModelHub) -> Workbench:
    return Workbench(
        Settings(cache=tmp_path, data=tmp_path, hub_endpoint=hub.address, owner_token=TOKEN), table([NET, MINE])
    )


def _workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("fetch-")]


def test_size_licences_origin_and_command_come_before_the_download(home: Workbench) -> None:
    text = model_fetch.describe(home, "net")

    assert "2 MB from hub:owner/net" in text
    assert "Weights: MIT. Trained on: research only." in text
    assert "Opt-in." in text
    assert "python -m workbench models fetch net" in text


def test_a_download_shows_a_bar_and_offers_the_model_afterwards(home: Workbench) -> None:
    steps = list(model_fetch.fetch_with_choice(home, "net", ("parsing",), TOKEN))

    assert any("of 2.0 MB" in step[0] for step in steps)
    assert steps[0][2].interactive
    assert "is here" in steps[-1][0]
    assert steps[-1][4].choices == []
    assert steps[-1][5].choices == [("A net", "net")]
    assert home.available("net")
    assert not model_fetch.download_of(home).running.locked()


def test_cancel_stops_it_and_the_next_download_goes_on(home: Workbench, hub: ModelHub) -> None:
    hub.trouble = [Trouble("stall", after=500_000, seconds=0.5)]
    steps = model_fetch.fetch_model(home, "net", ("parsing",), TOKEN)
    for step in steps:
        if "MB" in step[0]:
            break
    assert model_fetch.cancel(home) == "Stopping …"
    with pytest.raises(Cancelled):
        list(steps)

    list(model_fetch.fetch_model(home, "net", ("parsing",), TOKEN))

    assert hub.ranges[-1].startswith("bytes=")
    assert home.available("net")


def test_a_page_that_goes_away_stops_its_download(home: Workbench, hub: ModelHub) -> None:
    hub.trouble = [Trouble("stall", after=500_000, seconds=0.3)]
    steps = model_fetch.fetch_model(home, "net", ("parsing",), TOKEN)
    for step in steps:
        if "MB" in step[0]:
            break
    steps.close()
    for worker in _workers():
        worker.join(10)

    assert _workers() == []
    assert not home.available("net")
    assert not model_fetch.download_of(home).running.locked()


@pytest.mark.parametrize("token", ["", "wrong", "\ud800", None, ["the-token-of-the-owner"], 7])
def test_a_visitor_cannot_start_a_download(home: Workbench, hub: ModelHub, token: object) -> None:
    """Anybody could fill the disk with gigabytes."""
    for function in (model_fetch.fetch_model, model_fetch.fetch_with_choice):
        with pytest.raises(NotAllowed, match="owner's token"):
            next(function(home, "net", ("parsing",), token))
    assert not home.available("net")
    assert hub.ranges == []


def test_only_one_download_runs_at_a_time(home: Workbench) -> None:
    with model_fetch.download_of(home).running, pytest.raises(BadRequest, match="Another model is being downloaded"):
        list(model_fetch.fetch_model(home, "net", ("parsing",), TOKEN))


def test_a_failed_download_says_why_and_frees_the_buttons(home: Workbench, hub: ModelHub) -> None:
    hub.gated.add("owner/net")
    seen: list[tuple] = []
    with pytest.raises(SourceUnreachable, match="accept its terms"):
        seen.extend(model_fetch.fetch_model(home, "net", ("parsing",), TOKEN))

    assert seen[-1][0] == "The download failed."
    assert seen[-1][1].interactive
    assert not model_fetch.download_of(home).running.locked()


@pytest.mark.parametrize(
    ("model", "words"), [("../../etc", "There is no"), ("mine", "put mine.pt"), (None, "Choose a model")]
)
def test_the_server_refuses_what_cannot_be_fetched(home: Workbench, model: str, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        next(model_fetch.fetch_model(home, model, ("parsing",), TOKEN))


@pytest.mark.parametrize(
    ("place", "words"), [({"space": True}, "On a Space"), ({"offline": True}, "WORKBENCH_OFFLINE")]
)
def test_a_space_and_an_offline_machine_show_the_command_only(
    home: Workbench, place: dict[str, bool], words: str
) -> None:
    bench = Workbench(replace(home.settings, **place), table([NET, MINE]))

    with pytest.raises(NotAllowed, match=words):
        next(model_fetch.fetch_model(bench, "net", ("parsing",), TOKEN))
    with gr.Blocks() as page:
        model_fetch.fetch_panel(bench, "parsing")
    kinds = {type(block).__name__ for block in page.blocks.values()}
    assert "Button" not in kinds
    assert "Markdown" in kinds


def test_the_panel_builds_with_private_events_only(home: Workbench) -> None:
    with gr.Blocks() as page:
        choice = gr.Dropdown([], label="Model")
        model_fetch.fetch_panel(home, "parsing", choice=choice)

    assert len(page.fns) == 5  # terms, fetch, cancel, the form, a card
    seen = [(function.name, function.api_visibility) for function in page.fns.values()]
    unfolded = [each for each in seen if each[1] != "private"]
    assert unfolded == [("apply", "undocumented")] * 2, "Gradio's own, which build the form and the cards"


def test_a_card_of_the_models_page_brings_its_model_into_every_choice_of_the_page(home: Workbench) -> None:
    (home.settings.cache / "local").mkdir()
    (home.settings.cache / "local" / "mine.pt").write_bytes(b"weights")
    with gr.Blocks():
        models_page.build(home)
        known = gr.Dropdown([("My net", "mine")], value="mine")
    before = models_page.cards(home)
    assert "data-fetch='net'" in before
    assert "data-fetch='mine'" not in before
    model, terms, _ = models_page.ask(home, gr.EventData(None, {"model": "net"}))
    assert model == "net"
    assert "2 MB from hub:owner/net" in terms

    last = list(models_page.download(home, "net", TOKEN))[-1]

    assert "is here" in last[0]
    assert "data-fetch" not in last[3]
    assert known.choices == [("My net", "mine"), ("A net", "net")]


def test_on_a_space_a_card_shows_the_command_and_the_server_refuses(tmp_path: Path) -> None:
    space = Workbench(Settings(cache=tmp_path, data=tmp_path, space=True), table([NET]))

    assert "data-fetch" not in models_page.cards(space)
    assert "models fetch net" in models_page.cards(space)
    with pytest.raises(NotAllowed):
        models_page.ask(space, gr.EventData(None, {"model": "net"}))
