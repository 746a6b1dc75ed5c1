"""The compact expression net: what it says of a real face, what it owes its gradients, and when it is unsure."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from tests.models.patterns import pattern
from workbench.catalog import find, for_task
from workbench.errors import BadRequest, BadWeights
from workbench.models.expressions import compact_expression
from workbench.models.expressions.compact_expression import ORDER, RULES, certainty
from workbench.sources import figures
from workbench.sources.fetching import BUILTIN
from workbench.tasks.expression import UNSURE, Verdict, classify, judge
from workbench.values import Scores

NAME = "compact-expression"
WEIGHTS = BUILTIN / "compact_expression.safetensors"
DOCS = (Path(__file__).parents[3] / "docs" / "expressions.md").read_text()
CARD = WEIGHTS.with_suffix(".md").read_text()


@pytest.fixture(scope="module")
def model(bench):
    return bench.model(NAME)


def test_the_astronaut_smiles_and_the_net_is_sure_of_it(model, astronaut, astronaut_face) -> None:
    scores = classify(astronaut, astronaut_face, model)
    verdict = judge(astronaut, astronaut_face, model)

    first, second = sorted(scores.values, reverse=True)[:2]
    assert scores.labels == find(NAME).labels == ORDER
    assert scores.top == "happy"
    assert first - second > 0.5
    assert verdict.sure
    assert verdict.word == "happy"


def test_a_grey_photo_and_its_colour_original_say_nearly_the_same(model, astronaut, astronaut_face) -> None:
    grey = np.repeat((astronaut @ np.array([0.299, 0.587, 0.114])).round().astype(np.uint8)[..., None], 3, axis=2)

    colour = classify(astronaut, astronaut_face, model).values
    np.testing.assert_allclose(classify(grey, astronaut_face, model).values, colour, atol=0.01)


def test_a_mirrored_face_says_the_same_and_shows_the_mirrored_grid(model, astronaut, astronaut_face) -> None:
    chip = model.crop(astronaut, astronaut_face)
    seen = []
    handle = model.features.register_forward_hook(lambda module, inputs, output: seen.append(output))
    here, mirrored = model.batch(np.stack([chip, chip[:, ::-1]]))
    handle.remove()

    np.testing.assert_allclose(here, mirrored, atol=1e-5)
    np.testing.assert_allclose(seen[0][0].numpy(), seen[0][1].flip(-1).numpy(), atol=1e-3)
    assert (seen[0][0] - seen[0][1]).abs().max() > 0.1, "the face is not its own mirror image"


def test_the_answer_is_the_mean_of_both_sides(model, astronaut, astronaut_face) -> None:
    chips = model.tensor(model.crop(astronaut, astronaut_face))
    with torch.no_grad():
        plain, mirrored = model.network.apart(chips)
        np.testing.assert_allclose(((plain + mirrored) / 2).numpy(), model.network(chips).numpy(), atol=1e-4)
    assert (plain - mirrored).abs().max() > 1e-3


def test_certainty_does_not_depend_on_which_side_is_left(model, astronaut, astronaut_face) -> None:
    chip = model.crop(astronaut, astronaut_face)

    there, back = model.certainty(np.stack([chip, chip[:, ::-1]]))

    assert there == pytest.approx(back, abs=1e-5)


def test_probabilities_are_probabilities_and_the_same_twice(model) -> None:
    chips = pattern(3, model.size)

    values = model.batch(chips)

    assert values.shape == (3, 5)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values.sum(1), 1, atol=1e-5)
    np.testing.assert_array_equal(values, model.batch(chips))


def test_gradients_reach_red_green_and_blue_by_their_share_of_brightness(model) -> None:
    chips = model.tensor(pattern(2, model.size)).requires_grad_()

    model.values(chips)[:, 1].sum().backward()

    strength = chips.grad.abs().sum((0, 2, 3))
    assert torch.isfinite(chips.grad).all()
    assert (chips.grad.abs().amax((1, 2, 3)) > 0).all()
    np.testing.assert_allclose((strength / strength.sum()).numpy(), compact_expression.GREY, atol=1e-3)


def test_the_last_grid_is_what_the_answer_is_read_from(model) -> None:
    """The mean of the class map over the grid's places is the logit itself, less its bias."""
    seen = []
    handle = model.features.register_forward_hook(lambda module, inputs, output: seen.append(output))
    with torch.no_grad():
        logits = model.forward(model.tensor(pattern(2, model.size)))
    handle.remove()

    head, temperature = model.network.head, model.network.temperature
    maps = torch.einsum("nchw,kc->nkhw", seen[0], head.weight) / temperature
    rebuilt = maps.mean((2, 3)) + head.bias / temperature
    own = [ORDER.index(label) for label in model.labels]
    assert seen[0].shape == (2, 384, 7, 7)
    np.testing.assert_allclose(rebuilt[:, own].numpy(), logits.numpy(), atol=1e-4)


def test_the_temperature_was_fitted(model) -> None:
    with safe_open(WEIGHTS, "pt") as file:
        about, stored = file.metadata(), float(file.get_tensor("temperature"))

    assert stored == pytest.approx(float(about["temperature"]), abs=1e-3)
    assert stored != 1
    assert 0.3 < stored < 3
    assert model.network.temperature == pytest.approx(stored)
    assert model.rule == about["rule"]
    assert model.bar == float(about["bar"]) == float(about[f"bar_{model.rule}"])


def test_a_higher_temperature_says_the_same_less_loudly(model) -> None:
    network = compact_expression.CompactExpression().eval()
    network.load_state_dict(model.network.state_dict())
    chips = model.tensor(pattern(1, model.size))
    with torch.no_grad():
        before = network(chips)
        network.temperature.mul_(2)
        np.testing.assert_allclose(network(chips).numpy(), before.numpy() / 2, atol=1e-5)


def test_rules_of_certainty_by_hand() -> None:
    plain, mirrored = torch.tensor([[2.0, 0.0], [4.0, 0.0]]), torch.tensor([[2.0, 0.0], [0.0, 4.0]])
    share = 1 / (1 + math.exp(-2))

    np.testing.assert_allclose(certainty(plain, mirrored, "softmax"), [share, 0.5])
    np.testing.assert_allclose(
        certainty(plain, mirrored, "energy"), [math.log(math.exp(2) + 1), math.log(2 * math.exp(2))]
    )
    chance = 1 / (1 + math.exp(-4))
    entropy = -(chance * math.log2(chance) + (1 - chance) * math.log2(1 - chance))
    np.testing.assert_allclose(certainty(plain, mirrored, "flip"), [1, entropy], atol=1e-9)
    with pytest.raises(BadRequest, match="softmax, energy, flip"):
        certainty(plain, mirrored, "hunch")


@pytest.mark.parametrize("rule", RULES)
def test_noise_is_less_certain_than_a_face(model, astronaut, astronaut_face, rule: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (8, model.size, model.size, 3), np.uint8)
    chips = model.tensor(np.concatenate([model.crop(astronaut, astronaut_face)[None], noise]))
    with torch.no_grad():
        found = certainty(*model.network.apart(chips), rule)

    assert found[0] > np.median(found[1:])


def test_a_verdict_below_the_bar_is_unsure() -> None:
    scores = Scores(("neutral", "happy"), np.array([0.4, 0.6], np.float32), "toy")

    assert Verdict(scores, 0.59, 0.6).word == UNSURE
    assert Verdict(scores, 0.60, 0.6).word == "happy"


def test_no_chips_have_no_certainty(model) -> None:
    assert model.certainty(np.zeros((0, model.size, model.size, 3), np.uint8)).shape == (0,)


def test_the_catalogue_counts_the_weights_and_says_the_terms(model) -> None:
    row = find(NAME)

    assert sum(weight.numel() for weight in model.network.parameters()) == row.parameters
    assert WEIGHTS.stat().st_size < 10_000_000
    assert "research" in row.data_license
    assert "LFW" in row.data_license
    assert all(file.scheme == "builtin" for file in row.files)


def test_the_first_row_is_the_one_that_measured_best_on_people_kept_aside() -> None:
    measured = figures.read("expression_aside")

    best = max(measured, key=lambda name: measured[name]["aside"]["three"][0])
    assert for_task("expression")[0].id == best == NAME
    assert measured[NAME]["aside"]["three"][0] >= 0.85
    assert measured[NAME]["aside"]["five_balanced"][0] >= 0.70
    assert measured[NAME]["aside"]["ece"][0] <= 0.05


@pytest.mark.parametrize("lost", ["rule", "bar", "head.weight"])
def test_a_file_without_its_rule_bar_or_weights_is_refused(tmp_path, lost: str) -> None:
    with safe_open(WEIGHTS, "pt") as file:
        about = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    about.pop(lost, None)
    tensors.pop(lost, None)
    path = tmp_path / "other.safetensors"
    save_file(tensors, path, metadata=about)

    with pytest.raises(BadWeights):
        compact_expression.load(find(NAME), {"weights": path}, "cpu")


def _written(figure: list[float]) -> str:
    value, low, high = figure
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


@pytest.mark.parametrize("part", ["aside", "other"])
def test_the_docs_hold_the_measured_figures_of_all_three_models(part: str) -> None:
    measured = figures.read("expression_aside")
    for row in measured.values():
        found = row[part]
        for name in ("three", "three_only", "five", "five_only", "five_balanced", "five_balanced_only", "ece"):
            assert _written(found[name]) in DOCS, name
        for shares in found["recall"].values():
            assert _written(shares[1:]) in DOCS
        for group in found["groups"].values():
            assert f"| {group['photos']} | " in DOCS
            assert _written(group["five"]) in DOCS
    for label, counts in measured[NAME][part]["confusion"].items():
        assert f"| {label} | {' | '.join(map(str, counts))} |" in DOCS


def test_the_docs_hold_every_auroc_with_one_expression_left_out() -> None:
    row = figures.read("expression_aside")[NAME]
    for part in ("choice", "test"):
        for found in row["open"][part].values():
            assert all(_written(found[rule]) in DOCS for rule in RULES)
    for found in row["mistakes"].values():
        assert all(_written(found[rule]) in DOCS for rule in RULES)


def test_the_card_holds_the_headline_the_count_the_data_and_the_terms() -> None:
    assert figures.read("expression_aside")[NAME]["headline"] in CARD
    assert f"{find(NAME).parameters:,} parameters" in CARD
    for words in ("LFW", "1,912", "research", "MIT", "FER2013"):
        assert words in CARD, words
