"""`protect --evaluate FOLDER` prints the tables, keeps what it measured, and goes on where it stopped."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from workbench import images
from workbench.bench import Workbench
from workbench.cli import protect_evaluation
from workbench.errors import BadRequest
from workbench.protection import roles, strength, trial
from workbench.protection.trial import Trial


@pytest.fixture
def folder(astronaut, tmp_path: Path) -> Path:
    """One person in two photos, and one without a face."""
    made = tmp_path / "photos"
    made.mkdir()
    for name, image in (
        ("ann_1", astronaut[:400]),
        ("ann_2", astronaut[:380, 20:]),
        ("bo_1", np.zeros_like(astronaut)),
        ("bo_2", astronaut),
    ):
        (made / f"{name}.jpg").write_bytes(images.encode_jpeg(image, 90))
    return made


def arguments(*words: str) -> argparse.Namespace:
    """Parsed as the command parses them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path)
    parser.add_argument("--resemble", type=int)
    protect_evaluation.add_evaluation(parser)
    return parser.parse_args(words)


def test_it_measures_prints_and_resumes(folder: Path, tmp_path: Path, settings, monkeypatch, capsys) -> None:
    light = strength.STRENGTHS["light"]
    plan = replace(light.plan, steps=2, more=1)
    monkeypatch.setitem(strength.STRENGTHS, "light", replace(light, plan=plan))
    monkeypatch.setattr(trial, "TREATMENTS", trial.BRIEF)
    args = arguments("--evaluate", str(folder), "--half", "all", "--out", str(tmp_path / "out"))

    assert protect_evaluation.evaluate(args, settings) == 0

    told = capsys.readouterr()
    assert "| attacked |" in told.out
    assert "bo: Expected a face" in told.err
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["people"] == 1
    assert set(summary["methods"]) == {"search", "search at 1"}
    bench = Workbench(settings)
    here = roles.calibrated_here(bench.specs("recognition"), bench.available)
    assert len(summary["methods"]["search"]["matrix"]) == (2 if len(here) == 4 else len(here)), (
        "each judged by a set that spares it"
    )

    monkeypatch.setattr(Trial, "run", lambda *words: pytest.fail("measured again"))
    assert protect_evaluation.evaluate(args, settings) == 0

    args.strength = "strong"
    with pytest.raises(BadRequest, match="strength light, now strong"):
        protect_evaluation.evaluate(args, settings)


def test_one_recogniser_cannot_be_evaluated() -> None:
    with pytest.raises(BadRequest, match="two recognisers"):
        protect_evaluation.trial(None, {"only": object()}, None, arguments("--evaluate", "x"))
