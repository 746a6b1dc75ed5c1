"""`analyse` on a folder: a row per face, points beside it, resumed, and honest about what it cannot read."""

import csv
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbench.cli import main


@pytest.fixture
def folder(settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, astronaut: np.ndarray) -> Path:
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(np.concatenate([astronaut[:, 100:400], astronaut[:, 100:400]], axis=1)).save(photos / "two.png")
    Image.fromarray(np.full((90, 120, 3), 99, np.uint8)).save(photos / "empty.png")
    return photos


def test_every_face_has_a_row_and_its_points(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "out"
    asked = ["analyse", str(folder), "--out", str(out), "--write", "json", "pts", "openface"]

    assert main(asked) == 1, "one photo has no face, and the exit code says so"
    with (out / "analysis.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["file"] for row in rows] == ["empty.png", "two.png", "two.png"]
    assert rows[1]["expression"] == rows[2]["expression"] == "happy"
    assert {row["face"] for row in rows[1:]} == {"1", "2"}
    assert abs(float(rows[1]["gaze_yaw"])) < 12
    told = json.loads((out / "two.analysis.json").read_text())
    assert len(told["faces"][1]["points"]["mesh"]) == 478
    assert zipfile.ZipFile(out / "two.pts.zip").namelist() == ["two_face1.pts", "two_face2.pts"]
    assert len((out / "two.openface.csv").read_text().splitlines()) == 3
    capsys.readouterr()

    assert main(asked) == 1
    assert "0 done, 1 already there, 1 failed" in capsys.readouterr().out


def test_what_cannot_be_asked_is_refused_before_any_photo(folder: Path, tmp_path: Path, capsys) -> None:
    out = ["--out", str(tmp_path / "out")]

    assert main(["analyse", str(folder), *out, "--more", "fer"]) == 2
    assert "says no more of a face than its labels" in capsys.readouterr().err
    assert main(["analyse", str(folder), *out, "--finder", "compact"]) == 2
