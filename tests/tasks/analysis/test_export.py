"""What was found, as other programs' files: their own rules of counting, their signs, their columns."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from workbench.catalog.expression import BASIC
from workbench.geometry import turn
from workbench.signs import Signs
from workbench.tasks.analysis import FaceAnalysis, Gaze, analyse_face, export
from workbench.values import Pose, Scores

ROOT = Path(__file__).resolve().parents[3]

OPENFACE_AXES = ("pose_Rx", "pose_Ry", "pose_Rz", "gaze_angle_x", "gaze_angle_y")


@pytest.fixture(scope="module")
def found(astronaut, astronaut_face) -> FaceAnalysis:
    return analyse_face(astronaut, astronaut_face)


def test_the_table_has_a_row_per_face_and_every_number(found):
    face = replace(found, signs=(Signs("py", units={"AU12": 0.7}, valence=0.5, own={"gaze yaw (degrees)": 3.0}),))
    (row,) = csv.DictReader(io.StringIO(export.table("a.png", [face])))

    assert row["photo"] == "a.png"
    assert float(row["yaw"]) == pytest.approx(found.face.pose.yaw, abs=1e-3)
    assert float(row["gaze_yaw"]) == pytest.approx(found.gaze.yaw, abs=1e-3)
    assert float(row["brow_raise"]) == pytest.approx(found.figures["brow raise"], abs=1e-3)
    assert (row["py_AU12"], row["py_valence"], row["py_gaze_yaw_degrees"]) == ("0.7", "0.5", "3.0")
    assert row["quality"] == "good"


def test_a_photo_named_like_a_formula_is_a_text_in_the_table(found):
    (row,) = csv.DictReader(io.StringIO(export.table("=cmd|x.png", [found])))

    assert row["photo"] == "'=cmd|x.png"


def test_action_units_are_in_no_column_without_a_model(found):
    assert not [name for name in export.row(found) if name.startswith("AU")]


def test_pts_counts_pixels_from_one_and_has_sixty_eight(found):
    lines = export.pts(found.points("68")).splitlines()

    assert lines[:3] == ["version: 1", "n_points: 68", "{"]
    assert lines[-1] == "}"
    assert len(lines) == 68 + 4
    assert np.fromstring(lines[3], sep=" ") == pytest.approx(found.points("68")[0, :2] + 1, abs=1e-3)


def test_a_line_of_wflw_has_its_207_fields(found):
    (line,) = export.wflw("my photo.png", [replace(found, face=replace(found.face, pose=Pose(40, 0, 0)))]).splitlines()
    fields = line.split(" ")

    assert len(fields) == 196 + 4 + 6 + 1
    assert [float(value) for value in fields[:2]] == pytest.approx(found.points("98")[0, :2].tolist(), abs=1e-3)
    assert fields[200:206] == ["1", "0", "0", "0", "0", "0"]
    assert fields[-1] == "my_photo.png"


def test_openfaces_columns_are_radians_in_its_axes(found):
    posed = replace(found, face=replace(found.face, pose=Pose(20, 10, 5)), gaze=Gaze(15, -10))
    (row,) = csv.DictReader(io.StringIO(export.openface([posed])))
    x, y, z = (float(row[name]) for name in OPENFACE_AXES[:3])
    sines, cosines = np.sin([x, y, z]), np.cos([x, y, z])
    first = np.array([[1, 0, 0], [0, cosines[0], -sines[0]], [0, sines[0], cosines[0]]])
    second = np.array([[cosines[1], 0, sines[1]], [0, 1, 0], [-sines[1], 0, cosines[1]]])
    third = np.array([[cosines[2], -sines[2], 0], [sines[2], cosines[2], 0], [0, 0, 1]])

    assert first @ second @ third == pytest.approx(turn(Pose(20, 10, 5)), abs=1e-3)  # R = Rx · Ry · Rz
    assert float(row["gaze_angle_x"]) == pytest.approx(np.radians(15), abs=1e-3)
    assert float(row["gaze_angle_y"]) > 0  # down is positive in OpenFace
    assert {f"{axis}_{n}" for axis in "xy" for n in range(68)} <= set(row)
    assert not [name for name in row if name.startswith(("AU", "pose_T", "X_"))]


def test_coco_key_points_are_three_numbers_each(found):
    told = json.loads(export.coco("a.png", (512, 512), [found]))
    (note,) = told["annotations"]

    assert len(note["keypoints"]) == 3 * len(told["categories"][0]["keypoints"]) == 204
    assert note["keypoints"][:2] == pytest.approx(found.points("68")[0, :2].tolist(), abs=0.01)
    assert note["bbox"][2] == pytest.approx(float(found.face.box[2] - found.face.box[0]), abs=0.02)


def test_the_json_has_the_mesh(found):
    told = json.loads(export.as_json("a.png", (512, 512), [found]))

    assert np.shape(told["faces"][0]["points"]["mesh"]) == (478, 3)


def test_a_face_without_landmarks_is_in_the_table_and_in_no_file_of_points(found):
    face = replace(found.face, mesh=None, pose=None, eyes_open=None, mouth_open=None)
    bare = replace(found, face=face, gaze=None, figures={})

    assert len(export.table("a.png", [bare]).splitlines()) == 2
    assert export.wflw("a.png", [bare]) == ""
    assert json.loads(export.coco("a.png", (9, 9), [bare]))["annotations"] == []
    assert export.openface([bare]).strip() == ""


PYFEAT = {
    *("frame", "FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore", "Pitch", "Roll", "Yaw"),
    *("X", "Y", "Z", "gaze_pitch", "gaze_yaw", "gaze_angle", "valence", "arousal", "Identity", "AU12", "x_0", "y_67"),
    *("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"),
}
OPENFACE = [
    *("frame", "face_id", "timestamp", "confidence", "success"),
    *(f"gaze_{eye}_{axis}" for eye in (0, 1) for axis in "xyz"),
    *("gaze_angle_x", "gaze_angle_y", "pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz"),
    *(f"{axis}_{number}" for axis in "xy" for number in range(68)),
]
"""Columns as their authors document them, those that we could have."""


def _compared() -> list[list[list[str]]]:
    """The table of docs/analysis.md: rows of four lists of names."""
    text = (ROOT / "docs" / "analysis.md").read_text().partition("### The columns beside")[2]
    lines = [line.strip("|").split("|")[1:] for line in text.splitlines() if line.startswith("|")][2:]
    rows = [[re.findall(r"`([^`]+)`", cell) for cell in line] for line in lines]
    return rows[: next(place for place, row in enumerate(rows) if "pose_T*" in row[1])]


def test_the_names_that_the_docs_set_beside_py_feats_and_openfaces_are_those_written(found):
    told = Signs("MODEL", units={"AU12": 0.7}, valence=0.5, arousal=0.1)
    mood = Scores(BASIC, np.full(len(BASIC), 1 / len(BASIC), np.float32), "m")
    face = replace(found, signs=(told,), gaze=Gaze(15, -10), expression=mood)
    (ours,), (theirs,) = (
        csv.DictReader(io.StringIO(text)) for text in (export.table("a.png", [face]), export.openface([face]))
    )
    rows = _compared()

    assert len(rows) == 10
    for pyfeat, openface, here_openface, here in rows:
        assert set(pyfeat) <= PYFEAT
        assert {name for name in openface if not name.startswith("AU")} <= set(OPENFACE)
        assert set(here_openface) <= set(theirs)
        assert set(here) <= set(ours)
    assert set(theirs) - {"face"} <= set(OPENFACE)
    assert [name for name in OPENFACE if name in theirs] == [name for name in theirs if name != "face"]
