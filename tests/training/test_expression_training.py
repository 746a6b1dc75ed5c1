"""How the compact expression net is trained, on toy people: nobody in two parts, chips as in use, layers that learn."""

from collections import Counter

import numpy as np
import pytest
import torch

from training.expression import ABSENT, Plan, calibrate, clean_targets, fit_head, frequency_weights, rows_of
from training.expression_data import PARTS, WIDE, Faces, read_labels, split, views
from workbench.models.expressions.compact_expression import CHANNELS, ORDER, SIZE, CompactExpression

PLACES = sum(CHANNELS)


def _labels(people: int = 200) -> dict[str, tuple[str, str]]:
    return {
        f"P{p}_{n:04d}.jpg": ("sad" if p % 20 == 0 and n == 0 else ORDER[(p + n) % 2], f"P{p}")
        for p in range(people)
        for n in range(3)
    }


def _faces(labels: dict[str, tuple[str, str]]) -> Faces:
    words, people = zip(*labels.values(), strict=True)
    return Faces(tuple(labels), np.zeros((len(labels), WIDE, WIDE), np.uint8), words, people, ())


def _seen(labels: np.ndarray, noise: float = 0.5, seed: int = 0) -> torch.Tensor:
    random = np.random.default_rng(seed)
    centre = np.random.default_rng(7).normal(size=(len(ORDER), PLACES))
    return torch.tensor(centre[labels] + noise * random.normal(size=(len(labels), PLACES)), dtype=torch.float32)[None]


def test_nobody_is_in_two_parts_and_the_shares_are_kept() -> None:
    labels = _labels()
    parts = split(labels)

    assert set(parts) == {person for _, person in labels.values()}, "one part for each person"
    counts = Counter(parts.values())
    assert [counts[part] / len(parts) for part in PARTS] == pytest.approx([0.65, 0.15, 0.2], abs=0.01)
    rare = Counter(parts[person] for word, person in labels.values() if word == "sad")
    assert all(rare[part] >= 1 for part in PARTS), "every part gets people with the rarest expression"


def test_the_split_does_not_depend_on_the_order_of_the_file() -> None:
    labels = _labels()

    assert split(dict(reversed(labels.items()))) == split(labels)


def test_where_students_disagreed_the_first_one_counts(tmp_path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("file,label,person\na.jpg,happiness|neutral,A\nb.jpg,fear,B\n")

    assert read_labels(path) == {"a.jpg": ("happy", "A"), "b.jpg": ("fear", "B")}
    assert _faces(read_labels(path)).labels.tolist() == [1, -1]


def test_a_plain_view_is_the_middle_of_the_square_and_mirrors_with_it() -> None:
    squares = np.random.default_rng(0).integers(0, 256, (2, WIDE, WIDE), np.uint8)
    squares[:, 60:100, 60:100] = 255

    seen = views(squares)

    assert seen.shape == (2, 1, SIZE, SIZE)
    assert seen[0, 0, SIZE // 2, SIZE // 2] == 255
    torch.testing.assert_close(views(squares[:, :, ::-1].copy()), seen.flip(-1), atol=1e-2, rtol=0)


def test_changed_views_are_changed_seeded_and_within_range() -> None:
    squares = np.random.default_rng(0).integers(0, 256, (8, WIDE, WIDE), np.uint8)

    once, again = (views(squares, torch.Generator().manual_seed(3)) for _ in range(2))

    torch.testing.assert_close(once, again)
    assert (once - views(squares)).abs().mean() > 5
    assert once.min() >= 0
    assert once.max() <= 255


def test_rare_expressions_count_more_and_absent_ones_nothing() -> None:
    labels = np.array([0] * 80 + [1] * 20)

    weights = frequency_weights(labels, 1.0)

    assert weights[2:].tolist() == [0, 0, 0]
    assert weights[1] / weights[0] == pytest.approx(4)
    assert weights[torch.from_numpy(labels)].mean() == pytest.approx(1)


def test_the_layer_learns_what_can_be_learnt() -> None:
    labels = np.arange(200) % 5
    prior, weights = torch.zeros(5, PLACES), frequency_weights(labels, 0.75)
    targets = torch.nn.functional.one_hot(torch.from_numpy(labels), 5).float()

    weight, bias = fit_head(_seen(labels), labels, targets, prior, weights, Plan())

    unseen = _seen(labels, seed=1)[0] @ weight.T + bias
    assert (unseen.argmax(1).numpy() == labels).mean() > 0.95


def test_a_strong_pull_leaves_the_published_weights() -> None:
    labels = np.arange(50) % 5
    prior = torch.randn(5, PLACES, generator=torch.Generator().manual_seed(0))
    targets = torch.nn.functional.one_hot(torch.from_numpy(labels), 5).float()

    found = [
        fit_head(_seen(labels), labels, targets, prior, frequency_weights(labels, 1.0), Plan(pull=pull))[0]
        for pull in (1e-3, 1e3)
    ]

    assert (found[1] - prior).abs().max() < 0.01 < (found[0] - prior).abs().max()


def test_an_expression_left_out_is_never_said() -> None:
    labels = np.array([0, 1, 3, 4] * 30)
    weights, prior = frequency_weights(labels, 0.75), torch.ones(5, PLACES)
    targets = clean_targets(_seen(labels), labels, [f"P{i}" for i in range(120)], prior, weights, Plan())

    weight, bias = fit_head(_seen(labels), labels, targets, prior, weights, Plan())

    assert bias[2] == ABSENT
    assert weight[2].abs().max() == 0
    torch.testing.assert_close(targets.sum(1), torch.ones(120))
    assert targets[:, 2].max() < 1e-3


def test_targets_believe_a_label_less_that_other_people_speak_against() -> None:
    labels = np.arange(200) % 5
    wrong = labels.copy()
    wrong[0] = 3
    weights, people = frequency_weights(wrong, 0.75), [f"P{i}" for i in range(200)]

    targets = clean_targets(_seen(labels), wrong, people, torch.zeros(5, PLACES), weights, Plan())

    assert targets[0, 3] < 0.7 < targets[5, 0]
    assert targets[0, 0] > 0.2


def test_calibration_cools_what_is_too_loud() -> None:
    labels = _labels()
    faces, parts = _faces(labels), split(labels)
    network, loud = CompactExpression(), np.random.default_rng(0)
    network.head.weight.data.zero_()
    network.head.weight.data[:, :5] = torch.eye(5) * 10
    network.head.bias.data.zero_()
    said = np.where(loud.random(len(labels)) < 0.8, faces.labels, (faces.labels + 1) % 5)
    places = torch.zeros(2, len(labels), PLACES)
    places[:, torch.arange(len(labels)), torch.from_numpy(said)] = 1

    about = calibrate(network, faces, parts, places)

    rows = rows_of(faces, parts, "validation")
    chance = (network.head(places[0, rows]) / network.temperature).softmax(1).amax(1).mean()
    assert float(about["temperature"]) > 2
    assert chance.item() == pytest.approx((said[rows] == faces.labels[rows]).mean(), abs=0.02)
    assert about["bar"] == about[f"bar_{about['rule']}"]
