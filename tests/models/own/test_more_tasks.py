"""Detectors, quality networks and timm models by TOML; models from the Hub, by id alone and two versions of one."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

from tests.hub_model_double import ModelHub
from tests.models import tiny_onnx
from workbench.bench import Workbench
from workbench.cli import main
from workbench.detections import overlap
from workbench.errors import BadRequest, BadWeights, SourceUnreachable
from workbench.sources import fetching
from workbench.tasks.analysis.readers import more_here
from workbench.tasks.detection import find_faces
from workbench.tasks.quality import assess


def _bench(settings, tmp_path: Path, text: str, **more) -> Workbench:
    path = tmp_path / "rows.toml"
    path.write_text(text)
    return Workbench(dataclasses.replace(settings, data=tmp_path / "data", models=(str(path),), **more))


def _row(task: str, file: Path, side: int = 64, output: str = "", runtime: str = "onnx", labels: str = "[]") -> str:
    return (
        f'[[model]]\nid = "mine"\ntask = "{task}"\nruntime = "{runtime}"\nfiles = {{ weights = "local:{file}" }}\n'
        f"input = {{ side = {side} }}\nlabels = {labels}\noutput = {{ {output} }}\n"
    )


@pytest.mark.parametrize(
    ("form", "unit", "points"), [("corners", "pixels", True), ("centre", "shares", False), ("corners", "shares", False)]
)
def test_a_detector_of_ones_own_finds_the_face_where_its_file_says(
    settings, tmp_path: Path, astronaut, astronaut_face, form: str, unit: str, points: bool
) -> None:
    side = 128
    scale = side / max(astronaut.shape[:2])
    left, top, right, bottom = (float(v) * scale for v in astronaut_face.box)
    box = [left, top, right, bottom]
    if form == "centre":
        box = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
    row = np.array([*box, 0.9 * (1 if unit == "pixels" else side), *(astronaut_face.points.ravel() * scale)])
    row = (row if points else row[:5]) / (1 if unit == "pixels" else side)
    path = tiny_onnx.constant(tmp_path / "net.onnx", row[None], side)
    bench = _bench(settings, tmp_path, _row("detection", path, side, f'form = "{form}", unit = "{unit}"'))

    found = find_faces(astronaut, bench.finder("mine"))

    assert len(found) == 1
    assert found[0].mesh is not None
    assert overlap(astronaut_face.box, found[0].box[None])[0] > 0.9
    assert found[0].score == pytest.approx(0.9, abs=1e-3)


def test_a_detector_whose_answer_is_no_list_of_boxes_is_refused(settings, tmp_path: Path) -> None:
    path = tiny_onnx.constant(tmp_path / "net.onnx", np.zeros((1, 7)), 64)

    with pytest.raises(BadWeights, match="rows of 5"):
        _bench(settings, tmp_path, _row("detection", path)).finder("mine")


def test_a_quality_network_of_ones_own_is_asked_by_analysis(settings, tmp_path, astronaut, astronaut_face) -> None:
    path = tiny_onnx.constant(tmp_path / "net.onnx", np.array([[0.25]]), 64)
    bench = _bench(settings, tmp_path, _row("quality", path, output="threshold = 0.5"))

    found = assess(astronaut, astronaut_face, bench.quality("mine"))

    assert "mine" in [spec.id for spec in more_here(bench)]
    assert (found.model, found.model_score) == ("mine", pytest.approx(0.25))
    assert any("hard to recognise" in each.words for each in found.findings)


def test_free_axes_take_the_rows_side_and_whole_batches(settings, tmp_path: Path, astronaut, astronaut_face) -> None:
    path = tiny_onnx.write(tmp_path / "net.onnx", np.eye(3, dtype=np.float32), 0, free=True)
    model = _bench(settings, tmp_path, _row("attributes", path, 48, labels='["r", "g", "b"]')).attributes("mine")

    chip = model.crop(astronaut, astronaut_face)
    both = model.forward(model.tensor(np.stack([chip, 255 - chip])))

    assert chip.shape == (48, 48, 3)
    assert both[0].numpy() == pytest.approx((chip / 255).mean((0, 1)), abs=1e-4)
    assert both[1].numpy() == pytest.approx(1 - (chip / 255).mean((0, 1)), abs=1e-4)


@pytest.mark.parametrize(
    ("task", "runtime", "output", "words"),
    [
        ("detection", "timm", "", "runtime timm does"),
        ("quality", "transformers", "", "runtime transformers does"),
        ("detection", "onnx", 'kind = "logits"', "gives boxes"),
        ("expression", "onnx", 'kind = "boxes"', "gives boxes"),
        ("detection", "onnx", 'form = "diagonal"', "output.form"),
        ("detection", "onnx", 'unit = "miles"', "output.unit"),
    ],
)
def test_a_task_its_runtime_cannot_do_is_said(settings, tmp_path, task, runtime, output, words) -> None:
    labels = '["happy", "sad"]' if task == "expression" else "[]"
    text = _row(task, tmp_path / ("a.onnx" if runtime == "onnx" else "a.safetensors"), 64, output, runtime, labels)

    with pytest.raises(BadRequest, match=words):
        _bench(settings, tmp_path, text)


@pytest.fixture
def hub() -> Iterator[ModelHub]:
    with ModelHub() as hub:
        yield hub


def _on_hub(settings, tmp_path: Path, hub: ModelHub, text: str) -> Workbench:
    bench = _bench(settings, tmp_path, text, cache=tmp_path / "cache", hub_endpoint=hub.address, hub_token="")
    for spec in ("theirs", "older"):
        if spec in bench._models:
            fetching.fetch(bench.spec(spec).files, bench.settings)
    return bench


def _timm(name: str = "test_resnet", seed: int = 0, **config) -> dict[str, bytes]:
    import timm

    torch.manual_seed(seed)
    network = timm.create_model("test_resnet", num_classes=2).eval()
    described = {
        "architecture": name, "num_classes": 2, "label_names": ["happy", "sad"],
        "pretrained_cfg": {"input_size": [3, 64, 64], "mean": [0.5] * 3, "std": [0.25] * 3},
    }  # fmt: skip
    weights = {key: value.contiguous() for key, value in network.state_dict().items()}
    return {"config.json": json.dumps(described | config).encode(), "model.safetensors": save(weights)}


HUB = '[[model]]\nid = "{id}"\ntask = "{task}"\nruntime = "{runtime}"\nhub = "{hub}"\n'


def test_the_id_of_a_timm_model_is_enough(settings, tmp_path: Path, hub, astronaut, astronaut_face) -> None:
    import timm
    from safetensors.torch import load

    files = _timm()
    hub.put("model", "people/moods", files)
    text = HUB.format(id="theirs", task="expression", runtime="timm", hub="people/moods")
    model = _on_hub(settings, tmp_path, hub, text).expression("theirs")
    network = timm.create_model("test_resnet", num_classes=2).eval()
    network.load_state_dict(load(files["model.safetensors"]))

    chips = model.tensor(model.crop(astronaut, astronaut_face)).requires_grad_(True)
    found = model.forward(chips)
    found[0, 0].backward()
    with torch.no_grad():
        wanted = network((chips / 255 - 0.5) / 0.25)

    assert model.labels == ("happy", "sad")
    assert torch.allclose(found, wanted, atol=1e-5)
    assert float(chips.grad.abs().sum()) > 0


def test_a_timm_recogniser_gives_what_stands_before_its_classifier(settings, tmp_path, hub, astronaut, astronaut_face):
    from workbench.tasks.recognition import embed

    hub.put("model", "people/faces", _timm())
    text = HUB.format(id="theirs", task="recognition", runtime="timm", hub="people/faces")
    model = _on_hub(settings, tmp_path, hub, text).recogniser("theirs")

    vector = embed(astronaut, astronaut_face, model).vector

    assert len(vector) > 2, "not the two labels"
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"name": "no_such_net"}, "no architecture"),
        ({"name": "hf_hub:people/other"}, "no architecture"),
        ({"model_args": {"checkpoint_path": "/tmp/x.pth"}}, "refused"),
        ({"pretrained_cfg": {"input_size": "large"}}, "pretrained_cfg"),
        ({"num_classes": 3}, "weights are not those"),
    ],
)
def test_a_timm_configuration_that_is_wrong_or_reaches_out_is_refused(settings, tmp_path, hub, files, words) -> None:
    hub.put("model", "people/moods", _timm(**files))
    bench = _on_hub(
        settings, tmp_path, hub, HUB.format(id="theirs", task="expression", runtime="timm", hub="people/moods")
    )

    with pytest.raises(BadWeights, match=words):
        bench.model("theirs")


def _transformers(seed: int) -> dict[str, bytes]:
    from transformers import ResNetConfig, ResNetForImageClassification

    torch.manual_seed(seed)
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic",
                          id2label={0: "happy", 1: "sad"}, label2id={"happy": 0, "sad": 1})  # fmt: skip
    network = ResNetForImageClassification(config).eval()
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    return {
        "config.json": json.dumps(config.to_dict()).encode(),
        "preprocessor_config.json": json.dumps({"size": 64, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}).encode(),
        "model.safetensors": save(weights),
    }


def test_two_versions_of_one_model_stand_side_by_side(settings, tmp_path, hub, astronaut, astronaut_face) -> None:
    hub.put("model", "people/moods", _transformers(0))
    first = hub.repos[("model", "people/moods")].head
    hub.put("model", "people/moods", _transformers(1))
    text = HUB.format(id="theirs", task="expression", runtime="transformers", hub="people/moods")
    text += HUB.format(id="older", task="expression", runtime="transformers", hub=f"people/moods@{first}")
    bench = _on_hub(settings, tmp_path, hub, text)

    new, old = (bench.expression(name).scores(astronaut, astronaut_face).values for name in ("theirs", "older"))

    assert {"theirs", "older"} <= set(bench.loaded())
    assert np.abs(new - old).max() > 1e-4


def test_a_hub_id_that_is_no_image_model_is_said(settings, tmp_path: Path, hub) -> None:
    hub.put("model", "people/words", {"config.json": b'{"model_type": "bert"}', "model.safetensors": b"x" * 64})
    text = HUB.format(id="theirs", task="expression", runtime="transformers", hub="people/words")

    with pytest.raises(SourceUnreachable, match="no image model"):
        _on_hub(settings, tmp_path, hub, text)


def test_check_says_when_red_and_blue_are_the_wrong_way_round(settings, tmp_path, monkeypatch, capsys) -> None:
    """A network that takes warm colours for a smile, in a row that says its pixels are BGR."""
    path = tiny_onnx.write(tmp_path / "net.onnx", np.array([[20, -20], [0, 0], [-20, 20]], np.float32), 64)
    told = _row("expression", path, labels='["happy", "sad"]')
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    monkeypatch.setenv("WORKBENCH_DATA", str(tmp_path / "data"))
    file = tmp_path / "mine.toml"
    heard = {}
    for order in ("rgb", "bgr"):
        file.write_text(told.replace("side = 64", f'side = 64, order = "{order}"'))
        monkeypatch.setenv("WORKBENCH_MODELS", str(file))
        assert main(["models", "check", "mine"]) == 0
        heard[order] = capsys.readouterr().out

    assert "LOOK" not in heard["rgb"]
    assert 'is input.order = "bgr" right?' in heard["bgr"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model_type": "timm_wrapper", "architecture": "test_resnet", "model_args": {"checkpoint_path": "{secret}"}},
         "timm model"),
        ({"model_type": "timm_wrapper", "architecture": "local-dir:{secret}"}, "timm model"),
        ({"backbone_config": {"model_type": "timm_backbone", "backbone": "hf-hub:people/other"}}, "timm model"),
        ({"attn_implementation": "people/kernel"}, "reads other files"),
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "reads other files"),
        ({"text_config": {"auto_map": {"AutoConfig": "people/other--code.Config"}}}, "code of its own"),
        ({"hidden_sizes": ["large"]}, "builds no such model"),
        ({"depths": [1, 10**9]}, "far larger than its"),
        ({"hidden_sizes": [8, 1000]}, "far larger than its"),
    ],
)  # fmt: skip
def test_a_transformers_configuration_that_reaches_out_or_breaks_is_refused(
    settings, tmp_path: Path, hub, change: dict, words: str
) -> None:
    """Nothing is opened but the three files, whatever they say, as with rows of timm."""
    files = _transformers(0)
    secret = tmp_path / "secret"
    secret.mkdir()
    config = json.loads(files["config.json"]) | json.loads(json.dumps(change).replace("{secret}", str(secret)))
    hub.put("model", "people/moods", files | {"config.json": json.dumps(config).encode()})
    text = HUB.format(id="theirs", task="expression", runtime="transformers", hub="people/moods")
    bench = _on_hub(settings, tmp_path, hub, text)
    asked = len(hub.requests)

    with pytest.raises(BadWeights, match=words):
        bench.model("theirs")
    assert len(hub.requests) == asked


@pytest.mark.parametrize(
    "change",
    [{"model_args": 5}, {"model_args": {"act_layer": "no_such"}}, {"num_classes": float("inf")},
     {"model_args": {"layers": [10**9, 1, 1, 1]}}, {"num_classes": 10**5},
     {"pretrained_cfg": {"input_size": [3, 64, float("inf")]}},
     {"pretrained_cfg": {"input_size": [3, 64, 64], "std": [float("nan")] * 3}}],
)  # fmt: skip
def test_a_timm_configuration_that_breaks_timm_is_said(settings, tmp_path: Path, hub, change: dict) -> None:
    hub.put("model", "people/moods", _timm(**change))
    text = HUB.format(id="theirs", task="expression", runtime="timm", hub="people/moods")

    with pytest.raises(BadWeights):
        _on_hub(settings, tmp_path, hub, text).model("theirs")


@pytest.mark.parametrize(
    "name",
    ["..", "../..", "a/../../b", "owner/name@../../x", "owner/name?x=1", "@@", "a b", "~root", "x@evil.example/y"],
)
def test_an_id_that_is_no_id_of_the_hub_is_refused(settings, tmp_path: Path, name: str) -> None:
    for runtime in ("timm", "transformers"):
        text = HUB.format(id="theirs", task="expression", runtime=runtime, hub=name)
        with pytest.raises(BadRequest, match="expected hub:owner/name"):
            _bench(settings, tmp_path, text)
    text = HUB.format(id="theirs", task="expression", runtime="timm", hub="0wner/na.me_1-x@main")
    assert _bench(settings, tmp_path, text).spec("theirs")
