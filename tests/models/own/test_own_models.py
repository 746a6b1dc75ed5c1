"""A model somebody brings by a TOML file goes everywhere ours go; what is wrong with a row or a file is said."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.models import tiny_onnx
from workbench.bench import Workbench
from workbench.catalog import own
from workbench.cli import main
from workbench.errors import BadRequest, BadWeights
from workbench.parts import INDEX, PARTS

TOML = """
[[model]]
id = "mine"
task = "{task}"
runtime = "onnx"
files = {{ weights = "local:{file}" }}
input = {{ side = {side}, crop = "{crop}", mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5], order = "{order}" }}
labels = {labels}
output = {{ kind = "logits" }}
licence = {{ weights = "MIT", data = "drawn here" }}
"""


def _bench(settings, tmp_path: Path, text: str) -> Workbench:
    path = tmp_path / "rows.toml"
    path.write_text(text)
    return Workbench(dataclasses.replace(settings, data=tmp_path / "data", models=(str(path),)))


@pytest.fixture
def linear(tmp_path: Path):
    """An ONNX network whose answer is known: matrix times the mean colour of the chip, after normalising."""

    def made(outputs: int, side: int = 32, places: bool = False, bad: float = 0.0) -> tuple[Path, np.ndarray]:
        matrix = np.random.default_rng(0).normal(size=(outputs, 3)).astype(np.float32)
        path = tmp_path / f"net-{outputs}-{places}.onnx"
        if places:
            return tiny_onnx.places(path, matrix + bad, side), matrix
        return tiny_onnx.write(path, matrix.T + bad, side), matrix

    return made


def test_a_classifier_answers_what_its_network_says(
    settings, tmp_path: Path, linear, astronaut, astronaut_face
) -> None:
    path, matrix = linear(3)
    labels = '["Happiness", "sad", "neutral"]'
    bench = _bench(
        settings, tmp_path, TOML.format(task="expression", file=path, side=32, crop="box", order="rgb", labels=labels)
    )
    model = bench.expression("mine")

    chip = model.crop(astronaut, astronaut_face)
    logits = matrix @ ((chip / 255 - 0.5) / 0.5).mean((0, 1))
    wanted = np.exp(logits) / np.exp(logits).sum()

    assert model.labels == ("neutral", "happy", "sad"), "in the workbench's order"
    assert model.scores(astronaut, astronaut_face).values == pytest.approx(wanted[[2, 0, 1]], abs=1e-4)


def test_blue_first_is_heeded(settings, tmp_path: Path, linear, astronaut, astronaut_face) -> None:
    path, matrix = linear(3)
    text = TOML.format(task="attributes", file=path, side=32, crop="box", order="bgr", labels='["a", "b", "c"]')
    model = _bench(settings, tmp_path, text).attributes("mine")

    chip = model.crop(astronaut, astronaut_face)[..., ::-1]
    logits = matrix @ ((chip / 255 - 0.5) / 0.5).mean((0, 1))

    assert model.scores(astronaut, astronaut_face).values == pytest.approx(
        np.exp(logits) / np.exp(logits).sum(), abs=1e-4
    )


@pytest.mark.parametrize("crop", ["whole", "box", "celeba", "arcface112", "dlib150", "mtcnn160"])
def test_a_recogniser_sees_the_crop_it_names(
    settings, tmp_path: Path, linear, astronaut, astronaut_face, crop: str
) -> None:
    from workbench.tasks.recognition import embed

    path, _ = linear(8)
    text = TOML.format(task="recognition", file=path, side=32, crop=crop, order="rgb", labels="[]").replace(
        'kind = "logits"', 'kind = "embedding"'
    )
    model = _bench(settings, tmp_path, text).recogniser("mine")

    vector = embed(astronaut, astronaut_face, model).vector

    assert vector.shape == (8,)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert model.threshold is None


def test_a_parser_adds_classes_up_into_our_parts(settings, tmp_path: Path, linear, astronaut, astronaut_face) -> None:
    path, _ = linear(4, places=True)
    labels = '["background", "face", "beard", "l_eye"]'
    bench = _bench(
        settings, tmp_path, TOML.format(task="parsing", file=path, side=32, crop="celeba", order="rgb", labels=labels)
    )
    model = bench.parser("mine")

    found = model(astronaut, astronaut_face).scores
    shares = torch.softmax(
        model.network(torch.from_numpy(model.crop(astronaut, astronaut_face).copy()).permute(2, 0, 1)[None].float()), 1
    )[0]

    assert model.parts == ("background", "skin", "", "image_right_eye")
    assert found[INDEX["background"]] == pytest.approx((shares[0] + shares[2]).numpy(), abs=1e-4)
    assert found[INDEX["skin"]] == pytest.approx(shares[1].numpy(), abs=1e-4)
    assert found.sum(0) == pytest.approx(np.ones(found.shape[1:]), abs=1e-4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('id = "mine"', 'id = "../mine"'), "id: expected small letters"),
        (('task = "expression"', 'task = "magic"'), "task: expected one of"),
        (('runtime = "onnx"', 'runtime = "pickle"'), "runtime: expected one of onnx"),
        ((".onnx", ".pth"), "A pickle runs whatever it holds"),
        (("local:", "/etc/"), "expected local:"),
        (("side = 32", "side = 9"), "input.side"),
        (('crop = "box"', 'crop = "oval"'), "input.crop"),
        (("mean = [0.5, 0.5, 0.5]", "mean = [0.5]"), "input.mean"),
        (('labels = ["happy", "sad"]', "labels = []"), "labels: expected what each output"),
        (("output =", "outputs ="), "unknown key 'outputs'"),
        (('id = "mine"', 'id = "sface"'), "taken twice"),
        (("[[model]]", "[model"), "cannot be read as TOML"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_row_is_said(
    settings, tmp_path: Path, linear, change: tuple[str, str], words: str
) -> None:
    path, _ = linear(2)
    text = TOML.format(task="expression", file=path, side=32, crop="box", order="rgb", labels='["happy", "sad"]')

    with pytest.raises(BadRequest, match=words.replace("[", r"\[")):
        _bench(settings, tmp_path, text.replace(*change))


@pytest.mark.parametrize(
    ("outputs", "side", "labels", "words"),
    [(3, 32, '["happy", "sad"]', "a label each"), (2, 48, '["happy", "sad"]', "32 pixels, the row says 48|its input is"),  # noqa: E501
     (2, 32, '["happy", "smug"]', "no expression")],
)  # fmt: skip
def test_a_network_that_does_not_fit_its_row_is_refused(
    settings, tmp_path, linear, outputs, side, labels, words
) -> None:
    path, _ = linear(outputs)
    bench = _bench(
        settings, tmp_path, TOML.format(task="expression", file=path, side=side, crop="box", order="rgb", labels=labels)
    )

    with pytest.raises((BadWeights, BadRequest), match=words):
        bench.model("mine")


def test_a_network_that_answers_nan_is_refused(settings, tmp_path: Path, linear) -> None:
    path, _ = linear(2, bad=float("nan"))
    text = TOML.format(task="expression", file=path, side=32, crop="box", order="rgb", labels='["happy", "sad"]')

    with pytest.raises(BadWeights, match="NaN"):
        _bench(settings, tmp_path, text).model("mine")


def test_a_transformers_classifier_of_ones_own_has_gradients(
    settings, tmp_path: Path, astronaut, astronaut_face
) -> None:
    from safetensors.torch import save_file
    from transformers import ResNetConfig, ResNetForImageClassification

    torch.manual_seed(0)
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic",
                          id2label={0: "happy", 1: "sad"}, label2id={"happy": 0, "sad": 1})  # fmt: skip
    network = ResNetForImageClassification(config).eval()
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config.to_dict()))
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"size": 64, "image_mean": [0.5] * 3, "image_std": [0.5] * 3})
    )
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, folder / "model.safetensors")
    bench = _bench(
        settings,
        tmp_path,
        f"""
[[model]]
id = "theirs"
task = "expression"
runtime = "transformers"
files = {{ weights = "local:{folder}/model.safetensors" }}
input = {{ crop = "arcface112" }}
""",
    )
    model = bench.expression("theirs")

    chip = torch.rand(1, 3, 64, 64) * 255
    chip.requires_grad_(True)
    found = model.forward(chip)
    with torch.no_grad():
        wanted = network((chip / 255 - 0.5) / 0.5).logits
    found[0, 0].backward()

    assert torch.allclose(found, wanted, atol=1e-5)
    assert chip.grad is not None
    assert float(chip.grad.abs().sum()) > 0
    assert model.scores(astronaut, astronaut_face).labels == ("happy", "sad")
    (folder / "config.json").write_text(json.dumps(config.to_dict() | {"auto_map": {"AutoModel": "x.Y"}}))
    with pytest.raises(BadWeights, match="code of its own"):
        Workbench(bench.settings).model("theirs")


def test_a_torch_parser_written_as_onnx_gives_equal_masks(settings, tmp_path: Path, astronaut, astronaut_face) -> None:
    """The same network in another file and through another runtime: the same answer."""

    class Small(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(1)
            self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, len(PARTS), 3, padding=1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.body(x)

    network = Small().eval()
    path = tmp_path / "small.onnx"
    first, _, last = network.body
    arrays = [(layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in (first, last)]
    tiny_onnx.convolutions(
        path, [("Conv", *arrays[0], 2, 1), ("Relu",), ("Conv", *arrays[1], 1, 1)], 64, 32, len(PARTS)
    )
    text = TOML.format(task="parsing", file=path, side=64, crop="celeba", order="rgb", labels=json.dumps(list(PARTS)))
    model = _bench(settings, tmp_path, text).parser("mine")
    chip = model.crop(astronaut, astronaut_face)
    pixels = (torch.from_numpy(chip.copy()).permute(2, 0, 1)[None].float() / 255 - 0.5) / 0.5
    with torch.no_grad():
        wanted = network(pixels).softmax(1)[0].numpy()

    assert model(astronaut, astronaut_face).scores == pytest.approx(wanted, abs=1e-4)


def test_the_commands_add_check_and_remove(settings, tmp_path: Path, linear, monkeypatch, capsys) -> None:
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    monkeypatch.setenv("WORKBENCH_DATA", str(tmp_path / "data"))
    path, _ = linear(3)
    file = tmp_path / "mine.toml"
    file.write_text(
        TOML.format(task="expression", file=path, side=32, crop="box", order="rgb", labels='["happy", "sad", "fear"]')
    )

    assert main(["models", "add", str(file)]) == 0
    assert main(["models", "add", str(file)]) == 2
    assert main(["models", "list"]) == 0
    assert "mine" in capsys.readouterr().out
    assert main(["models", "check", "mine"]) == 0
    told = capsys.readouterr().out
    assert "weights: MIT; data: drawn here" in told
    assert "surest:" in told
    assert main(["models", "remove", "mine"]) == 0
    assert not own.kept(dataclasses.replace(settings, data=tmp_path / "data")).exists()
    assert main(["models", "remove", "mine"]) == 2


def test_a_row_of_ones_own_stands_in_the_tabs(settings, tmp_path: Path, linear) -> None:
    from workbench.ui.app import build_app

    path, _ = linear(4, places=True)
    labels = '["background", "skin", "hair", "nose"]'
    bench = _bench(
        settings, tmp_path, TOML.format(task="parsing", file=path, side=32, crop="celeba", order="rgb", labels=labels)
    )
    page = build_app(bench)

    offered = [
        b for b in page.blocks.values() if any(choice[1] == "mine" for choice in getattr(b, "choices", None) or [])
    ]
    assert len(offered) >= 3, "in Parsing, the comparison and Evaluation at least"
