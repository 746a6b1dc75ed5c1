"""A bench with a portrait model that draws at once, and photos."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.generation.fake_portrait import FakePortrait
from workbench.bench import Workbench
from workbench.catalog import MODELS
from workbench.catalog.spec import ModelSpec
from workbench.settings import Settings


@pytest.fixture
def fake(bench) -> FakePortrait:
    return FakePortrait(bench.model("dcgan-digiface-64"))


@pytest.fixture
def here(bench, fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    """A bench with a fake portrait model, and folders of its own for results and studies."""
    row = ModelSpec(id="fake", task="portrait", title="Fake", load="nowhere:load", files=())
    settings = Settings(cache=bench.settings.cache, data=tmp_path / "data", owner_token="the owner's own token")
    mine = Workbench(settings, {"fake": row, **MODELS})
    real = bench.model

    def model(model_id: str, task: str = "") -> Any:
        return fake if (model_id, bool(mine.spec(model_id, task))) == ("fake", True) else real(model_id, task)

    mine.model = model  # type: ignore[method-assign]
    (tmp_path / "uploads").mkdir()
    monkeypatch.setattr("workbench.ui.common.widgets.uploads.folder", lambda settings: tmp_path / "uploads")
    return mine


@pytest.fixture
def portrait(tmp_path: Path, astronaut: np.ndarray) -> str:
    path = tmp_path / "astronaut.png"
    Image.fromarray(astronaut).save(path)
    return str(path)


@pytest.fixture
def wall(tmp_path: Path) -> str:
    path = tmp_path / "wall.png"
    Image.fromarray(np.full((200, 200, 3), 128, np.uint8)).save(path)
    return str(path)
