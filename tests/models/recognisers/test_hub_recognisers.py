"""The recognisers of the Hub and of the attack papers give what their authors' code gives, from files in their authors'
layout.

tests/golden holds that code's answers to two pictures, with weights filled from their names.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.golden.archive import Golden, apart, stacked
from tests.models.patterns import pattern
from workbench import geometry
from workbench.catalog import MODELS
from workbench.errors import BadRequest, BadWeights
from workbench.geometry import face_unit
from workbench.models.blocks.windows import arcface, mtcnn_box
from workbench.models.recognisers import arcface_ir, facenet, insight_mobile
from workbench.models.recognisers.hub_recogniser import HubRecogniser, scaled
from workbench.values import Face

EXACT = 1e-5

LIKE_THEIRS = {
    "adaface-ir18": ("adaface-ir18-webface4m", arcface_ir.load_adaface, ("vector", "output", "norm")),
    "adaface-ir50": ("adaface-ir50-webface4m", arcface_ir.load_adaface, ("vector", "output", "norm")),
    "adaface-ir101": ("adaface-ir101-webface4m", arcface_ir.load_adaface, ("vector", "output", "norm")),
    "ir152": ("ir152", arcface_ir.load_ir152, ("vector", "output")),
    "irse50": ("irse50", arcface_ir.load_irse50, ("output",)),
    "insight-mobile": ("mobileface", insight_mobile.load, ("output",)),
}


@pytest.fixture
def face() -> Face:
    points = np.array([(40, 52), (72, 52), (56, 72), (42, 92), (70, 92)], np.float32)
    return Face(np.array([20, 20, 92, 108], np.float32), points, 1.0)


def _loaded(load: object, row: str, path: Path) -> object:
    """The model of a file; the file goes at once, because a hundred of them would fill the disk."""
    model = load(MODELS[row], {"weights": path}, "cpu")  # type: ignore[operator]
    path.unlink()
    return model


@pytest.mark.parametrize("name", LIKE_THEIRS)
def test_a_recogniser_equals_its_authors(name: str, tmp_path: Path) -> None:
    row, load, outputs = LIKE_THEIRS[name]
    golden = Golden(name)
    model = _loaded(load, row, golden.file(tmp_path))
    answers = [model.raw(chip) for chip in pattern(2, 112)]

    for output in outputs:
        assert apart(np.stack([answer[output] for answer in answers]), golden[output]) <= EXACT


def test_facenet_equals_its_authors_at_two_sizes(tmp_path: Path) -> None:
    golden = Golden("facenet")
    torch.save(golden.weights(), tmp_path / "facenet.pth")
    model = _loaded(facenet.load, "facenet-vggface2", tmp_path / "facenet.pth")

    assert apart(stacked(model, pattern(2, 160), "output"), golden["output_160"]) <= EXACT
    with torch.inference_mode():
        chips = torch.from_numpy(pattern(2, 224)).permute(0, 3, 1, 2).float()
        vectors = model.forward(chips).numpy()
    assert apart(vectors, golden["output_224"]) <= EXACT


@pytest.mark.parametrize(
    "key",
    ["conv1.conv.weight", "conv_4.model.3.conv_dw.prelu.weight", "conv_5.model.1.project.bn.bias", "bn.running_var"],
)
def test_one_weight_in_the_wrong_place_breaks_the_equality(key: str, tmp_path: Path) -> None:
    golden = Golden("insight-mobile")
    path = golden.file(tmp_path, **{key: golden.weights()[key].flip(0)})
    model = _loaded(insight_mobile.load, "mobileface", path)

    assert apart(stacked(model, pattern(2, 112), "output"), golden["output"]) > 100 * EXACT


def test_a_weight_that_is_missing_or_too_much_is_refused(tmp_path: Path) -> None:
    weights = Golden("insight-mobile").weights()
    spec, path = MODELS["mobileface"], tmp_path / "weights.safetensors"
    save_file({key: value for key, value in weights.items() if key != "conv_34.project.bn.bias"}, path)
    with pytest.raises(BadWeights, match=r"first 'conv_34\.project\.bn\.bias'"):
        insight_mobile.load(spec, {"weights": path}, "cpu")
    save_file(weights | {"extra": torch.zeros(3)}, path)
    with pytest.raises(BadWeights, match="first 'extra'"):
        insight_mobile.load(spec, {"weights": path}, "cpu")


def test_a_bare_twin_of_a_weight_is_refused(tmp_path: Path) -> None:
    weights = {f"module.{key}": value for key, value in Golden("insight-mobile").weights().items()}
    save_file(weights | {"bn.bias": torch.full((512,), 9.0)}, tmp_path / "a.safetensors")
    with pytest.raises(BadWeights, match=r"module\.bn\.bias and bn\.bias|bn\.bias and module\.bn\.bias"):
        insight_mobile.load(MODELS["mobileface"], {"weights": tmp_path / "a.safetensors"}, "cpu")

    ada = Golden("adaface-ir18").weights()
    name = next(key for key in ada if key.startswith("model.net.input_layer"))
    save_file(ada | {name.removeprefix("model.net."): ada[name] + 9}, tmp_path / "b.safetensors")
    with pytest.raises(BadWeights, match="both mean 'input_layer"):
        arcface_ir.load_adaface(MODELS["adaface-ir18-webface4m"], {"weights": tmp_path / "b.safetensors"}, "cpu")


@pytest.mark.parametrize(
    ("name", "load", "row", "words"),
    [
        ("adaface-ir18", arcface_ir.load_adaface, "adaface-ir50-webface4m", "AdaFace IR-18"),
        ("insight-mobile", arcface_ir.load_irse50, "irse50", "MobileFaceNet of InsightFace_Pytorch"),
        ("insight-mobile", facenet.load, "facenet-vggface2", "MobileFaceNet of InsightFace_Pytorch"),
        ("adaface-ir18", insight_mobile.load, "mobileface", "AdaFace IR-18"),
    ],
)
def test_the_file_of_another_network_is_named(name: str, load: object, row: str, words: str, tmp_path: Path) -> None:
    shapes = {
        key: torch.zeros([int(n) for n in shape.split("x") if n], dtype=getattr(torch, kind))
        for key, kind, shape in Golden(name).keys
    }
    save_file(shapes, tmp_path / "weights.safetensors")

    with pytest.raises(BadWeights, match=words):
        load(MODELS[row], {"weights": tmp_path / "weights.safetensors"}, "cpu")  # type: ignore[operator]


def _training_checkpoint(path: Path) -> Path:
    """As AdaFace's training code leaves it: the network under `model.`, the training head beside it."""
    weights = {
        f"model.{key.removeprefix('model.net.')}": value for key, value in Golden("adaface-ir18").weights().items()
    }
    torch.save({"state_dict": weights | {"head.kernel": torch.zeros(512, 10)}, "epoch": 25}, path)
    return path


def test_adaface_takes_its_authors_checkpoint_with_blue_first(tmp_path: Path) -> None:
    spec = replace(MODELS["adaface-ir50-ckpt"], id="adaface-ir18-ckpt")
    path = _training_checkpoint(tmp_path / "adaface.ckpt")
    model = arcface_ir.load_adaface_bgr(spec, {"weights": path}, "cpu")
    path.unlink()
    turned = pattern(2, 112)[..., ::-1].copy()

    assert apart(stacked(model, turned, "vector"), Golden("adaface-ir18")["vector"]) <= EXACT


def test_the_repositorys_configuration_decides_the_order_of_colours(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    for text, order in (
        ('{"conf": {"color_space": "BGR"}}', "BGR"),
        ('{"conf": {"color_space": "RGB"}}', "RGB"),
        ("{}", "RGB"),
    ):
        config.write_text(text)
        assert arcface_ir.color_space(config) == order
    config.write_text("<html>")
    with pytest.raises(BadWeights, match="not a readable configuration"):
        arcface_ir.color_space(config)
    assert torch.equal(
        scaled(torch.tensor([0.0, 127.5, 255.0])[None, :, None, None], bgr=True).flatten(),
        torch.tensor([1.0, 0.0, -1.0]),
    )


def test_pixels_become_what_the_authors_code_makes_of_them() -> None:
    pixels = torch.arange(256, dtype=torch.float32)

    assert (scaled(pixels) - (pixels / 255 - 0.5) / 0.5).abs().max() <= 1e-6


def test_the_attack_papers_see_an_aligned_picture_whole_and_made_smaller_bilinearly(tmp_path: Path) -> None:
    model = HubRecogniser(
        MODELS["mobileface"], torch.nn.Conv2d(3, 1, 1), arcface(112), 112, "", insight_mobile.PAPER, paper_crop=True
    )
    aligned = np.array([(0.385, 0.47), (0.615, 0.47), (0.5, 0.6), (0.41, 0.72), (0.59, 0.72)])
    photo = pattern(1, 224)[0]
    face = Face(np.array([50, 60, 170, 200], np.float32), (aligned * 224).astype(np.float32), 1.0)
    theirs = torch.nn.functional.interpolate(
        torch.from_numpy(photo).permute(2, 0, 1)[None].float(), size=(112, 112), mode="bilinear"
    )

    assert np.abs(model.crop(photo, face).astype(float) - theirs[0].permute(1, 2, 0).numpy()).max() <= 0.51
    assert model.threshold == pytest.approx(0.301611)
    assert sorted(model.published) == [0.001, 0.01, 0.1]


def test_gradients_reach_the_pixels(tmp_path: Path) -> None:
    model = insight_mobile.load(MODELS["mobileface"], {"weights": Golden("insight-mobile").file(tmp_path)}, "cpu")
    chips = model.tensor(pattern(1, 112)).requires_grad_()
    model.forward(chips)[0, 0].backward()

    assert chips.grad is not None
    assert float(chips.grad.abs().sum()) > 0
    assert model.features(torch.zeros(1, 128, 7, 7)).shape == (1, 512, 7, 7)


def test_facenets_window_is_the_box_its_detector_would_draw(face: Face) -> None:
    unit = face_unit(face)
    middle = (face.points[:2].mean(0) + face.points[3:].mean(0)) / 2
    centre = middle + np.array([-1.26 * (face.points[2] - middle)[0], -0.17 * unit])
    half = np.array([2.24, 3.03]) * unit / 2
    corners = geometry.apply(mtcnn_box(160)(face), np.array([centre - half, centre + half]))

    assert unit == pytest.approx(0.87 * 40)
    assert corners == pytest.approx(np.array([[-0.5, -0.5], [159.5, 159.5]]))
    assert geometry.apply(mtcnn_box(160, grow=2)(face), centre[None]) == pytest.approx(np.array([[79.5, 79.5]]))
    with pytest.raises(BadRequest, match="coincide"):
        mtcnn_box(160)(replace(face, points=np.zeros((5, 2), np.float32)))
