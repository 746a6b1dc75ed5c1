"""SPIGA: its authors' points and pose from filled weights, their crop to the pixel, whose sign its angles have."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.golden.archive import Golden, apart
from tests.golden.inputs import photo
from workbench.catalog import MODELS
from workbench.errors import BadWeights
from workbench.models.blocks.spiga_network import project
from workbench.models.files import checkpoint
from workbench.models.finders import spiga
from workbench.values import Face

TINY = spiga.Shape(98, 15, 16, 32, 16)
GIVEN = {"pose_fc.bias": torch.tensor([20.0, -10.0, 5.0, 0.02, -0.03, 4.0])}
"""A pose a head can have: the golden's, too."""


@cache
def _weights() -> dict[str, torch.Tensor]:
    weights = Golden("spiga-98-tiny").weights()
    given = GIVEN | {"pose_fc.weight": weights["pose_fc.weight"] * 0.01}
    return weights | given | {"diagonal_mask": ~torch.eye(98, dtype=torch.bool)}


def _files(folder: Path, points: int = 98, **changes: torch.Tensor) -> dict[str, Path]:
    """What a person would have, of few channels. The mean face's lines do not stand in the order of its points."""
    save_file(_weights() | changes, folder / "spiga.safetensors")
    mean = np.random.Generator(np.random.PCG64(5)).uniform(-0.5, 0.5, (points, 3)).astype(np.float32)
    lines = [f"{100 + n}|{-left!r}|{-down!r}|{ahead!r}" for n, (ahead, left, down) in enumerate(mean.tolist())]
    (folder / "mean.txt").write_text("\n".join(reversed(lines)))
    (folder / "order.json").write_text(json.dumps({"ldm_ids": list(range(100, 100 + points))}))
    return {
        "weights": folder / "spiga.safetensors",
        "shape": folder / "mean.txt",
        "order": folder / "order.json",
    }


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> spiga.Spiga:
    return spiga.load(MODELS["spiga-98"], _files(tmp_path_factory.mktemp("spiga")), "cpu", TINY)


def test_its_points_and_its_pose_are_its_authors(model: spiga.Spiga) -> None:
    golden, found = Golden("spiga-98-tiny"), model.raw(photo(3, 256, 256))

    assert apart(found["points"], golden["points"]) < 1e-5
    assert apart(found["pose"], golden["pose"]) < 1e-5


def test_its_crop_is_its_authors_to_the_pixel(model: spiga.Spiga) -> None:
    golden = Golden("spiga-98-tiny")
    left, top, wide, high = 37.3, 20.9, 61.2, 70.7
    box = np.array([left, top, left + wide, top + high], np.float32) - np.float32(0.5)
    face = Face(box, np.zeros((5, 2), np.float32), 1.0)
    scale, corner = model.window(face)

    assert np.array_equal(model.crop(photo(9, 120, 160), face)[::8, ::8], golden["crop"])
    assert (np.array([left, top]) - corner) * scale == pytest.approx(golden["box"][:2], abs=1e-3)


def test_points_come_back_to_the_photo_where_the_crop_took_them(model, astronaut, astronaut_face, monkeypatch):
    box = astronaut_face.box.astype(np.float64)
    told = {"points": np.full((98, 2), 0.5, np.float32), "pose": np.zeros(6, np.float32)}
    monkeypatch.setattr(model, "raw", lambda crop: told)
    signs = model.signs(astronaut, astronaut_face)

    assert signs.points.shape == (98, 2)
    assert signs.points[0] == pytest.approx((box[:2] + box[2:]) / 2, abs=0.01)


@pytest.mark.parametrize("yaw", [-40.0, 40.0])
@pytest.mark.parametrize("pitch", [-20.0, 20.0])
def test_a_nose_goes_right_for_yaw_and_up_for_pitch_and_a_crown_right_for_roll(yaw: float, pitch: float) -> None:
    middle, nose, crown = torch.tensor([[0.0, 0, 0], [1.0, 0, 0], [0.0, 0, -1]])  # forward, left, down

    def seen(point: torch.Tensor, roll: float = 0.0) -> np.ndarray:
        pose = torch.tensor([[yaw, pitch, roll, 0, 0, 5.0]])
        return project(torch.stack([middle, point]), pose, 100, 32).diff(dim=1)[0, 0].numpy()

    head = spiga.head(np.array([yaw + 360, pitch, 12, 0, 0, 5.0], np.float32))
    assert np.sign(seen(nose)) == pytest.approx([np.sign(yaw), -np.sign(pitch)])
    assert seen(crown)[1] < 0
    assert seen(crown, 12)[0] > seen(crown)[0]
    assert (head.yaw, head.pitch, head.roll) == pytest.approx((yaw, pitch, 12), abs=1e-3)


@pytest.mark.parametrize("name", ["spiga-98", "spiga-68"])
def test_the_published_file_loads_by_its_names_and_shapes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {
        key: torch.empty([int(n) for n in shape.split("x") if n], dtype=getattr(torch, kind), device="meta")
        for key, kind, shape in Golden(name).keys
        if key != "diagonal_mask"
    }
    monkeypatch.setattr(checkpoint, "sound", lambda weights, name: None)
    network = checkpoint.install(lambda: spiga.SpigaNet(spiga.SHAPES[name]), found, "SPIGA", "meta")

    assert sum(value.numel() for value in network.parameters()) == MODELS[name].parameters


def test_files_of_something_else_are_told(tmp_path: Path) -> None:
    row = MODELS["spiga-98"]
    with pytest.raises(BadWeights, match="neighbours"):
        spiga.load(row, _files(tmp_path, diagonal_mask=torch.ones(98, 98, dtype=torch.bool)), "cpu", TINY)
    with pytest.raises(BadWeights, match="98 points, got 68"):
        spiga.load(row, _files(tmp_path, points=68), "cpu", TINY)
    with pytest.raises(BadWeights, match="SPIGA"):
        spiga.load(row, _files(tmp_path, extra=torch.zeros(2)), "cpu", TINY)
    (tmp_path / "mean.txt").write_text("no mean face")
    with pytest.raises(BadWeights, match="no mean face"):
        spiga.load(row, _files(tmp_path) | {"shape": tmp_path / "order.json"}, "cpu", TINY)
