"""CR-FIQA equals its authors' code, and the black boxes see the pixels their authors feed them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.golden.archive import Golden, apart, stacked
from tests.models import tiny_onnx
from tests.models.patterns import pattern
from workbench.catalog import MODELS
from workbench.errors import BadWeights
from workbench.models.attributes import face_quality
from workbench.tasks.quality import assess
from workbench.values import Face

EXACT = 1e-5


@pytest.fixture
def face() -> Face:
    points = np.array([(38.3, 51.7), (73.5, 51.5), (56.0, 71.7), (41.5, 92.4), (70.7, 92.2)], np.float32)
    return Face(np.array([20, 20, 92, 108], np.float32), points, 1.0)


def test_crfiqa_equals_its_authors(tmp_path: Path) -> None:
    golden = Golden("crfiqa-r50")
    path = tmp_path / "32572backbone.pth"
    torch.save(golden.weights(), path)
    model = face_quality.load_crfiqa(MODELS["crfiqa-s"], {"weights": path}, "cpu")
    path.unlink()

    for output in ("vector", "quality"):
        assert apart(stacked(model, pattern(2, 112), output), golden[output]) <= EXACT


def test_the_large_crfiqa_has_its_authors_layout(tmp_path: Path) -> None:
    with torch.device("meta"):
        ours = {key: tuple(value.shape) for key, value in face_quality.IResNet("100").state_dict().items()}
    theirs = {key: tuple(int(n) for n in shape.split("x") if n) for key, _, shape in Golden("crfiqa-r100").keys}

    assert ours == theirs


def test_the_small_file_for_the_large_crfiqa_is_named(tmp_path: Path) -> None:
    shapes = {key: torch.zeros([int(n) for n in shape.split("x") if n]) for key, _, shape in Golden("crfiqa-r50").keys}
    save_file(shapes, tmp_path / "weights.safetensors")

    with pytest.raises(BadWeights, match="CR-FIQA on IResNet-50"):
        face_quality.load_crfiqa(MODELS["crfiqa-l"], {"weights": tmp_path / "weights.safetensors"}, "cpu")


def test_ediffiqa_sees_red_first_from_minus_one_to_one(tmp_path: Path, face: Face) -> None:
    path = tiny_onnx.write(tmp_path / "ediffiqa.onnx", np.array([[4.0], [2.0], [1.0]]), 112)
    model = face_quality.load_ediffiqa(MODELS["ediffiqa-tiny"], {"weights": path}, "cpu")
    red = np.zeros((112, 112, 3), np.uint8)
    red[..., 0] = 255

    assert model.raw(red)["quality"] == pytest.approx(4 - 2 - 1, abs=1e-4)
    assert model.score(red, face) == pytest.approx(1, abs=1e-4)
    quality = assess(red, face, model)
    assert (quality.model, quality.model_score) == ("ediffiqa-tiny", pytest.approx(1, abs=1e-4))


def test_an_onnx_file_of_another_shape_or_none_is_refused(tmp_path: Path) -> None:
    spec = MODELS["ediffiqa-tiny"]
    with pytest.raises(BadWeights, match="expected 1 outputs, got 2"):
        face_quality.load_ediffiqa(spec, {"weights": tiny_onnx.write(tmp_path / "a.onnx", np.ones((3, 2)), 112)}, "cpu")
    with pytest.raises(BadWeights, match="refuses them"):
        face_quality.load_ediffiqa(spec, {"weights": tiny_onnx.write(tmp_path / "b.onnx", np.ones((3, 1)), 64)}, "cpu")
    (tmp_path / "c.onnx").write_bytes(b"<!DOCTYPE html><html></html>")
    with pytest.raises(BadWeights, match="not a readable ONNX file"):
        face_quality.load_ediffiqa(spec, {"weights": tmp_path / "c.onnx"}, "cpu")


def test_the_length_of_adafaces_vectors_is_a_quality(tmp_path: Path) -> None:
    golden = Golden("adaface-ir18")
    path = golden.file(tmp_path)
    model = face_quality.load_norm(MODELS["quality-ir18-webface4m"], {"weights": path}, "cpu")
    path.unlink()

    assert apart(stacked(model, pattern(2, 112), "quality"), golden["norm"]) <= EXACT
