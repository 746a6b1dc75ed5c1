"""MiVOLO v2 gives its authors' numbers for a face alone and with a body, and sees the face's box as they cut it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.golden import inputs
from tests.golden.archive import Golden, apart
from tests.models.patterns import pattern
from workbench import geometry
from workbench.catalog import MODELS
from workbench.errors import BadWeights
from workbench.models.attributes import mivolo
from workbench.models.blocks.pixels import IMAGENET
from workbench.models.files import checkpoint
from workbench.values import Face

TINY = mivolo.Shape(64, (16, 32), (2, 4), (1, 1, 1, 1), 8)
FACE = Face(np.array([20, 31, 61, 90], np.float32), np.zeros((5, 2), np.float32), 1.0)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("mivolo")
    (folder / "config.json").write_text(json.dumps({"min_age": 0, "max_age": 122, "avg_age": 61}))
    return {"weights": Golden("mivolo-tiny").file(folder), "config": folder / "config.json"}


def _chips() -> torch.Tensor:
    return torch.from_numpy(pattern(2, TINY.side)).permute(0, 3, 1, 2).float()


def test_a_face_alone_and_one_with_a_body_equal_their_authors(files: dict[str, Path]) -> None:
    golden = Golden("mivolo-tiny")
    network = mivolo.load_sex(MODELS["mivolo2-sex"], files, "cpu", TINY).network.network

    with torch.inference_mode():
        assert apart(network(_chips()).numpy(), golden["alone"]) <= 1e-5
        body = IMAGENET(_chips().flip(3))
        assert apart(network.told(IMAGENET(_chips()), body).numpy(), golden["with"]) <= 1e-5
        assert apart(network.told(IMAGENET(_chips()), body.flip(2)).numpy(), golden["with"]) > 1e-3


def test_the_published_file_loads_by_its_names_and_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {
        key: torch.empty([int(n) for n in shape.split("x") if n], dtype=getattr(torch, kind), device="meta")
        for key, kind, shape in Golden("mivolo").keys
    }
    weights = checkpoint.stripped(found, "patch_embed.proj1.weight", mivolo.PREFIXES)
    monkeypatch.setattr(checkpoint, "sound", lambda weights, name: None)
    network = checkpoint.install(mivolo.MiVolo, weights, "MiVOLO", "meta")

    assert sum(value.numel() for value in network.parameters()) == MODELS["mivolo2-age"].parameters


def test_numbers_become_years_and_shares(files: dict[str, Path]) -> None:
    golden = Golden("mivolo-tiny")["alone"]
    age = mivolo.load_age(MODELS["mivolo2-age"], files, "cpu", TINY)
    sex = mivolo.load_sex(MODELS["mivolo2-sex"], files, "cpu", TINY)

    assert age.network.network is sex.network.network
    assert age.batch(pattern(2, 64))[:, 0] == pytest.approx(golden[:, 2] * 122 + 61, rel=1e-4)
    shares = np.exp(golden[:, :2]) / np.exp(golden[:, :2]).sum(1, keepdims=True)
    assert sex.labels == ("female", "male")
    assert sex.batch(pattern(2, 64)) == pytest.approx(shares[:, ::-1], abs=1e-4)


def test_the_box_is_letterboxed_into_black(files: dict[str, Path]) -> None:
    model = mivolo.load_age(MODELS["mivolo2-age"], files, "cpu", TINY)
    photo = inputs.photo(3, 120, 100)
    chip = model.crop(photo, FACE)
    matrix, side = model.window(FACE, photo.shape)

    assert chip.shape == (side, side, 3) == (64, 64, 3)
    assert not chip[:, :10].any()
    assert not chip[:, -9:].any()
    assert chip[:, 11:-11].any()
    corners = geometry.apply(matrix, np.array([[19.5, 30.5], [60.5, 89.5]]))
    assert corners[:, 1] == pytest.approx([-0.5, 63.5], abs=1e-6)
    assert corners[:, 0] == pytest.approx([63 / 2 - 64 * 41 / 118, 63 / 2 + 64 * 41 / 118], abs=1e-6)


@pytest.mark.parametrize("text", ["<html>", "{}", '{"min_age": 0, "max_age": 0, "avg_age": 0}', '{"min_age": null}'])
def test_a_configuration_without_ages_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)

    with pytest.raises(BadWeights, match=r"config\.json"):
        mivolo.years(tmp_path / "config.json")
