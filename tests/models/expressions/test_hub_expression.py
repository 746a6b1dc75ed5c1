"""py-feat's network equals its authors' code; HSEmotion's files are asked as its authors ask them."""

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
from workbench.explanation.anatomy import anatomy
from workbench.models.expressions import hsemotion, pyfeat
from workbench.tasks.expression import classify
from workbench.values import Face

EXACT = 1e-5
OUTPUTS = ("units", "logits", "moods", "gaze", "pose", "mesh", "blendshapes")


@pytest.fixture
def face() -> Face:
    points = np.array([(40, 52), (72, 52), (56, 72), (42, 92), (70, 92)], np.float32)
    return Face(np.array([20, 20, 92, 108], np.float32), points, 1.0)


def _pyfeat(folder: Path, head: str = "{}", **changes: torch.Tensor) -> pyfeat.PyFeat:
    path = folder / "face_multitask_v2.safetensors"
    save_file(Golden("pyfeat-multitask").weights() | changes, path, metadata={"config": head})
    model = pyfeat.load(MODELS["pyfeat-multitask"], {"weights": path}, "cpu")
    path.unlink()
    return model


def test_pyfeats_network_equals_its_authors_from_their_own_chip(tmp_path: Path) -> None:
    golden = Golden("pyfeat-multitask")
    model = _pyfeat(tmp_path, '{"n_au": 20, "n_emotion": 7, "knn_k": 4, "drop_mefl": true, "use_head_v3": true}')
    answers = [model.raw(chip) for chip in pattern(2, 256)]
    assert set(answers[0]) - {"logits"} == set(model.spec.gives)

    for output in OUTPUTS:
        assert apart(np.stack([answer[output] for answer in answers]), golden[output]) <= EXACT


def test_one_weight_in_the_wrong_place_breaks_the_equality(tmp_path: Path) -> None:
    key = "backbone.stages_2.blocks.4.mlp.grn.weight"
    model = _pyfeat(tmp_path, **{key: Golden("pyfeat-multitask").weights()[key].flip(0)})

    assert apart(stacked(model, pattern(2, 256), "mesh"), Golden("pyfeat-multitask")["mesh"]) > 10 * EXACT


def test_an_older_release_is_refused_by_the_settings_in_its_head(tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match="n_au = 24"):
        _pyfeat(tmp_path, '{"n_au": 24, "n_emotion": 8}')


def test_hsemotion_answers_in_our_order_and_keeps_its_own_under_raw(tmp_path: Path, face: Face) -> None:
    matrix = np.zeros((3, 8))
    matrix[:, hsemotion.EIGHT.index("happy")] = 1
    path = tiny_onnx.write(tmp_path / "enet.onnx", matrix, 224)
    model = hsemotion.load(MODELS["hsemotion-enet-b0-8-vgaf"], {"weights": path}, "cpu")
    white = np.full((224, 224, 3), 255, np.uint8)
    scores = classify(white, face, model)
    sum_of_pixels = sum((1 - mean) / deviation for mean, deviation in zip(*hsemotion.IMAGENET, strict=True))

    assert scores.top == "happy"
    assert scores.labels == MODELS["hsemotion-enet-b0-8-vgaf"].labels
    assert model.raw(white)["logits"][4] == pytest.approx(sum_of_pixels, rel=1e-3)
    assert anatomy(model).abilities == frozenset()


def test_hsemotion_with_moods_tells_them_apart_from_the_labels(tmp_path: Path) -> None:
    matrix = np.zeros((3, 10))
    matrix[0, 8:] = (1, 2)
    model = hsemotion.load(
        MODELS["hsemotion-enet-b0-8-va"], {"weights": tiny_onnx.write(tmp_path / "a.onnx", matrix, 224)}, "cpu"
    )
    raw = model.raw(np.full((224, 224, 3), 255, np.uint8))

    assert set(raw) - {"logits"} == set(model.spec.gives)
    assert raw["logits"].shape == (8,)
    assert raw["moods"][1] == pytest.approx(2 * raw["moods"][0])


def test_the_file_of_another_hsemotion_network_is_refused(tmp_path: Path) -> None:
    path = tiny_onnx.write(tmp_path / "a.onnx", np.zeros((3, 8)), 260)
    with pytest.raises(BadWeights, match="expected 7 outputs, got 8"):
        hsemotion.load(MODELS["hsemotion-enet-b2-7"], {"weights": path}, "cpu")
