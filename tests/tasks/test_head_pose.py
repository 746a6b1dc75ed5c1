"""Head pose and openness, on heads turned by known angles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.geometry import pose_of, turn
from workbench.tasks import head_pose
from workbench.values import Pose

angles = st.builds(Pose, st.floats(-80, 80), st.floats(-80, 80), st.floats(-170, 170))


def same(first: Pose, second: Pose, tolerance: float = 1e-4) -> bool:
    return all(abs(getattr(first, name) - getattr(second, name)) < tolerance for name in ("yaw", "pitch", "roll"))


def head(pose: Pose, size: float = 80.0) -> np.ndarray:
    """A mesh whose rigid points are the mean head turned by `pose`."""
    mesh = np.zeros((478, 3), np.float32)
    mesh[list(head_pose.INDICES)] = size * head_pose.HEAD @ turn(pose).T + (300, 200, 0)
    return mesh


@given(angles)
def test_turn_and_pose_of_are_each_others_way_back(pose):
    rotation = turn(pose)
    assert np.allclose(rotation @ rotation.T, np.eye(3))
    assert np.linalg.det(rotation) == pytest.approx(1)
    assert same(pose_of(rotation), pose)


@given(angles, st.floats(10, 2000))
def test_a_turned_head_tells_how_it_was_turned(pose, size):
    assert same(head_pose.head_pose(head(pose, size)), pose, 0.05)


def test_signs_are_those_the_value_promises():
    nose = head_pose.INDICES.index(1)
    for pose, axis, sign in (
        (Pose(30, 0, 0), 0, 1),
        (Pose(-30, 0, 0), 0, -1),
        (Pose(0, 30, 0), 1, -1),
        (Pose(0, -30, 0), 1, 1),
    ):
        moved = (head_pose.HEAD @ turn(pose).T - head_pose.HEAD)[nose, axis]
        assert np.sign(moved) == sign, pose
    eyes = head_pose.HEAD[[head_pose.INDICES.index(33), head_pose.INDICES.index(263)]] @ turn(Pose(0, 0, 30)).T
    assert eyes[1, 1] > eyes[0, 1]  # clockwise: the eye on the image's right sinks


def test_the_mean_head_is_symmetric_and_looks_at_the_camera():
    pairs = [(head_pose.INDICES.index(left), head_pose.INDICES.index(right)) for left, right in head_pose.SIDES]
    for left, right in pairs:
        assert np.allclose(head_pose.HEAD[left] * (-1, 1, 1), head_pose.HEAD[right])
        assert head_pose.HEAD[left, 0] < 0
    assert head_pose.HEAD[head_pose.INDICES.index(1), 2] == head_pose.HEAD[:, 2].min()  # the nose tip is nearest


def eye(mesh: np.ndarray, side: int, gap: float) -> None:
    (outer, inner), lids = head_pose.LIDS[side]
    mesh[outer], mesh[inner] = (0, 0, 0), (20, 0, 0)
    for place, (upper, lower) in enumerate(lids):
        mesh[upper], mesh[lower] = (5 * place + 5, -gap / 2, 0), (5 * place + 5, gap / 2, 0)


def test_eyes_open_is_gap_over_width_and_left_comes_first():
    mesh = np.zeros((478, 3), np.float32)
    eye(mesh, 0, 6)
    eye(mesh, 1, 1)
    assert head_pose.eyes_open(mesh) == pytest.approx((0.3, 0.05))


def test_openness_does_not_change_when_the_head_turns():
    mesh = np.zeros((478, 3), np.float32)
    eye(mesh, 0, 6)
    eye(mesh, 1, 6)
    mesh[[13, 14, 61, 291]] = [[10, 28, 0], [10, 34, 0], [0, 30, 0], [20, 30, 0]]
    turned = (mesh @ turn(Pose(50, 20, 70)).T).astype(np.float32)
    assert head_pose.eyes_open(turned) == pytest.approx(head_pose.eyes_open(mesh), rel=1e-4)
    assert (
        head_pose.mouth_open(turned)
        == pytest.approx(head_pose.mouth_open(mesh), rel=1e-4)
        == pytest.approx(0.3, rel=1e-4)
    )


def test_a_collapsed_mesh_gives_numbers_not_a_division_by_zero():
    mesh = np.zeros((478, 3), np.float32)
    assert head_pose.eyes_open(mesh) == (0, 0)
    assert head_pose.mouth_open(mesh) == 0
