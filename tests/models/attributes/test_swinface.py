"""SwinFace's four rows give what its authors' code gives, from one training checkpoint with four dictionaries."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.golden.archive import Golden, apart
from tests.models.patterns import pattern
from workbench.catalog import MODELS
from workbench.catalog.celeba import CELEBA_40
from workbench.errors import BadWeights
from workbench.models.attributes import swinface
from workbench.models.blocks import swin

EXACT = 1e-5
LOADS = {
    "swinface": swinface.load_recogniser,
    "swinface-expression": swinface.load_expression,
    "swinface-age": swinface.load_age,
    "swinface-attributes": swinface.load_attributes,
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    groups: dict[str, dict[str, torch.Tensor]] = {part: {} for part in swinface.PARTS}
    prefixes = {name: part for part, name in swinface.NAMES.items()}
    for key, value in Golden("swinface").weights().items():
        prefix, _, name = key.partition(".")
        groups[prefixes[prefix]][name] = value
    path = tmp_path_factory.mktemp("swinface") / "checkpoint.pt"
    torch.save({**groups, "epoch": 3, "state_optimizer": {"lr": torch.ones(1)}}, path)
    found = {row: load(MODELS[row], {"weights": path}, "cpu") for row, load in LOADS.items()}
    path.unlink()
    return found


def _answers(model: object) -> np.ndarray:
    with torch.inference_mode():
        return model.network(model.tensor(pattern(2, 112))).numpy()  # type: ignore[attr-defined]


def test_every_answer_equals_its_authors(models: dict[str, object]) -> None:
    golden = Golden("swinface")
    order = [swinface.ATTRIBUTES.index(label) for label in CELEBA_40]

    assert apart(_answers(models["swinface"]), golden["vector"]) <= EXACT
    assert apart(_answers(models["swinface-expression"]), golden["Expression"]) <= EXACT
    assert apart(_answers(models["swinface-age"]), golden["Age"]) <= EXACT
    assert apart(_answers(models["swinface-attributes"]), golden["attributes"][:, order]) <= EXACT


def test_its_rows_hold_the_weights_once(models: dict[str, object]) -> None:
    assert len({id(model.network.network) for model in models.values()}) == 1  # type: ignore[attr-defined]


def test_answers_are_years_and_probabilities(models: dict[str, object]) -> None:
    chips = pattern(2, 112)[:1]
    age, attributes, expression = (models[f"swinface-{word}"] for word in ("age", "attributes", "expression"))

    assert age.labels == ("age",)  # type: ignore[attr-defined]
    assert age.batch(chips) == pytest.approx(Golden("swinface")["Age"][:1], rel=1e-4)  # type: ignore[attr-defined]
    shares = attributes.batch(chips)  # type: ignore[attr-defined]
    assert shares.shape == (1, 40)
    assert shares.min() > 0
    assert shares.max() < 1
    assert expression.labels == ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger")  # type: ignore[attr-defined]
    assert expression.batch(chips).sum(1) == pytest.approx([1], abs=1e-5)  # type: ignore[attr-defined]


def test_a_shift_keeps_apart_what_only_the_shift_brought_together() -> None:
    cut = swin.cuts(4, 2, 1)

    assert cut.shape == (4, 1, 4, 4)
    assert (cut[0] == 0).all()
    assert (cut[3][0] == 0).sum() == 4
    assert set(cut.unique().tolist()) == {0.0, swin.CUT}


def test_the_file_of_another_network_is_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": {"a": torch.zeros(2), "b": torch.zeros(2)}}, tmp_path / "other.pt")

    with pytest.raises(BadWeights, match="state_dict_backbone"):
        swinface.load_age(MODELS["swinface-age"], {"weights": tmp_path / "other.pt"}, "cpu")
