"""FAN: its authors' answers from filled weights, where its crop lies, how heatmaps are read, another network's file."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.golden.archive import Golden, apart
from tests.golden.inputs import photo
from workbench.catalog import MODELS
from workbench.errors import BadWeights
from workbench.geometry import apply
from workbench.models.finders import fan


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> fan.Fan:
    path = tmp_path_factory.mktemp("fan") / "2DFAN4.pth.tar"
    torch.save(Golden("fan-68").weights(), path)
    loaded = fan.load(MODELS["fan-68"], {"weights": path}, "cpu")
    path.unlink()
    return loaded


def test_it_answers_as_its_authors_do_and_reads_the_same_points(model):
    maps = model.raw(photo(3, 256, 256))["heatmaps"]
    golden = Golden("fan-68")

    assert sum(weight.numel() for weight in model.network.parameters()) == model.spec.parameters
    assert apart(maps[::9, ::5, ::5], golden["heatmaps"]) < 1e-5
    assert np.abs(fan.read(maps) - golden["points"]).max() < 1e-6


def test_points_come_back_to_the_photo_where_the_crop_took_them(model, astronaut, astronaut_face, monkeypatch):
    heat = np.zeros((68, 64, 64), np.float32)
    heat[:, 20, 40] = 1
    monkeypatch.setattr(model, "raw", lambda crop: {"heatmaps": heat})
    told = model.signs(astronaut, astronaut_face)
    seen = apply(model.window(astronaut_face), told.points[0].astype(np.float64))

    assert told.points.shape == (68, 2)
    assert seen == pytest.approx([40 * 4 + 1.5, 20 * 4 + 1.5], abs=0.01)


def test_the_crop_is_larger_than_the_face_and_a_little_higher(model, astronaut_face):
    box = astronaut_face.box.astype(np.float64)
    corners = apply(model.window(astronaut_face), np.array([box[:2], box[2:]]))

    assert (corners > 20).all()
    assert (corners < 236).all()
    assert corners[:, 1].mean() > 127.5  # the middle is lifted, so the face lies low


def test_another_networks_file_is_told(tmp_path: Path):
    path = tmp_path / "other.pth"
    torch.save({"conv1.weight": torch.zeros(64, 3, 7, 7)}, path)

    with pytest.raises(BadWeights, match="FAN"):
        fan.load(MODELS["fan-68"], {"weights": path}, "cpu")
