"""RestoreFormer gives its authors' pixels from filled weights, and repairs a face where it lies and nothing else."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.golden.archive import Golden, apart
from tests.golden.inputs import photo
from workbench.catalog import MODELS
from workbench.errors import BadWeights
from workbench.models.files import checkpoint
from workbench.models.portraits import restoreformer
from workbench.models.portraits.restoreformer import RestoreFormer, Shape
from workbench.values import Face

TINY = {
    "restoreformer-plus": Shape(4, ((16,), (16, 32)), 32, (1, 2), 32, 16, 32),
    "restoreformer": Shape(8, ((16,), (16,)), 32, (1, 2), 32, 16, 32),
}


def _loaded(name: str, folder: Path) -> RestoreFormer:
    path = folder / f"{name}.ckpt"
    judge = {"loss.discriminator.weight": torch.zeros(2)}
    torch.save({"state_dict": Golden(f"{name}-tiny").weights() | judge}, path)
    return restoreformer.load(MODELS[name], {"weights": path}, "cpu", TINY[name])


@pytest.mark.parametrize("name", TINY)
def test_it_makes_its_authors_pixels(name: str, tmp_path: Path) -> None:
    model, golden = _loaded(name, tmp_path), Golden(f"{name}-tiny")

    assert apart(model.raw(photo(6, 32, 32))["picture"], golden["picture"]) < 1e-5


@pytest.mark.parametrize("name", TINY)
def test_the_published_file_loads_by_its_names_and_shapes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {
        key.removeprefix("vqvae."): torch.empty([int(n) for n in shape.split("x") if n], device="meta")
        for key, _, shape in Golden(name).keys
    }
    monkeypatch.setattr(checkpoint, "sound", lambda weights, name: None)
    network = checkpoint.install(lambda: restoreformer.RestoreNet(restoreformer.SHAPES[name]), found, name, "meta")

    assert sum(value.numel() for value in network.parameters()) == MODELS[name].parameters


def test_the_other_ones_file_is_told(tmp_path: Path) -> None:
    torch.save(Golden("restoreformer-tiny").weights(), tmp_path / "other.ckpt")
    with pytest.raises(BadWeights, match=r"RestoreFormer\+\+"):
        restoreformer.load(
            MODELS["restoreformer-plus"], {"weights": tmp_path / "other.ckpt"}, "cpu", TINY["restoreformer-plus"]
        )


def _face(scale: float, shift: float) -> Face:
    points = (restoreformer.TEMPLATE * scale + shift).astype(np.float32)
    box = np.concatenate([points.min(axis=0) - 20, points.max(axis=0) + 20]).astype(np.float32)
    return Face(box, points, 1.0)


def test_a_face_is_seen_as_ffhq_has_it_and_put_back_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    model = RestoreFormer(MODELS["restoreformer"], torch.nn.Identity(), "cpu")
    image, squares = photo(7, 700, 640), []
    monkeypatch.setattr(model, "repaired", lambda square: squares.append(square) or square)
    same = model(image, _face(0.5, 100.0))

    assert same.shape == image.shape
    assert np.abs(same.astype(int) - image).mean() < 6  # half as large and back: only its finest grain is lost
    assert np.array_equal(same[:90], image[:90])
    assert squares[0].shape == (512, 512, 3)
    monkeypatch.setattr(model, "repaired", lambda square: np.full_like(square, 255))
    white = model(image, _face(0.5, 100.0))
    assert (white[150:300, 150:300] == 255).all()
    assert np.array_equal(white[380:], image[380:])


def test_a_small_portrait_comes_back_large_enough_for_the_detail(monkeypatch: pytest.MonkeyPatch) -> None:
    model = RestoreFormer(MODELS["restoreformer"], torch.nn.Identity(), "cpu")
    monkeypatch.setattr(model, "repaired", lambda square: square)
    corner = model.window(restoreformer.TEMPLATE)

    assert model(photo(8, 128, 96), _face(0.2, 4.0)).shape == (512, 384, 3)
    assert corner == pytest.approx(np.array([[1, 0, 0], [0, 1, 0]]), abs=1e-6)


def test_pixels_go_in_and_come_out_as_they_are() -> None:
    model = RestoreFormer(MODELS["restoreformer"], torch.nn.Identity(), "cpu")
    square = photo(2, 512, 512)

    assert np.array_equal(model.repaired(square), square)
