"""A new recogniser's row is all it takes: it is found in pairs, protection, likeness, people in a folder, reports of
raters and on the command line, and nowhere is a line written for it."""

import base64
import csv
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


def test_pictures_made_elsewhere_are_measured_by_it(mine, astronaut, stranger, tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.bench.Workbench", lambda settings: mine)
    for name, picture in {"references/ann": astronaut, "tool/ann-1": astronaut, "tool/ann-2": stranger}.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(tmp_path / "in" / f"{name}.png")

    assert main(["likeness", str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 0
    same, other = csv.DictReader((tmp_path / "out" / "ratings.csv").read_text().splitlines())
    assert float(same["newcomer"]) == pytest.approx(1, abs=1e-4)
    assert float(other["newcomer"]) < float(same["newcomer"])
    assert same["newcomer, one person"] == "True"


def test_people_in_a_folder_are_told_apart_by_it(mine, astronaut, tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.bench.Workbench", lambda settings: mine)
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("one", "two"):
        Image.fromarray(astronaut).save(photos / f"{name}.png")

    assert main(["people", str(photos), "--model", "newcomer", "--out", str(tmp_path / "out")]) == 0
    rows = list(csv.DictReader((tmp_path / "out" / "people.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["person"] for row in rows] == ["person-001"] * 2
    with (tmp_path / "out" / "faces.csv").open(encoding="utf-8") as stream:
        assert {len(base64.b64decode(row["embedding"])) for row in csv.DictReader(stream)} == {64 * 4}, (
            "its own vectors"
        )
