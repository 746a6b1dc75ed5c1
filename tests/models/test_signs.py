"""What models say of a face besides their labels, in the photo's pixels and in our signs."""

from types import SimpleNamespace

import numpy as np
import pytest

from workbench.errors import BadRequest
from workbench.models.expressions.pyfeat import BLENDSHAPES, UNITS, PyFeat
from workbench.models.parsers.facexformer import signs
from workbench.signs import Signs


def test_facexformers_points_come_back_in_the_photos_pixels_and_its_yaw_in_our_sign():
    found = {
        "landmarks": np.array([[-1, -1], [1, 1], [0, 0]], np.float32),
        "pose": np.radians([10, 20, 5]).astype(np.float32),
        "visibility": np.zeros(29, np.float32),
    }
    told = signs("facexformer", found, (100, 50, 300, 150))

    assert told.points == pytest.approx(np.array([[99.5, 49.5], [299.5, 149.5], [199.5, 99.5]]))
    assert (told.pose.yaw, told.pose.pitch, told.pose.roll) == pytest.approx((-20, 10, 5))
    assert set(told.visibility.values()) == {0.5}
    assert len(told.visibility) == 29


@pytest.mark.parametrize(("pitch", "yaw", "roll"), [(0, 25, 0), (0, -40, 0), (15, 0, 0), (0, 0, 20), (-10, 30, 5)])
def test_a_head_turned_by_300w_lps_angles_is_told_in_our_sign(pitch, yaw, roll):
    """300W-LP turns a head (right, up, towards the camera) by Rx(pitch) Ry(yaw) Rz(roll), as 3DDFA's Pose_Para has it;
    where its nose and crown go says what the angles mean."""
    x, y, z = np.radians([pitch, yaw, roll])
    about_x = np.array([[1, 0, 0], [0, np.cos(x), np.sin(x)], [0, -np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(z), np.sin(z), 0], [-np.sin(z), np.cos(z), 0], [0, 0, 1]])
    turned = about_x @ about_y @ about_z
    nose, crown = turned @ (0, 0, 1), turned @ (0, 1, 0)
    found = {
        "landmarks": np.zeros((68, 2), np.float32),
        "pose": np.radians([pitch, yaw, roll]).astype(np.float32),
        "visibility": np.zeros(29, np.float32),
    }
    pose = signs("facexformer", found, (0, 0, 100, 100)).pose

    if yaw:
        assert np.sign(nose[0]) == np.sign(pose.yaw), "our yaw is positive where the nose is right of the middle"
    if pitch:
        assert np.sign(nose[1]) == np.sign(pose.pitch), "our pitch where it is above"
    if roll:
        assert np.sign(crown[0]) == np.sign(pose.roll), "our roll where the crown is to the right"


def test_pyfeats_heads_are_named_and_its_mesh_lies_on_the_photo(astronaut_face, astronaut):
    chip = np.zeros((224, 224, 3), np.uint8)
    raw = {
        "units": np.linspace(0, 1, 20), "moods": np.array([0.4, -0.2]), "gaze": np.radians([10, -5]),
        "pose": np.radians([1.0, 2, 3, 0, 0, 0]), "mesh": np.full((478, 3), 0.5), "blendshapes": np.linspace(0, 1, 52),
    }  # fmt: skip
    model = SimpleNamespace(
        spec=SimpleNamespace(id="pyfeat-multitask"),
        crop=lambda image, face: chip,
        raw=lambda image: raw,
        window=lambda face, shape: (np.array([[2.0, 0, -10], [0, 2.0, 20]]), 224),
    )
    told = PyFeat.signs(model, astronaut, astronaut_face)

    assert tuple(told.units) == UNITS
    assert tuple(told.blendshapes) == BLENDSHAPES
    assert len(set(BLENDSHAPES)) == 52
    assert (told.valence, told.arousal) == pytest.approx((0.4, -0.2))
    assert told.points[0] == pytest.approx([(111.5 + 10) / 2, (111.5 - 20) / 2])
    assert told.own["gaze yaw (degrees, to the image's right)"] == pytest.approx(-10)
    assert told.own["gaze pitch (degrees, up)"] == pytest.approx(-5)
    assert (told.pose.yaw, told.pose.pitch, told.pose.roll) == pytest.approx((-2, 1, 3))  # its first number is pitch


def test_points_of_another_shape_are_refused():
    with pytest.raises(BadRequest, match=r"expected \(n, 2\) float32"):
        Signs("x", points=np.zeros((3, 3), np.float32))
