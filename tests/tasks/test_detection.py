"""Every face of a photo: many, small, turned, cut, mirrored; and no faces where there are none."""

import cv2
import numpy as np
import pytest
from skimage import data

from tests import bad_images
from workbench.detections import Detections
from workbench.errors import BadRequest, ManyFaces, NoFace
from workbench.images import apply, paste, square_crop
from workbench.mesh import Mesh
from workbench.tasks.detection import find_faces, one_face

PORTRAIT = slice(20, 220), slice(125, 325)
"""Head and shoulders of the astronaut: the face is about half as wide."""


@pytest.fixture(scope="module")
def portrait(astronaut) -> np.ndarray:
    return np.ascontiguousarray(astronaut[PORTRAIT])


@pytest.fixture(scope="module")
def face(astronaut, finder):
    return one_face(astronaut, finder)


def placed(
    portrait: np.ndarray, canvas: np.ndarray, centre: tuple[float, float], width: float, degrees: float = 0.0
) -> np.ndarray:
    """The canvas with the portrait's head pasted at `centre`, its face about `width` pixels wide, turned clockwise."""
    matrix = square_crop(np.array(centre, np.float64), width * 2.1, np.radians(degrees), len(portrait))
    mask = np.zeros(portrait.shape[:2], np.float32)
    cv2.ellipse(mask, (100, 95), (75, 90), 0, 0, 360, 1, -1)
    return paste(canvas, portrait, matrix, cv2.GaussianBlur(mask, (0, 0), 4))


def canvas(width: int, height: int) -> np.ndarray:
    return cv2.resize(bad_images.no_face(), (width, height))


def centre(face) -> np.ndarray:
    return (face.box[:2] + face.box[2:]) / 2


def test_the_astronaut_is_found_with_everything_a_face_has(face):
    assert np.abs(face.box - [177, 66, 272, 174]).max() < 6
    assert face.score > 0.85
    assert face.mesh_score > 0.99
    assert face.mesh.shape == (478, 3)
    assert (face.points == face.mesh[[468, 473, 1, 61, 291], :2]).all()
    assert abs(face.pose.yaw) < 6
    assert abs(face.pose.roll) < 6
    assert min(face.eyes_open) > 0.25
    assert max(face.eyes_open) < 0.5
    assert face.mouth_open < 0.3


@pytest.mark.parametrize("count", [2, 5, 10])
def test_ten_faces_are_ten_faces(portrait, finder, count):
    faces = find_faces(bad_images.many_faces(portrait, count), finder)
    assert len(faces) == count
    assert all(faces[i].size >= faces[i + 1].size for i in range(count - 1))
    assert all(face.mesh_score > 0.9 for face in faces)


@pytest.mark.parametrize(("count", "side"), [(25, 160), (49, 60), (100, 90)])
def test_twenty_faces_were_the_most_and_forty_in_one_look(portrait, finder, count, side):
    faces = find_faces(bad_images.crowd([portrait], count, side), finder, landmarks=False)
    places = {tuple((centre(face) // (side * 1.25)).astype(int)) for face in faces}
    assert (len(faces), len(places)) == (count, count)


def test_the_limit_keeps_the_largest(portrait, finder):
    photo = placed(portrait, placed(portrait, canvas(900, 500), (250, 250), 140), (650, 250), 90)
    both = find_faces(photo, finder)
    assert [round(face.size, -1) > 110 for face in both] == [True, False]
    (largest,) = find_faces(photo, finder, limit=1)
    assert np.abs(centre(largest) - [250, 250]).max() < 30
    assert find_faces(photo, finder, limit=0) == ()


@pytest.mark.parametrize("width", [28, 40, 70, 300])
def test_a_face_of_any_size_is_found_in_a_full_hd_photo(portrait, finder, width):
    faces = find_faces(placed(portrait, canvas(1920, 1080), (1410, 640), width), finder)
    assert len(faces) == 1
    assert np.abs(centre(faces[0]) - [1410, 640]).max() < 0.4 * width
    assert 0.7 * width < faces[0].size < 1.5 * width


def test_small_faces_are_found_beside_large_ones(portrait, finder):
    photo, places = canvas(1600, 900), [(200, 200, 200), (1300, 500, 80), (700, 700, 50), (1000, 150, 35)]
    for x, y, width in places:
        photo = placed(portrait, photo, (x, y), width)
    faces = find_faces(photo, finder)
    assert len(faces) == len(places)
    for found, (x, y, width) in zip(faces, places, strict=True):
        assert np.abs(centre(found) - [x, y]).max() < 0.5 * width


@pytest.mark.parametrize("degrees", range(-150, 181, 30))
def test_a_face_turned_by_any_angle_is_found_and_its_angle_read(portrait, finder, face, degrees):
    found = one_face(placed(portrait, canvas(640, 480), (320, 240), 130, degrees), finder)
    turned = (found.pose.roll - face.pose.roll - degrees + 180) % 360 - 180
    assert abs(turned) < 8
    left, right = found.points[0], found.points[1]
    across = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    assert (right - left) @ across > 30  # the eyes are not swapped


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_photo_lying_on_its_side_gives_the_same_mesh_turned(astronaut, finder, face, quarters):
    found = one_face(np.ascontiguousarray(np.rot90(astronaut, quarters)), finder)
    x, y = found.mesh[:, 0], found.mesh[:, 1]
    back = {1: (511 - y, x), 2: (511 - x, 511 - y), 3: (y, 511 - x)}[quarters]
    assert np.hypot(*(np.stack(back, axis=1) - face.mesh[:, :2]).T).mean() < 3


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_a_face_cut_by_the_edge_is_found_and_its_box_reaches_beyond(astronaut, finder, face, side):
    left, top, right, bottom = (int(edge) for edge in face.box)
    third, rest = int((right - left) * 0.3), {"left": 0, "top": 0}
    cuts = {
        "left": (slice(None), slice(left + third, None)),
        "right": (slice(None), slice(None, right - third)),
        "top": (slice(top + third, None), slice(None)),
        "bottom": (slice(None, bottom - third), slice(None)),
    }
    photo = np.ascontiguousarray(astronaut[cuts[side]])
    shift = np.array([left + third, 0] if side == "left" else [0, top + third] if side == "top" else [0, 0])
    found = one_face(photo, finder)
    assert np.abs(centre(found) + shift - centre(face)).max() < 15
    height, width = photo.shape[:2]
    beyond = {
        "left": -found.box[0],
        "top": -found.box[1],
        "right": found.box[2] - width,
        "bottom": found.box[3] - height,
    }
    assert beyond[side] > 10, rest


@pytest.mark.parametrize("crop", [(70, 190, 165, 285), (80, 180, 175, 275), (88, 172, 180, 270)])
def test_a_face_that_fills_the_frame_is_found_where_it_is(astronaut, finder, face, crop):
    top, bottom, left, right = crop
    (found,) = find_faces(np.ascontiguousarray(astronaut[top:bottom, left:right]), finder)
    assert found.size > 0.5 * (bottom - top)
    shift = np.array([left, top])
    assert np.hypot(*(found.points + shift - face.points).T).mean() < 4


def test_a_mirrored_photo_swaps_sides_and_signs(finder, portrait):
    y, x = np.mgrid[:200, :200].astype(np.float32)
    bulge = 12 * np.exp(-(((x - 97) / 32) ** 2) - ((y - 108) / 45) ** 2).astype(np.float32)
    turned = cv2.remap(portrait, x - bulge, y, cv2.INTER_LINEAR)  # the middle of the face moves to the image's right
    first = one_face(turned, finder)
    mirrored = one_face(np.ascontiguousarray(turned[:, ::-1]), finder)
    assert first.pose.yaw > 8
    assert mirrored.pose.yaw < -8
    assert mirrored.pose.yaw == pytest.approx(-first.pose.yaw, abs=5)
    assert mirrored.pose.roll == pytest.approx(-first.pose.roll, abs=4)
    assert mirrored.pose.pitch == pytest.approx(first.pose.pitch, abs=4)
    assert np.abs(199 - mirrored.points[[1, 0, 2, 4, 3], 0] - first.points[:, 0]).max() < 5
    assert first.points[0, 0] < first.points[1, 0]
    assert mirrored.points[0, 0] < mirrored.points[1, 0]


def test_yaw_and_pitch_follow_where_the_middle_of_the_face_moves(finder, portrait):
    y, x = np.mgrid[:200, :200].astype(np.float32)
    bulge = 9 * np.exp(-(((x - 97) / 32) ** 2) - ((y - 108) / 40) ** 2).astype(np.float32)
    up, down = (one_face(cv2.remap(portrait, x, y + sign * bulge, cv2.INTER_LINEAR), finder).pose for sign in (1, -1))
    assert up.pitch > down.pitch + 8


@pytest.mark.parametrize(
    "name", ["coffee", "chelsea", "rocket", "coins", "brick", "grass", "gravel", "page", "moon", "text"]
)
def test_pictures_without_faces_have_none(finder, name):
    picture = getattr(data, name)()
    photo = np.ascontiguousarray(np.dstack([picture] * 3) if picture.ndim == 2 else picture)
    assert find_faces(photo, finder) == ()


def test_landscapes_noise_and_specks_have_no_face(finder):
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    for photo in (bad_images.no_face(), noise, np.zeros((1, 1, 3), np.uint8), np.zeros((7, 900, 3), np.uint8)):
        assert find_faces(photo, finder) == ()


def test_without_landmarks_the_faces_are_the_same(astronaut, finder, face):
    (plain,) = find_faces(astronaut, finder, landmarks=False)
    assert plain.mesh is None
    assert plain.pose is None
    assert (plain.box == face.box).all()
    assert np.abs(plain.points - face.points).max() < 4


def test_one_face_says_what_to_do(portrait, finder):
    group = bad_images.many_faces(portrait, 3)
    with pytest.raises(NoFace, match="larger, brighter"):
        one_face(bad_images.no_face(), finder)
    with pytest.raises(ManyFaces, match="has 3 faces") as told:
        one_face(group, finder)
    assert told.value.count == 3
    assert one_face(group, finder, 3).size == find_faces(group, finder)[2].size
    for choice in (0, 4, -1):
        with pytest.raises(BadRequest, match="Face 1 to Face 3"):
            one_face(group, finder, choice)


def test_what_is_no_photo_is_refused(finder):
    for array in (np.zeros((50, 50), np.uint8), np.zeros((50, 50, 3), np.float32), "photo.jpg"):
        with pytest.raises(BadRequest, match="expected"):
            find_faces(array, finder)


class Scripted:
    """A finder that sees what it is told to, and counts how often it is asked."""

    def __init__(self, box: list[float], score: float, mesh_score: float) -> None:
        box = np.array([box], np.float32)
        keypoints = np.array([[[40, 40], [60, 40], [50, 52], [50, 62], [30, 45], [70, 45]]], np.float32)
        self.found, self.mesh_score, self.asked = (
            Detections(box, keypoints, np.array([score], np.float32)),
            mesh_score,
            [],
        )

    def detect(self, image, threshold=0.5):
        self.asked.append("detect")
        return self.found.take(self.found.scores >= threshold)

    def glance(self, image, threshold=0.5):
        self.asked.append("glance")
        return self.found.take(np.array([], int))

    def outline(self, image, box, keypoints, turn=0.0):
        self.asked.append("outline")
        x, y = np.meshgrid(np.linspace(box[0], box[2], 18), np.linspace(box[1], box[3], 26))
        points = np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], axis=1)
        points[[33, 263]] = [[box[0], box[1], 0], [box[2], box[1], 0]]  # eyes level
        return Mesh(points, self.mesh_score)

    def refine(self, image, mesh):
        return Mesh(np.concatenate([mesh.points, mesh.points[:10]]).astype(np.float32), mesh.score)


def test_a_plain_portrait_costs_one_look_and_one_mesh():
    finder = Scripted([700, 300, 1000, 600], 0.9, 1.0)
    assert len(find_faces(np.zeros((1080, 1920, 3), np.uint8), finder)) == 1
    assert finder.asked == ["detect", "outline"]


def test_a_small_face_calls_for_closer_looks():
    finder = Scripted([700, 300, 760, 360], 0.9, 1.0)
    assert len(find_faces(np.zeros((1080, 1920, 3), np.uint8), finder)) == 1
    assert finder.asked.count("glance") > 6


def test_more_faces_than_can_be_worked_on_are_refused_and_not_left_out(monkeypatch):
    monkeypatch.setattr("workbench.tasks.face_search.MOST", 0)
    with pytest.raises(ManyFaces, match=r"found more\. Cut it in pieces") as told:
        find_faces(np.zeros((200, 200, 3), np.uint8), Scripted([30, 30, 90, 90], 0.9, 1.0))
    assert told.value.count == 1


def test_a_likely_face_that_no_mesh_confirms_is_dropped():
    assert find_faces(np.zeros((200, 200, 3), np.uint8), Scripted([30, 30, 90, 90], 0.7, 0.2)) == ()


def test_a_possible_face_counts_only_when_its_mesh_is_beyond_doubt():
    for mesh_score, count in ((0.999, 0), (0.99999, 1)):
        assert len(find_faces(np.zeros((200, 200, 3), np.uint8), Scripted([30, 30, 90, 90], 0.4, mesh_score))) == count


def test_a_certain_face_without_a_mesh_comes_with_the_detectors_points():
    (found,) = find_faces(np.zeros((200, 200, 3), np.uint8), Scripted([30, 30, 90, 90], 0.9, 0.1))
    assert found.mesh is None
    assert found.pose is None
    assert found.box.tolist() == [30, 30, 90, 90]
    assert found.points == pytest.approx(np.array([[40, 40], [60, 40], [50, 52], [42, 62], [58, 62]]))


def test_pasting_puts_the_portrait_where_these_tests_think(portrait):
    photo = placed(portrait, np.zeros((400, 400, 3), np.uint8), (300, 100), 60)
    matrix = square_crop(np.array([300.0, 100.0]), 126, 0.0, 200)
    x, y = apply(np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2], np.array([98.0, 100.0])).round().astype(int)
    assert np.abs(photo[y, x].astype(int) - portrait[100, 98]).max() < 25
