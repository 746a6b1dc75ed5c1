"""From the Hub to a verdict: recognisers of three families are fetched, verified, loaded by their rows and compare two
faces."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.golden.archive import Golden
from tests.hub_model_double import ModelHub
from workbench.bench import Workbench
from workbench.catalog import MODELS
from workbench.errors import ModelMissing
from workbench.settings import Settings
from workbench.sources import fetching as sources
from workbench.tasks.detection import find_faces
from workbench.tasks.recognition import verify

ROWS = ("edgeface-xxs", "facelivt2-xs", "facelivt-s")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[ModelHub]:
    with ModelHub() as hub:
        files: dict[str, dict[str, bytes]] = {}
        for row in ROWS:
            _, repository, path = MODELS[row].files[0].source.split(":")
            torch.save(Golden(f"recognisers/{row}").weights(), tmp_path / "weights.pt")
            files.setdefault(repository, {})[path] = (tmp_path / "weights.pt").read_bytes()
        for repository, content in files.items():
            hub.put("model", repository, content)
        yield hub


def test_three_recognisers_go_from_the_hub_to_a_verdict(
    hub: ModelHub, tmp_path: Path, astronaut: np.ndarray, bench: Workbench
) -> None:
    home = Settings(cache=tmp_path / "cache", data=tmp_path / "data", hub_endpoint=hub.address)
    mine = Workbench(home)
    (face,) = find_faces(astronaut, bench.finder())
    with pytest.raises(ModelMissing, match="models fetch edgeface-xxs"):
        mine.recogniser("edgeface-xxs")

    for row in ROWS:
        (path,) = sources.fetch(MODELS[row].files, home)
        assert path.is_file()
        same = verify(astronaut, face, astronaut, face, mine.recogniser(row))
        mirrored = astronaut[:, ::-1].copy()
        (other,) = find_faces(mirrored, bench.finder())
        turned = verify(astronaut, face, mirrored, other, mine.recogniser(row))
        assert same.score == pytest.approx(1, abs=1e-5)
        assert -1 <= turned.score < 1
    assert mine.first("recognition").id == "edgeface-xxs"
