"""Repair after drawing: the report is of what came out, and says how far that is from what was drawn."""

import cv2
import numpy as np
import pytest

from tests.generation.fake_portrait import FakePortrait
from workbench.generation import marking
from workbench.generation.references import read_person
from workbench.generation.report import Target
from workbench.generation.sheets import draw_sheet
from workbench.portraits import Recipe


@pytest.fixture(scope="module")
def both(bench):
    return {name: bench.model(name) for name in ("dlib", "sface")}


@pytest.fixture(scope="module")
def sheet(bench, both, astronaut, finder):
    """Draw two pictures, and repair them by a function."""
    person = read_person([("astronaut", astronaut)], finder, both)
    model = FakePortrait(bench.model("dcgan-digiface-64"))
    rows = np.repeat(person.vectors["dlib"][None], 2, axis=0)

    def drawn(repair):
        given = None if repair is None else ("mender", repair)
        targets = [Target(person.name, person.vectors)]
        return draw_sheet(model, "fake", rows, targets, Recipe(1, steps=1), finder, both, repair=given)

    return drawn


def test_a_repair_that_changes_nothing_drifts_nowhere(sheet):
    plain, same = sheet(None), sheet(lambda image, face: image)

    assert plain.drifts == ()
    assert "Repair" not in plain.words()
    by = {drift.recogniser: drift for drift in same.drifts}
    assert by["sface"].scores == pytest.approx(1, abs=1e-4)
    assert by["dlib"].scores == pytest.approx(0, abs=1e-4)
    assert by["sface"].before == pytest.approx(by["sface"].after, abs=1e-4)
    assert "2 of 2 are still taken for the face that was drawn" in by["sface"].words()


def test_a_repair_that_draws_somebody_else_is_told(sheet, astronaut):
    other = sheet(lambda image, face: astronaut)
    by = {drift.recogniser: drift for drift in other.drifts}

    assert (by["sface"].scores < 0.9).all()
    assert by["sface"].after == pytest.approx(1, abs=1e-3)  # the reference itself was handed out
    assert by["sface"].before < 0.9
    assert other.pictures[0].shape == astronaut.shape
    assert other.report.faces[0].size > 100
    assert [row["sface, repaired to drawn"] for row in other.rows()] == pytest.approx(
        list(by["sface"].scores), abs=1e-5
    )
    assert other.record()["repair"] == "mender"
    assert "Repair, by SFace" in other.words()


def test_a_picture_says_what_repaired_it(sheet, tmp_path):
    path = tmp_path / "drawn.png"
    path.write_bytes(sheet(lambda image, face: image).png(0))

    assert marking.read(path)["Repair"] == "mender"


def test_a_face_lost_in_repair_has_no_figure(sheet):
    lost = sheet(lambda image, face: np.full_like(image, 128))

    assert all(np.isnan(drift.scores).all() for drift in lost.drifts)
    assert "no face to compare" in lost.drifts[0].words()
    assert lost.rows()[0]["sface, repaired to drawn"] is None


def test_pictures_without_a_face_are_left_alone():
    from workbench.generation.repair import repaired

    wall = np.full((40, 40, 3), 128, np.uint8)
    assert repaired([wall], [None], lambda image, face: cv2.bitwise_not(image))[0] is wall
