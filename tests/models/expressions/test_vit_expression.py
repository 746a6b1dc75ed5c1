"""The Hub's vision transformers, on a tiny one with random weights in the same three files."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import ViTConfig, ViTForImageClassification

from tests.models.patterns import pattern
from workbench.catalog import find
from workbench.errors import BadWeights
from workbench.models.expressions.vit_expression import labels, load, pixels

NAMES = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
FILES = {"config": "config.json", "preprocessor": "preprocessor_config.json", "weights": "model.safetensors"}
SPEC = find("vit-trpakov")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(3)
    config = ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, image_size=32, patch_size=8,
        id2label=dict(enumerate(NAMES)), label2id={name: index for index, name in enumerate(NAMES)},
    )  # fmt: skip
    ViTForImageClassification(config).save_pretrained(tmp_path)
    settings = {
        "do_normalize": True,
        "image_mean": [0.5, 0.4, 0.3],
        "image_std": [0.5, 0.6, 0.7],
        "size": {"height": 32, "width": 32},
    }
    (tmp_path / FILES["preprocessor"]).write_text(json.dumps(settings))
    return tmp_path


def _load(folder: Path):
    return load(SPEC, {role: folder / name for role, name in FILES.items()}, "cpu")


def test_it_says_what_transformers_says_under_the_right_names(folder: Path) -> None:
    original = ViTForImageClassification.from_pretrained(folder).eval()
    model = _load(folder)
    chips = pattern(3, 32)
    inputs = torch.from_numpy((chips / 255 - [0.5, 0.4, 0.3]) / [0.5, 0.6, 0.7]).permute(0, 3, 1, 2).float()

    with torch.no_grad():
        expected = original(pixel_values=inputs).logits
        found = model.forward(model.tensor(chips))

    assert model.size == 32
    order = {"angry": "anger"}
    for place, name in enumerate(NAMES):
        column = model.labels.index(order.get(name, name))
        np.testing.assert_allclose(found[:, column], expected[:, place], atol=1e-5)


def test_its_tokens_carry_gradients_to_every_patch(folder: Path) -> None:
    model = _load(folder)
    seen = []
    handle = model.features.register_forward_hook(lambda module, inputs, output: seen.append(output))
    model.forward(model.tensor(pattern(1, 32)).requires_grad_())[0, 0].backward(inputs=seen)
    handle.remove()

    assert seen[0].shape == (1, 1 + 16, 32)
    assert (seen[0].grad.abs().amax(-1) > 0).all()


@pytest.mark.parametrize("name", FILES.values())
def test_a_damaged_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"\x10\x00damaged")

    with pytest.raises(BadWeights):
        _load(folder)


def _change(folder: Path, name: str, **values: object) -> None:
    content = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(content | values))


def test_a_missing_weight_is_refused(folder: Path) -> None:
    weights = load_file(folder / FILES["weights"])
    weights.pop("classifier.bias")
    save_file(weights, folder / FILES["weights"])

    with pytest.raises(BadWeights, match=r"classifier\.bias"):
        _load(folder)


@pytest.mark.parametrize(
    ("name", "words"), [("layernorm.weight", "some are there under two names"), ("vit.layernorm.gamma", "gamma")]
)
def test_a_second_spelling_of_a_weight_is_refused(folder: Path, name: str, words: str) -> None:
    weights = load_file(folder / FILES["weights"])
    save_file(weights | {name: torch.full((32,), 9.0)}, folder / FILES["weights"])

    with pytest.raises(BadWeights, match=words):
        _load(folder)


@pytest.mark.parametrize(("value", "words"), [(float("nan"), "not finite"), (3, "int64")])
def test_a_weight_that_is_no_finite_number_is_refused(folder: Path, value: float, words: str) -> None:
    weights = load_file(folder / FILES["weights"])
    save_file(weights | {"classifier.bias": torch.full((7,), value)}, folder / FILES["weights"])

    with pytest.raises(BadWeights, match=rf"classifier\.bias.*{words}"):
        _load(folder)


def test_weights_of_sixteen_bits_answer_in_thirty_two(folder: Path) -> None:
    full, weights = _load(folder).raw(pattern(1, 32)[0]), load_file(folder / FILES["weights"])
    save_file({key: value.half() for key, value in weights.items()}, folder / FILES["weights"])

    assert _load(folder).raw(pattern(1, 32)[0])["output"] == pytest.approx(full["output"], abs=1e-2)


def test_a_weight_of_another_shape_is_refused(folder: Path) -> None:
    weights = load_file(folder / FILES["weights"])
    weights["classifier.bias"] = torch.zeros(9)
    save_file(weights, folder / FILES["weights"])

    with pytest.raises(BadWeights):
        _load(folder)


def test_another_kind_of_network_is_refused(folder: Path) -> None:
    _change(folder, FILES["config"], model_type="resnet")

    with pytest.raises(BadWeights, match="vit"):
        _load(folder)


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(BadWeights, match="cat"):
        labels({"id2label": {"0": "happy", "1": "cat"}}, "config.json")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("config", {"hidden_size": 2**31 - 1}),
        ("config", {"hidden_size": 33}),
        ("config", {"num_hidden_layers": 2**40}),
        ("config", {"num_channels": "three"}),
        ("config", {"hidden_dropout_prob": 7}),
        ("config", {"layer_norm_eps": None}),
        ("config", {"patch_size": 0}),
        ("config", {"id2label": [1]}),
        ("preprocessor", {"image_mean": None}),
        ("preprocessor", {"image_std": [0, 0, 0]}),
        ("preprocessor", {"image_mean": "grey"}),
        ("preprocessor", {"size": "large"}),
        ("preprocessor", {"size": [32]}),
    ],
)
def test_a_configuration_no_network_can_have_is_refused(folder: Path, name: str, change: dict[str, object]) -> None:
    _change(folder, FILES[name], **change)

    with pytest.raises(BadWeights):
        _load(folder)


def test_a_type_the_configuration_names_does_not_matter(folder: Path) -> None:
    _change(folder, FILES["config"], dtype=3, torch_dtype="float16")

    assert next(_load(folder).network.parameters()).dtype == torch.float32


def test_labels_are_read_in_the_order_of_their_numbers() -> None:
    assert labels({"id2label": {"1": "Sad", "0": "Happiness"}}, "config.json") == ["happy", "sad"]


@pytest.mark.parametrize(
    "settings",
    [{}, {"size": {"height": 32, "width": 16}}, {"size": {"shortest_edge": 32}}, {"size": 32, "rescale_factor": 1}],
)
def test_a_preprocessor_we_cannot_follow_is_refused(settings: dict) -> None:
    with pytest.raises(BadWeights, match="square"):
        pixels(settings, "preprocessor_config.json")


def test_a_network_and_a_preprocessor_that_disagree_are_refused(folder: Path) -> None:
    _change(folder, FILES["preprocessor"], size=48)

    with pytest.raises(BadWeights, match="48"):
        _load(folder)


def test_the_weights_alone_take_their_settings_from_beside_them(folder: Path) -> None:
    chip = pattern(1, 32)[0]
    alone = load(SPEC, {"weights": folder / FILES["weights"]}, "cpu")

    assert np.array_equal(alone.raw(chip)["output"], _load(folder).raw(chip)["output"])
    (folder / FILES["preprocessor"]).unlink()
    with pytest.raises(BadWeights, match=r"expected preprocessor_config\.json beside it"):
        load(SPEC, {"weights": folder / FILES["weights"]}, "cpu")
