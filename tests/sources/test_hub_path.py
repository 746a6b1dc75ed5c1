"""From the Hub to the tab: a parser's training checkpoint is fetched, verified, converted, loaded and parses a
photo."""

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.golden.archive import Golden
from tests.golden.digest import Pictures
from tests.hub_model_double import ModelHub
from workbench.bench import Workbench
from workbench.catalog import MODELS
from workbench.catalog.spec import File, table
from workbench.cli import main
from workbench.errors import BadWeights, ModelMissing
from workbench.models.files.convert import convert
from workbench.settings import Settings
from workbench.sources import fetching as sources

ID = "segface-mobilenet-celeba-512"
FILE = MODELS[ID].files[0]


def _quiet(*args: object, **options: object) -> None:
    """A gr.Progress that shows nothing."""


@pytest.fixture(scope="module")
def training_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """As SegFace's authors publish it: the network beside its optimiser's two moments."""
    network = Pictures("segface-mobilenet-celeba").weights()
    moments = {
        place: {"exp_avg": torch.zeros_like(value), "exp_avg_sq": torch.zeros_like(value)}
        for place, value in enumerate(network.values())
    }
    path = tmp_path_factory.mktemp("hub") / "model_299.pt"
    torch.save(
        {
            "epoch": 299,
            "iteration": 1,
            "state_dict_backbone": network,
            "optimizer": {"state": moments},
            "scheduler": {},
        },
        path,
    )
    data = path.read_bytes()
    path.unlink()
    return data


@pytest.fixture
def hub(training_checkpoint: bytes) -> Iterator[ModelHub]:
    with ModelHub() as hub:
        hub.put("model", "kartiknarayan/SegFace", {FILE.source.rpartition(":")[2]: training_checkpoint})
        yield hub


@pytest.fixture
def home(tmp_path: Path, hub: ModelHub) -> Settings:
    return Settings(cache=tmp_path / "cache", data=tmp_path / "data", hub_endpoint=hub.address)


def test_a_parser_goes_from_the_hub_to_the_tab(
    home: Settings, astronaut: np.ndarray, training_checkpoint: bytes
) -> None:
    from workbench.ui.parsing.one import parse

    bench = Workbench(home)
    with pytest.raises(ModelMissing, match=f"models fetch {ID}"):
        parse(bench, astronaut, ID, _quiet)

    told: list[int] = []
    (path,) = sources.fetch(bench.spec(ID).files, home, lambda done, total, name: told.append(done))
    assert told[-1] == len(training_checkpoint) == path.stat().st_size

    answer, viewer, *_ = parse(bench, astronaut, ID, _quiet)
    assert answer.parsing.labels.shape == (512, 512)
    assert len(answer.parsing.faces) == 1
    assert len(np.unique(answer.parsing.labels)) > 2
    assert viewer["size"] == [512, 512]

    (done,) = convert(bench.spec(ID), home)
    assert done.after < 0.4 * done.before
    assert sources.locate(FILE, home) == done.path
    path.unlink()
    again = Workbench(home)
    converted, *_ = parse(again, astronaut, ID, _quiet)
    # where two parts are all but equal, rounding decides: mapped weights lie differently in memory
    assert (converted.parsing.labels != answer.parsing.labels).mean() < 1e-3


def test_a_tampered_checkpoint_is_refused_before_it_is_opened(home: Settings, astronaut: np.ndarray) -> None:
    from workbench.ui.parsing.one import parse

    (path,) = sources.fetch(MODELS[ID].files, home)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)

    with pytest.raises(BadWeights, match="fetch it again"):
        parse(Workbench(home), astronaut, ID, _quiet)


def test_the_commands_fetch_convert_and_verify(
    home: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORKBENCH_CACHE", str(home.cache))
    monkeypatch.setenv("HF_ENDPOINT", home.hub_endpoint)

    assert main(["models", "fetch", ID]) == 0
    assert "commit " in capsys.readouterr().out
    assert main(["models", "convert", ID, "--drop-original"]) == 0
    assert "431 weights" in capsys.readouterr().out
    assert not sources.place(FILE, home).exists()
    assert main(["models", "convert", ID]) == 0
    assert "was converted before" in capsys.readouterr().out
    assert main(["models", "verify", ID]) == 0
    assert main(["models", "convert", "sface"]) == 1
    assert "no PyTorch checkpoint" in capsys.readouterr().out


def test_a_conversion_is_made_anew_when_the_file_it_came_from_changes(home: Settings, tmp_path: Path) -> None:
    mine = tmp_path / "mine.pth"
    spec = replace(MODELS["mobileface"], files=(File(f"local:{mine}"),))
    torch.save({"a": torch.ones(3), "b": torch.zeros(2)}, mine)
    (first,) = convert(spec, home)
    assert sources.locate(spec.files[0], home) == first.path

    torch.save({"a": torch.ones(4), "b": torch.zeros(2)}, mine)

    assert sources.locate(spec.files[0], home) == mine
    (second,) = convert(spec, home)
    assert second.new
    assert sources.verify(spec.files[0], home) == second.path
    second.path.write_bytes(second.path.read_bytes()[:-1] + b"!")
    with pytest.raises(BadWeights, match="fetch it again"):
        sources.verify(spec.files[0], home)


def _resident() -> float:
    """Megabytes of memory this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def test_switching_among_four_models_under_a_limit_never_grows(tmp_path: Path) -> None:
    rows = []
    for number in range(4):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = Golden("insight-mobile").file(folder)
        rows.append(replace(MODELS["mobileface"], id=f"m{number}", files=(File(f"local:{path}"),)))
    bench = Workbench(Settings(cache=tmp_path, data=tmp_path, memory=12_000_000), table(rows))
    chip = np.zeros((112, 112, 3), np.uint8)
    dropped, resident = [], []
    for step in range(12):
        model = bench.model(f"m{step % 4}")
        model.raw(chip)
        dropped.append(weakref.ref(model))
        del model
        gc.collect()
        resident.append(_resident())
        assert len(bench.loaded()) <= 2

    alive = {reference() for reference in dropped} - {None}
    assert len(alive) == 2
    assert max(resident[8:]) - max(resident[4:8]) < 12
