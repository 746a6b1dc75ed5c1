"""A recogniser without a threshold gets one from photos of known people, and then takes part where thresholds are
asked for."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbench.bench import Workbench
from workbench.catalog import MODELS
from workbench.cli import main
from workbench.errors import BadRequest, ModelMissing
from workbench.evaluation import calibrating
from workbench.evaluation.calibrating import calibrate
from workbench.protection.roles import calibrated_here
from workbench.settings import Settings
from workbench.thresholds import Metric, own_file

TOY = replace(MODELS["sface"], id="toy-sface")


def _people(count: int, spread: float, draw: np.random.Generator) -> tuple[list[str], np.ndarray]:
    """Two photos of each of `count` people, as vectors of unit length."""
    centres = draw.standard_normal((count, 32))
    vectors = np.repeat(centres, 2, axis=0) + spread * draw.standard_normal((2 * count, 32))
    names = [f"person {place // 2}" for place in range(2 * count)]
    return names, vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("metric", [Metric.COSINE, Metric.L2])
def test_one_in_a_hundred_pairs_of_strangers_passes_the_threshold(metric: Metric) -> None:
    names, vectors = _people(40, 0.3, np.random.default_rng(1))
    found = calibrate(names, vectors, metric)
    strangers = [
        float(vectors[a] @ vectors[b]) if metric is Metric.COSINE else float(np.linalg.norm(vectors[a] - vectors[b]))
        for a in range(80)
        for b in range(a)
        if names[a] != names[b]
    ]

    assert found.pairs == len(strangers)
    assert found.people == 40
    assert np.mean(metric.matches(np.array(strangers), found.threshold)) == pytest.approx(0.01, abs=0.002)
    with pytest.raises(BadRequest, match="at least 1000 pairs"):
        calibrate(names[:40], vectors[:40], metric)


def test_a_calibrated_recogniser_takes_part_in_protection(
    settings: Settings, tmp_path: Path, astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    home = replace(settings, data=tmp_path / "data")
    bench = Workbench(home, {spec.id: spec for spec in (MODELS["blazeface"], TOY)})
    with pytest.raises(ModelMissing):
        calibrated_here(bench.specs("recognition"), bench.available, bench.threshold)
    assert bench.recogniser(TOY.id).threshold is None

    for name in ("ann", "bob"):
        (tmp_path / "people" / name).mkdir(parents=True)
        Image.fromarray(astronaut).save(tmp_path / "people" / name / "a.png")
    names, vectors = calibrating.vectors_of(
        tmp_path / "people", bench.finder(), {TOY.id: bench.recogniser(TOY.id)}, home
    )
    assert names == ["ann", "bob"]
    assert vectors[TOY.id].shape == (2, 128)
    monkeypatch.setattr(calibrating, "LEAST", 1)
    found = calibrate([*names, "ann"], np.concatenate([vectors[TOY.id], vectors[TOY.id][:1]]), Metric.COSINE)
    calibrating.keep(TOY.id, found, home)

    fresh = Workbench(home, {spec.id: spec for spec in (MODELS["blazeface"], TOY)})
    assert fresh.threshold(TOY.id) == fresh.recogniser(TOY.id).threshold == found.threshold
    assert calibrated_here(fresh.specs("recognition"), fresh.available, fresh.threshold) == [TOY.id]
    own_file(home.data).write_text("[]")
    with pytest.raises(BadRequest, match="Calibrate again"):
        fresh.threshold(TOY.id)


def test_the_command_says_what_it_needs(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    (tmp_path / "people").mkdir()

    assert main(["models", "calibrate", "sface", str(tmp_path / "people")]) != 0
    assert "a folder per person" in capsys.readouterr().err
