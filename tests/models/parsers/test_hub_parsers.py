"""The Hub's parsers answer as their authors' code does: goldens hold that code's answers with weights filled from their
names."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.golden import hub_parsers
from tests.golden.digest import Pictures
from tests.golden.fill import fill
from tests.golden.hub_parsers import FAMILIES, differences, filled, given, load
from tests.golden.inputs import photo
from workbench.catalog import MODELS, hub_parsing
from workbench.errors import BadRequest, BadWeights
from workbench.models.blocks.tanh_warp import TanhWarp
from workbench.models.files import torchscript
from workbench.models.files.checkpoint import read
from workbench.models.parsers import bisenet, facexformer, rtnet, segface, segformer
from workbench.parts import INDEX, MIRROR
from workbench.values import Face, FaceScores

EXACT = 1e-5


@pytest.fixture(scope="module", autouse=True)
def _filled_once():
    """Networks that share a backbone share its filled weights: each is drawn once."""
    import tests.golden.archive as archive

    drawn: dict[tuple, np.ndarray] = {}
    most = 130_000_000

    def remembered(key: str, shape: tuple[int, ...], dtype: str = "float32", seed: int = 0) -> np.ndarray:
        name = key, shape, dtype, seed
        if name not in drawn:
            if sum(array.size for array in drawn.values()) > most:
                drawn.clear()
            drawn[name] = fill(key, shape, dtype, seed)
        return drawn[name]

    archive.fill = remembered
    yield
    archive.fill = fill


@pytest.mark.parametrize("name", list(FAMILIES))
def test_a_parser_answers_as_its_authors_code(name):
    found = differences(name, FAMILIES[name].quick)
    assert found
    assert max(found.values()) <= EXACT, f"relative difference by case and output: {found}"


def test_every_row_of_the_parsers_has_a_golden():
    vouched = {id for name in FAMILIES for id in hub_parsers.rows(name)}
    assert vouched == {row.id for row in hub_parsing.ROWS}


def test_facexformers_attributes_share_the_parsers_weights_and_are_probabilities():
    weights = filled("facexformer")
    parser = load("facexformer", weights)
    attributes = facexformer.load_attributes(
        MODELS["facexformer-attributes"], {"weights": Path(hub_parsers.__file__)}, "cpu"
    )
    assert attributes.network is parser.network
    chip = photo(1, 224, 224)
    assert set(parser.raw(chip)) - {"logits", "attribute"} == set(attributes.spec.gives)
    assert np.allclose(attributes.batch(chip[None])[0], 1 / (1 + np.exp(-parser.raw(chip)["attribute"])), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("segface-mobilenet-celeba", "face_decoder.lefteye_token.weight", "face_decoder.righteye_token.weight"),
        (
            "segface-mobilenet-celeba",
            "face_decoder.transformer.layers.0.norm1.bias",
            "face_decoder.transformer.layers.1.norm1.bias",
        ),
        ("bisenet-yakhyo-resnet18", "fpn.arm16.attention.1.bias", "fpn.arm32.attention.1.bias"),
        ("rtnet50-11", "encoder.layer2.1.conv_polar.0.1.weight", "encoder.layer2.1.conv_cart.0.weight"),
    ],
)
def test_two_weights_exchanged_are_seen_by_the_golden(name, one, other):
    golden, weights = Pictures(name), filled(name)
    weights[one], weights[other] = weights[other], weights[one]
    case = next(iter(golden.cases))
    with torch.inference_mode():
        found = FAMILIES[name].ask(load(name, weights), golden.cases[case])["logits"]
    assert golden.difference(case, "logits", found) > 10 * EXACT


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_training_checkpoint_and_safetensors_give_one_answer(suffix, tmp_path):
    from safetensors.torch import save_file

    weights = Pictures("segface-mobilenet-celeba").weights()
    path = tmp_path / f"model_299{suffix}"
    if suffix == ".pt":
        torch.save({"epoch": 299, "state_dict_backbone": weights, "optimizer": {"state": {}}}, path)
    else:
        save_file(weights, path)
    model = segface.load(MODELS["segface-mobilenet-celeba-512"], {"weights": path}, "cpu")
    golden = Pictures("segface-mobilenet-celeba")
    with torch.inference_mode():
        found = model.network(given(golden.cases["tensor-224"]))[0].numpy()
    assert golden.difference("tensor-224", "logits", found) <= EXACT


def _saved(path: Path, weights: dict[str, torch.Tensor]) -> Path:
    torch.save(weights, path)
    return path


def test_a_checkpoint_of_another_variant_is_named(tmp_path):
    small = _saved(tmp_path / "a.pt", Pictures("segface-mobilenet-celeba").weights())
    with pytest.raises(BadWeights, match="looks like SegFace mobilenet, celeba"):
        segface.load(MODELS["segface-swinb-celeba-512"], {"weights": small}, "cpu")
    with pytest.raises(BadWeights, match="looks like SegFace mobilenet, celeba"):
        facexformer.load(MODELS["facexformer"], {"weights": small}, "cpu")
    shallow = _saved(tmp_path / "b.pt", Pictures("bisenet-yakhyo-resnet18").weights())
    with pytest.raises(BadWeights, match=r"looks like BiSeNet resnet18 \(yakhyo/face-parsing\)"):
        bisenet.load(MODELS["bisenet-yakhyo-resnet34"], {"weights": shallow}, "cpu")
    fewer = _saved(tmp_path / "c.pt", Pictures("rtnet50-11").weights())
    with pytest.raises(BadWeights, match="looks like RTNet-50 with 11 classes"):
        rtnet.load(MODELS["rtnet50-14"], {"weights": fewer}, "cpu")


def test_a_file_that_breaks_off_or_is_a_web_page_is_refused(tmp_path):
    whole = _saved(tmp_path / "whole.pt", Pictures("bisenet-zll-resnet18").weights())
    broken = tmp_path / "broken.pt"
    broken.write_bytes(whole.read_bytes()[:-100_000])
    page = tmp_path / "page.pt"
    page.write_text("<!DOCTYPE html><html>Not found</html>")
    for path, words in ((broken, "breaks off"), (page, "a web page")):
        for module, row in (
            (bisenet, "bisenet-zll-resnet18"),
            (segface, "segface-mobilenet-celeba-512"),
            (rtnet, "rtnet50-11"),
        ):
            with pytest.raises(BadWeights, match=words):
                module.load(MODELS[row], {"weights": path}, "cpu")


def test_segformer_reads_the_order_of_its_classes_from_the_configuration(tmp_path, monkeypatch):
    sizes = {
        "hidden_sizes": [8, 8, 16, 16],
        "depths": [1, 1, 1, 1],
        "num_attention_heads": [1, 1, 2, 2],
        "sr_ratios": [8, 4, 2, 1],
    }
    turned = list(segformer.NAMES)[::-1]
    config = {
        "model_type": "segformer",
        "decoder_hidden_size": 16,
        "id2label": {str(i): name for i, name in enumerate(turned)},
    } | sizes
    shape = segformer.shape_of(config, "config.json")
    assert shape.labels == tuple(turned)
    network = segformer.SegFormer(shape).eval()
    model = segformer.SegFormerParser(
        MODELS["face-parsing-segformer"],
        network,
        64,
        segformer.IMAGENET,
        [segformer.NAMES[name] for name in turned],
        "cpu",
    )
    chips = torch.rand(1, 3, 64, 64) * 255
    with torch.inference_mode():
        theirs = network(model.normal(chips))
        ours = model.canonical(theirs)
    for theirs_at, name in enumerate(turned):
        assert torch.equal(ours[:, INDEX[segformer.NAMES[name]]], theirs[:, theirs_at]), name
    with pytest.raises(BadWeights, match="parts"):
        segformer.shape_of(config | {"id2label": {"0": "tail"}}, "config.json")


def _face(x: float, y: float, scale: float) -> Face:
    points = np.array([(-30, -20), (30, -20), (0, 10), (-22, 40), (22, 40)]) * scale + (x, y)
    box = np.array([x - 60 * scale, y - 70 * scale, x + 60 * scale, y + 80 * scale])
    return Face(box.astype(np.float32), points.astype(np.float32), 0.9)


PARSERS = ("segface-mobilenet-celeba", "bisenet-zll-resnet18", "rtnet50-14")


def _small(name: str):
    model = load(name, filled(name))
    model.size = 129 if name.startswith("rtnet") else 128
    return model


@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_gives_probabilities_and_says_where_they_lie(name):
    model = _small(name)
    found = model(photo(5, 300, 400), _face(180, 140, 1.0))
    assert isinstance(found, FaceScores)
    assert np.allclose(found.scores.sum(0), 1, atol=1e-4)
    middle = found.matrix @ np.array([180, 140, 1])
    assert 0.25 < middle[0] / found.scores.shape[2] < 0.75
    assert 0.25 < middle[1] / found.scores.shape[1] < 0.75


@pytest.mark.parametrize("name", PARSERS)
def test_pixels_have_gradients_through_a_parser(name):
    model = _small(name)
    chips = (torch.rand(1, 3, model.size, model.size) * 255).requires_grad_()
    model.forward(chips).softmax(1)[:, INDEX["hair"]].mean().backward()
    assert chips.grad is not None
    assert float(chips.grad.abs().sum()) > 0


@pytest.mark.parametrize("order", [segface.CELEBA_ORDER, segface.LAPA_ORDER, bisenet.BISENET_ORDER, rtnet.ORDERS[14]])
def test_the_mirror_of_an_order_is_an_order(order):
    """Left and right come in pairs: a photo flipped must change nothing but sides."""
    assert len(set(order)) == len(order)
    assert {MIRROR[INDEX[name]] for name in order} == {INDEX[name] for name in order}


def test_an_order_of_dataset_names_is_turned_to_sides_of_the_image():
    """CelebAMask-HQ's l_eye is the person's left, on the image's right; LaPa's left eye is the image's left."""
    assert segface.CELEBA_ORDER.index("image_right_eye") == segface.CELEB_TOKENS.index("righteye")
    assert segformer.NAMES["l_eye"] == "image_right_eye"
    assert bisenet.BISENET_ORDER[4] == "image_right_eye"
    assert segface.LAPA_ORDER.index("image_left_eye") == segface.LAPA_TOKENS.index("lefteye")


def test_the_polar_frame_comes_back_to_the_photo():
    smooth = photo(7, 200, 240).astype(np.float32)
    import cv2

    smooth = cv2.GaussianBlur(smooth, (0, 0), 4)
    images = torch.from_numpy(smooth).permute(2, 0, 1)[None]
    box = (70.0, 40.0, 170.0, 160.0)
    there = rtnet.sample_polar(images, box, 513)
    back = rtnet.restore(there, box, rtnet.grid(200, 240))
    inside = (slice(None), slice(None), slice(20, 180), slice(20, 220))
    assert float((back - images)[inside].abs().mean()) < 0.5


def test_the_tanh_frame_comes_back_to_the_photo():
    import cv2

    smooth = cv2.GaussianBlur(photo(8, 256, 256).astype(np.float32), (0, 0), 3)
    images = torch.from_numpy(smooth).permute(2, 0, 1)[None]
    points = np.array([(104, 112), (152, 112), (128, 140), (110, 165), (146, 165)], np.float64)
    for half_pixel in (True, False):
        warp = TanhWarp(points, 256, half_pixel)
        back = warp.restore(warp.apply(images), (256, 256))
        assert float((back - images)[..., 40:216, 40:216].abs().mean()) < 1.0


def test_a_box_outside_the_photo_is_refused():
    with pytest.raises(BadRequest, match="box"):
        facexformer.crop_box((500, 500, 600, 600), (100, 100))
    assert facexformer.crop_box((10, 20, 50, 80), (100, 100)) == (0, 5, 60, 95)


def test_a_facexformer_crop_is_where_its_window_says(monkeypatch):
    from workbench import images

    face = _face(150, 130, 0.8)
    image = photo(9, 260, 300)
    matrix = facexformer.box_window(face, image.shape)
    ours = images.warp(image, matrix, (224, 224)).astype(int)
    theirs = facexformer.cut(image, face.box).astype(int)
    assert np.abs(ours - theirs)[5:-5, 5:-5].mean() < 12
    assert np.abs(np.roll(ours, 4, axis=1) - theirs)[5:-5, 5:-5].mean() > np.abs(ours - theirs)[5:-5, 5:-5].mean() * 1.1


def test_files_are_read_strictly(tmp_path):
    weights = Pictures("bisenet-zll-resnet18").weights()
    path = _saved(tmp_path / "a.pth", {key: value for key, value in weights.items() if key != "ffm.conv1.weight"})
    assert len(read(path)) == 190
    with pytest.raises(BadWeights, match=r"ffm\.conv1\.weight"):
        bisenet.load(MODELS["bisenet-zll-resnet18"], {"weights": path}, "cpu")


def test_a_weight_under_both_layouts_names_is_refused(tmp_path):
    weights = Pictures("bisenet-yakhyo-resnet18").weights()
    twice = weights | {"cp.resnet.conv1.weight": torch.full((64, 3, 7, 7), 9.0)}
    path = _saved(tmp_path / "a.pth", twice)
    with pytest.raises(BadWeights, match=r"cp\.resnet\.conv1\.weight both mean 'cp\.resnet\.conv1\.weight'"):
        bisenet.load(MODELS["bisenet-yakhyo-resnet18"], {"weights": path}, "cpu")


class _Nested(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
        self.second = torch.nn.ModuleList([torch.nn.Linear(5, 2)])
        self.register_buffer("table", torch.arange(6).reshape(2, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.first(x)


@pytest.mark.parametrize(
    "make", [torch.jit.script, lambda network: torch.jit.trace(network.eval(), torch.zeros(1, 3, 8, 8))]
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_tensors_of_a_torchscript_archive_are_read_without_running_it(make, tmp_path, monkeypatch):
    network = _Nested()
    path = tmp_path / "program.pt"
    torch.jit.save(make(network), path)
    monkeypatch.setattr(torch.jit, "load", lambda *a, **k: pytest.fail("the program was loaded"))
    assert torchscript.is_program(path)
    found = torchscript.read(path)
    wanted = network.state_dict()
    assert set(found) == set(wanted)
    assert all(torch.equal(found[key], wanted[key]) for key in wanted)


def test_a_torchscript_archive_that_asks_for_more_than_tensors_is_refused(tmp_path):
    import pickle
    import zipfile

    path = tmp_path / "evil.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("evil/constants.pkl", b"")
        archive.writestr("evil/data.pkl", pickle.dumps(print))
    with pytest.raises(BadWeights, match="print"):
        torchscript.read(path)
