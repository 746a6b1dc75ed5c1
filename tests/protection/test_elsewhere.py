"""A photo protected elsewhere is judged as ours are: by the saved pixels, beside the photo as it was."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.protection.toys import ToyRecogniser
from workbench.cli import main
from workbench.errors import BadRequest
from workbench.images import encode_png
from workbench.protection.elsewhere import judge_elsewhere, seen, words

JUDGES = (ToyRecogniser("a", 1, threshold=0.999), ToyRecogniser("b", 2, threshold=-0.5))


def test_recognisers_read_the_changed_photo_and_its_change_is_measured(astronaut, astronaut_face, finder) -> None:
    changed = astronaut.astype(np.int16)
    changed[80:150, 190:250] += 30
    found = judge_elsewhere(astronaut, astronaut_face, changed.clip(0, 255).astype(np.uint8), JUDGES, finder)

    assert [reading.role for reading in found.readings] == ["judge", "judge"]
    assert found.readings[0].before == pytest.approx(1, abs=1e-3)
    assert found.readings[0].after < 0.9999
    assert found.visibility > 2
    assert "Still matched by" in words(found)
    assert "plain to see" in words(found)


def test_an_untouched_photo_of_half_the_size_is_still_matched_and_hardly_seen(
    astronaut, astronaut_face, finder
) -> None:
    half = cv2.resize(astronaut, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    found = judge_elsewhere(astronaut, astronaut_face, half, JUDGES[1:], finder)

    assert words(found).startswith("0 of 1")
    assert found.state == "not protected"
    assert found.change.shape == astronaut.shape[:2]


def test_cropped_photos_and_no_judge_are_refused_in_words(astronaut, astronaut_face, finder) -> None:
    with pytest.raises(BadRequest, match="different shapes"):
        judge_elsewhere(astronaut, astronaut_face, astronaut[:400], JUDGES, finder)
    with pytest.raises(BadRequest, match="at least one recogniser"):
        judge_elsewhere(astronaut, astronaut_face, astronaut, [], finder)


def test_words_for_every_visibility() -> None:
    told = [seen(level) for level in (0.2, 1.2, 2.0, 9.0)]

    assert len(set(told)) == 4
    assert told[-1] == "plain to see"


def test_the_command_prints_the_figures(astronaut, tmp_path: Path, settings, monkeypatch, capsys) -> None:
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    photo = tmp_path / "photo.png"
    photo.write_bytes(encode_png(astronaut[:400, 40:420]))

    asked = ["--elsewhere", str(photo), str(photo), "--judge", "mobilefacenet", "--out", str(tmp_path / "found.json")]

    assert main(["protect", *asked]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((tmp_path / "found.json").read_text())
    assert [reading["model"] for reading in told["readings"]] == ["mobilefacenet"]
    assert told["looks"]["visibility"] < 0.1
