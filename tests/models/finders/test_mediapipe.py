"""Detectors, mesh, iris and matte: pinned outputs, geometry of the photo's pixels, left and right, threads, damaged
files."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from workbench import WEIGHTS
from workbench.catalog.detection import MATTE, ROWS
from workbench.errors import BadWeights
from workbench.models.finders import mediapipe
from workbench.models.parsers.selfie import Matte

FILES = {file.role: WEIGHTS / file.source.partition(":")[2] for file in ROWS[0].files}
MIRRORED = [
    (33, 263),
    (133, 362),
    (61, 291),
    (234, 454),
    (468, 473),
    (159, 386),
    (70, 300),
    (1, 1),
    (152, 152),
    (13, 13),
]


@pytest.fixture(scope="module")
def finder() -> mediapipe.FaceFinder:
    return mediapipe.load(ROWS[0], FILES, "cpu")


@pytest.fixture(scope="module")
def matte() -> Matte:
    return Matte(WEIGHTS / MATTE.source.partition(":")[2])


@pytest.fixture(scope="module")
def found(finder, astronaut):
    return finder.detect(astronaut)


@pytest.fixture(scope="module")
def mesh(finder, astronaut, found):
    return finder.mesh(astronaut, found.boxes[0], found.keypoints[0])


def test_raw_outputs_on_the_astronaut_are_as_pinned(finder, astronaut):
    raw = finder.raw(astronaut)
    assert {name: values.shape for name, values in raw.items()} == {
        "back_boxes": (896, 16),
        "back_logits": (896,),
        "full_boxes": (2304, 16),
        "full_logits": (2304,),
        "mesh": (468, 3),
        "mesh_logit": (1,),
        "eye": (71, 3),
        "iris": (5, 3),
    }
    assert raw["back_logits"].argmax() == 111
    assert raw["back_logits"][111] == pytest.approx(1.977, abs=0.02)
    assert raw["back_boxes"][111, :6] == pytest.approx([-7.68, 7.46, 52.69, 52.69, -18.70, -4.90], abs=0.1)
    assert raw["full_logits"].argmax() == 549
    assert raw["full_boxes"][549, :6] == pytest.approx([-1.17, -0.54, 39.90, 39.90, -9.07, -7.77], abs=0.1)
    close = finder.raw(np.ascontiguousarray(astronaut[60:190, 160:290]))
    assert close["mesh_logit"][0] == pytest.approx(42.14, abs=0.5)
    pinned = [[93.21, 103.01, -32.98], [51.21, 59.54, 4.45], [140.64, 64.47, 5.36], [60.29, 117.33, 11.37]]
    assert np.abs(close["mesh"][[1, 33, 263, 61]] - pinned).max() < 0.3
    eye = finder.raw(np.ascontiguousarray(astronaut[85:117, 187:219]))
    assert (
        np.abs(
            eye["iris"][:, :2] - [[33.24, 32.07], [40.02, 31.48], [32.52, 25.60], [26.29, 32.68], [33.91, 38.55]]
        ).max()
        < 0.2
    )
    assert np.abs(eye["eye"][[0, 8, 12], :2] - [[21.31, 32.82], [47.96, 35.12], [32.42, 26.48]]).max() < 0.2


def test_the_astronaut_has_one_face_where_it_is(found):
    assert len(found) == 1
    assert found.scores[0] > 0.85
    assert np.abs(found.boxes[0] - [173, 74, 277, 178]).max() < 8
    left_eye, right_eye, nose, mouth, left_ear, right_ear = found.keypoints[0]
    assert left_ear[0] < left_eye[0] < nose[0] < right_eye[0] < right_ear[0]
    assert left_eye[1] < nose[1] < mouth[1]


def test_eyes_and_mouth_of_the_mesh_lie_where_one_sees_them(mesh):
    assert mesh.points.shape == (478, 3)
    assert mesh.points.dtype == np.float32
    assert mesh.score > 0.99
    seen = {468: (203, 101), 473: (246, 103), 1: (222, 129), 61: (200, 140), 291: (247, 142), 152: (223, 174)}
    for point, place in seen.items():
        assert np.abs(mesh.points[point, :2] - place).max() < 4, point


def test_irises_are_ordered_from_the_image_left_and_lie_between_the_lids(mesh):
    for first, (outer, inner), (upper, lower) in ((468, (33, 133), (159, 145)), (473, (263, 362), (386, 374))):
        centre, rim = mesh.points[first, :2], mesh.points[first + 1 : first + 5, :2]
        assert sorted([mesh.points[outer, 0], centre[0], mesh.points[inner, 0]])[1] == centre[0]
        assert mesh.points[upper, 1] < centre[1] < mesh.points[lower, 1]
        assert np.abs(rim.mean(axis=0) - centre).max() < 1.5
        radii = np.hypot(*(rim - centre).T)
        assert radii.max() < 1.6 * radii.min()
    assert mesh.points[468, 0] < mesh.points[473, 0]


def test_refining_moves_eyes_and_brows_only(finder, astronaut, found):
    outline = finder.outline(astronaut, found.boxes[0], found.keypoints[0])
    assert outline.points.shape == (468, 3)
    moved = np.flatnonzero(
        (finder.refine(astronaut, outline).points[:468] != outline.points.astype(np.float32)).any(axis=1)
    )
    assert set(moved) <= set(np.ravel(mediapipe.EYE_CONTOURS))
    assert len(moved) > 130


def test_a_mirrored_photo_gives_the_mirrored_mesh(finder, astronaut, mesh):
    mirrored = np.ascontiguousarray(astronaut[:, ::-1])
    found = finder.detect(mirrored)
    other = finder.mesh(mirrored, found.boxes[0], found.keypoints[0])
    between_eyes = np.hypot(*(mesh.points[468, :2] - mesh.points[473, :2]))
    for left, right in MIRRORED:
        back = other.points[right, :2] * (-1, 1) + (astronaut.shape[1] - 1, 0)
        assert np.hypot(*(mesh.points[left, :2] - back)) < 0.1 * between_eyes, (left, right)


@pytest.mark.parametrize(("top", "left", "scale"), [(0, 400, 1), (130, 60, 1), (50, 700, 2)])
def test_points_are_in_pixels_of_the_photo_wherever_the_face_lies(finder, astronaut, mesh, top, left, scale):
    large = astronaut.repeat(scale, axis=0).repeat(scale, axis=1)
    photo = np.pad(large, ((top, 30), (left, 10), (0, 0)), mode="edge")
    found = finder.detect(photo)
    other = finder.mesh(photo, found.boxes[0], found.keypoints[0]).points
    expected = (mesh.points[:, :2] + 0.5) * scale - 0.5 + (left, top)
    assert np.hypot(*(other[:, :2] - expected).T).mean() < 1.5 * scale
    assert other[1, 2] == pytest.approx(mesh.points[1, 2] * scale, rel=0.15)


def test_a_crop_turned_the_wrong_way_recovers(finder, astronaut, found, mesh):
    for turn in (-0.6, 0.6):
        outline = finder.outline(astronaut, found.boxes[0], found.keypoints[0], turn)
        assert np.hypot(*(outline.points[[1, 61, 291], :2] - mesh.points[[1, 61, 291], :2]).T).max() < 3


def test_an_upside_down_face_fits_when_its_crop_is_turned(finder, astronaut, mesh):
    turned = np.ascontiguousarray(astronaut[::-1, ::-1])
    box = np.array([511 - 277, 511 - 178, 511 - 173, 511 - 74], np.float32)
    level = np.array([[0, 0], [1, 0]], np.float32)
    assert finder.outline(turned, box, level).score < 0.95
    outline = finder.outline(turned, box, level, np.pi)
    assert outline.score > 0.99
    assert np.hypot(*(511 - outline.points[[1, 61, 291], :2] - mesh.points[[1, 61, 291], :2]).T).max() < 3


def test_glance_sees_the_same_face_in_a_window(finder, astronaut, found):
    seen = finder.glance(np.ascontiguousarray(astronaut[20:276, 100:356])).moved(1, (100, 20))
    assert len(seen) == 1
    assert np.abs(seen.boxes[0] - found.boxes[0]).max() < 10


def test_threads_get_the_answers_one_would_get_alone(finder, astronaut, found, mesh):
    with ThreadPoolExecutor(8) as pool:
        meshes = list(pool.map(lambda _: finder.mesh(astronaut, found.boxes[0], found.keypoints[0]), range(16)))
        boxes = list(pool.map(lambda _: finder.detect(astronaut).boxes, range(8)))
    assert all((other.points == mesh.points).all() for other in meshes)
    assert all((other == found.boxes).all() for other in boxes)


def test_pictures_of_any_shape_are_looked_at(finder):
    for shape in ((8, 3000, 3), (3000, 8, 3), (1, 1, 3)):
        assert len(finder.detect(np.zeros(shape, np.uint8))) == 0


def test_files_in_each_others_roles_are_refused():
    with pytest.raises(BadWeights, match="belongs to another model"):
        mediapipe.load(ROWS[0], dict(zip(FILES, reversed(FILES.values()), strict=True)), "cpu")


def test_damaged_files_are_refused_with_the_command_that_helps(tmp_path):
    damaged = tmp_path / "face_detection_back.tflite"
    damaged.write_bytes(FILES["back"].read_bytes()[:5000])
    with pytest.raises(BadWeights, match="models fetch"):
        mediapipe.load(ROWS[0], FILES | {"back": damaged}, "cpu")
    with pytest.raises(BadWeights, match="models fetch"):
        Matte(tmp_path / "absent.tflite")


def test_matte_tells_person_from_background(matte, astronaut):
    probability = matte(astronaut)
    assert probability.shape == astronaut.shape[:2]
    assert probability.dtype == np.float32
    assert probability.min() >= 0
    assert probability.max() <= 1
    assert probability[100:160, 190:250].min() > 0.9
    assert probability[:60, :60].max() < 0.2
    assert probability.mean() == pytest.approx(0.544, abs=0.02)


def test_matte_keeps_the_size_of_its_crop(matte, astronaut):
    for height, width in ((256, 256), (100, 300), (700, 500), (1, 1)):
        assert matte(np.resize(astronaut, (height, width, 3))).shape == (height, width)
    assert matte.raw(astronaut)["matte"].shape == (256, 256)
