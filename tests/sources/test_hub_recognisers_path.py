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
from workbench.evaluation import pair_scores
from workbench.evaluation.calibrating import Calibration, keep
from workbench.explanation.anatomy import anatomy
from workbench.explanation.methods import find, run
from workbench.explanation.question import Question
from workbench.explanation.targets import similarity
from workbench.generation.report import judges
from workbench.protection.judge import Reader
from workbench.protection.roles import calibrated_here
from workbench.settings import Settings
from workbench.sources import fetching as sources
from workbench.tasks.detection import find_faces
from workbench.tasks.face_search import FaceFinder
from workbench.tasks.recognition import embed, verify
from workbench.values import Face

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
    _take_part(mine, astronaut, face, bench.finder())


def _take_part(mine: Workbench, photo: np.ndarray, face: Face, finder: FaceFinder) -> None:
    """In labeling's reports, generation's reports, explanations and protection, by what their rows say alone."""
    assert set(ROWS) <= set(pair_scores.recognisers(mine))
    assert judges(ROWS, "edgeface-xxs") == ["facelivt2-xs", "facelivt-s"]
    known = [spec for spec in mine.specs("recognition") if spec.id in ROWS]
    with pytest.raises(ModelMissing):
        calibrated_here(known, mine.available, mine.threshold)
    for row in ROWS:
        keep(row, Calibration(0.3, 0.01, 1000, 46), mine.settings)
    fresh = Workbench(mine.settings)
    assert set(calibrated_here(known, fresh.available, fresh.threshold)) == set(ROWS)

    models = [fresh.recogniser(row) for row in ROWS]
    others = {row: embed(photo, face, model) for row, model in zip(ROWS, models, strict=True)}
    box = (face.box, (photo.shape[1], photo.shape[0]))
    readings = Reader(models, finder, *box, others).read(photo, photo, ["facelivt-s"], {})
    assert [(reading.model, reading.role) for reading in readings] == [
        ("edgeface-xxs", "surrogate"),
        ("facelivt2-xs", "surrogate"),
        ("facelivt-s", "judge"),
    ]
    assert [reading.after for reading in readings] == pytest.approx([1, 1, 1], abs=1e-5)

    model = models[0]
    found = anatomy(model)
    chip = model.tensor(model.align(photo, face))
    question = Question(similarity(model, chip.flip(3)), chip, places=found.places)
    drawn = run(find("grad_cam"), question, found.abilities, {}, pair=True)
    assert drawn.values.shape == (112, 112)
