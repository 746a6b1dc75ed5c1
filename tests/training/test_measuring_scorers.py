"""The scripts that calibrate and measure scorers, on toy people: nobody is in both halves, and a promise kept is a
promise measured."""

import json
from pathlib import Path

import numpy as np
import pytest

from training import expressions, lfw, thresholds
from workbench import thresholds as calibrated
from workbench.metrics import pairs as pairs_of
from workbench.metrics.pairs import pairs
from workbench.metrics.roc import rates_at
from workbench.tasks.recognition import similarities


def _crops(folder: Path, people: int = 60, each: int = 3) -> lfw.Crops:
    files = tuple(f"P{i:03d}_A_{n:04d}.jpg" for i in range(people) for n in range(1, each + 1))
    return lfw.Crops(folder, files, (), ())


def _vectors(crops: lfw.Crops, noise: float = 0.4) -> np.ndarray:
    rng = np.random.default_rng(1)
    centre = {name: rng.normal(size=8) for name in dict.fromkeys(map(pairs_of.person, crops.files))}
    return np.array([centre[pairs_of.person(file)] + noise * rng.normal(size=8) for file in crops.files])


def test_a_name_may_hold_underscores() -> None:
    assert pairs_of.person("Ann_van_Lee_0002.jpg") == "Ann_van_Lee"


def test_the_halves_never_change() -> None:
    assert [pairs_of.even(name) for name in ("Ann_Lee", "Bob_Ray", "Flo_May", "Hal_Poe")] == [False, False, True, True]


def test_nobody_is_in_both_halves(tmp_path) -> None:
    crops = _crops(tmp_path)
    even, odd = ({pairs_of.person(crops.files[i]) for i in thresholds.half(crops, flag)} for flag in (True, False))

    assert even
    assert odd
    assert not even & odd
    assert len(even) + len(odd) == 60


@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_the_threshold_accepts_one_in_a_hundred_of_its_own_half(tmp_path, metric: str) -> None:
    crops = _crops(tmp_path)
    vectors = _vectors(crops)

    threshold, people, count = thresholds.calibrate(crops, vectors, metric)

    rows = thresholds.half(crops, even=True)
    first, second, same = pairs([pairs_of.person(crops.files[i]) for i in rows])
    far, _ = rates_at(similarities(vectors[rows][first], vectors[rows][second], metric), same, threshold)
    assert 0.008 < far <= 0.01
    assert people == len({pairs_of.person(crops.files[i]) for i in rows})
    assert count == int((~same).sum())


def test_the_odd_half_is_measured_with_the_threshold_of_the_even_one(tmp_path) -> None:
    crops = _crops(tmp_path)
    vectors = _vectors(crops)
    (tmp_path / "pairs.csv").write_text(
        f"file_a,file_b,same\n{crops.files[0]},{crops.files[1]},1\n{crops.files[0]},{crops.files[-1]},0\nabsent_0001.jpg,{crops.files[0]},0\n"
    )
    threshold, *_ = thresholds.calibrate(crops, vectors, "l2")

    held_out, listed = thresholds.evaluate(crops, vectors, "l2", threshold, rounds=20)

    assert held_out.people == len({pairs_of.person(crops.files[i]) for i in thresholds.half(crops, even=False)})
    assert 0.9 < held_out.auc.value <= 1
    assert held_out.far.value < 0.05
    assert (listed.same, listed.different) == (1, 1), "a pair whose file has no face is left out"


def test_thresholds_are_kept_in_the_metrics_own_unit(tmp_path, monkeypatch) -> None:
    path = tmp_path / "thresholds.json"
    monkeypatch.setattr(thresholds, "THRESHOLDS", path)

    thresholds.keep("near", "cosine", 0.3, 10, 100)
    thresholds.keep("far", "l2", -0.6, 10, 100)

    rows = json.loads(path.read_text())["models"]
    assert rows["near"]["threshold"] == 0.3
    assert rows["far"]["threshold"] == 0.6


def test_every_default_recogniser_is_calibrated(bench) -> None:
    for spec in bench.specs("recognition"):
        if spec.default:
            row = calibrated.table()[spec.id]
            assert row["far"] == 0.01
            assert row["people"] > 300
            assert bench.model(spec.id).threshold == row["threshold"]


def test_expressions_are_counted_by_hand() -> None:
    labels = ("neutral", "happy", "sad")
    files = tuple(f"P{i}_0001.jpg" for i in range(24))
    truth = {file: labels[i % 2] for i, file in enumerate(files)} | {files[0]: "contempt"}
    values = np.eye(3)[[1 if i % 2 else (0 if i % 4 else 2) for i in range(24)]]

    found = expressions.measure(files, values, labels, truth)

    assert found["recall"] == {"neutral": [11, 0.5455], "happy": [12, 1.0]}
    assert found["all"]["accuracy"][0] == pytest.approx(18 / 23, abs=1e-4)
    assert found["all"]["balanced_accuracy"][0] == pytest.approx((6 / 11 + 1) / 2, abs=1e-4)
    assert found["confusion"]["neutral"] == [6, 0, 5]
    assert found["not_judged"] == 1, "contempt is no word of this model"
