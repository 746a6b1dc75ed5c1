"""The recognisers that portrait models are told by give what their authors' code gives, and vectors of the length those
models know."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.golden.archive import Golden, apart, stacked
from tests.models.patterns import pattern
from workbench.catalog import MODELS, local_portrait
from workbench.catalog.hub_portrait import ROWS
from workbench.catalog.hub_recognition import FOR_PORTRAITS
from workbench.errors import BadWeights
from workbench.models.recognisers import insight_recogniser

EXACT = 1e-5
SPEC = MODELS["arcface-r100-vec2face"]


def test_the_recogniser_of_vec2face_equals_its_authors(tmp_path: Path) -> None:
    golden = Golden("vec2face-recogniser")
    weights = golden.weights()
    torch.save(weights, tmp_path / "arcface.pth")
    model = insight_recogniser.load_torch(SPEC, {"weights": tmp_path / "arcface.pth"}, "cpu")

    assert apart(stacked(model, pattern(2, 112), "vector"), golden["vector"]) <= EXACT
    unit = golden["vector"] / np.linalg.norm(golden["vector"], axis=1, keepdims=True)
    assert model.batch(pattern(2, 112)) == pytest.approx(unit, abs=1e-5)

    key = "layer3.7.conv2.weight"
    torch.save(weights | {key: weights[key].flip(0)}, tmp_path / "arcface.pth")
    broken = insight_recogniser.load_torch(SPEC, {"weights": tmp_path / "arcface.pth"}, "cpu")
    assert apart(stacked(broken, pattern(2, 112), "vector"), golden["vector"]) > 100 * EXACT


def test_the_file_of_another_network_is_refused(tmp_path: Path) -> None:
    weights = Golden("crfiqa-r50").keys
    torch.save(
        {key: torch.zeros([int(n) for n in shape.split("x") if n]) for key, _, shape in weights}, tmp_path / "other.pth"
    )

    with pytest.raises(BadWeights, match="looks like CR-FIQA on IResNet-50"):
        insight_recogniser.load_torch(SPEC, {"weights": tmp_path / "other.pth"}, "cpu")


def test_something_else_than_an_onnx_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w600k_r50.onnx").write_bytes(b"<html>not found</html>")

    with pytest.raises(BadWeights):
        insight_recogniser.load_onnx(MODELS["insightface-w600k-r50"], {"weights": tmp_path / "w600k_r50.onnx"}, "cpu")


def test_unit_vectors_are_brought_to_full_length_and_longer_ones_stay() -> None:
    unit = torch.nn.functional.normalize(torch.randn(3, 512), dim=1)

    assert insight_recogniser.full_length(unit).norm(dim=1) == pytest.approx(22.627, abs=1e-3)
    assert torch.equal(insight_recogniser.full_length(unit * 18), unit * 18)


def test_every_portrait_model_is_told_by_a_recogniser_of_the_catalogue() -> None:
    from importlib import import_module

    names = {row.id for row in MODELS.values() if row.task == "recognition"}
    assert {row.id for row in FOR_PORTRAITS} <= names
    for row in (*ROWS, *local_portrait.ROWS):
        module = import_module(row.load.partition(":")[0])
        told = getattr(module, "RECOGNISER", "insightface-w600k-r50")
        assert told in names, row.id
