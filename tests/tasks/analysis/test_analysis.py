"""Everything a face shows: points in other orders, gaze, geometry's figures, what covers it, who could not say."""

from dataclasses import replace

import numpy as np
import pytest

from workbench.errors import BadRequest
from workbench.geometry import turn
from workbench.parts import INDEX
from workbench.photo import Found, Photo
from workbench.tasks.analysis import LAYOUTS, Readers, analyse, analyse_face, angle_between, gaze, points_of
from workbench.tasks.analysis.covering import covered
from workbench.tasks.analysis.eyes import BALL, BEHIND, BELOW, CORNERS, INWARD, IRIS
from workbench.tasks.analysis.figures import figures, word
from workbench.tasks.analysis.layouts import MAP_68
from workbench.tasks.expression import Verdict
from workbench.values import Face, Pose


def mirrored(face: Face, width: int) -> Face:
    """The same face in the photo's mirror image, its mesh points renamed as the mesh names sides."""
    flip = np.arange(478)
    for left, right in PAIRS:
        flip[left], flip[right] = right, left
    mesh = face.mesh[flip].copy()
    mesh[:, 0] = width - 1 - mesh[:, 0]
    pose = Pose(-face.pose.yaw, face.pose.pitch, -face.pose.roll)
    return replace(face, mesh=mesh, pose=pose, eyes_open=face.eyes_open[::-1])


PAIRS = ((33, 263), (133, 362), (468, 473), (61, 291), (105, 334), (66, 296), (107, 336), (127, 356), (234, 454))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_has_its_points_inside_the_face(layout, astronaut_face):
    points = points_of(astronaut_face.mesh, layout)

    assert points.shape == (LAYOUTS[layout], 3)
    assert points.dtype == np.float32
    low, high = astronaut_face.mesh.min(axis=0) - 1e-3, astronaut_face.mesh.max(axis=0) + 1e-3
    assert (points >= low).all()
    assert (points <= high).all()


def test_the_layouts_name_the_same_places(astronaut_face):
    by_68, by_98, five = (points_of(astronaut_face.mesh, name)[:, :2] for name in ("68", "98", "5"))

    assert len(set(MAP_68)) == 68
    assert (by_68[[36, 39, 42, 45]] == by_98[[60, 64, 68, 72]]).all()  # eye corners
    assert (by_68[[48, 54]] == by_98[[76, 82]]).all()  # lip corners
    assert (by_68[8] == by_98[16]).all()  # the chin
    assert (by_98[[96, 97]] == five[:2]).all()  # pupils
    steps = np.linalg.norm(np.diff(by_98[:33], axis=0), axis=1)
    assert steps.max() < 2.5 * steps.min()


def test_an_unknown_layout_is_refused(astronaut_face):
    with pytest.raises(BadRequest, match="no layout '70'"):
        points_of(astronaut_face.mesh, "70")


def looked(face: Face, yaw: float, pitch: float) -> Face:
    """The face with its irises where eyes that look `yaw` and `pitch` against the head would have them."""
    mesh, rotation = face.mesh.copy(), turn(face.pose)
    y, p = np.radians([yaw, pitch])
    ray = rotation @ np.array([np.sin(y) * np.cos(p), -np.sin(p), -np.cos(y) * np.cos(p)])
    for side, corners in enumerate(CORNERS):
        ends = mesh[list(corners)].astype(np.float64)
        width = np.linalg.norm(ends[1] - ends[0])
        middle = ends.mean(0) + width * rotation @ np.array([INWARD if side == 0 else -INWARD, BELOW, BEHIND])
        mesh[IRIS[side], :2] = middle[:2] + BALL * width * ray[:2]
    return replace(face, mesh=mesh.astype(np.float32))


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (20, 0), (-25, 5), (5, -15)])
def test_gaze_is_what_moved_the_irises(astronaut_face, yaw, pitch):
    seen = gaze(looked(astronaut_face, yaw, pitch))

    assert seen.in_head == pytest.approx((yaw, pitch), abs=0.2)
    assert seen.apart < 0.5


def test_gaze_to_the_right_of_the_image_is_positive_and_mirrors(astronaut_face, astronaut):
    here = gaze(looked(astronaut_face, 15, 4))
    there = gaze(mirrored(looked(astronaut_face, 15, 4), astronaut.shape[1]))

    assert here.yaw > 10
    assert there.yaw == pytest.approx(-here.yaw, abs=0.2)
    assert there.pitch == pytest.approx(here.pitch, abs=0.2)


def test_somebody_who_looks_into_the_camera_is_seen_to(astronaut_face):
    seen = gaze(astronaut_face)

    assert abs(seen.yaw) < 6
    assert abs(seen.pitch) < 6


def test_closed_eyes_look_nowhere_and_one_open_eye_is_enough(astronaut_face):
    one = gaze(replace(astronaut_face, eyes_open=(0.05, 0.3)))

    assert gaze(replace(astronaut_face, eyes_open=(0.05, 0.05))) is None
    assert one.apart is None
    assert abs(one.yaw) < 10


def test_angles_between_directions():
    assert angle_between(Pose(0, 0, 0), Pose(30, 0, 99)) == pytest.approx(30)
    assert angle_between(Pose(0, 90, 0), Pose(77, 90, 0)) == pytest.approx(0, abs=1e-5)


def test_figures_do_not_change_when_the_photo_is_turned(astronaut_face):
    angle = np.radians(40)
    turned = astronaut_face.mesh @ np.array(
        [[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]], np.float32
    )
    here, there = figures(astronaut_face), figures(replace(astronaut_face, mesh=turned))

    assert there == pytest.approx(here, abs=1e-3)
    assert here["lip corner pull"] > 0.05  # the astronaut smiles
    assert not [name for name in here if "AU" in name.upper().split()]


def test_a_figure_is_called_high_only_where_portraits_seldom_go():
    assert [word("brow raise", value) for value in (0.2, 0.25, 0.3)] == ["low", "usual", "high"]
    assert word("shoe size", 40) == ""


def test_what_lies_over_a_face_is_measured_and_named(astronaut_face, astronaut):
    bare = np.full(astronaut.shape[:2], INDEX["skin"], np.uint8)
    masked = bare.copy()
    masked[round(float(astronaut_face.points[2, 1])) :] = INDEX["cloth"]

    assert covered(bare, astronaut_face).value == 0
    found = covered(masked, astronaut_face)
    assert 0.3 < found.value < 0.8
    assert found.grade < 0.75
    assert found.words.endswith("mostly by cloth.")
    assert covered(bare, replace(astronaut_face, mesh=None)) is None


def test_one_face_with_the_models_that_are_here(bench, astronaut, astronaut_face):
    readers = Readers(bench.expression(), (bench.attributes("age"), bench.attributes("gender")), bench.parser())
    (found,) = analyse(Found(Photo(astronaut, "a.png"), (astronaut_face,)), readers)

    assert isinstance(found.expression, Verdict)
    assert found.expression_word == "happy"
    assert 25 < found.age < 50
    assert [scores.labels for scores in found.attributes] == [("female", "male")]
    assert "covered" in [finding.name for finding in found.quality.findings]
    assert found.untold == ()
    assert found.points("68").shape == (68, 3)


def test_without_models_geometry_alone_answers(astronaut, astronaut_face):
    found = analyse_face(astronaut, astronaut_face)

    assert found.gaze is not None
    assert set(found.figures) == {"brow raise", "brows apart", "lip corner pull", "mouth width", "jaw drop"}
    assert found.expression is None
    assert found.expression_word == ""
    assert found.quality.verdict == "good"


def test_what_a_model_cannot_judge_is_said_and_the_rest_is_there(bench, astronaut, astronaut_face):
    small = replace(astronaut_face, box=np.array([200, 100, 215, 115], np.float32))
    found = analyse_face(astronaut, small, Readers(bench.expression(), (bench.attributes("age"),)))

    assert found.expression is None
    assert found.age is None
    assert len(found.untold) == 2
    assert "at least 20 are needed" in found.untold[0]
    assert found.gaze is not None


def test_a_face_without_landmarks_says_less_and_breaks_nothing(astronaut, astronaut_face):
    bare = Face(astronaut_face.box, astronaut_face.points, astronaut_face.score)
    found = analyse_face(astronaut, bare)

    assert (found.gaze, found.figures, found.points()) == (None, {}, None)
    assert found.quality is not None
