"""YuNet behind the finder's promise: OpenCV's own answers, sides of the image, small faces, damaged files."""

import cv2
import numpy as np
import pytest

from workbench.errors import BadWeights
from workbench.models.finders import yunet
from workbench.sources.fetching import verify
from workbench.tasks.detection import find_faces


@pytest.fixture(scope="module")
def net(bench):
    return bench.finder("yunet")


def test_it_says_what_opencv_says(net, bench, astronaut):
    spec = bench.spec("yunet")
    path = verify(next(file for file in spec.files if file.role == "yunet"), bench.settings)
    official = cv2.FaceDetectorYN.create(str(path), "", astronaut.shape[1::-1], 0.3, 0.3, 5000)
    _, rows = official.detect(np.ascontiguousarray(astronaut[..., ::-1]))
    found = net.detect(astronaut, 0.3)
    rows = rows[np.argsort(-rows[:, 14])]
    assert np.abs(found.boxes[:, :2] - rows[:, :2]).max() < 0.51
    assert found.scores == pytest.approx(rows[:, 14], abs=1e-6)


def test_the_first_eye_is_the_one_on_the_images_left(net, astronaut):
    points = net.detect(astronaut).keypoints[0]
    mirrored = net.detect(np.ascontiguousarray(astronaut[:, ::-1])).keypoints[0]
    assert points[4, 0] < points[0, 0] < points[2, 0] < points[1, 0] < points[5, 0]
    assert mirrored[0, 0] == pytest.approx(511 - points[1, 0], abs=3)


def test_a_face_of_twenty_pixels_in_a_wide_picture_is_found_in_one_look(net, astronaut):
    wide = np.full((480, 640, 3), 180, np.uint8)
    wide[200:300, 300:400] = cv2.resize(astronaut, (100, 100), interpolation=cv2.INTER_AREA)
    found = net.detect(wide, 0.3)
    assert len(found) == 1
    assert np.abs(found.boxes[0] - (336, 212, 353, 234)).max() < 5


def test_a_large_picture_is_seen_smaller_and_answered_in_its_own_pixels(net, astronaut):
    large = cv2.resize(astronaut, (2560, 2560))
    small = net.detect(astronaut).boxes[0]
    assert net.detect(large).boxes[0] == pytest.approx(small * 5, abs=30)


def test_the_search_takes_it_as_any_finder(net, astronaut, astronaut_face):
    (face,) = find_faces(astronaut, net)
    assert face.mesh is not None
    assert np.abs(face.box - astronaut_face.box).max() < 6


def test_a_damaged_file_is_a_sentence(bench, tmp_path):
    files = {file.role: verify(file, bench.settings) for file in bench.spec("yunet").files}
    broken = tmp_path / "yunet.onnx"
    broken.write_bytes(files["yunet"].read_bytes()[:5000])
    with pytest.raises(BadWeights, match=r"yunet\.onnx is no YuNet"):
        yunet.load(bench.spec("yunet"), files | {"yunet": broken}, "cpu")
