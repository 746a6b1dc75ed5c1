"""The small recogniser's training: rounds do not drown in one person, views differ, both trunks learn from a margin."""

import numpy as np
import pytest
import torch

from training import recogniser
from training.recogniser import Chips, changed, one_round, plain, train


@pytest.fixture
def chips() -> Chips:
    """Twelve people of two chips, one of thirty; each person has a brightness of their own."""
    rng = np.random.default_rng(0)
    people = np.array([f"p{number:02d}" for number in range(12) for _ in range(2)] + ["many"] * 30)
    light = {name: 40 + 14 * number for number, name in enumerate(dict.fromkeys(people.tolist()))}
    squares = np.stack([rng.integers(-20, 20, (80, 80, 3)) + light[name] for name in people])
    return Chips(squares.clip(0, 255).astype(np.uint8), people)


def test_people_kept_out_are_never_trained_on(chips: Chips) -> None:
    out, kept = chips.part(True), chips.part(False)

    assert set(out.people) & set(kept.people) == set()
    assert len(out.people) + len(kept.people) == len(chips.people)
    assert 0 < len(set(out.people)) < 4


def test_the_most_photographed_do_not_drown_the_others(chips: Chips) -> None:
    rows = one_round(chips.people, np.random.default_rng(0))

    assert (chips.people[rows] == "many").sum() == recogniser.MOST
    assert len(set(rows.tolist())) == len(rows) == 24 + recogniser.MOST


@pytest.mark.parametrize("trunk", recogniser.TRUNKS)
def test_training_goes_on_where_it_stopped(chips: Chips, trunk: str, tmp_path, monkeypatch) -> None:
    spent = iter(range(0, 100000, 10))
    monkeypatch.setattr(recogniser.time, "process_time", lambda: float(next(spent)))

    train(chips, trunk, tmp_path, 0.2, batch=16)
    first = torch.load(tmp_path / f"{trunk}.pt", weights_only=True)
    network = train(chips, trunk, tmp_path, 0.4, batch=16)
    second = torch.load(tmp_path / f"{trunk}.pt", weights_only=True)

    assert (first["rounds"], second["rounds"]) == (2, 3)
    assert not torch.equal(first["classes"], second["classes"])
    assert network(plain(chips.squares[:2])).shape == (2, recogniser.VECTOR)
    assert sum(value.numel() for value in network.parameters()) < 1.2e6
    assert not np.array_equal(
        changed(chips.squares[0], np.random.default_rng(1)), changed(chips.squares[0], np.random.default_rng(2))
    )
