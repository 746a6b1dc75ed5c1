"""A new recogniser's row is all it takes: it is found in pairs, protection, likeness, reports of raters and on the
command line, and nowhere is a line written for it."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.newcomer import ROW
from workbench.bench import Workbench
from workbench.catalog import MODELS
from workbench.cli import main
from workbench.evaluation import pair_scores
from workbench.evaluation.calibrating import Calibration, keep
from workbench.labeling.study.tasktypes import TASK_TYPES
from workbench.ui.explanation import pair
from workbench.ui.explanation.parts import explainable
from workbench.ui.generation import parts as generation
from workbench.ui.protection import parts as protection


@pytest.fixture
def mine(settings, tmp_path) -> Workbench:
    """A workbench of few models, the newcomer among them, calibrated as `models calibrate` does."""
    home = replace(settings, data=tmp_path / "data")
    keep("newcomer", Calibration(0.9, 0.01, 1000, 46), home)
    few = {name: MODELS[name] for name in ("blazeface", "compact", "sface")}
    return Workbench(home, {**few, "newcomer": ROW})


def test_it_takes_part_in_every_list_of_recognisers(mine):
    assert ("Newcomer", "newcomer") in explainable(mine, pair.RECOGNISERS)
    assert ("Newcomer", "newcomer") in protection.recognisers(mine)
    assert protection.roles(mine, ["sface"], ["newcomer"], False) == (["sface"], ["newcomer"])
    assert generation.judges(mine, "sface") == ["newcomer"]
    assert pair_scores.recognisers(mine) == ("sface", "newcomer")


def test_two_faces_are_compared_by_it(mine, astronaut):
    words, *_ = pair.compare(mine, astronaut, astronaut, "", "")

    assert "newcomer: cosine 1.00, at least 0.90 counts as one person" in words
    assert mine.recogniser("newcomer").threshold == 0.9


def test_raters_pairs_are_scored_by_it(mine, astronaut, tmp_path):
    Image.fromarray(astronaut).save(tmp_path / "one.png")
    study = SimpleNamespace(name="pairs", task=TASK_TYPES["same_different"], folder=tmp_path)
    items = pd.DataFrame({"item": ["i"], "pictures": [[("one.png", "a" * 64), ("one.png", "b" * 64)]]})
    table, notes = pair_scores.score_items(study, items, ["newcomer"], mine)  # type: ignore[arg-type]

    assert table["newcomer"].tolist() == pytest.approx([1], abs=1e-5)
    assert not notes


def test_it_judges_a_photo_protected_elsewhere_by_the_threshold_made_here(
    mine, astronaut, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("workbench.bench.Workbench", lambda settings: mine)
    small = tmp_path / "photo.png"
    Image.fromarray(np.ascontiguousarray(astronaut[:260, 90:350])).save(small)

    assert main(["protect", "--elsewhere", str(small), str(small), "--judge", "newcomer"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "newcomer" in json.dumps(told)
