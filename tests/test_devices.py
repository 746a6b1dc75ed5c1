"""The device that is asked for is the one that is used, and one that is not here is said in a sentence."""

from dataclasses import replace

import pytest
import torch

from workbench import devices
from workbench.bench import Workbench
from workbench.cli import main
from workbench.errors import BadRequest
from workbench.settings import Settings


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch):
    """A machine with these many CUDA cards and, or without, Apple graphics."""

    def make(cards: int, apple: bool = False) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cards > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: apple)

    return make


@pytest.mark.parametrize(
    ("cards", "apple", "wanted", "found"),
    [
        (1, False, "auto", "cuda"),
        (2, True, "auto", "cuda"),
        (0, True, "auto", "mps"),
        (0, False, "auto", "cpu"),
        (2, True, "cpu", "cpu"),
        (1, False, "cuda", "cuda"),
        (2, False, "cuda:1", "cuda:1"),
        (0, True, "mps", "mps"),
    ],
)
def test_the_best_device_is_chosen(machine, cards: int, apple: bool, wanted: str, found: str) -> None:
    machine(cards, apple)

    assert devices.choose(wanted) == found


@pytest.mark.parametrize(
    ("cards", "wanted", "said"),
    [(0, "cuda", "sees no CUDA devices"), (1, "cuda:1", "sees 1 CUDA device here"), (2, "mps", "no Apple graphics")],
)
def test_a_device_that_is_not_here_is_named(machine, cards: int, wanted: str, said: str) -> None:
    machine(cards)

    with pytest.raises(BadRequest, match=f"{said}.*WORKBENCH_DEVICE"):
        devices.choose(wanted)


def test_the_processor_is_chosen_without_loading_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)

    assert devices.choose("cpu") == "cpu"


def test_models_load_where_the_bench_says(machine, settings) -> None:
    machine(0)
    assert Workbench(replace(settings, device="auto")).device == "cpu"
    machine(1)
    assert Workbench(replace(settings, device="auto")).device == "cuda"


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "CUDA", "cpu "])
def test_a_device_nobody_makes_is_refused_at_the_start(name: str) -> None:
    with pytest.raises(BadRequest, match="WORKBENCH_DEVICE"):
        Settings.from_env({"WORKBENCH_DEVICE": name})


@pytest.mark.parametrize("words", [["serve", "parsing"], ["parse"], ["classify"], ["embed"]])
def test_cuda_without_a_card_is_one_sentence_and_no_traceback(
    machine, monkeypatch: pytest.MonkeyPatch, tmp_path, capsys, words: list[str], astronaut
) -> None:
    from PIL import Image

    machine(0)
    Image.fromarray(astronaut).save(tmp_path / "astronaut.png")
    monkeypatch.setenv("WORKBENCH_DEVICE", "cuda")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")  # a command's table lies where it was called

    given = [str(tmp_path)] if words[0] != "serve" else []
    out = {"parse": ["--out", str(tmp_path / "out")], "embed": ["--out", str(tmp_path / "a.npz")]}
    assert main([*words, *given, *out.get(words[0], [])]) == 2
    said = capsys.readouterr().err
    assert said.strip().splitlines()[-1].startswith("error: The device 'cuda' was asked for")
    assert "Traceback" not in said
